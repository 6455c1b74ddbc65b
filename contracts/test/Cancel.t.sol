// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

contract CancelTest is MarketTest {
    function test_Cancel_RefundsAllAndEmits() public {
        uint256 id = bid(ALICE, 50, 30);
        vm.expectEmit(address(market));
        emit OrderCancelled(id);
        cancel(ALICE, id);
        eq(balance(ALICE), price(100, 30) + depositOf(50, 30));
        yes(status(id) == OrderStatus.Closed, "closed");
        eq(market.levels(true, 9).length, 0);
        assertSolvent(none());
    }

    function test_Cancel_RefundsWhatIsNotMatched() public {
        uint256 id = bid(ALICE, 50, 30);
        ask(BOB, 50, 10);
        market.matchOrders(10);
        cancel(ALICE, id);
        eq(balance(ALICE), price(100, 20) + depositOf(50, 20));
        eq(market.order(id).qtyFilled, 10 * LOT);
        assertSolvent(only(tid(1, 1, 2)));
    }

    /// @dev Head, middle and tail of a queue of five, in each order: what is left must still match first come, first served.
    function test_Cancel_KeepsTheQueueWhole() public {
        for (uint256 first = 1; first <= 5; ++first) {
            for (uint256 second = 1; second <= 5; ++second) {
                if (second == first) continue;
                setUp();
                for (uint256 i = 0; i < 5; ++i) bid(ALICE, 50, 1);
                cancel(ALICE, first);
                cancel(ALICE, second);
                bid(CAROL, 50, 1);
                eq(market.levels(true, 2)[0].qty, 4 * LOT);
                ask(BOB, 50, 9);
                (uint256 pairs,) = market.matchOrders(10);
                eq(pairs, 4);
                for (uint256 id = 1; id <= 6; ++id) {
                    bool cancelled = id == first || id == second;
                    yes(status(id) == (cancelled ? OrderStatus.Closed : OrderStatus.Filled), "the right four");
                }
            }
        }
    }

    function test_RevertIf_NotTheOwner() public {
        uint256 id = bid(ALICE, 50, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotOrderOwner.selector, id, BOB));
        cancel(BOB, id);
    }

    function test_RevertIf_Unknown() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownOrder.selector, 1));
        cancel(ALICE, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownOrder.selector, 1));
        market.order(1);
    }

    function test_RevertIf_NotResting() public {
        bid(ALICE, 50, 1);
        ask(BOB, 50, 2);
        market.matchOrders(10);
        vm.expectRevert(abi.encodeWithSelector(Errors.OrderNotResting.selector, 1));
        cancel(ALICE, 1);
        cancel(BOB, 2);
        vm.expectRevert(abi.encodeWithSelector(Errors.OrderNotResting.selector, 2));
        cancel(BOB, 2);
    }

    function test_Cancel_InAnOpenRound() public {
        for (uint256 i = 0; i < 3; ++i) {
            bid(ALICE, 50, 1);
            ask(BOB, 50, 1);
        }
        uint256 apart = bid(ALICE, 10, 1);
        market.matchOrders(1);
        uint256 late = bid(ALICE, 49, 1);
        // All of the round is held, also what it will not reach; what came after is free.
        vm.expectRevert(abi.encodeWithSelector(Errors.OrderInOpenRound.selector, apart, 1));
        cancel(ALICE, apart);
        cancel(ALICE, late);
        market.matchOrders(10);
        cancel(ALICE, apart);
    }

    function test_Cancel_WhilePaused() public {
        uint256 id = bid(ALICE, 50, 1);
        vm.prank(OWNER);
        market.pause();
        cancel(ALICE, id);
        uint256 account = market.accountOf(ALICE);
        uint256 owed = balance(ALICE);
        uint256 before = ALICE.balance;
        vm.prank(ALICE);
        eq(market.withdraw(account), owed);
        eq(ALICE.balance - before, owed);
    }

    // -------------------------------------------------------------------------------------------------------- admin

    function test_AdminCancel_ReturnsEverythingToTheTrader() public {
        uint256 id = bid(ALICE, 50, 30);
        vm.prank(OWNER);
        market.adminCancel(id);
        eq(balance(ALICE), price(100, 30) + depositOf(50, 30));
    }

    function test_RevertIf_AdminCancelByAnotherOrInARound() public {
        uint256 id = bid(ALICE, 50, 2);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, BOB));
        vm.prank(BOB);
        market.adminCancel(id);
        ask(BOB, 50, 1);
        ask(BOB, 50, 1);
        market.matchOrders(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.OrderInOpenRound.selector, id, 1));
        vm.prank(OWNER);
        market.adminCancel(id);
    }

    // -------------------------------------------------------------------------------------------------------- prune

    function test_Prune_TakesOnlyWhatIsDue() public {
        bidUntil(ALICE, 50, 1, START + 100);
        bidUntil(ALICE, 50, 2, START + 101);
        askUntil(BOB, 90, 1, START + 100);
        uint256[] memory ids = new uint256[](5);
        for (uint256 i = 0; i < 4; ++i) ids[i] = i; // 0 and 4 do not exist
        ids[4] = 1; // twice
        eq(market.prune(ids), 0);
        vm.warp(START + 100);
        eq(market.prune(ids), 2);
        yes(status(1) == OrderStatus.Closed && status(3) == OrderStatus.Closed, "due");
        yes(status(2) == OrderStatus.Resting, "not due");
        eq(balance(ALICE), price(100, 1) + depositOf(50, 1));
        assertSolvent(none());
    }

    function test_RevertIf_PruneInAnOpenRound() public {
        bid(ALICE, 50, 2);
        ask(BOB, 50, 1);
        ask(BOB, 50, 1);
        market.matchOrders(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundIsOpen.selector, 1));
        market.prune(new uint256[](0));
    }
}
