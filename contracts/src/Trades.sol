// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketBase} from "./MarketBase.sol";
import {Book} from "./libraries/Book.sol";
import {Intervals} from "./libraries/Intervals.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Refusal} from "./libraries/Refusal.sol";
import {Reports} from "./libraries/Reports.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Trades, derived from orders and rounds, and the reports on them
abstract contract Trades is MarketBase {
    using Book for Book.State;
    using OrderWord for uint256;
    using Reports for Reports.State;

    /// @dev A trade, derived from its two orders and its round.
    struct Pair {
        uint256 tradeId;
        uint256 bidWord;
        uint256 askWord;
        uint256 lots; // 0 = the two did not meet in this round
        uint256 ordinal;
        uint256 roundWord; // 0 = the round is not over
    }

    function _pair(uint256 tradeId) internal view returns (Pair memory pair) {
        uint256 bidId = (tradeId >> 32) & OrderWord.MAX_ID;
        uint256 askId = tradeId & OrderWord.MAX_ID;
        uint256 round_ = tradeId >> 64;
        pair.tradeId = tradeId;
        if (round_ == 0 || round_ > Intervals.MAX_ROUND) return pair;
        pair.bidWord = _book.orders[bidId];
        pair.askWord = _book.orders[askId];
        if (pair.bidWord.sideOf() != 1 || pair.askWord.sideOf() != 0) return pair;
        pair.roundWord = _rounds[round_];
        (pair.lots, pair.ordinal) = Intervals.overlap(
            _book.intervalIn(bidId, pair.bidWord, round_), _book.intervalIn(askId, pair.askWord, round_)
        );
    }

    function _pendingPair(uint256 tradeId) internal view returns (Pair memory pair) {
        pair = _pair(tradeId);
        bytes memory reason = _pendingRefusal(pair);
        Refusal.raise(reason);
    }

    /// @return The error that keeps the trade from being settled now, empty if nothing does.
    function _pendingRefusal(Pair memory pair) internal view returns (bytes memory) {
        bytes memory reason = _stateRefusal(pair);
        if (reason.length != 0) return reason;
        uint256 deadline = _deadlineOf(pair);
        if (block.timestamp > deadline) {
            return Refusal.data(DeadlinePassed.selector, pair.tradeId, deadline);
        }
        return "";
    }

    /// @return The error of a trade that does not wait for a report, empty if it does.
    function _stateRefusal(Pair memory pair) internal view returns (bytes memory) {
        if (pair.roundWord == 0) {
            uint256 round_ = pair.tradeId >> 64;
            if (_isRoundOpen() && round_ == _currentRound()) {
                return Refusal.data(RoundNotCleared.selector, round_);
            }
        }
        if (pair.lots == 0) return Refusal.data(UnknownTrade.selector, pair.tradeId);
        if (_statusOf(pair.ordinal) != TradeStatus.Pending) {
            return Refusal.data(TradeNotPending.selector, pair.tradeId);
        }
        return "";
    }

    function _deadlineOf(Pair memory pair) internal pure returns (uint256) {
        return (pair.roundWord >> 32) & type(uint32).max;
    }

    /// @return The trade's price as a sum of two ticks.
    function _priceSumOf(Pair memory pair) internal pure returns (uint256) {
        if ((pair.roundWord >> 112) & 0xff == uint256(PricingMode.PayAsBid)) return 2 * pair.bidWord.tickOf();
        return ((pair.roundWord >> 64) & OrderWord.MAX_TICK) + ((pair.roundWord >> 88) & OrderWord.MAX_TICK);
    }

    function _statusOf(uint256 ordinal) internal view returns (TradeStatus) {
        return TradeStatus((_statuses[ordinal >> 7] >> ((ordinal & 127) * 2)) & 3);
    }

    // -------------------------------------------------------------------------------------------------------- reports

    /// @dev Checks one report and uses up its sequence number.
    /// @return accountId Whose meter signed, 0 = an oracle.
    function _acceptReport(Pair memory pair, SignedReport calldata signed) internal returns (uint256 accountId) {
        MeterReport calldata report = signed.report;
        if (report.tradeId != pair.tradeId) revert WrongTrade(report.tradeId, pair.tradeId);
        Reports.Key memory key = _reports.keys[signed.signer];
        bytes memory reason = _reportRefusal(pair, key, signed.signer, report.windowStart, report.windowEnd);
        Refusal.raise(reason);
        accountId = key.accountId;
        if (accountId != 0 && accountId != pair.askWord.accountOf() && accountId != pair.bidWord.accountOf()) {
            revert NotMeterOfTrade(signed.signer, accountId);
        }
        _checkSignature(signed.signer, Reports.hashReport(report), signed.signature);
        _reports.consume(signed.signer, report.sequence);
    }

    function _reportRefusal(Pair memory pair, Reports.Key memory key, address signer_, uint256 start, uint256 end)
        internal
        view
        returns (bytes memory reason)
    {
        uint256 clearedAt = pair.roundWord & type(uint32).max;
        reason = Reports.keyRefusal(key, signer_, clearedAt);
        if (reason.length == 0) reason = Reports.windowRefusal(start, end, clearedAt, _deadlineOf(pair));
    }

    function _checkSignature(address signer_, bytes32 structHash, bytes memory signature) internal view {
        if (!Signatures.isSignedBy(signer_, _hashTypedDataV4(structHash), signature)) revert InvalidSignature(signer_);
    }

    /// @dev Metered Wh in whole lots, rounded down, no more than the trade has.
    function _lotsIn(uint256 wh, Pair memory pair) internal view returns (uint256) {
        uint256 lots = wh / _lot;
        return lots < pair.lots ? lots : pair.lots;
    }
}
