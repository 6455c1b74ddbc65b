// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IEnergyDoubleAuction} from "../../src/interfaces/IEnergyDoubleAuction.sol";

contract GoodToken is ERC20Permit {
    constructor() ERC20("Euro", "EUR") ERC20Permit("Euro") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @dev Keeps one in a hundred of each transfer, or hands out more than was sent.
contract SkewedToken is GoodToken {
    int256 public immutable permille;

    constructor(int256 permille_) {
        permille = permille_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from == address(0) || to == address(0)) return;
        if (permille < 0) _burn(to, amount * uint256(-permille) / 1000);
        else _mint(to, amount * uint256(permille) / 1000);
    }
}

/// @dev Answers nothing at all to a transfer, as some old tokens do.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @dev Says no without reverting.
contract RefusingToken is GoodToken {
    bool public refuses;

    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return !refuses && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !refuses && super.transferFrom(from, to, amount);
    }
}

/// @dev Calls back into the market from inside a transfer.
contract CallingToken is GoodToken {
    address private _target;
    bytes private _call;
    bool private _calling;
    bool public reentered;

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        // Once is enough to show it; again and again would only end the test runner's stack.
        if (_target == address(0) || from == address(0) || _calling) return;
        _calling = true;
        (bool ok,) = _target.call(_call);
        _calling = false;
        reentered = reentered || ok;
    }
}

/// @dev A trader that is a contract and tries something when it is paid.
contract Receiver {
    IEnergyDoubleAuction private immutable _market;
    bytes private _call;
    bool private _reverts;
    bool private _calling;
    bool public reentered;
    bytes public answer;

    constructor(IEnergyDoubleAuction market_) {
        _market = market_;
    }

    function arm(bytes calldata call_, bool reverts) external {
        _call = call_;
        _reverts = reverts;
    }

    function run(bytes calldata call_, uint256 value) external returns (bytes memory) {
        (bool ok, bytes memory data) = address(_market).call{value: value}(call_);
        if (!ok) {
            assembly {
                revert(add(data, 0x20), mload(data))
            }
        }
        return data;
    }

    receive() external payable {
        if (_reverts) revert("no thanks");
        if (_call.length == 0 || _calling) return;
        _calling = true;
        (reentered, answer) = address(_market).call(_call);
        _calling = false;
    }
}

/// @dev A wallet that is a contract: ERC-1271 with one key behind it.
contract Wallet {
    address public signer;

    constructor(address signer_) {
        signer = signer_;
    }

    function replace(address signer_) external {
        signer = signer_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s, uint8 v) = (bytes32(signature[0:32]), bytes32(signature[32:64]), uint8(signature[64]));
        return ecrecover(hash, v, r, s) == signer ? this.isValidSignature.selector : bytes4(0);
    }
}
