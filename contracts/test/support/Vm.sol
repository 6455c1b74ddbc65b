// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The part of the test runners' cheat codes that these tests use. Both Hardhat and forge serve it at this address.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 timestamp) external;
    function deal(address account, uint256 amount) external;
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 key) external pure returns (address);
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function expectRevert() external;
    function expectEmit(address emitter) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function store(address target, bytes32 slot, bytes32 value) external;
    function load(address target, bytes32 slot) external view returns (bytes32);
    function assume(bool condition) external pure;
    function etch(address target, bytes calldata code) external;
    function envOr(string calldata name, string calldata missing) external view returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function writeLine(string calldata path, string calldata line) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @dev The few assertions that the tests use, with the figures in the error.
abstract contract Assertions {
    bool public constant IS_TEST = true;

    error NotEqual(uint256 got, uint256 expected);
    error NotTrue(string what);

    function eq(uint256 got, uint256 expected) internal pure {
        if (got != expected) revert NotEqual(got, expected);
    }

    function eq(address got, address expected) internal pure {
        eq(uint160(got), uint160(expected));
    }

    function yes(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }
}
