// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {MarketBase} from "./MarketBase.sol";
import {MarketDesk} from "./MarketDesk.sol";
import {Matching} from "./Matching.sol";
import {Placing} from "./Placing.sol";
import {Settling} from "./Settling.sol";
import {Ledger} from "./libraries/Ledger.sol";

/// @title The local energy market of a microgrid
/// @notice See {IEnergyDoubleAuction} for every rule. Orders come and go in {Placing}, rounds are matched in {Matching},
/// trades become money in {Settling}; what is rare or only asked is in {MarketDesk}. The owner sets rules and keys, and
/// can move nobody's money.
contract EnergyDoubleAuction is Placing, Matching, Settling {
    using Ledger for uint256;

    /// @dev Created here, holds no state, cannot be replaced.
    address private immutable _desk;

    /// @param asset_ The ERC-20 token of all payments, or 0 for the native coin.
    /// @param priceTick_ Base units per kWh, even, `priceTick_ * lot_ % 1_000_000 == 0`.
    /// @param lot_ Wh.
    /// @param owner_ Sets parameters and keys.
    /// @param oracle_ The first oracle key.
    constructor(
        address asset_,
        uint256 priceTick_,
        uint256 lot_,
        Params memory params_,
        address owner_,
        address oracle_
    ) MarketBase(asset_, _exact(priceTick_, lot_), lot_) {
        _desk = address(new MarketDesk(asset_, priceTick_, lot_));
        Address.functionDelegateCall(_desk, abi.encodeCall(MarketDesk.initialize, (params_, owner_, oracle_)));
    }

    /// @return `priceTick_`, if no amount can ever be a fraction.
    function _exact(uint256 priceTick_, uint256 lot_) private pure returns (uint256) {
        // The upper bounds keep every product of price, quantity and rate far below 2**256.
        bool exact = priceTick_ != 0 && lot_ != 0 && priceTick_ % 2 == 0 && priceTick_ <= type(uint96).max
            && lot_ <= type(uint32).max && priceTick_ * lot_ % MONEY_UNITS == 0;
        if (!exact) revert UnitsNotExact(priceTick_, lot_);
        return priceTick_;
    }

    function withdraw(uint256 accountId) external nonReentrant returns (uint256 amount) {
        uint256 word = _ownWord(accountId);
        amount = _toMoney(word.balanceOf());
        _ledger.words[accountId] = word & ((1 << Ledger.BALANCE_SHIFT) - 1);
        _send(msg.sender, amount);
    }

    /// @dev Coins without a purpose are refused: see {deposit}.
    receive() external payable {
        revert WrongNativeAmount(msg.value, 0);
    }

    /// @dev Everything of {IMarketDesk}: the desk's code on this contract's state.
    fallback() external payable {
        address desk = _desk;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), desk, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}
