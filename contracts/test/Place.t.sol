// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

contract PlaceTest is MarketTest {
    uint256 private constant MAX_TICK = type(uint24).max;
    uint256 private constant MAX_LOTS = (1 << 24) - 1;

    function test_Bid_TakesPaymentAndDeposit() public {
        uint256 before = ALICE.balance;
        eq(bid(ALICE, 50, 30), 1);
        eq(before - ALICE.balance, price(100, 30) + depositOf(50, 30));
        eq(balance(ALICE), 0);
        eq(resting(1), 30);
        assertSolvent(none());
    }

    function test_Ask_TakesDepositOnly() public {
        uint256 before = ALICE.balance;
        eq(ask(ALICE, 50, 30), 1);
        eq(before - ALICE.balance, depositOf(50, 30));
        assertSolvent(none());
    }

    function test_Order_ReadsBackAsPlaced() public {
        uint256 id = ask(ALICE, 50, 30);
        Order memory o = market.order(id);
        eq(o.id, 1);
        eq(o.trader, ALICE);
        yes(!o.isBid, "is an ask");
        eq(o.price, 50 * TICK);
        eq(o.qty, 30 * LOT);
        eq(o.qtyFilled, 0);
        eq(o.expiry, LATER);
        eq(o.deposit, depositOf(50, 30));
    }

    function test_Place_Emits() public {
        uint256 value = market.escrowFor(true, 7 * TICK, 2 * LOT);
        vm.expectEmit(address(market));
        emit AccountOpened(1, ALICE);
        vm.expectEmit(address(market));
        emit OrderPlaced(1, ALICE, true, 7 * TICK, 2 * LOT, LATER);
        vm.prank(ALICE);
        market.placeBid{value: value}(7 * TICK, 2 * LOT, LATER);
    }

    function test_Place_KeepsWhatIsSentTooMuch() public {
        uint256 value = market.escrowFor(true, 50 * TICK, LOT);
        vm.prank(ALICE);
        market.placeBid{value: value + 7 * UNIT}(50 * TICK, LOT, LATER);
        eq(balance(ALICE), 7 * UNIT);
        assertSolvent(none());
    }

    function test_Place_UsesBalanceBeforeNewMoney() public {
        uint256 value = market.escrowFor(false, 50 * TICK, LOT);
        vm.prank(ALICE);
        market.deposit{value: value}(ALICE, value);
        vm.prank(ALICE);
        market.placeAsk(50 * TICK, LOT, LATER);
        eq(balance(ALICE), 0);
    }

    function test_Place_LargestOrder() public {
        vm.deal(ALICE, type(uint128).max);
        vm.deal(BOB, type(uint128).max);
        Params memory params = rules();
        params.depositRate = 0; // or the market could not hold it
        setRules(params);
        ask(ALICE, MAX_TICK, MAX_LOTS);
        Order memory o = market.order(1);
        eq(o.price, MAX_TICK * TICK);
        eq(o.qty, MAX_LOTS * LOT);
        bid(BOB, 16, MAX_LOTS); // 2**48 money units, less a few
        eq(open(ALICE), MAX_LOTS);
        cancel(ALICE, 1);
        cancel(BOB, 2);
        eq(open(ALICE), 0);
        assertSolvent(none());
    }

    function test_RevertIf_BalancesCouldOverflow() public {
        vm.deal(ALICE, type(uint128).max);
        uint256 most = uint256(type(uint48).max) * UNIT;
        vm.expectRevert(abi.encodeWithSelector(Errors.MarketFull.selector, most + UNIT, most));
        vm.prank(ALICE);
        market.placeBid{value: most + UNIT}(TICK, LOT, LATER);
        vm.prank(ALICE);
        market.placeBid{value: most}(TICK, LOT, LATER);
    }

    // ------------------------------------------------------------------------------------------------------ refusals

    function refused(bytes memory reason, uint256 price_, uint256 qty, uint64 expiry) private {
        vm.expectRevert(reason);
        vm.prank(ALICE);
        market.placeBid{value: 1 ether}(price_, qty, expiry);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        market.placeAsk{value: 1 ether}(price_, qty, expiry);
    }

    function test_RevertIf_PriceOffTick() public {
        refused(abi.encodeWithSelector(Errors.PriceOffTick.selector, TICK + 1, TICK), TICK + 1, LOT, LATER);
    }

    function test_RevertIf_PriceOutOfRange() public {
        uint256 highest = MAX_TICK * TICK;
        bytes4 error_ = Errors.PriceOutOfRange.selector;
        refused(abi.encodeWithSelector(error_, 0, TICK, highest), 0, LOT, LATER);
        refused(abi.encodeWithSelector(error_, highest + TICK, TICK, highest), highest + TICK, LOT, LATER);
        refused(abi.encodeWithSelector(error_, type(uint256).max, TICK, highest), type(uint256).max, LOT, LATER);
    }

    function test_RevertIf_QtyOffLot() public {
        refused(abi.encodeWithSelector(Errors.QtyOffLot.selector, LOT + 1, LOT), TICK, LOT + 1, LATER);
    }

    function test_RevertIf_QtyOutOfRange() public {
        uint256 largest = MAX_LOTS * LOT;
        bytes4 error_ = Errors.QtyOutOfRange.selector;
        refused(abi.encodeWithSelector(error_, 0, LOT, largest), TICK, 0, LATER);
        refused(abi.encodeWithSelector(error_, largest + LOT, LOT, largest), TICK, largest + LOT, LATER);
        Params memory params = rules();
        params.minQty = uint64(3 * LOT);
        setRules(params);
        refused(abi.encodeWithSelector(error_, 2 * LOT, 3 * LOT, largest), TICK, 2 * LOT, LATER);
        bid(ALICE, 1, 3);
    }

    function test_RevertIf_ExpiryOutOfRange() public {
        uint64 latest = START + 30 days;
        bytes4 error_ = Errors.ExpiryOutOfRange.selector;
        refused(abi.encodeWithSelector(error_, START, START + 1, latest), TICK, LOT, START);
        refused(abi.encodeWithSelector(error_, latest + 1, START + 1, latest), TICK, LOT, latest + 1);
        bidUntil(ALICE, 1, 1, START + 1);
        bidUntil(ALICE, 1, 1, latest);
    }

    function test_RevertIf_EscrowIsShort() public {
        uint256 needed = market.escrowFor(true, 50 * TICK, LOT);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 1, needed, needed - UNIT));
        vm.prank(ALICE);
        market.placeBid{value: needed - UNIT}(50 * TICK, LOT, LATER);
    }

    function test_RevertIf_MoneyIsNotExact() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.AmountNotExact.selector, 1 ether + 1, UNIT));
        vm.prank(ALICE);
        market.placeBid{value: 1 ether + 1}(TICK, LOT, LATER);
    }

    function test_RevertIf_Paused() public {
        vm.prank(OWNER);
        market.pause();
        refused(abi.encodeWithSelector(Pausable.EnforcedPause.selector), TICK, LOT, LATER);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.placeBatch(new NewOrder[](0));
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.placeSigned(new SignedOrder[](0), new bytes[](0));
    }

    function test_RevertIf_OrderIdsExhausted() public {
        // The counters' word: the low 32 bits are the last order id.
        bid(ALICE, 1, 1);
        bytes32 slot = countersSlot();
        uint256 word = uint256(vm.load(address(market), slot));
        vm.store(address(market), slot, bytes32(word | type(uint32).max));
        refused(abi.encodeWithSelector(Errors.OrderIdsExhausted.selector), TICK, LOT, LATER);
    }

    function countersSlot() private view returns (bytes32) {
        for (uint256 slot = 0; slot < 16; ++slot) {
            uint256 word = uint256(vm.load(address(market), bytes32(slot)));
            // one order, no pair, no round, no price, one account
            if (word == (1 | (1 << 120))) return bytes32(slot);
        }
        revert("no counters");
    }

    // ------------------------------------------------------------------------------------------------------- collar

    /// @dev A round at 100 ticks.
    function priceAt100() private {
        bid(ALICE, 110, 1);
        ask(BOB, 90, 1);
        market.matchOrders(10);
        eq(market.lastMcp(), 100 * TICK);
    }

    function test_Collar_KeepsPricesNearTheLast() public {
        Params memory params = rules();
        params.maxSlippage = 1000;
        setRules(params);
        bid(ALICE, 5000, 1); // no price yet, no collar
        cancel(ALICE, 1);
        priceAt100();
        bid(ALICE, 110, 1);
        bid(ALICE, 90, 1);
        bytes4 error_ = Errors.PriceOutsideCollar.selector;
        refused(abi.encodeWithSelector(error_, 111 * TICK, 90 * TICK, 110 * TICK), 111 * TICK, LOT, LATER);
        refused(abi.encodeWithSelector(error_, 89 * TICK, 90 * TICK, 110 * TICK), 89 * TICK, LOT, LATER);
    }

    function test_Collar_OfAnOrderMayOnlyBeTighter() public {
        priceAt100();
        NewOrder[] memory orders = new NewOrder[](2);
        orders[0] = NewOrder(true, 106 * TICK, LOT, LATER, 500);
        orders[1] = NewOrder(true, 105 * TICK, LOT, LATER, 500);
        uint256[] memory ids = batch(orders);
        eq(ids[0], 0);
        yes(ids[1] != 0, "within its own collar");

        Params memory params = rules();
        params.maxSlippage = 100;
        setRules(params);
        orders[0] = NewOrder(true, 102 * TICK, LOT, LATER, 500);
        orders[1] = NewOrder(true, 101 * TICK, LOT, LATER, 500);
        ids = batch(orders);
        eq(ids[0], 0);
        yes(ids[1] != 0, "within the market's collar");
    }

    function batch(NewOrder[] memory orders) private returns (uint256[] memory) {
        vm.prank(CAROL);
        return market.placeBatch{value: 1 ether}(orders);
    }

    // ------------------------------------------------------------------------------------------------------ strikes

    function test_StrikeLimit_BarsNewOrders() public {
        bid(ALICE, 100, 1);
        ask(BOB, 100, 1);
        market.matchOrders(10);
        settle(tid(1, 1, 2), 0, 0);
        eq(market.strikes(BOB), 1);
        ask(BOB, 100, 1); // no limit yet
        Params memory params = rules();
        params.strikeLimit = 1;
        setRules(params);
        uint256 value = market.escrowFor(false, 100 * TICK, LOT);
        vm.expectRevert(abi.encodeWithSelector(Errors.StrikeLimitReached.selector, BOB, 1, 1));
        vm.prank(BOB);
        market.placeAsk{value: value}(100 * TICK, LOT, LATER);
        bid(ALICE, 100, 1);
    }

    // -------------------------------------------------------------------------------------------------------- batch

    function test_Batch_SkipsAndReportsTheBadOnes() public {
        NewOrder[] memory orders = new NewOrder[](4);
        orders[0] = NewOrder(true, 10 * TICK, LOT, LATER, 0);
        orders[1] = NewOrder(true, 10 * TICK + 1, LOT, LATER, 0);
        orders[2] = NewOrder(false, 20 * TICK, 2 * LOT, LATER, 0);
        orders[3] = NewOrder(true, 10 * TICK, 1_000_000 * LOT, LATER, 0);
        uint256 value = price(20, 1) + depositOf(10, 1) + depositOf(20, 2);
        uint256 lacking = market.escrowFor(true, 10 * TICK, 1_000_000 * LOT);
        vm.expectEmit(address(market));
        emit OrderPlaced(1, ALICE, true, 10 * TICK, LOT, LATER);
        vm.expectEmit(address(market));
        emit OrderRefused(1, 1, abi.encodeWithSelector(Errors.PriceOffTick.selector, 10 * TICK + 1, TICK));
        vm.expectEmit(address(market));
        emit OrderPlaced(2, ALICE, false, 20 * TICK, 2 * LOT, LATER);
        vm.expectEmit(address(market));
        emit OrderRefused(3, 1, abi.encodeWithSelector(Errors.InsufficientBalance.selector, 1, lacking, 0));
        vm.prank(ALICE);
        uint256[] memory ids = market.placeBatch{value: value}(orders);
        eq(ids[0], 1);
        eq(ids[1], 0);
        eq(ids[2], 2);
        eq(ids[3], 0);
        eq(balance(ALICE), 0);
        assertSolvent(none());
    }

    // -------------------------------------------------------------------------------------------------------- levels

    function test_Levels_BestFirst() public {
        bid(ALICE, 10, 1);
        bid(ALICE, 12, 2);
        bid(BOB, 12, 3);
        ask(CAROL, 20, 4);
        ask(CAROL, 15, 5);
        Level[] memory bids = market.levels(true, 5);
        eq(bids.length, 2);
        eq(bids[0].price, 12 * TICK);
        eq(bids[0].qty, 5 * LOT);
        eq(bids[1].price, 10 * TICK);
        Level[] memory asks = market.levels(false, 1);
        eq(asks.length, 1);
        eq(asks[0].price, 15 * TICK);
        eq(asks[0].qty, 5 * LOT);
    }

    function test_OrdersOf_ReadsPageByPage() public {
        bid(ALICE, 10, 1);
        bid(BOB, 10, 1);
        ask(ALICE, 20, 1);
        (Order[] memory orders, uint256 next) = market.ordersOf(ALICE, 1, 2);
        eq(orders.length, 1);
        eq(orders[0].id, 1);
        eq(next, 3);
        (orders, next) = market.ordersOf(ALICE, 3, 2);
        eq(orders.length, 1);
        eq(orders[0].id, 3);
        eq(next, 0);
        (orders, next) = market.ordersOf(ALICE, 4, 2);
        eq(orders.length, 0);
        eq(next, 0);
    }
}
