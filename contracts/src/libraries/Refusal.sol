// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Custom errors as data
/// @notice A check that returns its error lets a single call revert with it and a batch report it, in one place.
library Refusal {
    function data(bytes4 selector, uint256 a) internal pure returns (bytes memory) {
        return _cut(data(selector, a, 0, 0), 0x24);
    }

    function data(bytes4 selector, address a) internal pure returns (bytes memory) {
        return data(selector, uint160(a));
    }

    function data(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return _cut(data(selector, a, b, 0), 0x44);
    }

    function data(bytes4 selector, uint256 a, uint256 b, uint256 c) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b, c);
    }

    /// @dev One encoder for all: the shorter errors are the longest one without its last figures.
    function _cut(bytes memory reason, uint256 length) private pure returns (bytes memory) {
        assembly ("memory-safe") {
            mstore(reason, length)
        }
        return reason;
    }

    /// @notice Reverts with the error, unless it is empty.
    function raise(bytes memory reason) internal pure {
        if (reason.length == 0) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
