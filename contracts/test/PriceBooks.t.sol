// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketTest} from "./support/MarketTest.sol";

/// @dev Books from the test suites of other markets, with what the midpoint rule makes of them. A book is a row of orders,
/// each three bytes of price in ticks and three of quantity in lots; decimals were scaled to whole numbers.
contract PriceBooksTest is MarketTest {
    function run(bytes memory bids, bytes memory asks, uint256 lots, uint256 marginalBid, uint256 marginalAsk) private {
        for (uint256 i = 0; i < bids.length; i += 6) bid(ALICE, entryAt(bids, i), entryAt(bids, i + 3));
        for (uint256 i = 0; i < asks.length; i += 6) ask(BOB, entryAt(asks, i), entryAt(asks, i + 3));
        (, uint256 mcp) = market.matchOrders(1000);
        if (lots == 0) {
            eq(market.openRound().round, 1);
            eq(mcp, 0);
            return;
        }
        Round memory r = market.round(1);
        eq(r.qty, lots * LOT);
        eq(r.marginalBid, marginalBid * TICK);
        eq(r.marginalAsk, marginalAsk * TICK);
        eq(mcp, (marginalBid + marginalAsk) * TICK / 2);
    }

    function entryAt(bytes memory book, uint256 index) private pure returns (uint256) {
        return (uint256(uint8(book[index])) << 16) | (uint256(uint8(book[index + 1])) << 8) | uint8(book[index + 2]);
    }

    /// @dev gridsingularity/gsy-e@ab358e7e1 tests/test_two_sided_market.py::test_double_sided_market_performs_pay_as_clear_matching
    function test_01_gsy_1() public {
        run(
            hex"000001000001000002000001000003000001000004000001000005000001000006000001000007000001",
            hex"000001000001000002000001000003000001000004000001000005000001000006000001000007000001",
            4,
            4,
            4
        );
    }

    /// @dev gridsingularity/gsy-e@ab358e7e1 tests/test_two_sided_market.py::test_double_sided_market_performs_pay_as_clear_matching
    function test_02_gsy_3() public {
        run(
            hex"00000800000100000900000100000a00000100000b00000100000c00000100000d00000100000e000001",
            hex"00000800000100000900000100000a00000100000b00000100000c00000100000d00000100000e000001",
            4,
            11,
            11
        );
    }

    /// @dev gridsingularity/gsy-e@ab358e7e1 tests/test_two_sided_market.py::test_double_sided_market_performs_pay_as_clear_matching
    function test_03_gsy_5_flat_supply() public {
        run(
            hex"00000100000100000200000100000300000100000400000100000a00000100000a00000100000a000001",
            hex"00000a00000100000a00000100000a00000100000a00000100000a00000100000a00000100000a000001",
            3,
            10,
            10
        );
    }

    /// @dev gridsingularity/gsy-e@ab358e7e1 tests/test_two_sided_market.py::test_double_sided_market_performs_pay_as_clear_matching
    function test_04_gsy_7_ties_switched_off_upstream() public {
        run(
            hex"000007000001000005000001000005000001000002000001000002000001000002000001000002000001",
            hex"000002000001000003000001000006000001000007000001000007000001000007000001000007000001",
            2,
            5,
            3
        );
    }

    /// @dev gridsingularity/gsy-e@ab358e7e1 tests/test_two_sided_market.py::test_double_sided_pay_as_clear_market_works_with_floats
    function test_05_gsy_9_floats() public {
        run(
            hex"00002100000100001600000100000b000001",
            hex"00000b000001000016000001000021000001",
            2,
            22,
            22
        );
    }

    /// @dev gridsingularity/gsy-framework@ec6a9f9 tests/test_matching_algorithms/test_pay_as_clear_matching_algorithm.py::test_get_matches_recommendations
    function test_06_gsyf_market2_gsy_under_clears() public {
        run(
            hex"00000f00002800001400002d00003c000032",
            hex"00000a00003700003200003c00000a000041",
            120,
            15,
            10
        );
    }

    /// @dev kiedanski/pymarket@0d73fe4 tests/conftest.py + tests/test_demand_curves.py::test_equilibrium_quantity_1
    function test_07_pymarket_1() public {
        run(
            hex"00004300000100004200000100004100000100004000000100003f00000100003c000001",
            hex"00000a00000100001400000100001e00000200002800000200003d000001",
            6,
            60,
            40
        );
    }

    /// @dev BESTenergytrade/simply@ef07d65 tests/test_market_2pac.py::test_multiple
    function test_08_simply_multi_bid() public {
        run(
            hex"00000b00006e00001e000001",
            hex"00000a000014",
            20,
            11,
            10
        );
    }

    /// @dev BESTenergytrade/simply@ef07d65 tests/test_market_2pac.py::test_prices
    function test_09_simply_nocross() public {
        run(
            hex"000014000001",
            hex"000019000001",
            0,
            0,
            0
        );
    }

    /// @dev assume-framework/assume@b0a4943d tests/test_simple_market_mechanisms.py::test_market_pay_as_clears_single_demand
    function test_10_assume_2_short_supply() public {
        run(
            hex"000bb80002bc",
            hex"00006400012c0000320000c8",
            500,
            3000,
            100
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_11_gld3_h0_equal_bids_marginal_seller() public {
        run(
            hex"000028000006000028000008",
            hex"00001e00000700001e000009",
            14,
            40,
            30
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_12_gld3_h4_marginal_buyer() public {
        run(
            hex"000028000004000028000003",
            hex"00001e00000200001e000004",
            6,
            40,
            30
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_13_gld3_h8() public {
        run(
            hex"000028000037000028000037",
            hex"00001e00002800001e00002d",
            85,
            40,
            30
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_14_gld3_h12() public {
        run(
            hex"000028000004000028000004",
            hex"000028000005000028000004",
            8,
            40,
            40
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_15_gld3_h16() public {
        run(
            hex"000028000004000028000004",
            hex"000028000003000028000004",
            7,
            40,
            40
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_3.glm
    function test_16_gld3_h20() public {
        run(
            hex"000028000004000028000004",
            hex"000028000003000028000003",
            6,
            40,
            40
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_6_morebuyers.glm
    function test_17_gld6b_h0_exact_quantity_midpoint() public {
        run(
            hex"000028000006000028000008",
            hex"00001e00000e",
            14,
            40,
            30
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_6_moresellers.glm
    function test_18_gld6s_h6_exact() public {
        run(
            hex"000028000004",
            hex"00001e00000200002800000200003c000002",
            4,
            40,
            40
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_market_auction_clearing_6_moresellers.glm
    function test_19_gld6s_h18() public {
        run(
            hex"00002800000a",
            hex"00002800000f00001e00000f00003200000f",
            10,
            40,
            30
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_markets_auction_cases_4_and_5.glm
    function test_20_gld_case4_next_bid_above_midpoint() public {
        run(
            hex"000019000001000014000001",
            hex"00000a00000100001e000001",
            1,
            25,
            10
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_markets_auction_simultaneous.glm
    function test_21_gld_simultaneous_midpoint() public {
        run(
            hex"00002800000500001e000005000005000005",
            hex"00000f00000500001400000500002d000005",
            10,
            30,
            20
        );
    }

    /// @dev gridlab-d/gridlab-d@e1841e1e market/autotest/test_markets_auction_large_unbalanced_marginal_price.glm
    function test_22_gld_large_marginal_price_100x150_midpoint() public {
        run(
            hex"0000c80000010000c60000010000c40000010000c20000010000c00000010000be0000010000bc0000010000ba000001"
            hex"0000b80000010000b60000010000b40000010000b20000010000b00000010000ae0000010000ac0000010000aa000001"
            hex"0000a80000010000a60000010000a40000010000a20000010000a000000100009e00000100009c00000100009a000001"
            hex"00009800000100009600000100009400000100009200000100009000000100008e00000100008c00000100008a000001"
            hex"00008800000100008600000100008400000100008200000100008000000100007e00000100007c00000100007a000001"
            hex"00007800000100007600000100007400000100007200000100007000000100006e00000100006c00000100006a000001"
            hex"00006800000100006600000100006400000100006200000100006000000100005e00000100005c00000100005a000001"
            hex"00005800000100005600000100005400000100005200000100005000000100004e00000100004c00000100004a000001"
            hex"00004800000100004600000100004400000100004200000100004000000100003e00000100003c00000100003a000001"
            hex"00003800000100003600000100003400000100003200000100003000000100002e00000100002c00000100002a000001"
            hex"00002800000100002600000100002400000100002200000100002000000100001e00000100001c00000100001a000001"
            hex"00001800000100001600000100001400000100001200000100001000000100000e00000100000c00000100000a000001"
            hex"000008000001000006000001000004000001000002000001",
            hex"000001000001000002000001000003000001000004000001000005000001000006000001000007000001000008000001"
            hex"00000900000100000a00000100000b00000100000c00000100000d00000100000e00000100000f000001000010000001"
            hex"000011000001000012000001000013000001000014000001000015000001000016000001000017000001000018000001"
            hex"00001900000100001a00000100001b00000100001c00000100001d00000100001e00000100001f000001000020000001"
            hex"000021000001000022000001000023000001000024000001000025000001000026000001000027000001000028000001"
            hex"00002900000100002a00000100002b00000100002c00000100002d00000100002e00000100002f000001000030000001"
            hex"000031000001000032000001000033000001000034000001000035000001000036000001000037000001000038000001"
            hex"00003900000100003a00000100003b00000100003c00000100003d00000100003e00000100003f000001000040000001"
            hex"000041000001000042000001000043000001000044000001000045000001000046000001000047000001000048000001"
            hex"00004900000100004a00000100004b00000100004c00000100004d00000100004e00000100004f000001000050000001"
            hex"000051000001000052000001000053000001000054000001000055000001000056000001000057000001000058000001"
            hex"00005900000100005a00000100005b00000100005c00000100005d00000100005e00000100005f000001000060000001"
            hex"000061000001000062000001000063000001000064000001000065000001000066000001000067000001000068000001"
            hex"00006900000100006a00000100006b00000100006c00000100006d00000100006e00000100006f000001000070000001"
            hex"000071000001000072000001000073000001000074000001000075000001000076000001000077000001000078000001"
            hex"00007900000100007a00000100007b00000100007c00000100007d00000100007e00000100007f000001000080000001"
            hex"000081000001000082000001000083000001000084000001000085000001000086000001000087000001000088000001"
            hex"00008900000100008a00000100008b00000100008c00000100008d00000100008e00000100008f000001000090000001"
            hex"000091000001000092000001000093000001000094000001000095000001000096000001",
            67,
            68,
            67
        );
    }
}
