// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "../interfaces/IMarketTypes.sol";
import {IEnergyDoubleAuctionErrors} from "../interfaces/IEnergyDoubleAuctionErrors.sol";
import {OrderWord} from "./OrderWord.sol";

/// @title Accounts: owner, next nonce, strikes and withdrawable balance in one word
/// @dev owner 0..159 | nonce 160..183 | strikes 184..191 | balance in money units 192..255.
/// Balances cannot overflow: their sum never exceeds what the contract holds, and money is let in only while that is
/// below 2**64 money units ({MAX_HELD}).
library Ledger {
    uint256 internal constant MAX_HELD = type(uint64).max;
    uint256 internal constant MAX_NONCE = type(uint24).max;
    uint256 internal constant MAX_STRIKES = type(uint8).max;
    uint256 private constant _NONCE_SHIFT = 160;
    uint256 private constant _STRIKE_SHIFT = 184;
    uint256 internal constant BALANCE_SHIFT = 192;

    struct State {
        mapping(address trader => uint256) ids;
        mapping(uint256 id => uint256) words;
    }

    function ownerOf(uint256 word) internal pure returns (address) {
        return address(uint160(word));
    }

    function nonceOf(uint256 word) internal pure returns (uint256) {
        return (word >> _NONCE_SHIFT) & MAX_NONCE;
    }

    function strikesOf(uint256 word) internal pure returns (uint256) {
        return (word >> _STRIKE_SHIFT) & MAX_STRIKES;
    }

    function balanceOf(uint256 word) internal pure returns (uint256) {
        return word >> BALANCE_SHIFT;
    }

    function withNonce(uint256 word, uint256 nonce) internal pure returns (uint256) {
        return (word & ~(MAX_NONCE << _NONCE_SHIFT)) | (nonce << _NONCE_SHIFT);
    }

    function withStrike(uint256 word) internal pure returns (uint256) {
        return strikesOf(word) == MAX_STRIKES ? word : word + (1 << _STRIKE_SHIFT);
    }

    function credit(State storage self, uint256 id, uint256 units) internal {
        self.words[id] += units << BALANCE_SHIFT;
    }

    /// @notice Opens account `id` for a trader that has none.
    function open(State storage self, address trader, uint256 id) internal {
        if (trader == address(0)) revert IEnergyDoubleAuctionErrors.ZeroAddress();
        if (id > OrderWord.MAX_ACCOUNT) revert IEnergyDoubleAuctionErrors.AccountsExhausted();
        self.ids[trader] = id;
        self.words[id] = uint160(trader);
        emit IMarketTypes.AccountOpened(id, trader);
    }
}
