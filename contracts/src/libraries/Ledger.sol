// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "../interfaces/IMarketTypes.sol";
import {IEnergyDoubleAuctionErrors} from "../interfaces/IEnergyDoubleAuctionErrors.sol";
import {OrderWord} from "./OrderWord.sol";

/// @title Accounts: owner, next nonce, open lots and withdrawable balance in one word
/// @dev owner 0..159 | nonce 160..183 | open lots 184..207 | balance in money units 208..255.
/// Open are the lots of an account that rest on the book and those of its pending trades. Matching only moves them from
/// the one to the other, so a filled order costs no write here; whatever else changes them writes the word anyway.
/// Balances cannot overflow: their sum never exceeds what the contract holds, and money is let in only while that is
/// below 2**48 money units ({MAX_HELD}). Strikes are rare, and have their place beside the trader's number.
library Ledger {
    uint256 internal constant MAX_HELD = type(uint48).max;
    uint256 internal constant MAX_NONCE = type(uint24).max;
    uint256 internal constant MAX_OPEN = type(uint24).max;
    uint256 internal constant MAX_STRIKES = type(uint8).max;
    uint256 private constant _NONCE_SHIFT = 160;
    uint256 internal constant OPEN_SHIFT = 184;
    uint256 internal constant BALANCE_SHIFT = 208;
    uint256 private constant _STRIKE_SHIFT = 32;

    struct State {
        /// number of the account 0..31 | strikes 32..
        mapping(address trader => uint256) traders;
        mapping(uint256 id => uint256) words;
    }

    function ownerOf(uint256 word) internal pure returns (address) {
        return address(uint160(word));
    }

    function nonceOf(uint256 word) internal pure returns (uint256) {
        return (word >> _NONCE_SHIFT) & MAX_NONCE;
    }

    /// @return Lots.
    function openOf(uint256 word) internal pure returns (uint256) {
        return (word >> OPEN_SHIFT) & MAX_OPEN;
    }

    function balanceOf(uint256 word) internal pure returns (uint256) {
        return word >> BALANCE_SHIFT;
    }

    function withNonce(uint256 word, uint256 nonce) internal pure returns (uint256) {
        return (word & ~(MAX_NONCE << _NONCE_SHIFT)) | (nonce << _NONCE_SHIFT);
    }

    /// @return The trader's account, 0 if it has none.
    function idOf(State storage self, address trader) internal view returns (uint256) {
        return uint32(self.traders[trader]);
    }

    function strikesOf(State storage self, address trader) internal view returns (uint256) {
        return self.traders[trader] >> _STRIKE_SHIFT;
    }

    function strike(State storage self, address trader) internal {
        uint256 known = self.traders[trader];
        if (known >> _STRIKE_SHIFT != MAX_STRIKES) self.traders[trader] = known + (1 << _STRIKE_SHIFT);
    }

    function credit(State storage self, uint256 id, uint256 units) internal {
        self.words[id] += units << BALANCE_SHIFT;
    }

    /// @return What to add to an account's word, modulo 2**256, to end `lots` of its open ones and to credit `units`.
    function change(uint256 lots, uint256 units) internal pure returns (uint256) {
        // Unchecked: the sum with the word is what counts.
        unchecked {
            return (units << BALANCE_SHIFT) - (lots << OPEN_SHIFT);
        }
    }

    /// @return What to add to a {change} that ended `lots` which stay open after all.
    function keepOpen(uint256 lots) internal pure returns (uint256) {
        return lots << OPEN_SHIFT;
    }

    function changed(uint256 word, uint256 change_) internal pure returns (uint256) {
        // Unchecked: what ends was counted when it was placed; see above for the balance.
        unchecked {
            return word + change_;
        }
    }

    function update(State storage self, uint256 id, uint256 change_) internal {
        self.words[id] = changed(self.words[id], change_);
    }

    /// @notice Opens account `id` for a trader that has none.
    function open(State storage self, address trader, uint256 id) internal {
        if (trader == address(0)) revert IEnergyDoubleAuctionErrors.ZeroAddress();
        if (id > OrderWord.MAX_ACCOUNT) revert IEnergyDoubleAuctionErrors.AccountsExhausted();
        self.traders[trader] = id;
        self.words[id] = uint160(trader);
        emit IMarketTypes.AccountOpened(id, trader);
    }
}
