// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketCore} from "./interfaces/IMarketCore.sol";
import {Trades} from "./Trades.sol";
import {Book} from "./libraries/Book.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Refusal} from "./libraries/Refusal.sol";
import {Reports} from "./libraries/Reports.sol";

/// @title From a trade to money: reports, payment, penalties and the way back to the book
abstract contract Settling is IMarketCore, Trades {
    using Book for Book.State;
    using Ledger for Ledger.State;
    using Ledger for uint256;
    using OrderWord for uint256;
    using Reports for Reports.State;

    /// @dev Money units of payment per lot and half tick: prices are kept as the sum of two ticks.
    uint256 private constant _PAYMENT_PER_HALF_TICK = OrderWord.PAYMENT_RATE / 2;

    // ---------------------------------------------------------------------------------------------------- settling

    function settle(uint256 tradeId, bytes calldata proof) external nonReentrant {
        Pair memory pair = _pendingPair(tradeId);
        (uint256 delivered, uint256 received) = _readProof(pair, _decodeProof(proof));
        _settle(pair, delivered, received);
    }

    function settleBatch(MeterBatch calldata batch, address signer_, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 settled)
    {
        Reports.Key memory key = _reports.keys[signer_];
        if (!key.authorized) revert SignerNotAuthorized(signer_);
        if (key.accountId != 0) revert NotMeterOfTrade(signer_, key.accountId);
        _checkSignature(signer_, Reports.hashBatch(batch), signature);
        _reports.consume(signer_, batch.sequence);
        for (uint256 i = 0; i < batch.deliveries.length; ++i) {
            Delivery calldata delivery = batch.deliveries[i];
            Pair memory pair = _pair(delivery.tradeId);
            bytes memory reason = _pendingRefusal(pair);
            if (reason.length == 0) reason = _reportRefusal(pair, key, signer_, batch.windowStart, batch.windowEnd);
            if (reason.length != 0) {
                emit SettlementRefused(delivery.tradeId, reason);
                continue;
            }
            _settle(pair, _lotsIn(delivery.deliveredWh, pair), _lotsIn(delivery.receivedWh, pair));
            ++settled;
        }
    }

    function expire(uint256 tradeId) external nonReentrant {
        _requireNoRound();
        Pair memory pair = _pair(tradeId);
        bytes memory reason = _stateRefusal(pair);
        Refusal.raise(reason);
        uint256 deadline = _deadlineOf(pair);
        if (block.timestamp <= deadline) revert DeadlineNotReached(tradeId, deadline);

        uint256 delivered = _posted[tradeId];
        _setStatus(pair.ordinal, TradeStatus.Expired);
        uint256 faulty = (delivered == 0 ? pair.askWord : pair.bidWord).accountOf();
        emit TradeExpired(tradeId, _ledger.words[faulty].ownerOf());
        _conclude(pair, delivered, 0);
    }

    // ------------------------------------------------------------------------------------------------------- proof

    /// @dev The array inside `abi.encode(SignedReport[])`, read in place. A wrong length or offset can only lead to other
    /// calldata, which then lacks a signature, or beyond it, which reverts.
    function _decodeProof(bytes calldata proof) private pure returns (SignedReport[] calldata signed) {
        assembly ("memory-safe") {
            signed.offset := add(proof.offset, 0x40)
            signed.length := calldataload(add(proof.offset, 0x20))
        }
    }

    /// @return delivered Lots the seller delivered.
    /// @return received Lots the buyer received.
    function _readProof(Pair memory pair, SignedReport[] calldata signed)
        private
        returns (uint256 delivered, uint256 received)
    {
        bool hasDelivered;
        bool hasReceived;
        for (uint256 i = 0; i < signed.length; ++i) {
            uint256 accountId = _acceptReport(pair, signed[i]);
            bool isOracle = accountId == 0;
            if (isOracle || accountId == pair.askWord.accountOf()) {
                delivered = _lotsIn(signed[i].report.deliveredWh, pair);
                hasDelivered = true;
            }
            if (isOracle || accountId == pair.bidWord.accountOf()) {
                received = _lotsIn(signed[i].report.receivedWh, pair);
                hasReceived = true;
            }
        }
        if (!hasReceived) revert ReceiptMissing(pair.tradeId);
        if (!hasDelivered) {
            delivered = _posted[pair.tradeId];
            if (delivered == 0) revert DeliveryMissing(pair.tradeId);
        }
    }

    /// @dev A status is set once, from Pending, which is 0.
    function _setStatus(uint256 ordinal, TradeStatus status) private {
        _statuses[ordinal >> 7] |= uint256(status) << ((ordinal & 127) * 2);
    }

    // ------------------------------------------------------------------------------------------------ consequences

    function _settle(Pair memory pair, uint256 delivered, uint256 received) private {
        if (received > delivered) received = delivered;
        _setStatus(pair.ordinal, received == pair.lots ? TradeStatus.Settled : TradeStatus.Short);
        emit TradeSettled(pair.tradeId, received * _lot, _priceSumOf(pair) * _priceTick / 2);
        _conclude(pair, delivered, received);
    }

    /// @dev Pays what was received, penalises the seller for what was not delivered and the buyer for what was delivered
    /// and not received, and returns the other side's part of it to the book.
    /// @param received At most `delivered`, which is at most the trade's lots.
    function _conclude(Pair memory pair, uint256 delivered, uint256 received) private {
        uint256 buyerId = pair.bidWord.accountOf();
        uint256 sellerId = pair.askWord.accountOf();
        uint256 buyer; // what becomes of the two accounts, see {Ledger-change}
        uint256 seller;
        // Unchecked: changes add up modulo 2**256. Amounts are below 2**61, a penalty is at most its deposit, and the
        // price at most the bid's limit.
        unchecked {
            uint256 pricePerLot = _priceSumOf(pair) * _PAYMENT_PER_HALF_TICK;
            buyer = Ledger.change(pair.lots, pair.bidWord.escrowOf(received) - pricePerLot * received);
            seller = Ledger.change(pair.lots, pair.askWord.depositOf(received) + pricePerLot * received);

            if (delivered < pair.lots) {
                uint256 lots = pair.lots - delivered;
                uint256 deposit_ = pair.askWord.depositOf(lots);
                uint256 penalty = _penalise(sellerId, deposit_, pricePerLot * lots);
                seller += Ledger.change(0, deposit_ - penalty);
                buyer += Ledger.change(0, penalty);
                buyer += _giveBack((pair.tradeId >> 32) & OrderWord.MAX_ID, pair.bidWord, lots, pair.tradeId >> 64);
            }
            if (received < delivered) {
                uint256 lots = delivered - received;
                uint256 penalty = _penalise(buyerId, pair.bidWord.depositOf(lots), pricePerLot * lots);
                buyer += Ledger.change(0, pair.bidWord.escrowOf(lots) - penalty);
                seller += Ledger.change(0, penalty);
                seller += _giveBack(pair.tradeId & OrderWord.MAX_ID, pair.askWord, lots, pair.tradeId >> 64);
            }
        }
        _ledger.update(buyerId, buyer);
        _ledger.update(sellerId, seller);
    }

    /// @return penalty What the other side gets: the deposit, up to the price of what failed.
    function _penalise(uint256 accountId, uint256 deposit_, uint256 loss) private returns (uint256 penalty) {
        penalty = deposit_ < loss ? deposit_ : loss;
        address trader = _ledger.words[accountId].ownerOf();
        _ledger.strike(trader);
        emit PenaltyApplied(trader, _toMoney(penalty));
    }

    /// @dev An open round must not see an order return, and a dead order must not come back to life.
    /// @return What becomes of the order's account: its lots stay open if they are back on the book, else it is refunded.
    function _giveBack(uint256 orderId, uint256 word, uint256 lots, uint256 round_) private returns (uint256) {
        if (word.stateOf() == OrderWord.CLOSED || word.expiryOf() <= block.timestamp || _isRoundOpen()) {
            return Ledger.change(0, word.escrowOf(lots));
        }
        _book.giveBack(orderId, word, lots, round_);
        emit OrderRequeued(orderId, lots * _lot);
        return Ledger.keepOpen(lots);
    }
}
