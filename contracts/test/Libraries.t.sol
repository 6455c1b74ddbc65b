// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Intervals} from "../src/libraries/Intervals.sol";
import {Ledger} from "../src/libraries/Ledger.sol";
import {OrderWord} from "../src/libraries/OrderWord.sol";
import {TickBitmap} from "../src/libraries/TickBitmap.sol";
import {Assertions} from "./support/Vm.sol";

contract TickBitmapTest is Assertions {
    using TickBitmap for TickBitmap.Map;

    TickBitmap.Map private map;

    /// @dev Ranks near each other and far apart, on both sides; the walk must give them all, in order, and no other.
    function testFuzz_Walk_IsTheSortedSet(uint24[12] memory ranks, uint256 removed, bool side) public {
        uint256 base = side ? 1 << 24 : 0;
        for (uint256 i = 0; i < ranks.length; ++i) {
            if (i % 3 == 1) ranks[i] = uint24((uint256(ranks[i - 1]) & ~uint256(255)) | (ranks[i] & 255));
            map.set(base | ranks[i]);
        }
        for (uint256 i = 0; i < ranks.length; ++i) if ((removed >> i) & 1 == 1) map.clear(base | ranks[i]);
        uint256 from = 0;
        for (uint256 rounds = 0; rounds <= ranks.length; ++rounds) {
            uint256 expected = TickBitmap.NONE;
            for (uint256 i = 0; i < ranks.length; ++i) {
                if (!_gone(ranks, removed, i) && ranks[i] >= from && ranks[i] < expected) expected = ranks[i];
            }
            uint256 found = map.next(side ? 1 : 0, from);
            eq(found, expected);
            if (found == TickBitmap.NONE) break;
            from = found + 1;
        }
        eq(map.next(side ? 0 : 1, 0), TickBitmap.NONE);
    }

    function _gone(uint24[12] memory ranks, uint256 removed, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < ranks.length; ++i) if (ranks[i] == ranks[index] && (removed >> i) & 1 == 1) return true;
        return false;
    }

    function test_Next_AtTheEdges() public {
        uint256[5] memory ranks = [uint256(0), 255, 256, 65_536, TickBitmap.MAX_RANK];
        for (uint256 i = 0; i < 5; ++i) map.set(ranks[i]);
        uint256 from = 0;
        for (uint256 i = 0; i < 5; ++i) {
            eq(map.next(0, from), ranks[i]);
            from = ranks[i] + 1;
        }
        eq(map.next(0, from), TickBitmap.NONE);
        eq(map.next(0, TickBitmap.MAX_RANK + 2), TickBitmap.NONE);
    }
}

contract OrderWordTest is Assertions {
    using OrderWord for uint256;

    function testFuzz_Pack_KeepsFieldsApart(uint24 tick, uint32 expiry, uint32 lots, uint32 account, uint16 rate, bool bid)
        public
        pure
    {
        lots &= uint32(OrderWord.MAX_LOTS);
        account &= uint32(OrderWord.MAX_ACCOUNT);
        rate %= 1001;
        uint256 word = OrderWord.pack(tick, expiry, lots, account, rate, bid);
        eq(word.tickOf(), tick);
        eq(word.expiryOf(), expiry);
        eq(word.lotsOf(), lots);
        eq(word.accountOf(), account);
        eq(word.rateOf(), rate);
        eq(word.sideOf(), bid ? 1 : 0);
        eq(word.stateOf(), OrderWord.RESTING);
        eq(word.restOf(), lots);
        eq(word.filledOf(), 0);
        eq(word.depositOf(lots), uint256(tick) * lots * rate);
        eq(word.escrowOf(lots), uint256(tick) * lots * (bid ? 1000 + uint256(rate) : rate));

        uint256 linked = word.withNext(type(uint32).max).withPrevious(7);
        eq(linked.nextOf(), type(uint32).max);
        eq(linked.previousOf(), 7);
        eq(uint128(linked), uint128(word));

        uint256 filled = linked.fill(type(uint128).max);
        eq(filled.stateOf(), OrderWord.FILLED);
        eq(filled.intervalOf(), type(uint128).max);
        eq(filled.filledOf(), lots);
        uint256 back = filled.reopen(lots / 3);
        eq(back.restOf(), lots / 3);
        eq(back.nextOf() + back.previousOf(), 0);
        eq(back.tickOf(), tick);
    }

    function testFuzz_LevelKey_PutsBetterPricesFirst(uint24 a, uint24 b) public pure {
        uint256 lower = a < b ? a : b;
        uint256 higher = a < b ? b : a;
        yes(
            OrderWord.pack(higher, 1, 1, 1, 0, true).levelKey() <= OrderWord.pack(lower, 1, 1, 1, 0, true).levelKey(),
            "bids from the top"
        );
        yes(
            OrderWord.pack(lower, 1, 1, 1, 0, false).levelKey() <= OrderWord.pack(higher, 1, 1, 1, 0, false).levelKey(),
            "asks from the bottom"
        );
    }
}

