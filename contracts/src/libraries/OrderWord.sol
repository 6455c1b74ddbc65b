// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title One order in one storage word
/// @dev Low half, fixed at placement except the state:
///   tick 0..23 | expiry 24..55 | lots 56..85 | account 86..113 | deposit rate 114..123 | bid 124 | state 125..126
/// High half while resting or closed:
///   filled lots 128..159 | previous id 160..191 | next id 192..223
/// High half once filled, where the order's interval on the cumulative axis of the round that filled it takes the place
/// of links nobody follows any more, in a write that was due anyway:
///   start 128..167 | length 168..199 | number of its first pair 200..231 | round 232..255
library OrderWord {
    uint256 internal constant MAX_TICK = type(uint24).max;
    uint256 internal constant MAX_LOTS = (1 << 30) - 1;
    uint256 internal constant MAX_ACCOUNT = (1 << 28) - 1;
    uint256 internal constant MAX_ID = type(uint32).max;

    uint256 internal constant CLOSED = 0;
    uint256 internal constant RESTING = 1;
    uint256 internal constant FILLED = 2;

    uint256 internal constant NEXT_SHIFT = 192;
    uint256 internal constant PREVIOUS_SHIFT = 160;
    uint256 internal constant FILLED_SHIFT = 128;
    uint256 private constant _STATE_SHIFT = 125;
    uint256 private constant _LOW_HALF = type(uint128).max;
    /// @dev Money units of payment per tick and lot; the deposit rate in per mille is money units per tick and lot too.
    uint256 internal constant PAYMENT_RATE = 1000;

    function pack(uint256 tick, uint256 expiry, uint256 lots, uint256 account, uint256 rate, bool bid)
        internal
        pure
        returns (uint256)
    {
        return tick | (expiry << 24) | (lots << 56) | (account << 86) | (rate << 114) | ((bid ? uint256(1) : 0) << 124)
            | (RESTING << _STATE_SHIFT);
    }

    function tickOf(uint256 word) internal pure returns (uint256) {
        return word & MAX_TICK;
    }

    function expiryOf(uint256 word) internal pure returns (uint256) {
        return (word >> 24) & type(uint32).max;
    }

    function lotsOf(uint256 word) internal pure returns (uint256) {
        return (word >> 56) & MAX_LOTS;
    }

    function accountOf(uint256 word) internal pure returns (uint256) {
        return (word >> 86) & MAX_ACCOUNT;
    }

    function rateOf(uint256 word) internal pure returns (uint256) {
        return (word >> 114) & 0x3ff;
    }

    /// @return 1 for a bid, 0 for an ask.
    function sideOf(uint256 word) internal pure returns (uint256) {
        return (word >> 124) & 1;
    }

    function stateOf(uint256 word) internal pure returns (uint256) {
        return (word >> _STATE_SHIFT) & 3;
    }

    function withState(uint256 word, uint256 state) internal pure returns (uint256) {
        return (word & ~(uint256(3) << _STATE_SHIFT)) | (state << _STATE_SHIFT);
    }

    /// @return Lots matched now; of a filled order, all.
    function filledOf(uint256 word) internal pure returns (uint256) {
        return stateOf(word) == FILLED ? lotsOf(word) : (word >> FILLED_SHIFT) & type(uint32).max;
    }

    /// @return Lots on the book of a resting order, or lots taken off with a closed one.
    function restOf(uint256 word) internal pure returns (uint256) {
        // Unchecked: never more is filled than there is.
        unchecked {
            return lotsOf(word) - ((word >> FILLED_SHIFT) & type(uint32).max);
        }
    }

    function nextOf(uint256 word) internal pure returns (uint256) {
        return (word >> NEXT_SHIFT) & MAX_ID;
    }

    function previousOf(uint256 word) internal pure returns (uint256) {
        return (word >> PREVIOUS_SHIFT) & MAX_ID;
    }

    function withNext(uint256 word, uint256 id) internal pure returns (uint256) {
        return (word & ~(MAX_ID << NEXT_SHIFT)) | (id << NEXT_SHIFT);
    }

    function withPrevious(uint256 word, uint256 id) internal pure returns (uint256) {
        return (word & ~(MAX_ID << PREVIOUS_SHIFT)) | (id << PREVIOUS_SHIFT);
    }

    /// @dev The order as filled, with its interval in the high half.
    function fill(uint256 word, uint256 interval) internal pure returns (uint256) {
        return withState(word & _LOW_HALF, FILLED) | (interval << 128);
    }

    /// @return The interval of a filled order, see {Intervals}.
    function intervalOf(uint256 word) internal pure returns (uint256) {
        return word >> 128;
    }

    /// @dev A filled order back to resting, with `lots` of it on the book and no links.
    function reopen(uint256 word, uint256 lots) internal pure returns (uint256) {
        return withState(word & _LOW_HALF, RESTING) | ((lotsOf(word) - lots) << FILLED_SHIFT);
    }

    /// @return The key of the order's level: `side << 24 | rank`, best price first on both sides.
    function levelKey(uint256 word) internal pure returns (uint256) {
        return sideOf(word) == 1 ? (1 << 24) | (MAX_TICK - tickOf(word)) : tickOf(word);
    }

    /// @return Money units in escrow for `lots` of the order: payment of a bid, and deposit.
    function escrowOf(uint256 word, uint256 lots) internal pure returns (uint256) {
        // Unchecked: 24 + 30 + 11 bits.
        unchecked {
            return tickOf(word) * lots * (rateOf(word) + sideOf(word) * PAYMENT_RATE);
        }
    }

    /// @return Money units of deposit for `lots` of the order.
    function depositOf(uint256 word, uint256 lots) internal pure returns (uint256) {
        // Unchecked: 24 + 30 + 10 bits.
        unchecked {
            return tickOf(word) * lots * rateOf(word);
        }
    }
}
