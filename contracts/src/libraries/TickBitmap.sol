// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Which price levels hold orders, as three levels of 256-bit words
/// @notice Finds the next level of a side with at most five storage reads, however many orders or levels there are.
/// @dev A rank is the place of a level on its side, best first, below 2**24. A key is `side << 24 | rank`.
library TickBitmap {
    uint256 internal constant MAX_RANK = type(uint24).max;
    /// @dev Returned where no further level holds orders.
    uint256 internal constant NONE = MAX_RANK + 1;

    struct Map {
        mapping(uint256 index => uint256) leaves; // side << 16 | rank >> 8
        mapping(uint256 index => uint256) branches; // side << 8 | rank >> 16
        mapping(uint256 side => uint256) roots;
    }

    function set(Map storage self, uint256 key) internal {
        uint256 word = self.leaves[key >> 8];
        self.leaves[key >> 8] = word | (1 << (key & 255));
        if (word != 0) return;
        uint256 branch = self.branches[key >> 16];
        self.branches[key >> 16] = branch | (1 << ((key >> 8) & 255));
        if (branch == 0) self.roots[key >> 24] |= 1 << ((key >> 16) & 255);
    }

    function clear(Map storage self, uint256 key) internal {
        uint256 word = self.leaves[key >> 8] & ~(1 << (key & 255));
        self.leaves[key >> 8] = word;
        if (word != 0) return;
        word = self.branches[key >> 16] & ~(1 << ((key >> 8) & 255));
        self.branches[key >> 16] = word;
        if (word == 0) self.roots[key >> 24] &= ~(1 << ((key >> 16) & 255));
    }

    /// @return The first rank at or after `from` with orders, or {NONE}.
    function next(Map storage self, uint256 side, uint256 from) internal view returns (uint256) {
        if (from > MAX_RANK) return NONE;
        // Unchecked: all terms are below 2**25.
        unchecked {
            uint256 word = self.leaves[(side << 16) | (from >> 8)] >> (from & 255);
            if (word != 0) return from + _lowestBit(word);

            uint256 leaf = (from >> 8) + 1;
            if (leaf & 255 != 0) {
                word = self.branches[(side << 8) | (leaf >> 8)] >> (leaf & 255);
                if (word != 0) return _first(self, side, leaf + _lowestBit(word));
            }

            uint256 branch = ((leaf - 1) >> 8) + 1;
            if (branch > 255) return NONE;
            word = self.roots[side] >> branch;
            if (word == 0) return NONE;
            branch += _lowestBit(word);
            return _first(self, side, (branch << 8) | _lowestBit(self.branches[(side << 8) | branch]));
        }
    }

    function _first(Map storage self, uint256 side, uint256 leaf) private view returns (uint256) {
        return (leaf << 8) | _lowestBit(self.leaves[(side << 16) | leaf]);
    }

    function _lowestBit(uint256 word) private pure returns (uint256) {
        return Math.log2(word & (~word + 1));
    }
}
