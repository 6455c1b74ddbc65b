// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketTest} from "./support/MarketTest.sol";

/// @dev Where orders that come back to the book stand among those that came back before them. All bids are of one price.
contract ReturnedTest is MarketTest {
    uint256 private constant COUNT = 20;

    /// @dev Bids 1 to 20 are filled one by one, and come back in order of age. Only sixteen older ones are let past, so that
    /// coming back costs a bounded amount of gas: beyond, turns are lost and nothing else.
    function test_Returned_StandBehindSixteenOlderOnes() public {
        for (uint256 i = 0; i < COUNT; ++i) bid(ALICE, 60, 1);
        for (uint256 i = 0; i < COUNT; ++i) ask(BOB, 40, 1);
        market.matchOrders(COUNT);
        for (uint256 id = 1; id <= COUNT; ++id) settle(tid(1, id, COUNT + id), 0, 0);
        eq(market.levels(true, 9)[0].qty, COUNT * LOT);

        uint256 a = ask(CAROL, 60, 17);
        market.matchOrders(COUNT);
        for (uint256 id = 1; id <= 16; ++id) eq(traded(2, id, a), 1);
        // 18, 19 and 20 were each put behind the first sixteen, so the last of them is the seventeenth.
        eq(traded(2, COUNT, a), 1);
        ask(CAROL, 60, 3);
        market.matchOrders(COUNT);
        eq(market.levels(true, 9).length, 0);
    }
}
