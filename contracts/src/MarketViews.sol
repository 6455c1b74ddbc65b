// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketDesk} from "./interfaces/IMarketDesk.sol";
import {Trades} from "./Trades.sol";
import {Book} from "./libraries/Book.sol";
import {Clearing} from "./libraries/Clearing.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Reports} from "./libraries/Reports.sol";
import {TickBitmap} from "./libraries/TickBitmap.sol";

/// @title What a page or a watcher can ask the market
abstract contract MarketViews is IMarketDesk, Trades {
    using Book for uint256;
    using Ledger for Ledger.State;
    using Ledger for uint256;
    using OrderWord for uint256;
    using Reports for Reports.State;
    using TickBitmap for TickBitmap.Map;

    uint256 private constant _MAX_TIME = type(uint32).max;

    function asset() external view returns (address) {
        return address(_asset);
    }

    function priceTick() external view returns (uint256) {
        return _priceTick;
    }

    function lot() external view returns (uint256) {
        return _lot;
    }

    function moneyUnit() external view returns (uint256) {
        return _moneyUnit;
    }

    function params() external view returns (Params memory) {
        return _params;
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function lastMcp() external view returns (uint256) {
        return _counters.lastPriceSum * _priceTick / 2;
    }

    function lastOrderId() external view returns (uint256) {
        return _counters.lastOrderId;
    }

    function escrowFor(bool isBid, uint256 price, uint256 qty) external view returns (uint256) {
        uint256 rate = _params.depositRate + (isBid ? OrderWord.PAYMENT_RATE : 0);
        return _toMoney((price / _priceTick) * (qty / _lot) * rate);
    }

    // ---------------------------------------------------------------------------------------------------- accounts

    function accountOf(address trader) external view returns (uint256) {
        return _ledger.idOf(trader);
    }

    function account(uint256 accountId)
        external
        view
        returns (address owner, uint256 balance, uint256 nonce, uint256 strikeCount)
    {
        uint256 word = _ledger.words[accountId];
        return (word.ownerOf(), _toMoney(word.balanceOf()), word.nonceOf(), _ledger.strikesOf(word.ownerOf()));
    }

    function balanceOf(address trader) external view returns (uint256) {
        return _toMoney(_ledger.words[_ledger.idOf(trader)].balanceOf());
    }

    function strikes(address trader) external view returns (uint256) {
        return _ledger.strikesOf(trader);
    }

    function openOf(address trader) external view returns (uint256) {
        return _ledger.words[_ledger.idOf(trader)].openOf() * _lot;
    }

    // ------------------------------------------------------------------------------------------------------ orders

    function order(uint256 orderId) external view returns (Order memory) {
        uint256 word = _book.orders[orderId];
        if (word == 0) revert UnknownOrder(orderId);
        return _order(orderId, word);
    }

    function orderStatus(uint256 orderId) external view returns (OrderStatus status, uint256 restingQty) {
        uint256 word = _book.orders[orderId];
        if (word == 0) return (OrderStatus.None, 0);
        uint256 state = word.stateOf();
        if (state == OrderWord.RESTING) return (OrderStatus.Resting, word.restOf() * _lot);
        return (state == OrderWord.FILLED ? OrderStatus.Filled : OrderStatus.Closed, 0);
    }

    function ordersOf(address trader, uint256 fromId, uint256 maxScan)
        external
        view
        returns (Order[] memory orders, uint256 nextId)
    {
        uint256 accountId = _ledger.idOf(trader);
        uint256 end;
        (end, nextId) = _scanEnd(fromId, maxScan);
        orders = new Order[](end - fromId);
        uint256 count = 0;
        for (uint256 id = fromId; id < end; ++id) {
            uint256 word = _book.orders[id];
            if (word != 0 && word.accountOf() == accountId) orders[count++] = _order(id, word);
        }
        assembly ("memory-safe") {
            mstore(orders, count)
        }
    }

    function _order(uint256 orderId, uint256 word) private view returns (Order memory) {
        uint256 lots = word.lotsOf();
        return Order({
            id: orderId,
            trader: _ledger.words[word.accountOf()].ownerOf(),
            isBid: word.sideOf() == 1,
            price: word.tickOf() * _priceTick,
            qty: lots * _lot,
            qtyFilled: word.filledOf() * _lot,
            expiry: uint64(word.expiryOf()),
            deposit: _toMoney(word.depositOf(lots))
        });
    }

    /// @return end One past the last id to look at.
    /// @return nextId Where a reader goes on, 0 if there is nothing behind.
    function _scanEnd(uint256 fromId, uint256 maxScan) private view returns (uint256 end, uint256 nextId) {
        uint256 last = _counters.lastOrderId;
        if (fromId > last) return (fromId, 0);
        if (maxScan > last - fromId) return (last + 1, 0);
        return (fromId + maxScan, fromId + maxScan);
    }

    // ------------------------------------------------------------------------------------------------------ trades

    function trade(uint256 tradeId) external view returns (Trade memory) {
        Pair memory pair = _pair(tradeId);
        if (pair.lots == 0) revert UnknownTrade(tradeId);
        return Trade({
            round: tradeId >> 64,
            bidId: (tradeId >> 32) & OrderWord.MAX_ID,
            askId: tradeId & OrderWord.MAX_ID,
            buyer: _ledger.words[pair.bidWord.accountOf()].ownerOf(),
            seller: _ledger.words[pair.askWord.accountOf()].ownerOf(),
            qty: pair.lots * _lot,
            price: pair.roundWord == 0 ? 0 : _priceSumOf(pair) * _priceTick / 2,
            deadline: uint64(_deadlineOf(pair)),
            status: _statusOf(pair.ordinal),
            deliveredWh: _posted[tradeId] * _lot
        });
    }

    function pendingTrades(uint256 orderId, uint256 round_, uint256 fromId, uint256 maxScan)
        external
        view
        returns (uint256[] memory tradeIds, uint256 nextId)
    {
        uint256 end;
        (end, nextId) = _scanEnd(fromId, maxScan);
        bool isBid = _book.orders[orderId].sideOf() == 1;
        tradeIds = new uint256[](end - fromId);
        uint256 count = 0;
        for (uint256 id = fromId; id < end; ++id) {
            uint256 tradeId = isBid ? _tradeId(round_, orderId, id) : _tradeId(round_, id, orderId);
            Pair memory pair = _pair(tradeId);
            if (pair.lots != 0 && _statusOf(pair.ordinal) == TradeStatus.Pending) tradeIds[count++] = tradeId;
        }
        assembly ("memory-safe") {
            mstore(tradeIds, count)
        }
    }

    function tradeIdOf(uint256 round_, uint256 bidId, uint256 askId) external pure returns (uint256) {
        return _tradeId(round_, bidId, askId);
    }

    function _tradeId(uint256 round_, uint256 bidId, uint256 askId) private pure returns (uint256) {
        return (round_ << 64) | (bidId << 32) | askId;
    }

    // ------------------------------------------------------------------------------------------------------ rounds

    function round(uint256 round_) external view returns (Round memory) {
        uint256 word = _rounds[round_];
        uint256 bidTick = (word >> 64) & OrderWord.MAX_TICK;
        uint256 askTick = (word >> 88) & OrderWord.MAX_TICK;
        return Round({
            clearedAt: uint64(word & _MAX_TIME),
            deadline: uint64((word >> 32) & _MAX_TIME),
            marginalBid: bidTick * _priceTick,
            marginalAsk: askTick * _priceTick,
            mcp: (bidTick + askTick) * _priceTick / 2,
            pricingMode: PricingMode((word >> 112) & 0xff),
            qty: (word >> 120) * _lot
        });
    }

    function openRound() external view returns (OpenRound memory found) {
        Clearing.Round memory round_ = _loadRound();
        found.round = _currentRound();
        found.isOpen = round_.flags & Clearing.OPEN != 0;
        if (!found.isOpen) return found;
        found.lastOrderId = round_.lastOrderId;
        found.openedAt = round_.openedAt;
        found.qty = round_.matched * _lot;
        if (round_.flags & Clearing.PAY_AS_BID != 0) found.pricingMode = PricingMode.PayAsBid;
    }

    // ------------------------------------------------------------------------------------------------------ levels

    function levels(bool isBid, uint256 max) external view returns (Level[] memory found) {
        uint256 side = isBid ? 1 : 0;
        uint256 count = 0;
        found = new Level[](max);
        uint256 rank = _book.bitmap.next(side, 0);
        while (rank != TickBitmap.NONE && count < max) {
            found[count++] = Level(_tickAt(side, rank) * _priceTick, _lotsAt(side, rank) * _lot);
            rank = _book.bitmap.next(side, rank + 1);
        }
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    function indicative(uint256 maxLevels)
        external
        view
        returns (uint256 qty, uint256 marginalBid, uint256 marginalAsk, uint256 mcp)
    {
        uint256 bidRank = _book.bitmap.next(1, 0);
        uint256 askRank = _book.bitmap.next(0, 0);
        uint256 bidLots = bidRank == TickBitmap.NONE ? 0 : _lotsAt(1, bidRank);
        uint256 askLots = askRank == TickBitmap.NONE ? 0 : _lotsAt(0, askRank);
        for (uint256 i = 0; i < 2 * maxLevels && bidLots != 0 && askLots != 0; ++i) {
            if (_tickAt(1, bidRank) < askRank) break;
            marginalBid = _tickAt(1, bidRank) * _priceTick;
            marginalAsk = askRank * _priceTick;
            uint256 lots = bidLots < askLots ? bidLots : askLots;
            qty += lots * _lot;
            bidLots -= lots;
            askLots -= lots;
            if (bidLots == 0) {
                bidRank = _book.bitmap.next(1, bidRank + 1);
                if (bidRank != TickBitmap.NONE) bidLots = _lotsAt(1, bidRank);
            }
            if (askLots == 0) {
                askRank = _book.bitmap.next(0, askRank + 1);
                if (askRank != TickBitmap.NONE) askLots = _lotsAt(0, askRank);
            }
        }
        mcp = (marginalBid + marginalAsk) / 2;
    }

    function _tickAt(uint256 side, uint256 rank) private pure returns (uint256) {
        return side == 1 ? OrderWord.MAX_TICK - rank : rank;
    }

    function _lotsAt(uint256 side, uint256 rank) private view returns (uint256) {
        return _book.levels[(side << 24) | rank].totalOf();
    }

    // ----------------------------------------------------------------------------------------------------- signers

    function signer(address key)
        external
        view
        returns (bool authorized, uint256 accountId, uint64 retiredAt, uint64 validUntil)
    {
        Reports.Key memory found = _reports.keys[key];
        return (found.authorized, found.accountId, found.retiredAt, found.validUntil);
    }

    function isSequenceUsed(address key, uint64 sequence) external view returns (bool) {
        return _reports.isUsed(key, sequence);
    }
}
