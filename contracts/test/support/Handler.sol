// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketTest} from "./MarketTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @dev Does anything to a market, one step by one number, and follows it by its events alone.
contract Handler is MarketTest {
    /// @dev What a run must have reached at least once to say anything.
    enum Reached {
        Placed,
        Refused,
        RefusedByCap,
        SkippedInBatch,
        Cancelled,
        AdminCancelled,
        CancelHeldByRound,
        Paged,
        Cleared,
        ExpiredInWalk,
        MetItself,
        MetItselfAfterTrading,
        SettledInFull,
        ShortBySeller,
        ShortByBuyer,
        PostedDelivery,
        ExpiredBySeller,
        ExpiredByBuyer,
        Requeued,
        RequeuedFilled,
        Rematched,
        RefundedInstead,
        FailedInOpenRound,
        Pruned,
        Aborted,
        AbortedWithSplitOrder,
        PayAsBid,
        ParamsChanged,
        Withdrawn
    }

    struct Known {
        uint256 id;
        uint256 bidId;
        uint256 askId;
        uint256 lots;
        bool pending;
    }

    uint256 public steps;
    mapping(Reached => uint256) public count;
    mapping(uint256 orderId => uint256) public restingLots; // by events
    mapping(uint256 orderId => uint256) public filledLots; // by events
    mapping(uint256 orderId => bool) private _cameBack;
    mapping(uint256 orderId => bool) private _closed;
    Known[] private _trades;
    uint256 private _firstOfRound; // index of the first trade whose round is open
    uint256 private _random;
    uint256 private _idlePages;
    bool private _matching; // the step is a page of a round

    uint256 private constant BOB_METER = 0xb0b1;
    address[3] private _traders = [ALICE, BOB, CAROL];

    constructor() {
        setUp();
        vm.prank(OWNER);
        market.authorizeMeter(vm.addr(BOB_METER), BOB);
    }

    function step(uint256 seed) external {
        ++steps;
        _random = seed;
        uint256 what = pick(100);
        _matching = what >= 45 && what < 64;
        vm.recordLogs();
        if (what < 34) place();
        else if (what < 36) placeWrong();
        else if (what < 39) placeBatch();
        else if (what < 45) cancelAny();
        else if (what < 64) matchSome();
        else if (what < 80) settleAny();
        else if (what < 83) postAny();
        else if (what < 88) expireAny();
        else if (what < 91) pruneSome();
        else if (what < 96) vm.warp(block.timestamp + (pick(8) == 0 ? 2 hours : pick(600)));
        else if (what < 97) stopAndAbort();
        else if (what < 99) changeRules();
        else withdrawAny();
        follow();
    }

    function pick(uint256 below) private returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % below;
    }

    function reach(Reached what) private {
        ++count[what];
    }

    // ------------------------------------------------------------------------------------------------------ trading

    function place() private {
        address trader = _traders[pick(3)];
        uint64 expiry = uint64(block.timestamp + (pick(4) == 0 ? 1 + pick(600) : 1 + pick(3 hours)));
        // Few levels, so that queues grow; the sides overlap.
        bool isBid = pick(2) == 0;
        uint256 price_ = (isBid ? 97 + pick(8) : 95 + pick(8)) * TICK;
        uint256 qty = (1 + pick(12)) * LOT;
        uint256 limit = market.params().maxOpen;
        bool may = limit == 0 || market.openOf(trader) + qty <= limit;
        bytes memory call_ = isBid
            ? abi.encodeCall(market.placeBid, (price_, qty, expiry))
            : abi.encodeCall(market.placeAsk, (price_, qty, expiry));
        uint256 value = market.escrowFor(isBid, price_, qty);
        vm.prank(trader);
        (bool ok,) = address(market).call{value: value}(call_);
        yes(ok == may, "places what the cap leaves room for");
        reach(ok ? Reached.Placed : Reached.RefusedByCap);
    }

    function placeWrong() private {
        vm.prank(ALICE);
        try market.placeBid{value: 1 ether}(TICK + pick(2), LOT * pick(2), uint64(block.timestamp)) {
            revert NotTrue("a wrong order is refused");
        } catch {
            reach(Reached.Refused);
        }
    }

    function placeBatch() private {
        NewOrder[] memory batch = new NewOrder[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint64 expiry = uint64(block.timestamp + pick(2 hours)); // may be over already
            batch[i] = NewOrder(pick(2) == 0, (95 + pick(10)) * TICK, (1 + pick(5)) * LOT, expiry, uint16(pick(2) * 50));
        }
        vm.prank(CAROL);
        uint256[] memory ids = market.placeBatch{value: 1 ether}(batch);
        for (uint256 i = 0; i < 3; ++i) if (ids[i] == 0) reach(Reached.SkippedInBatch);
    }

    function cancelAny() private {
        uint256 last = market.lastOrderId();
        if (last == 0) return;
        uint256 id = 1 + pick(last);
        bool held = market.openRound().isOpen && id <= market.openRound().lastOrderId;
        bool may = status(id) == OrderStatus.Resting && !held;
        bool admin = pick(4) == 0;
        if (status(id) == OrderStatus.Resting && held) reach(Reached.CancelHeldByRound);
        vm.prank(admin ? OWNER : market.order(id).trader);
        (bool ok,) = address(market).call(
            admin ? abi.encodeCall(market.adminCancel, (id)) : abi.encodeCall(market.cancelOrder, (id))
        );
        yes(ok == may, "cancels what rests and no round holds");
        if (ok) reach(admin ? Reached.AdminCancelled : Reached.Cancelled);
    }

    function pruneSome() private {
        if (market.openRound().isOpen) return;
        uint256 last = market.lastOrderId();
        uint256[] memory ids = new uint256[](8);
        for (uint256 i = 0; i < 8; ++i) ids[i] = pick(last + 2);
        if (market.prune(ids) > 0) reach(Reached.Pruned);
    }

    function withdrawAny() private {
        address trader = _traders[pick(3)];
        uint256 owed = balance(trader);
        uint256 account = market.accountOf(trader);
        if (account == 0) return;
        vm.prank(trader);
        eq(market.withdraw(account), owed);
        eq(balance(trader), 0);
        reach(Reached.Withdrawn);
    }

    // ------------------------------------------------------------------------------------------------------- rounds

    function matchSome() private {
        OpenRound memory before = market.openRound();
        (uint256 pairs,) = market.matchOrders(1 + pick(pick(3) == 0 ? 60 : 3));
        OpenRound memory afterwards = market.openRound();
        // A page that neither pairs nor removes can only have walked over levels; the next must then do one of them.
        if (before.isOpen && afterwards.isOpen && pairs == 0) ++_idlePages;
        else _idlePages = 0;
        yes(_idlePages < 20, "a round ends");
        if (afterwards.isOpen) reach(Reached.Paged);
        if (!before.isOpen) {
            before.lastOrderId = market.lastOrderId();
            before.openedAt = uint64(block.timestamp);
        }
        follow();
        if (!afterwards.isOpen) checkUncrossed(before);
    }

    /// @dev After a round, no two live orders of it that could have traded are left, and none better than a winner.
    function checkUncrossed(OpenRound memory before) private {
        uint256 bestBid = 0;
        uint256 bestAsk = type(uint256).max;
        for (uint256 i = 0; i < _traders.length; ++i) {
            (Order[] memory own,) = market.ordersOf(_traders[i], 1, type(uint32).max);
            for (uint256 k = 0; k < own.length; ++k) {
                Order memory o = own[k];
                if (restingLots[o.id] == 0 || o.id > before.lastOrderId || o.expiry <= before.openedAt) continue;
                if (o.isBid && o.price > bestBid) bestBid = o.price;
                if (!o.isBid && o.price < bestAsk) bestAsk = o.price;
            }
        }
        yes(bestBid < bestAsk, "does not cross");
        if (market.openRound().round == before.round) return; // nothing matched
        reach(Reached.Cleared);
        Round memory r = market.round(before.round);
        yes(bestBid <= r.marginalBid && bestAsk >= r.marginalAsk, "no better order is left");
        yes(r.marginalBid >= r.mcp && r.mcp >= r.marginalAsk, "within both limits");
        if (r.pricingMode == PricingMode.PayAsBid) reach(Reached.PayAsBid);
    }

    function stopAndAbort() private {
        OpenRound memory open = market.openRound();
        vm.prank(OWNER);
        market.pause();
        (bool ok,) = address(market).call(abi.encodeCall(market.abortRound, ()));
        yes(ok == open.isOpen, "aborts what is open");
        if (ok) reach(Reached.Aborted);
        if (ok && open.qty != 0 && _splitBefore(open)) reach(Reached.AbortedWithSplitOrder);
        vm.prank(OWNER);
        market.unpause();
    }

    /// @dev Whether the last pair of the open round left part of one of its orders.
    function _splitBefore(OpenRound memory) private view returns (bool) {
        Known storage last = _trades[_trades.length - 1];
        return restingLots[last.bidId] != 0 || restingLots[last.askId] != 0;
    }

    function changeRules() private {
        bytes32 before = orders();
        Params memory params = rules();
        params.depositRate = uint16(pick(1001));
        params.pricingMode = pick(2) == 0 ? PricingMode.Uniform : PricingMode.PayAsBid;
        params.settlementTTL = uint32(60 + pick(2 hours));
        params.minQty = uint64(LOT * (1 + pick(2)));
        params.maxOpen = pick(2) == 0 ? 0 : uint64(LOT * (12 + pick(150)));
        setRules(params);
        yes(orders() == before, "orders keep their terms");
        params.minQty = uint64(LOT);
        setRules(params);
        reach(Reached.ParamsChanged);
    }

    function orders() private view returns (bytes32 hash) {
        for (uint256 i = 0; i < _traders.length; ++i) {
            (Order[] memory own,) = market.ordersOf(_traders[i], 1, type(uint32).max);
            hash = keccak256(abi.encode(hash, own));
        }
        for (uint256 i = 0; i < _firstOfRound; ++i) {
            if (_trades[i].pending) hash = keccak256(abi.encode(hash, market.trade(_trades[i].id)));
        }
    }

    // --------------------------------------------------------------------------------------------------- settlement

    function anyTrade() private returns (bool found, uint256 index) {
        uint256 length = _trades.length;
        if (length == 0) return (false, 0);
        index = pick(length);
        // Look for one that can still be decided, a few times; otherwise take what came, to see it refused.
        for (uint256 i = 0; i < 6 && !_trades[index].pending; ++i) index = pick(length);
        return (true, index);
    }

    function settleAny() private {
        (bool found, uint256 index) = anyTrade();
        if (!found) return;
        Known memory t = _trades[index];
        bool cleared = index < _firstOfRound;
        uint64 deadline = cleared ? market.round(t.id >> 64).deadline : 0;
        bool may = t.pending && cleared && block.timestamp <= deadline;
        uint256 delivered = pick(3) == 0 ? pick(t.lots + 1) : t.lots;
        uint256 received = pick(3) == 0 ? pick(t.lots + 1) : t.lots;
        if (received > delivered) received = delivered;
        MeterReport memory r = report(t.id, delivered * LOT + pick(LOT), received * LOT + pick(LOT));
        r.windowEnd = r.windowStart + 1;
        (bool ok,) = address(market).call(abi.encodeCall(market.settle, (t.id, proofOf(signed(ORACLE_KEY, r)))));
        yes(ok == may, "settles what is pending and in time");
        if (!ok) return;
        _trades[index].pending = false;
        if (received == t.lots) reach(Reached.SettledInFull);
        if (delivered < t.lots) reach(Reached.ShortBySeller);
        if (received < delivered) reach(Reached.ShortByBuyer);
        if (received < t.lots && market.openRound().isOpen) reach(Reached.FailedInOpenRound);
    }

    function postAny() private {
        (bool found, uint256 index) = anyTrade();
        if (!found || index >= _firstOfRound || !_trades[index].pending) return;
        Known memory t = _trades[index];
        if (market.order(t.askId).trader != BOB || block.timestamp > market.round(t.id >> 64).deadline) return;
        if (market.trade(t.id).deliveredWh != 0) return;
        market.postDelivery(t.id, signed(BOB_METER, report(t.id, (1 + pick(t.lots)) * LOT, 0)));
        reach(Reached.PostedDelivery);
    }

    function expireAny() private {
        (bool found, uint256 index) = anyTrade();
        if (!found) return;
        Known memory t = _trades[index];
        bool cleared = index < _firstOfRound;
        bool may = t.pending && cleared && !market.openRound().isOpen
            && block.timestamp > market.round(t.id >> 64).deadline;
        bool delivered = may && market.trade(t.id).deliveredWh != 0;
        (bool ok,) = address(market).call(abi.encodeCall(market.expire, (t.id)));
        yes(ok == may, "expires what is pending and late");
        if (!ok) return;
        _trades[index].pending = false;
        reach(delivered ? Reached.ExpiredByBuyer : Reached.ExpiredBySeller);
    }

    // ------------------------------------------------------------------------------------------------------- events

    /// @dev Replays the step's events. Pairs are told at the end of a call, so an order that left the book in the same
    /// call left it after them.
    function follow() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bool failed = false;
        bool requeued = false;
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            if (topic == OrderPlaced.selector) {
                (,, uint256 qty,) = abi.decode(logs[i].data, (bool, uint256, uint256, uint64));
                restingLots[uint256(logs[i].topics[1])] = qty / LOT;
            } else if (topic == TradeMatched.selector) {
                followPair(logs[i]);
            } else if (topic == RoundCleared.selector) {
                _firstOfRound = _trades.length;
            } else if (topic == OrderRequeued.selector) {
                requeued = true;
                followReturn(uint256(logs[i].topics[1]), abi.decode(logs[i].data, (uint256)) / LOT);
            } else if (topic == PenaltyApplied.selector) {
                failed = true;
            }
        }
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == OrderCancelled.selector) followCancel(uint256(logs[i].topics[1]));
        }
        if (failed && !requeued) reach(Reached.RefundedInstead);
    }

    function followPair(Vm.Log memory log) private {
        (uint256 qty,) = abi.decode(log.data, (uint256, uint256));
        (uint256 bidId, uint256 askId, uint256 lots) = (uint256(log.topics[1]), uint256(log.topics[2]), qty / LOT);
        uint256 round = market.openRound().isOpen ? market.openRound().round : market.openRound().round - 1;
        restingLots[bidId] -= lots;
        restingLots[askId] -= lots;
        filledLots[bidId] += lots;
        filledLots[askId] += lots;
        if (_cameBack[bidId] || _cameBack[askId]) reach(Reached.Rematched);
        _trades.push(Known(tid(round, bidId, askId), bidId, askId, lots, true));
    }

    function followReturn(uint256 id, uint256 lots) private {
        reach(restingLots[id] == 0 ? Reached.RequeuedFilled : Reached.Requeued);
        restingLots[id] += lots;
        filledLots[id] -= lots;
        _cameBack[id] = true;
        yes(!_closed[id], "a dead order does not return");
    }

    function followCancel(uint256 id) private {
        yes(restingLots[id] != 0, "what is taken off had rested");
        if (_matching) {
            if (market.order(id).expiry <= block.timestamp) reach(Reached.ExpiredInWalk);
            else reach(filledLots[id] == 0 ? Reached.MetItself : Reached.MetItselfAfterTrading);
        }
        restingLots[id] = 0;
        _closed[id] = true;
    }

    // ------------------------------------------------------------------------------------------------------- checks

    /// @dev Everything that must hold between any two calls.
    function check() external view {
        Order[] memory all = new Order[](market.lastOrderId() + 1); // by id
        uint256[] memory openLots = new uint256[](_traders.length);
        uint256[] memory bids = new uint256[](128); // resting lots by tick
        uint256[] memory asks = new uint256[](128);
        uint256 owed = 0;
        for (uint256 i = 0; i < _traders.length; ++i) {
            owed += balance(_traders[i]);
            (Order[] memory own,) = market.ordersOf(_traders[i], 1, type(uint32).max);
            for (uint256 k = 0; k < own.length; ++k) {
                Order memory o = own[k];
                uint256 lots = restingLots[o.id];
                eq(resting(o.id), lots);
                eq(o.qtyFilled, filledLots[o.id] * LOT);
                yes(o.qtyFilled <= o.qty, "not more than there is");
                owed += escrowOf(o, lots);
                openLots[i] += lots;
                (o.isBid ? bids : asks)[o.price / TICK] += lots;
                all[o.id] = o;
            }
        }
        owed += checkTrades(all, openLots);
        eq(address(market).balance, owed);
        // Open is what rests of a trader's orders and its part of the pending trades.
        for (uint256 i = 0; i < _traders.length; ++i) eq(open(_traders[i]), openLots[i]);
        checkLevels(true, bids);
        checkLevels(false, asks);
    }

    /// @dev Adds the lots of pending trades to what their traders have open.
    /// @return owed What pending trades hold in escrow.
    function checkTrades(Order[] memory all, uint256[] memory openLots) private view returns (uint256 owed) {
        uint256 length = _trades.length;
        for (uint256 i = 0; i < length; ++i) {
            if (!_trades[i].pending) continue;
            Known memory t = _trades[i];
            Order memory b = all[t.bidId];
            Order memory a = all[t.askId];
            owed += escrowOf(b, t.lots) + escrowOf(a, t.lots);
            openLots[indexOf(b.trader)] += t.lots;
            openLots[indexOf(a.trader)] += t.lots;
            if (i >= _firstOfRound) continue;
            Trade memory seen = market.trade(t.id);
            eq(seen.qty, t.lots * LOT);
            yes(seen.status == TradeStatus.Pending, "pending");
            yes(b.price >= seen.price && seen.price >= a.price, "within both limits");
        }
    }

    function indexOf(address trader) private view returns (uint256 index) {
        while (_traders[index] != trader) ++index;
    }

    /// @dev Levels hold exactly the resting orders, best first.
    function checkLevels(bool isBid, uint256[] memory lots) private view {
        Level[] memory found = market.levels(isBid, lots.length);
        for (uint256 i = 0; i < found.length; ++i) {
            yes(found[i].qty != 0, "no empty level");
            if (i != 0) yes(isBid == (found[i].price < found[i - 1].price), "in order");
            eq(found[i].qty, lots[found[i].price / TICK] * LOT);
            lots[found[i].price / TICK] = 0;
        }
        for (uint256 tick = 0; tick < lots.length; ++tick) eq(lots[tick], 0);
    }

    /// @dev With the market paused for good, everybody gets everything out: nothing is left behind.
    function everybodyLeaves() external {
        _matching = false;
        vm.recordLogs();
        vm.prank(OWNER);
        market.pause();
        if (market.openRound().isOpen) market.abortRound();
        follow();
        _firstOfRound = _trades.length;
        vm.warp(block.timestamp + 40 days);
        for (uint256 i = 0; i < _trades.length; ++i) if (_trades[i].pending) market.expire(_trades[i].id);
        for (uint256 id = 1; id <= market.lastOrderId(); ++id) {
            if (status(id) == OrderStatus.Resting) cancel(market.order(id).trader, id);
        }
        for (uint256 i = 0; i < 3; ++i) {
            uint256 account = market.accountOf(_traders[i]);
            if (account == 0) continue;
            vm.prank(_traders[i]);
            market.withdraw(account);
            eq(market.openOf(_traders[i]), 0);
        }
        eq(address(market).balance, 0);
    }
}
