// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Intervals} from "./Intervals.sol";
import {OrderWord} from "./OrderWord.sol";
import {TickBitmap} from "./TickBitmap.sol";

/// @title The order book: a doubly linked queue per price level, in order of id
/// @dev A level is `head id 0..31 | tail id 32..63 | resting lots 64..`. The previous id of a head and the links of an
/// order that does not rest are leftovers and never read.
library Book {
    using OrderWord for uint256;
    using TickBitmap for TickBitmap.Map;

    /// @dev How many older orders a returning one is let past: they can only be returned ones themselves, and the bound
    /// keeps {giveBack} bounded.
    uint256 internal constant MAX_OLDER_PASSED = 16;

    struct State {
        mapping(uint256 id => uint256) orders;
        mapping(uint256 key => uint256) levels;
        TickBitmap.Map bitmap;
        /// id << 32 | round: intervals of orders that were not filled by that round, or came back to the book
        mapping(uint256 idAndRound => uint256) intervals;
    }

    function headOf(uint256 level) internal pure returns (uint256) {
        return level & OrderWord.MAX_ID;
    }

    function totalOf(uint256 level) internal pure returns (uint256) {
        return level >> 64;
    }

    function withHead(uint256 level, uint256 id) internal pure returns (uint256) {
        return (level & ~OrderWord.MAX_ID) | id;
    }

    function _tailOf(uint256 level) private pure returns (uint256) {
        return (level >> 32) & OrderWord.MAX_ID;
    }

    function _level(uint256 head, uint256 tail, uint256 lots) private pure returns (uint256) {
        return head | (tail << 32) | (lots << 64);
    }

    /// @notice Stores a new order at the end of its level's queue.
    function append(State storage self, uint256 id, uint256 word) internal {
        uint256 key = word.levelKey();
        uint256 level = self.levels[key];
        uint256 head = headOf(level);
        if (head == 0) {
            self.bitmap.set(key);
            head = id;
        } else {
            uint256 tail = _tailOf(level);
            self.orders[tail] |= id << OrderWord.NEXT_SHIFT; // the last has no next
            word = word.withPrevious(tail);
        }
        self.orders[id] = word;
        self.levels[key] = _level(head, id, totalOf(level) + word.lotsOf());
    }

    /// @notice Takes a resting order out of its queue and stores it as closed.
    function close(State storage self, uint256 id, uint256 word) internal {
        uint256 key = word.levelKey();
        uint256 level = self.levels[key];
        uint256 head = headOf(level);
        uint256 tail = _tailOf(level);
        uint256 next = word.nextOf();
        uint256 previous = word.previousOf();

        if (tail == id) tail = previous;
        else if (head != id) self.orders[next] = self.orders[next].withPrevious(previous);
        if (head == id) head = next;
        else self.orders[previous] = self.orders[previous].withNext(next);

        self.orders[id] = word.withState(OrderWord.CLOSED);
        if (head == 0) {
            self.levels[key] = 0;
            self.bitmap.clear(key);
        } else {
            self.levels[key] = _level(head, tail, totalOf(level) - word.restOf());
        }
    }

    /// @notice Brings `lots` of a resting or filled order back to the book, out of a failed trade of `round`.
    function giveBack(State storage self, uint256 id, uint256 word, uint256 lots, uint256 round) internal {
        uint256 key = word.levelKey();
        uint256 level = self.levels[key];
        if (word.stateOf() == OrderWord.RESTING) {
            self.orders[id] = word - (lots << OrderWord.FILLED_SHIFT);
            self.levels[key] = level + (lots << 64);
            return;
        }
        uint256 interval = word.intervalOf();
        // Other trades of the order may be pending, so its interval must outlive the word; unless it is this trade.
        if (Intervals.roundOf(interval) != round || Intervals.lengthOf(interval) != lots) {
            self.intervals[(id << 32) | Intervals.roundOf(interval)] = interval;
        }
        _insert(self, id, word.reopen(lots), key, level);
    }

    /// @dev Puts the order before the younger ones of its level.
    function _insert(State storage self, uint256 id, uint256 word, uint256 key, uint256 level) private {
        uint256 head = headOf(level);
        uint256 tail = _tailOf(level);
        uint256 previous = 0;
        uint256 next = head;
        for (uint256 passed = 0; next != 0 && next < id && passed < MAX_OLDER_PASSED; ++passed) {
            previous = next;
            next = self.orders[next].nextOf();
        }

        uint256 lots = word.restOf();
        if (head == 0) self.bitmap.set(key);
        if (previous == 0) head = id;
        else self.orders[previous] = self.orders[previous].withNext(id);
        if (next == 0) tail = id;
        else self.orders[next] = self.orders[next].withPrevious(id);
        self.orders[id] = word.withPrevious(previous).withNext(next);
        self.levels[key] = _level(head, tail, totalOf(level) + lots);
    }

    /// @notice The interval of an order in a round, 0 if it took nothing of it.
    function intervalIn(State storage self, uint256 id, uint256 word, uint256 round) internal view returns (uint256) {
        if (word.stateOf() == OrderWord.FILLED) {
            uint256 interval = word.intervalOf();
            if (Intervals.roundOf(interval) == round) return interval;
        }
        return self.intervals[(id << 32) | round];
    }
}
