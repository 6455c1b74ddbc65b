// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

/// @dev What one trader has open: how it is counted from an order to its end, and what the cap on it refuses.
contract OpenTest is MarketTest {
    uint256 private constant MOST = (1 << 24) - 1; // lots, without a cap

    function cap(uint256 lots) private {
        Params memory params = rules();
        params.maxOpen = uint64(lots * LOT);
        setRules(params);
    }

    function refusal(uint256 open_, uint256 asked, uint256 limit) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.OpenLimitReached.selector, open_ * LOT, asked * LOT, limit * LOT);
    }

    function refusedAsk(address trader, uint256 lots, bytes memory reason) private {
        uint256 value = market.escrowFor(false, 100 * TICK, lots * LOT);
        vm.expectRevert(reason);
        vm.prank(trader);
        market.placeAsk{value: value}(100 * TICK, lots * LOT, LATER);
    }

    // --------------------------------------------------------------------------------------------------------- count

    function test_Open_CountsRestingAndPendingOfBothSides() public {
        eq(open(ALICE), 0);
        bid(ALICE, 100, 7);
        ask(ALICE, 200, 5);
        eq(open(ALICE), 12);
        ask(BOB, 100, 3);
        market.matchOrders(10);
        eq(open(ALICE), 12); // 4 + 5 rest, 3 wait for their report
        eq(open(BOB), 3);
        settle(tid(1, 1, 3), 3, 3);
        eq(open(ALICE), 9);
        eq(open(BOB), 0);
        cancel(ALICE, 1);
        eq(open(ALICE), 5);
        vm.prank(OWNER);
        market.adminCancel(2);
        eq(open(ALICE), 0);
    }

    function test_Open_KeepsWhatReturnsToTheBook() public {
        bid(ALICE, 100, 10);
        ask(BOB, 100, 10);
        market.matchOrders(10);
        settle(tid(1, 1, 2), 6, 2); // 4 lots return to the bid, 4 to the ask
        eq(resting(1), 4);
        eq(resting(2), 4);
        eq(open(ALICE), 4);
        eq(open(BOB), 4);
    }

    function test_Open_EndsWithWhatIsRefunded() public {
        bid(ALICE, 100, 10);
        ask(BOB, 100, 10);
        market.matchOrders(10);
        vm.warp(LATER + 1); // both orders are dead, so nothing returns
        market.expire(tid(1, 1, 2));
        eq(open(ALICE), 0);
        eq(open(BOB), 0);
    }

    function test_Open_KeepsTheBidOfAnExpiredTrade() public {
        bidUntil(ALICE, 100, 10, LATER + 1 hours);
        ask(BOB, 100, 10);
        market.matchOrders(10);
        vm.warp(START + SETTLEMENT_TTL + 1);
        market.expire(tid(1, 1, 2));
        eq(open(ALICE), 10);
        eq(open(BOB), 0);
    }

    function test_Open_EndsInAWalkAndByPruning() public {
        askUntil(BOB, 90, 4, START + 60); // met by the walk
        askUntil(BOB, 300, 5, START + 60); // not met
        ask(BOB, 100, 6);
        bid(BOB, 110, 2); // meets its own trader
        bid(ALICE, 100, 1);
        eq(open(BOB), 17);
        vm.warp(START + 60);
        market.matchOrders(10);
        eq(open(BOB), 11);
        uint256[] memory ids = new uint256[](1);
        ids[0] = 2;
        market.prune(ids);
        eq(open(BOB), 6); // 5 rest, 1 waits
        settle(tid(1, 5, 3), 1, 1);
        eq(open(BOB), 5);
        eq(open(ALICE), 0);
    }

    // ----------------------------------------------------------------------------------------------------------- cap

    function test_Cap_RefusesWhatExceedsIt() public {
        cap(10);
        bid(ALICE, 50, 6);
        refusedAsk(ALICE, 5, refusal(6, 5, 10));
        ask(ALICE, 100, 4); // to the limit
        refusedAsk(ALICE, 1, refusal(10, 1, 10));
        ask(BOB, 100, 10); // everybody has its own
        refusedAsk(CAROL, 11, refusal(0, 11, 10));
        cancel(ALICE, 1);
        ask(ALICE, 100, 6);
    }

    function test_Cap_CountsPendingTrades() public {
        cap(10);
        bid(ALICE, 100, 10);
        ask(BOB, 100, 10);
        market.matchOrders(10);
        refusedAsk(BOB, 1, refusal(10, 1, 10));
        settle(tid(1, 1, 2), 10, 10);
        ask(BOB, 100, 10);
    }

    function test_Cap_LeavesAloneWhatExists() public {
        bid(ALICE, 100, 10);
        ask(BOB, 100, 10);
        cap(3);
        market.matchOrders(10);
        settle(tid(1, 1, 2), 0, 0); // the bid returns in whole, above the cap
        eq(resting(1), 10);
        refusedAsk(ALICE, 1, refusal(10, 1, 3));
        ask(BOB, 100, 3);
        market.matchOrders(10);
        settle(tid(2, 1, 3), 3, 3);
        eq(open(ALICE), 7);
        cap(0);
        ask(ALICE, 200, 1);
    }

    function test_Cap_WithoutOneTheWordIsTheLimit() public {
        Params memory params = rules();
        params.depositRate = 0;
        setRules(params);
        ask(ALICE, 1, MOST - 1);
        refusedAsk(ALICE, 2, refusal(MOST - 1, 2, MOST));
        ask(ALICE, 1, 1);
        eq(open(ALICE), MOST);
        refusedAsk(ALICE, 1, refusal(MOST, 1, MOST));
        eq(balance(ALICE), 0);
    }

    function test_Cap_InABatchSkipsAndReports() public {
        cap(5);
        NewOrder[] memory orders = new NewOrder[](4);
        for (uint256 i = 0; i < 4; ++i) orders[i] = NewOrder(false, 100 * TICK, 2 * LOT, LATER, 0);
        orders[3].qty = LOT;
        vm.expectEmit(address(market));
        emit OrderRefused(2, 1, refusal(4, 2, 5));
        vm.prank(ALICE);
        uint256[] memory ids = market.placeBatch{value: 1 ether}(orders);
        eq(ids[2], 0);
        eq(ids[3], 3);
        eq(open(ALICE), 5);
    }

    /// @dev A signed order that the cap leaves out keeps its nonce.
    function test_Cap_HoldsForSignedOrders() public {
        address dave = vm.addr(0xda7e);
        market.deposit{value: 1 ether}(dave, 1 ether);
        cap(5);
        SignedOrder[] memory orders = new SignedOrder[](3);
        bytes[] memory signatures = new bytes[](3);
        uint256[3] memory lots = [uint256(4), 2, 1];
        uint32[3] memory nonces = [uint32(0), 1, 1];
        for (uint256 i = 0; i < 3; ++i) {
            orders[i] = SignedOrder(1, true, 100 * TICK, lots[i] * LOT, LATER, 0, nonces[i]);
            signatures[i] = signDigest(0xda7e, orderDigest(orders[i]));
        }
        vm.expectEmit(address(market));
        emit OrderRefused(1, 1, refusal(4, 2, 5));
        uint256[] memory ids = market.placeSigned(orders, signatures);
        eq(ids[1], 0);
        eq(ids[2], 2);
        eq(open(dave), 5);
    }

    function orderDigest(SignedOrder memory o) private view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "SignedOrder(uint256 accountId,bool isBid,uint256 price,uint256 qty,uint64 expiry,uint16 maxSlippage,uint32 nonce)"
        );
        return digestOf(keccak256(abi.encode(typeHash, o)));
    }
}
