// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Handler} from "./support/Handler.sol";
import {Assertions, vm} from "./support/Vm.sol";

/// @dev What the runner may call: one step of a life.
contract Steps {
    Handler public handler = new Handler();

    function step(uint256 seed) external {
        handler.step(seed);
    }
}

/// @dev Random lives of a market. See {Handler-check} for what must always hold.
contract MarketInvariants is Assertions {
    Steps private steps;

    function setUp() public {
        steps = new Steps();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(steps);
    }

    function invariant_MoneyOrdersTradesAndLevelsAgree() public view {
        steps.handler().check();
    }

    /// @dev Tells a long run (scripts/long.mjs) the steps of this life, and how often it reached each branch.
    function afterInvariant() public {
        string memory file = vm.envOr("MARKET_LIVES_FILE", string(""));
        if (bytes(file).length == 0) return;
        Handler handler = steps.handler();
        string memory line = vm.toString(handler.steps());
        for (uint256 what = 0; what <= uint256(type(Handler.Reached).max); ++what) {
            line = string.concat(line, ",", vm.toString(handler.count(Handler.Reached(what))));
        }
        vm.writeLine(file, line);
    }
}

contract MarketLives is Assertions {
    error NotReached(uint256 branch);

    function live(bytes32 seed, uint256 steps) private returns (Handler handler) {
        handler = new Handler();
        for (uint256 i = 0; i < steps; ++i) handler.step(uint256(keccak256(abi.encode(seed, i))));
        handler.check();
    }

    /// @dev From whatever sixty steps lead to, with the market paused for good.
    function testFuzz_EverybodyGetsEverythingOut(bytes32 seed) public {
        live(seed, 60).everybodyLeaves();
    }

    /// @dev The gate: random lives that never reach a branch prove nothing about it.
    function test_Lives_ReachEveryBranch() public {
        uint256[] memory reached = new uint256[](uint256(type(Handler.Reached).max) + 1);
        for (uint256 life = 0; life < 20; ++life) {
            Handler handler = live(bytes32(life), 120);
            for (uint256 what = 0; what < reached.length; ++what) {
                reached[what] += handler.count(Handler.Reached(what));
            }
        }
        for (uint256 what = 0; what < reached.length; ++what) if (reached[what] == 0) revert NotReached(what);
    }
}
