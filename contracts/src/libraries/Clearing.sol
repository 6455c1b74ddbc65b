// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "../interfaces/IMarketTypes.sol";
import {Book} from "./Book.sol";
import {Intervals} from "./Intervals.sol";
import {Ledger} from "./Ledger.sol";
import {OrderWord} from "./OrderWord.sol";
import {TickBitmap} from "./TickBitmap.sol";

/// @title One page of a round: pairs the best bids with the best asks from where the last page stopped
/// @dev A round is a snapshot: orders up to an id, expiry judged at one time. While it is open none of them can leave or
/// return, so the walk over any number of pages is the walk in one. The order that the page boundary splits is the head
/// of the level of the last pair on its side; what it took so far is held in {Round}.
library Clearing {
    using Book for uint256;
    using Ledger for Ledger.State;
    using OrderWord for uint256;
    using TickBitmap for TickBitmap.Map;

    uint8 internal constant OPEN = 1;
    uint8 internal constant HELD_IS_BID = 2;
    uint8 internal constant PAY_AS_BID = 4;

    /// @dev A pair and its two steps to the next levels, times the pairs, plus a little to find the end: a call for n
    /// pairs ends the round of n pairs unless expired orders are in the way.
    uint256 internal constant STEPS_PER_MATCH = 6;
    uint256 internal constant SPARE_STEPS = 16;
    uint256 private constant _PAIR_STEPS = 4;
    uint256 private constant _REMOVAL_STEPS = 4;
    uint256 private constant _LEVEL_STEPS = 1;

    /// @dev The open round, one storage slot.
    struct Round {
        uint8 flags;
        uint32 lastOrderId;
        uint32 openedAt;
        uint24 bidTick; // of the last pair
        uint24 askTick;
        uint40 matched; // lots
        uint32 heldLots; // what the order split by the page boundary took so far; 0 = no order is split
        uint32 heldOrdinal; // number of its first pair
        uint24 settlementTTL;
    }

    /// @dev Where the next page begins on each side: the level at hand, or the first not looked at. Without it a page
    /// would walk again over all levels that newer orders opened meanwhile, and enough of those would stop the round.
    struct Resume {
        uint24 bidRank;
        uint24 askRank;
    }

    /// @dev Where the walk stands on one side. Levels are read and written once, when entered and left.
    struct Side {
        uint256 side; // 1 = bids
        uint256 nextRank; // first rank not looked at
        uint256 key;
        uint256 level;
        bool changed;
        uint256 id; // the order at hand, 0 = none
        uint256 word;
        uint256 loaded; // lots it had on the book when read in this call
        uint256 rest; // lots of it not matched yet
        uint256 start; // where its interval of the round begins
        uint256 ordinal; // number of its first pair of the round
    }

    struct Page {
        uint256 round; // its number
        uint256 ordinal; // number of the next pair, through all rounds
        uint256 maxPairs;
        uint256 steps; // left
        uint256 matched; // lots in the round so far
        uint256 pairs; // made in this page
        uint256 memoryAt; // address of the pairs, one word each, see {pairAt}
        bool ended; // the round is over
        uint256 bidRank; // where the walk begins, then where it stopped
        uint256 askRank;
    }

    enum Outcome {
        Found,
        Exhausted,
        OutOfSteps
    }

    /// @notice Matches up to `page.maxPairs` pairs of round `round` and brings both up to date. Emits nothing of the pairs:
    /// see {pairAt}.
    function run(Book.State storage book, Ledger.State storage ledger, Round memory round, Page memory page) internal {
        Side memory bids;
        Side memory asks;
        bids.side = 1;
        page.steps = page.maxPairs * STEPS_PER_MATCH + SPARE_STEPS;
        page.matched = round.matched;
        _reserve(page);
        bids.nextRank = page.bidRank;
        asks.nextRank = page.askRank;
        // The split order comes first, lest the other side be empty and the round end without its record.
        if (round.heldLots != 0) {
            _load(book, ledger, round.flags & HELD_IS_BID != 0 ? bids : asks, round, page);
        }
        page.ended = _walk(book, ledger, bids, asks, round, page);
        _leave(book, bids, round, page);
        _leave(book, asks, round, page);
        round.matched = uint40(page.matched);
        page.bidRank = _position(bids);
        page.askRank = _position(asks);
    }

    /// @return The rank of the level at hand; of the first to look at if no level was entered in this page.
    function _position(Side memory side) private pure returns (uint256) {
        return side.key == 0 ? side.nextRank : side.nextRank - 1;
    }

    /// @return bidId The bid of pair number `index` of the page.
    /// @return askId Its ask.
    /// @return lots What they traded.
    /// @return bidTick The bid's limit.
    function pairAt(Page memory page, uint256 index)
        internal
        pure
        returns (uint256 bidId, uint256 askId, uint256 lots, uint256 bidTick)
    {
        uint256 word;
        uint256 location = page.memoryAt + index * 32;
        assembly ("memory-safe") {
            word := mload(location)
        }
        return (
            word & OrderWord.MAX_ID,
            (word >> 32) & OrderWord.MAX_ID,
            (word >> 64) & OrderWord.MAX_LOTS,
            (word >> 96) & OrderWord.MAX_TICK
        );
    }

    /// @dev Sets memory aside for the pairs without touching it: gas is due only for what is written.
    function _reserve(Page memory page) private pure {
        uint256 size = page.maxPairs * 32;
        uint256 location;
        assembly ("memory-safe") {
            location := mload(0x40)
            mstore(0x40, add(location, size))
        }
        page.memoryAt = location;
    }

    function _record(Page memory page, uint256 pair) private pure {
        // Unchecked: counts up to `maxPairs`, whose memory is reserved.
        unchecked {
            uint256 location = page.memoryAt + page.pairs * 32;
            assembly ("memory-safe") {
                mstore(location, pair)
            }
            ++page.pairs;
        }
    }

    /// @return ended Whether the round is over, rather than the page full.
    function _walk(
        Book.State storage book,
        Ledger.State storage ledger,
        Side memory bids,
        Side memory asks,
        Round memory round,
        Page memory page
    ) private returns (bool ended) {
        // Unchecked: steps and rests are compared before they are lowered; lots and ordinals stay below 2**41.
        unchecked {
            while (true) {
                if (bids.rest == 0) {
                    Outcome outcome = _load(book, ledger, bids, round, page);
                    if (outcome != Outcome.Found) return outcome == Outcome.Exhausted;
                }
                if (asks.rest == 0) {
                    Outcome outcome = _load(book, ledger, asks, round, page);
                    if (outcome != Outcome.Found) return outcome == Outcome.Exhausted;
                }
                uint256 bidTick = bids.word.tickOf();
                uint256 askTick = asks.word.tickOf();
                if (bidTick < askTick) return true;
                if (page.steps < _PAIR_STEPS || page.pairs == page.maxPairs) return false;
                page.steps -= _PAIR_STEPS;

                if (bids.word.accountOf() == asks.word.accountOf()) {
                    _drop(book, ledger, bids.id > asks.id ? bids : asks, page);
                    continue;
                }
                uint256 lots = bids.rest < asks.rest ? bids.rest : asks.rest;
                if (page.matched + lots > Intervals.MAX_LOTS_OF_ROUND || page.ordinal > Intervals.MAX_ORDINAL) return true;

                _record(page, bids.id | (asks.id << 32) | (lots << 64) | (bidTick << 96));
                ++page.ordinal;
                page.matched += lots;
                round.bidTick = uint24(bidTick);
                round.askTick = uint24(askTick);
                if ((bids.rest -= lots) == 0) _fill(book, bids, page);
                if ((asks.rest -= lots) == 0) _fill(book, asks, page);
            }
        }
    }

    /// @dev Finds the next order of the round on a side; takes expired ones off on the way.
    function _load(
        Book.State storage book,
        Ledger.State storage ledger,
        Side memory side,
        Round memory round,
        Page memory page
    ) private returns (Outcome) {
        uint256 id = side.id;
        // Unchecked: steps are compared before they are lowered; ranks are below 2**24.
        unchecked {
            while (true) {
                if (id == 0 || id > round.lastOrderId) {
                    side.id = 0;
                    _writeLevel(book, side);
                    uint256 rank = book.bitmap.next(side.side, side.nextRank);
                    if (rank == TickBitmap.NONE) return Outcome.Exhausted;
                    if (page.steps < _LEVEL_STEPS) return Outcome.OutOfSteps;
                    page.steps -= _LEVEL_STEPS;
                    side.nextRank = rank + 1;
                    side.key = (side.side << 24) | rank;
                    side.level = book.levels[side.key];
                    id = side.level.headOf();
                    continue;
                }
                uint256 word = book.orders[id];
                uint256 rest = word.restOf();
                if (word.expiryOf() > round.openedAt) {
                    _enter(side, id, word, rest, round, page);
                    return Outcome.Found;
                }
                if (page.steps < _REMOVAL_STEPS) {
                    side.id = 0;
                    return Outcome.OutOfSteps;
                }
                page.steps -= _REMOVAL_STEPS;
                _removeHead(side, word.nextOf(), rest);
                _refund(book, ledger, id, word, rest);
                id = word.nextOf();
            }
        }
        return Outcome.Exhausted; // not reached
    }

    function _enter(Side memory side, uint256 id, uint256 word, uint256 rest, Round memory round, Page memory page)
        private
        pure
    {
        side.id = id;
        side.word = word;
        side.rest = rest;
        side.loaded = rest;
        side.start = page.matched;
        side.ordinal = page.ordinal;
        if (round.heldLots != 0 && (round.flags & HELD_IS_BID != 0) == (side.side == 1)) {
            // Unchecked: it took its lots within what the round has matched.
            unchecked {
                side.start -= round.heldLots;
            }
            side.ordinal = round.heldOrdinal;
            round.heldLots = 0;
        }
    }

    /// @dev The order at hand is used up: its interval takes the place of its links.
    function _fill(Book.State storage book, Side memory side, Page memory page) private {
        uint256 next = side.word.nextOf();
        book.orders[side.id] = side.word.fill(_interval(side, page));
        _removeHead(side, next, side.loaded);
        side.id = next;
    }

    /// @dev The order at hand met an older one of its own trader: it leaves the book.
    function _drop(Book.State storage book, Ledger.State storage ledger, Side memory side, Page memory page) private {
        uint256 id = side.id;
        uint256 rest = side.rest;
        if (side.start != page.matched) book.intervals[(id << 32) | page.round] = _interval(side, page);
        _removeHead(side, side.word.nextOf(), side.loaded);
        side.id = side.word.nextOf();
        side.rest = 0;
        _refund(book, ledger, id, side.word + ((side.loaded - rest) << OrderWord.FILLED_SHIFT), rest);
    }

    function _refund(Book.State storage book, Ledger.State storage ledger, uint256 id, uint256 word, uint256 lots)
        private
    {
        book.orders[id] = word.withState(OrderWord.CLOSED);
        ledger.update(word.accountOf(), Ledger.change(lots, word.escrowOf(lots)));
        emit IMarketTypes.OrderCancelled(id);
    }

    function _interval(Side memory side, Page memory page) private pure returns (uint256) {
        // Unchecked: an interval begins within what the round has matched.
        unchecked {
            return Intervals.pack(side.start, page.matched - side.start, side.ordinal, page.round);
        }
    }

    function _removeHead(Side memory side, uint256 next, uint256 lots) private pure {
        // Unchecked: a level holds the lots of its orders.
        unchecked {
            side.level = side.level.withHead(next) - (lots << 64);
        }
        side.changed = true;
    }

    /// @dev Puts down the order at hand and its level at the end of a page.
    function _leave(Book.State storage book, Side memory side, Round memory round, Page memory page) private {
        if (side.id != 0 && side.rest != 0) {
            uint256 taken = side.loaded - side.rest;
            if (taken != 0) {
                book.orders[side.id] = side.word + (taken << OrderWord.FILLED_SHIFT);
                side.level -= taken << 64;
                side.changed = true;
            }
            if (side.start != page.matched) {
                if (page.ended) {
                    book.intervals[(side.id << 32) | page.round] = _interval(side, page);
                } else {
                    round.heldLots = uint32(page.matched - side.start);
                    round.heldOrdinal = uint32(side.ordinal);
                    if (side.side == 1) round.flags |= HELD_IS_BID;
                    else round.flags &= ~HELD_IS_BID;
                }
            }
        }
        _writeLevel(book, side);
    }

    function _writeLevel(Book.State storage book, Side memory side) private {
        if (!side.changed) return;
        side.changed = false;
        if (side.level.headOf() != 0) {
            book.levels[side.key] = side.level;
        } else {
            book.levels[side.key] = 0;
            book.bitmap.clear(side.key);
        }
    }

    /// @notice Ends a round between two pages: writes down what the split order took.
    function cut(Book.State storage book, Round memory round, uint256 number) internal {
        if (round.heldLots == 0) return;
        bool isBid = round.flags & HELD_IS_BID != 0;
        uint256 key = isBid ? (1 << 24) | (OrderWord.MAX_TICK - round.bidTick) : round.askTick;
        uint256 id = book.levels[key].headOf();
        book.intervals[(id << 32) | number] =
            Intervals.pack(round.matched - round.heldLots, round.heldLots, round.heldOrdinal, number);
        round.heldLots = 0;
    }
}
