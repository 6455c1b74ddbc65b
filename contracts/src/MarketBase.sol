// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IEnergyDoubleAuctionErrors} from "./interfaces/IEnergyDoubleAuctionErrors.sol";
import {IMarketTypes} from "./interfaces/IMarketTypes.sol";
import {Book} from "./libraries/Book.sol";
import {Clearing} from "./libraries/Clearing.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Reports} from "./libraries/Reports.sol";

/// @title What all parts of the market share: its state, its units and the way money comes in
/// @dev {EnergyDoubleAuction} and {MarketDesk} both begin with this state, since one runs the other's code on it.
abstract contract MarketBase is
    IMarketTypes,
    IEnergyDoubleAuctionErrors,
    ReentrancyGuardTransient,
    Pausable,
    EIP712
{
    using SafeERC20 for IERC20;
    using Book for Book.State;
    using Ledger for Ledger.State;
    using Ledger for uint256;
    using OrderWord for uint256;

    /// @dev Running numbers, one storage slot.
    struct Counters {
        uint32 lastOrderId;
        uint32 lastOrdinal; // of pairs, through all rounds
        uint24 rounds; // finished
        uint32 lastPriceSum; // marginal bid + marginal ask of the last round, in ticks
        uint32 lastAccountId;
    }

    /// @dev priceTick * lot / MONEY_UNITS is the money unit: one per mille of a tick's payment for one lot.
    uint256 internal constant MONEY_UNITS = 1_000_000;
    uint256 internal constant BASIS_POINTS = 10_000;

    IERC20 internal immutable _asset; // address(0) = native coin
    uint256 internal immutable _priceTick;
    uint256 internal immutable _lot;
    uint256 internal immutable _moneyUnit;

    Counters internal _counters;
    Params internal _params;
    Clearing.Round internal _open;
    Clearing.Resume internal _resume; // of the open round
    Book.State internal _book;
    Ledger.State internal _ledger;
    Reports.State internal _reports;
    /// @dev clearedAt 0..31 | deadline 32..63 | bid tick 64..87 | ask tick 88..111 | pricing mode 112..119 | lots 120..
    mapping(uint256 round => uint256) internal _rounds;
    /// @dev Two bits per trade, {TradeStatus}, 128 trades a slot by number.
    mapping(uint256 index => uint256) internal _statuses;
    /// @dev Lots attested by the seller's meter alone.
    mapping(uint256 tradeId => uint256) internal _posted;

    /// @param asset_ The ERC-20 token of all payments, or 0 for the native coin.
    /// @param priceTick_ Base units per kWh.
    /// @param lot_ Wh. {EnergyDoubleAuction} has checked both.
    constructor(address asset_, uint256 priceTick_, uint256 lot_) EIP712("EnergyDoubleAuction", "1") {
        _asset = IERC20(asset_);
        _priceTick = priceTick_;
        _lot = lot_;
        _moneyUnit = priceTick_ * lot_ / MONEY_UNITS;
    }

    // ------------------------------------------------------------------------------------------------------ state

    // Copies between storage and memory are long; here they exist once.

    function _loadCounters() internal view returns (Counters memory) {
        return _counters;
    }

    function _saveCounters(Counters memory counters) internal {
        _counters = counters;
    }

    function _loadRound() internal view returns (Clearing.Round memory) {
        return _open;
    }

    function _saveRound(Clearing.Round memory round_) internal {
        _open = round_;
    }

    function _loadParams() internal view returns (Params memory) {
        return _params;
    }

    // ------------------------------------------------------------------------------------------------------ units

    function _toMoney(uint256 units) internal view returns (uint256) {
        return units * _moneyUnit;
    }

    /// @dev Reverts unless `amount` is a whole number of money units.
    function _toUnits(uint256 amount) internal view returns (uint256) {
        if (amount % _moneyUnit != 0) revert AmountNotExact(amount, _moneyUnit);
        return amount / _moneyUnit;
    }

    function _isNative() internal view returns (bool) {
        return address(_asset) == address(0);
    }

    // ------------------------------------------------------------------------------------------------------ money

    /// @dev Takes note of the coins that came with the call. With a token, none may come.
    /// @return Money units to credit.
    function _received() internal view returns (uint256) {
        if (msg.value == 0) return 0;
        if (!_isNative()) revert WrongNativeAmount(msg.value, 0);
        _checkHeld(address(this).balance);
        return _toUnits(msg.value);
    }

    /// @dev Takes tokens from `from` and makes sure that all arrived.
    function _pull(address from, uint256 amount) internal {
        uint256 before = _asset.balanceOf(address(this));
        _asset.safeTransferFrom(from, address(this), amount);
        uint256 held = _asset.balanceOf(address(this));
        if (held < before || held - before != amount) {
            revert TokenAmountMismatch(held < before ? 0 : held - before, amount);
        }
        _checkHeld(held);
    }

    /// @dev What is owed never exceeds what is held; with this bound no balance can overflow its 64 bits.
    function _checkHeld(uint256 held) private view {
        if (held / _moneyUnit > Ledger.MAX_HELD) revert MarketFull(held, _toMoney(Ledger.MAX_HELD));
    }

    /// @dev The account of `trader`, opened if need be.
    function _accountFor(address trader) internal returns (uint256 id) {
        id = _ledger.idOf(trader);
        if (id == 0) {
            id = uint256(_counters.lastAccountId) + 1;
            _ledger.open(trader, id);
            _counters.lastAccountId = uint32(id);
        }
    }

    function _credit(uint256 accountId, uint256 units, uint256 amount) internal {
        _ledger.credit(accountId, units);
        emit Deposited(accountId, amount);
    }

    function _ownWord(uint256 accountId) internal view returns (uint256 word) {
        word = _ledger.words[accountId];
        if (word == 0) revert UnknownAccount(accountId);
        if (word.ownerOf() != msg.sender) revert NotAccountOwner(accountId, msg.sender);
    }

    function _send(address to, uint256 amount) internal {
        if (_isNative()) {
            (bool sent,) = to.call{value: amount}("");
            if (!sent) revert NativeTransferFailed(to, amount);
        } else {
            _asset.safeTransfer(to, amount);
        }
    }

    // --------------------------------------------------------------------------------------------------------- orders

    /// @dev Reverts unless the order rests on the book and no open round holds it there.
    function _restingOrder(uint256 orderId) internal view returns (uint256 word) {
        word = _book.orders[orderId];
        if (word == 0) revert UnknownOrder(orderId);
        if (word.stateOf() != OrderWord.RESTING) revert OrderNotResting(orderId);
        if (_isRoundOpen() && orderId <= _open.lastOrderId) revert OrderInOpenRound(orderId, _currentRound());
    }

    function _close(uint256 orderId, uint256 word, uint256 accountId, uint256 accountWord) internal {
        _book.close(orderId, word);
        uint256 lots = word.restOf();
        _ledger.words[accountId] = accountWord.changed(Ledger.change(lots, word.escrowOf(lots)));
        emit OrderCancelled(orderId);
    }

    // ------------------------------------------------------------------------------------------------------ rounds

    function _isRoundOpen() internal view returns (bool) {
        return _open.flags & Clearing.OPEN != 0;
    }

    /// @dev The number of the open round, or of the next one.
    function _currentRound() internal view returns (uint256) {
        return uint256(_counters.rounds) + 1;
    }

    function _requireNoRound() internal view {
        if (_isRoundOpen()) revert RoundIsOpen(_currentRound());
    }

    /// @dev A round without a match leaves no trace and its number to the next.
    function _closeRound(Clearing.Round memory round_, Counters memory counters) internal {
        PricingMode mode = round_.flags & Clearing.PAY_AS_BID != 0 ? PricingMode.PayAsBid : PricingMode.Uniform;
        round_.flags = 0;
        if (round_.matched == 0) return;
        uint256 deadline = block.timestamp + round_.settlementTTL;
        uint256 number = uint256(++counters.rounds);
        counters.lastPriceSum = uint32(round_.bidTick) + round_.askTick;
        _rounds[number] = block.timestamp | (deadline << 32) | (uint256(round_.bidTick) << 64)
            | (uint256(round_.askTick) << 88) | (uint256(mode) << 112) | (uint256(round_.matched) << 120);
        emit RoundCleared(
            number,
            _midpoint(round_),
            round_.bidTick * _priceTick,
            round_.askTick * _priceTick,
            round_.matched * _lot,
            uint64(deadline),
            mode
        );
    }

    function _midpoint(Clearing.Round memory round_) internal view returns (uint256) {
        return (uint256(round_.bidTick) + round_.askTick) * _priceTick / 2;
    }

}
