// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

contract MatchTest is MarketTest {
    function matched(uint256 max, uint256 pairs, uint256 mcp) private {
        (uint256 got, uint256 price_) = market.matchOrders(max);
        eq(got, pairs);
        eq(price_, mcp);
    }

    // ------------------------------------------------------------------------------------------- 1. price and pairs

    function test_01_MidpointOfTheMarginalPair() public {
        bid(ALICE, 60, 1);
        bid(ALICE, 50, 1);
        ask(BOB, 30, 1);
        ask(BOB, 41, 1);
        matched(10, 2, 91 * TICK / 2);
        Round memory r = market.round(1);
        eq(r.marginalBid, 50 * TICK);
        eq(r.marginalAsk, 41 * TICK);
        eq(r.mcp, 91 * TICK / 2);
        eq(r.qty, 2 * LOT);
        eq(r.clearedAt, START);
        eq(r.deadline, START + SETTLEMENT_TTL);
        eq(market.lastMcp(), 91 * TICK / 2);
    }

    function test_02_RemainderOfTheMarginalOrderStays() public {
        uint256 b = bid(ALICE, 50, 10);
        uint256 a = ask(BOB, 40, 4);
        matched(10, 1, 45 * TICK);
        eq(resting(b), 6);
        yes(status(a) == OrderStatus.Filled, "filled");
        eq(market.levels(true, 1)[0].qty, 6 * LOT);
        eq(market.levels(false, 1).length, 0);
        assertSolvent(only(tid(1, b, a)));
    }

    function test_03_TiesGoToTheEarlier() public {
        bid(ALICE, 50, 2);
        bid(CAROL, 50, 2);
        uint256 a = ask(BOB, 50, 3);
        market.matchOrders(10);
        eq(traded(1, 1, a), 2);
        eq(traded(1, 2, a), 1);
    }

    function test_04_NothingCrosses() public {
        bid(ALICE, 49, 1);
        ask(BOB, 50, 1);
        matched(10, 0, 0);
        eq(market.openRound().round, 1);
        yes(!market.openRound().isOpen, "no round stays open");
        eq(market.lastMcp(), 0);
    }

    function test_05_EmptySides() public {
        matched(10, 0, 0);
        bid(ALICE, 50, 1);
        matched(10, 0, 0);
        cancel(ALICE, 1);
        ask(BOB, 50, 1);
        matched(10, 0, 0);
    }

    function test_06_EqualLimitsTrade() public {
        bid(ALICE, 50, 1);
        ask(BOB, 50, 1);
        matched(10, 1, 50 * TICK);
    }

    function test_07_PriceOfOneRoundDoesNotLeakIntoTheNext() public {
        bid(ALICE, 60, 1);
        ask(BOB, 40, 1);
        matched(10, 1, 50 * TICK);
        bid(ALICE, 30, 1);
        ask(BOB, 20, 1);
        matched(10, 1, 25 * TICK);
        eq(market.round(1).mcp, 50 * TICK);
        eq(market.trade(tid(1, 1, 2)).price, 50 * TICK);
        eq(market.trade(tid(2, 3, 4)).price, 25 * TICK);
    }

    function test_08_EventsCarryThePriceAndNameTheRound() public {
        bid(ALICE, 60, 2);
        ask(BOB, 40, 1);
        ask(BOB, 50, 1);
        vm.expectEmit(address(market));
        emit TradeMatched(1, 2, LOT, 55 * TICK);
        vm.expectEmit(address(market));
        emit TradeMatched(1, 3, LOT, 55 * TICK);
        vm.expectEmit(address(market));
        emit RoundCleared(
            1, 55 * TICK, 60 * TICK, 50 * TICK, 2 * LOT, START + SETTLEMENT_TTL, PricingMode.Uniform
        );
        matched(10, 2, 55 * TICK);
    }

    /// @dev The midpoint is not always a price at which the market would clear: the rejected bid at 20 would pay 17.5.
    function test_09_ARejectedBidMayLieAboveTheMidpoint() public {
        bid(ALICE, 25, 1);
        uint256 rejected = bid(CAROL, 20, 1);
        ask(BOB, 10, 1);
        ask(BOB, 30, 1);
        matched(10, 1, 35 * TICK / 2);
        eq(resting(rejected), 1);
    }

    // --------------------------------------------------------------------------------------------------- 2. expiry

    function test_Expired_AreTakenOffAndRefunded() public {
        uint256 dead = bidUntil(ALICE, 60, 3, START + 100);
        uint256 live = bid(CAROL, 50, 1);
        askUntil(BOB, 40, 1, START + 100);
        ask(BOB, 45, 1);
        vm.warp(START + 100);
        vm.expectEmit(address(market));
        emit OrderCancelled(dead);
        matched(10, 1, 95 * TICK / 2);
        yes(status(dead) == OrderStatus.Closed, "expired");
        yes(status(live) == OrderStatus.Filled, "alive");
        eq(balance(ALICE), price(120, 3) + depositOf(60, 3));
        assertSolvent(only(tid(1, live, 4)));
    }

    function test_Expired_OnlyOnesLeaveNoLevelBehind() public {
        for (uint256 i = 0; i < 40; ++i) bidUntil(ALICE, 60 + i, 1, START + 100);
        askUntil(BOB, 40, 1, LATER);
        vm.warp(START + 100);
        // More dead orders than one small call has steps for: the round stays open, the next call goes on.
        matched(1, 0, 0);
        yes(market.openRound().isOpen, "goes on");
        for (uint256 i = 0; market.openRound().isOpen; ++i) {
            yes(i < 40, "makes progress");
            matched(1, 0, 0);
        }
        eq(market.levels(true, 9).length, 0);
        assertSolvent(none());
    }

    // -------------------------------------------------------------------------------------------- 3. trade with oneself

    function test_SelfTrade_CancelsTheYounger() public {
        uint256 b = bid(ALICE, 60, 5);
        uint256 a = ask(ALICE, 40, 3);
        uint256 other = ask(BOB, 50, 5);
        matched(10, 1, 55 * TICK);
        yes(status(a) == OrderStatus.Closed, "the younger goes");
        eq(traded(1, b, other), 5);
        eq(balance(ALICE), depositOf(40, 3));
        assertSolvent(only(tid(1, b, other)));
    }

    function test_SelfTrade_CancelsTheRestOfAnOrderThatHasTraded() public {
        uint256 first = ask(BOB, 30, 2);
        uint256 old = ask(ALICE, 40, 9);
        uint256 young = bid(ALICE, 60, 5); // two lots with Bob, then meets itself
        uint256 next = bid(CAROL, 50, 4);
        matched(10, 2, 45 * TICK);
        yes(status(young) == OrderStatus.Closed, "closed with its rest");
        eq(market.order(young).qtyFilled, 2 * LOT);
        eq(balance(ALICE), price(120, 3) + depositOf(60, 3));
        eq(traded(1, young, first), 2);
        eq(traded(1, next, old), 4);
        uint256[] memory pending = new uint256[](2);
        (pending[0], pending[1]) = (tid(1, young, first), tid(1, next, old));
        assertSolvent(pending);
        settle(pending[0], 2, 2);
        settle(pending[1], 4, 4);
        assertSolvent(none());
    }

    function test_SelfTrade_OnPagesOfOne() public {
        ask(BOB, 30, 2);
        ask(ALICE, 40, 9);
        bid(ALICE, 60, 5);
        bid(CAROL, 50, 4);
        while (true) {
            (, uint256 mcp) = market.matchOrders(1);
            if (mcp != 0) break;
        }
        eq(market.lastMcp(), 45 * TICK);
        eq(traded(1, 3, 1), 2);
        eq(traded(1, 4, 2), 4);
    }

    // ----------------------------------------------------------------------------------------------------- 4. pages

    function book() private {
        for (uint256 i = 0; i < 12; ++i) {
            bid(i % 2 == 0 ? ALICE : CAROL, 60 - i, 1 + i % 3);
            ask(BOB, 40 + i, 1 + i % 4);
        }
    }

    function test_Pages_GiveTheSameRound() public {
        book();
        market.matchOrders(1000);
        Round memory whole = market.round(1);
        Level[] memory left = market.levels(true, 99);
        for (uint256 size = 1; size <= 7; ++size) {
            setUp();
            book();
            uint256 calls = 0;
            while (true) {
                (, uint256 mcp) = market.matchOrders(size);
                if (mcp != 0) break;
                // Meanwhile the world goes on.
                bid(CAROL, 70, 1);
                ask(BOB, 30, 1);
                vm.warp(block.timestamp + 1);
                ++calls;
            }
            Round memory paged = market.round(1);
            eq(paged.mcp, whole.mcp);
            eq(paged.qty, whole.qty);
            eq(paged.marginalBid, whole.marginalBid);
            yes(size > 6 || calls > 1, "took pages");
            eq(market.levels(true, 99).length, left.length + (calls > 0 ? 1 : 0));
        }
    }

    function test_Pages_TellTheirRoundAndHoldTheirPrice() public {
        bid(ALICE, 60, 2);
        ask(BOB, 40, 1);
        ask(BOB, 50, 1);
        vm.expectEmit(address(market));
        emit TradeMatched(1, 2, LOT, 0);
        vm.expectEmit(address(market));
        emit RoundPaged(1, LOT);
        matched(1, 1, 0);
        OpenRound memory open = market.openRound();
        yes(open.isOpen, "open");
        eq(open.round, 1);
        eq(open.lastOrderId, 3);
        eq(open.openedAt, START);
        eq(open.qty, LOT);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundNotCleared.selector, 1));
        market.settle(tid(1, 1, 2), "");
        vm.expectEmit(address(market));
        emit TradeMatched(1, 3, LOT, 55 * TICK);
        matched(1, 1, 55 * TICK);
    }

    function test_Pages_JudgeExpiryAtTheirOpening() public {
        bidUntil(ALICE, 60, 2, START + 10);
        ask(BOB, 40, 1);
        ask(BOB, 40, 1);
        matched(1, 1, 0);
        vm.warp(START + 100);
        matched(1, 1, 50 * TICK);
        yes(status(1) == OrderStatus.Filled, "alive when the round was fixed");
    }

    function test_Pages_SplitOrderWithNothingOnTheOtherSide() public {
        uint256 b = bid(ALICE, 60, 9);
        uint256 a = ask(BOB, 40, 2);
        uint256 expired = askUntil(CAROL, 50, 1, START + 1);
        vm.warp(START + 1);
        matched(1, 1, 50 * TICK);
        yes(status(expired) == OrderStatus.Closed, "swept");
        eq(traded(1, b, a), 2);
        settle(tid(1, b, a), 2, 2);
    }

    /// @dev A thousand orders at better prices, placed into an open round, must not keep it from ending: neither before
    /// its first pair, nor between two levels of it.
    function test_Pages_NewLevelsCannotStopARound() public {
        for (uint256 i = 0; i < 8; ++i) bidUntil(CAROL, 9000, 1, START + 10); // dead: the first page ends in them
        bid(ALICE, 8000, 1);
        bid(ALICE, 5000, 1);
        ask(BOB, 4000, 2);
        vm.warp(START + 10);
        matched(1, 0, 0);
        yes(market.openRound().isOpen, "open");
        for (uint256 i = 0; i < 150; ++i) {
            ask(STRANGER, 1 + i, 1); // before the first pair
            bid(CAROL, 6000 + i, 1); // between the pairs
        }
        uint256 calls = 0;
        while (market.openRound().isOpen) {
            market.matchOrders(1);
            yes(++calls < 40, "ends");
        }
        eq(market.round(1).qty, 2 * LOT);
        eq(market.round(1).mcp, 4500 * TICK);
    }

    /// @dev The page ends while dead bids are taken off, with an ask split; then no bid is left.
    function test_Pages_SplitAskWithNoBidLeft() public {
        uint256 b = bid(ALICE, 60, 2);
        for (uint256 i = 0; i < 8; ++i) bidUntil(CAROL, 50, 1, START + 10);
        uint256 a = ask(BOB, 40, 9);
        vm.warp(START + 10);
        matched(1, 1, 0);
        yes(market.openRound().isOpen, "dead bids are left");
        matched(1, 0, 50 * TICK);
        eq(traded(1, b, a), 2);
        eq(resting(a), 7);
        settle(tid(1, b, a), 2, 2);
        assertSolvent(none());
    }

    function test_RevertIf_NoMatchesAsked() public {
        vm.expectRevert(Errors.NoMatchesAsked.selector);
        market.matchOrders(0);
    }

    function test_RevertIf_MatchingPaused() public {
        vm.prank(OWNER);
        market.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.matchOrders(1);
    }

    function test_MatchOrders_TakesAnyNumber() public {
        bid(ALICE, 60, 1);
        ask(BOB, 40, 1);
        matched(type(uint256).max, 1, 50 * TICK);
    }

    // ----------------------------------------------------------------------------------------------------- 5. abort

    function test_Abort_FreesEverything() public {
        uint256 b = bid(ALICE, 60, 9);
        uint256 a1 = ask(BOB, 40, 2);
        uint256 a2 = ask(BOB, 50, 2);
        matched(1, 1, 0);
        vm.prank(OWNER);
        market.pause();
        vm.prank(STRANGER);
        market.abortRound();
        eq(market.round(1).mcp, 50 * TICK);
        eq(traded(1, b, a1), 2);
        cancel(ALICE, b);
        cancel(BOB, a2);
        settle(tid(1, b, a1), 2, 2);
        eq(address(market).balance, balance(ALICE) + balance(BOB));
    }

    function test_Abort_OfARoundWithoutAMatch() public {
        for (uint256 i = 0; i < 40; ++i) bidUntil(ALICE, 60 + i, 1, START + 100);
        ask(BOB, 40, 1);
        vm.warp(START + 100);
        matched(1, 0, 0);
        vm.prank(OWNER);
        market.pause();
        market.abortRound();
        yes(!market.openRound().isOpen, "closed");
        eq(market.openRound().round, 1);
        cancel(BOB, 41);
    }

    function test_RevertIf_AbortWhileNotPausedOrNoRound() public {
        bid(ALICE, 60, 2);
        ask(BOB, 40, 1);
        ask(BOB, 40, 1);
        matched(1, 1, 0);
        vm.expectRevert(Pausable.ExpectedPause.selector);
        market.abortRound();
        matched(1, 1, 50 * TICK);
        vm.prank(OWNER);
        market.pause();
        vm.expectRevert(Errors.NoOpenRound.selector);
        market.abortRound();
    }

    // ------------------------------------------------------------------------------------------------ 6. pay as bid

    function test_PayAsBid_EachTradeAtItsBid() public {
        Params memory params = rules();
        params.pricingMode = PricingMode.PayAsBid;
        setRules(params);
        uint256 b1 = bid(ALICE, 60, 1);
        uint256 b2 = bid(CAROL, 50, 1);
        uint256 a = ask(BOB, 40, 2);
        vm.expectEmit(address(market));
        emit TradeMatched(b1, a, LOT, 60 * TICK);
        vm.expectEmit(address(market));
        emit TradeMatched(b2, a, LOT, 50 * TICK);
        matched(10, 2, 45 * TICK);
        settle(tid(1, b1, a), 1, 1);
        eq(balance(ALICE), depositOf(60, 1));
        eq(balance(BOB), price(120, 1) + depositOf(40, 1));
        settle(tid(1, b2, a), 1, 1);
        eq(balance(BOB), price(120, 1) + price(100, 1) + depositOf(40, 2));
        assertSolvent(none());
    }

    function test_Frozen_ModeAndTimeOfAnOpenRound() public {
        bid(ALICE, 60, 2);
        ask(BOB, 40, 1);
        ask(BOB, 40, 1);
        matched(1, 1, 0);
        Params memory params = rules();
        params.pricingMode = PricingMode.PayAsBid;
        params.settlementTTL = 60;
        setRules(params);
        matched(1, 1, 50 * TICK);
        yes(market.round(1).pricingMode == PricingMode.Uniform, "mode of its opening");
        eq(market.round(1).deadline, START + SETTLEMENT_TTL);
    }

    function test_Frozen_DepositOfAnOrder() public {
        uint256 id = bid(ALICE, 60, 2);
        Params memory params = rules();
        params.depositRate = 1000;
        setRules(params);
        eq(market.order(id).deposit, depositOf(60, 2));
        cancel(ALICE, id);
        eq(balance(ALICE), price(120, 2) + depositOf(60, 2));
    }

    // --------------------------------------------------------------------------------------------------- 7. preview

    function test_Indicative_IsWhatARoundGives() public {
        book();
        (uint256 qty, uint256 marginalBid, uint256 marginalAsk, uint256 mcp) = market.indicative(100);
        market.matchOrders(1000);
        Round memory r = market.round(1);
        eq(qty, r.qty);
        eq(marginalBid, r.marginalBid);
        eq(marginalAsk, r.marginalAsk);
        eq(mcp, r.mcp);
        (qty,,, mcp) = market.indicative(100);
        eq(qty, 0);
        eq(mcp, 0);
    }

    function test_PendingTrades_AreFoundFromStateAlone() public {
        uint256 b = bid(ALICE, 60, 3);
        ask(BOB, 40, 1);
        bid(CAROL, 10, 1);
        uint256 a = ask(BOB, 40, 2);
        market.matchOrders(10);
        (uint256[] memory ids, uint256 next) = market.pendingTrades(b, 1, 1, 3);
        eq(ids.length, 1);
        eq(ids[0], tid(1, b, 2));
        eq(next, 4);
        settle(tid(1, b, 2), 1, 1);
        (ids, next) = market.pendingTrades(b, 1, 1, 99);
        eq(ids.length, 1);
        eq(ids[0], tid(1, b, a));
        eq(next, 0);
        (ids,) = market.pendingTrades(a, 1, 1, 99);
        eq(ids[0], tid(1, b, a));
    }
}
