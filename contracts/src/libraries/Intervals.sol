// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What one order took of a round, in one number
/// @notice A round pairs lots one after the other: the cumulative axis. Each order takes one contiguous interval of it,
/// and a trade is where the intervals of a bid and an ask overlap. So no trade is ever stored.
/// @dev start 0..39 | length 40..71 | number of the first pair 72..103 | round 104..127. Pairs are numbered through all
/// rounds; the pair of a bid and an ask has the number of the first pair of whichever of the two begins later.
library Intervals {
    uint256 internal constant MAX_LOTS_OF_ROUND = type(uint40).max;
    uint256 internal constant MAX_ORDINAL = type(uint32).max;
    uint256 internal constant MAX_ROUND = type(uint24).max;

    function pack(uint256 start, uint256 length, uint256 ordinal, uint256 round) internal pure returns (uint256) {
        return start | (length << 40) | (ordinal << 72) | (round << 104);
    }

    function lengthOf(uint256 interval) internal pure returns (uint256) {
        return (interval >> 40) & type(uint32).max;
    }

    function roundOf(uint256 interval) internal pure returns (uint256) {
        return interval >> 104;
    }

    /// @return lots The overlap, 0 if the two did not meet.
    /// @return ordinal The pair's number.
    function overlap(uint256 a, uint256 b) internal pure returns (uint256 lots, uint256 ordinal) {
        // Unchecked: ends are below 2**41, and the difference is taken only where positive.
        unchecked {
            uint256 startA = a & MAX_LOTS_OF_ROUND;
            uint256 startB = b & MAX_LOTS_OF_ROUND;
            uint256 endA = startA + lengthOf(a);
            uint256 endB = startB + lengthOf(b);
            uint256 start = startA > startB ? startA : startB;
            uint256 end = endA < endB ? endA : endB;
            if (end > start) lots = end - start;
            uint256 ordinalA = (a >> 72) & MAX_ORDINAL;
            uint256 ordinalB = (b >> 72) & MAX_ORDINAL;
            ordinal = ordinalA > ordinalB ? ordinalA : ordinalB;
        }
    }
}
