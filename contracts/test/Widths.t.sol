// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

/// @dev The numbers that run out only after years, set to their ends in storage.
contract WidthsTest is MarketTest {
    uint256 private constant ORDINAL_SHIFT = 32;
    uint256 private constant ROUNDS_SHIFT = 64;
    uint256 private constant ACCOUNT_SHIFT = 120;

    /// @dev The word of the counters: last order id, last pair, rounds, last price, last account.
    function raiseCounter(uint256 shift, uint256 value) private {
        uint256 known = market.lastOrderId() | (uint256(3) << ACCOUNT_SHIFT);
        for (uint256 slot = 0; slot < 16; ++slot) {
            if (uint256(vm.load(address(market), bytes32(slot))) != known) continue;
            uint256 width = shift == ROUNDS_SHIFT ? type(uint24).max : type(uint32).max;
            vm.store(address(market), bytes32(slot), bytes32((known & ~(width << shift)) | (value << shift)));
            return;
        }
        revert("no counters");
    }

    function crossing() private {
        bid(ALICE, 50, 1);
        ask(BOB, 50, 1);
        bid(CAROL, 10, 1);
    }

    function test_RevertIf_RoundsExhausted() public {
        crossing();
        raiseCounter(ROUNDS_SHIFT, type(uint24).max);
        vm.expectRevert(Errors.RoundsExhausted.selector);
        market.matchOrders(1);
        cancel(ALICE, 1); // nothing is locked in
    }

    function test_Matching_StopsAtTheLastPairNumber() public {
        crossing();
        raiseCounter(ORDINAL_SHIFT, type(uint32).max - 1);
        (uint256 pairs,) = market.matchOrders(10);
        eq(pairs, 1);
        settle(tid(1, 1, 2), 1, 1);
        bid(ALICE, 50, 1);
        ask(BOB, 50, 1);
        (pairs,) = market.matchOrders(10);
        eq(pairs, 0);
        yes(!market.openRound().isOpen, "no round stays open");
        cancel(ALICE, 4);
        cancel(BOB, 5);
        cancel(CAROL, 3);
        assertSolvent(none());
    }

    /// @dev Sets how many lots the open round has matched: bits 120..159 of its word, see {Clearing-Round}.
    function raiseMatched(uint256 lots) private {
        uint256 openedAt = market.openRound().openedAt;
        for (uint256 slot = 0; slot < 32; ++slot) {
            uint256 word = uint256(vm.load(address(market), bytes32(slot)));
            bool isRound = uint32(word >> 8) == market.openRound().lastOrderId && uint32(word >> 40) == openedAt;
            if (!isRound) continue;
            word = (word & ~(uint256(type(uint40).max) << 120)) | (lots << 120);
            vm.store(address(market), bytes32(slot), bytes32(word));
            eq(market.openRound().qty, lots * LOT);
            return;
        }
        revert("no open round");
    }

    /// @dev The round ends where one more lot would not fit on its axis; the next one goes on.
    function test_Matching_StopsAtTheEndOfTheAxis() public {
        uint256 b = bid(ALICE, 50, 3);
        for (uint256 i = 0; i < 3; ++i) ask(BOB, 50, 1);
        market.matchOrders(1);
        raiseMatched(type(uint40).max - 1);
        (uint256 pairs, uint256 mcp) = market.matchOrders(10);
        eq(pairs, 1); // the last lot that fits
        eq(mcp, 50 * TICK);
        eq(market.round(1).qty, type(uint40).max * LOT);
        eq(resting(b), 1);
        (pairs,) = market.matchOrders(10);
        eq(pairs, 1);
        settle(tid(2, b, 4), 1, 1);
    }

    function test_RevertIf_AccountsExhausted() public {
        crossing();
        raiseCounter(ACCOUNT_SHIFT, (1 << 28) - 1);
        vm.expectRevert(Errors.AccountsExhausted.selector);
        vm.prank(STRANGER);
        market.deposit{value: 1 ether}(STRANGER, 1 ether);
    }
}
