// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketCore} from "./interfaces/IMarketCore.sol";
import {MarketBase} from "./MarketBase.sol";
import {Clearing} from "./libraries/Clearing.sol";
import {Intervals} from "./libraries/Intervals.sol";

/// @title Rounds: who trades with whom, at one price
abstract contract Matching is IMarketCore, MarketBase {
    /// @dev Bounds the memory of a page; more pairs do not fit into the gas of one transaction.
    uint256 private constant _MAX_PAIRS_PER_CALL = 2048;

    function matchOrders(uint256 maxMatches)
        external
        nonReentrant
        whenNotPaused
        returns (uint256 matched, uint256 mcp)
    {
        if (maxMatches == 0) revert NoMatchesAsked();
        Clearing.Round memory round_ = _loadRound();
        Counters memory counters = _loadCounters();
        Clearing.Page memory page;
        if (round_.flags & Clearing.OPEN == 0) _openRound(round_, counters);
        else (page.bidRank, page.askRank) = (_resume.bidRank, _resume.askRank);

        page.round = uint256(counters.rounds) + 1;
        page.ordinal = uint256(counters.lastOrdinal) + 1;
        page.maxPairs = maxMatches < _MAX_PAIRS_PER_CALL ? maxMatches : _MAX_PAIRS_PER_CALL;
        Clearing.run(_book, _ledger, round_, page);

        matched = page.pairs;
        counters.lastOrdinal = uint32(page.ordinal - 1);
        if (page.ended && round_.matched != 0) mcp = _midpoint(round_);
        _emitPairs(page, round_, mcp);
        if (page.ended) {
            _closeRound(round_, counters);
        } else {
            _resume = Clearing.Resume(uint24(page.bidRank), uint24(page.askRank));
            if (matched != 0) emit RoundPaged(page.round, uint256(round_.matched) * _lot);
        }
        _saveRound(round_);
        _saveCounters(counters);
    }

    function _openRound(Clearing.Round memory round_, Counters memory counters) private view {
        if (counters.rounds == Intervals.MAX_ROUND) revert RoundsExhausted();
        round_.flags = Clearing.OPEN;
        if (_params.pricingMode == PricingMode.PayAsBid) round_.flags |= Clearing.PAY_AS_BID;
        round_.lastOrderId = counters.lastOrderId;
        round_.openedAt = uint32(block.timestamp);
        round_.settlementTTL = uint24(_params.settlementTTL);
        round_.matched = 0;
    }

    function _emitPairs(Clearing.Page memory page, Clearing.Round memory round_, uint256 mcp) private {
        bool payAsBid = round_.flags & Clearing.PAY_AS_BID != 0;
        for (uint256 i = 0; i < page.pairs; ++i) {
            (uint256 bidId, uint256 askId, uint256 lots, uint256 bidTick) = Clearing.pairAt(page, i);
            emit TradeMatched(bidId, askId, lots * _lot, payAsBid ? bidTick * _priceTick : mcp);
        }
    }
}