contract IntervalsTest is Assertions {
    function testFuzz_Overlap_IsWhatBothCover(uint8 startA, uint8 lengthA, uint8 startB, uint8 lengthB, uint32 a, uint32 b)
        public
        pure
    {
        uint256 expected = 0;
        for (uint256 lot = 0; lot < 512; ++lot) {
            bool inA = lot >= startA && lot < uint256(startA) + lengthA;
            bool inB = lot >= startB && lot < uint256(startB) + lengthB;
            if (inA && inB) ++expected;
        }
        (uint256 lots, uint256 ordinal) =
            Intervals.overlap(Intervals.pack(startA, lengthA, a, 5), Intervals.pack(startB, lengthB, b, 6));
        eq(lots, expected);
        eq(ordinal, a > b ? a : b);
    }

    function testFuzz_Pack_KeepsFieldsApart(uint40 start, uint32 length, uint32 ordinal, uint24 round) public pure {
        uint256 interval = Intervals.pack(start, length, ordinal, round);
        eq(Intervals.lengthOf(interval), length);
        eq(Intervals.roundOf(interval), round);
        yes(interval < 1 << 128, "half a word");
        (uint256 lots, uint256 number) = Intervals.overlap(interval, interval);
        eq(lots, length);
        eq(number, ordinal);
    }
}

contract LedgerTest is Assertions {
    using Ledger for Ledger.State;
    using Ledger for uint256;

    Ledger.State private _ledger;

    function testFuzz_Word_KeepsFieldsApart(address owner, uint48 units, uint24 nonce, uint24 open) public pure {
        uint256 word = uint160(owner) | (uint256(units) << Ledger.BALANCE_SHIFT);
        word = word.withNonce(type(uint24).max).withNonce(nonce).changed(Ledger.keepOpen(open));
        eq(word.ownerOf(), owner);
        eq(word.balanceOf(), units);
        eq(word.nonceOf(), nonce);
        eq(word.openOf(), open);
    }

    /// @dev Whatever ends of what is open, and whatever comes to the balance, nothing else moves.
    function testFuzz_Change_MovesOpenLotsAndBalanceOnly(uint256 seed, uint24 open, uint24 ends, uint48 units)
        public
        pure
    {
        ends = ends > open ? open : ends;
        units = uint48(units & (type(uint48).max >> 1));
        uint256 low = seed & ((1 << Ledger.OPEN_SHIFT) - 1);
        uint256 word = low | (uint256(open) << Ledger.OPEN_SHIFT) | (uint256(7) << Ledger.BALANCE_SHIFT);
        word = word.changed(Ledger.change(ends, units));
        eq(word & ((1 << Ledger.OPEN_SHIFT) - 1), low);
        eq(word.openOf(), open - ends);
        eq(word.balanceOf(), uint256(units) + 7);
    }

    function test_Strikes_StandBesideTheNumber() public {
        address trader = address(0x7ade);
        _ledger.open(trader, type(uint24).max);
        for (uint256 i = 0; i < 300; ++i) _ledger.strike(trader);
        eq(_ledger.strikesOf(trader), 255);
        eq(_ledger.idOf(trader), type(uint24).max);
    }
}
