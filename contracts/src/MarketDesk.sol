// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {MarketBase} from "./MarketBase.sol";
import {MarketViews} from "./MarketViews.sol";
import {Clearing} from "./libraries/Clearing.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Reports} from "./libraries/Reports.sol";

/// @title What is done rarely, or only asked: run by {EnergyDoubleAuction} on its own state
contract MarketDesk is MarketViews, Ownable2Step {
    using Ledger for uint256;
    using OrderWord for uint256;

    uint256 private constant _SHORTEST_TIME = 60;
    uint256 private constant _LONGEST_TIME = 30 days;
    uint256 private constant _LARGEST_MIN_LOTS = 1_000_000;

    /// @dev Same units as the market that creates it; its own state stays empty.
    constructor(address asset_, uint256 priceTick_, uint256 lot_)
        MarketBase(asset_, priceTick_, lot_)
        Ownable(msg.sender)
    {}

    /// @dev Called by the market's constructor. Afterwards there always is an order TTL.
    function initialize(Params calldata params_, address owner_, address oracle_) external {
        if (_params.orderTTL != 0) revert AlreadyInitialized();
        if (owner_ == address(0)) revert ZeroAddress();
        _transferOwnership(owner_);
        _setParams(params_);
        _authorize(oracle_, 0);
    }

    // -------------------------------------------------------------------------------------------------------- trading

    function raiseNonce(uint32 nonce) external nonReentrant {
        uint256 accountId = _accountFor(msg.sender);
        uint256 accountWord = _ledger.words[accountId];
        if (nonce <= accountWord.nonceOf() || nonce > Ledger.MAX_NONCE) {
            revert NonceNotRaised(nonce, accountWord.nonceOf());
        }
        _ledger.words[accountId] = accountWord.withNonce(nonce);
        emit NonceRaised(accountId, nonce);
    }

    function prune(uint256[] calldata orderIds) external nonReentrant returns (uint256 pruned) {
        _requireNoRound();
        for (uint256 i = 0; i < orderIds.length; ++i) {
            uint256 word = _book.orders[orderIds[i]];
            if (word.stateOf() != OrderWord.RESTING || word.expiryOf() > block.timestamp) continue;
            uint256 accountId = word.accountOf();
            _close(orderIds[i], word, accountId, _ledger.words[accountId]);
            ++pruned;
        }
    }

    // ---------------------------------------------------------------------------------------------------------- money

    function deposit(address trader, uint256 amount) external payable nonReentrant returns (uint256 accountId) {
        accountId = _accountFor(trader);
        uint256 units = _toUnits(amount);
        if (_isNative()) {
            if (msg.value != amount) revert WrongNativeAmount(msg.value, amount);
            _received();
        } else {
            if (msg.value != 0) revert WrongNativeAmount(msg.value, 0);
            _pull(msg.sender, amount);
        }
        _credit(accountId, units, amount);
    }

    function depositWithPermit(address trader, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        returns (uint256 accountId)
    {
        if (_isNative()) revert NoPermitOnNativeCoin();
        accountId = _accountFor(trader);
        uint256 units = _toUnits(amount);
        // Whoever saw the permit may have used it first; then the allowance is there, and the trader itself may go on.
        // Nobody else may: an allowance alone must not let strangers move a trader's tokens.
        try IERC20Permit(address(_asset)).permit(trader, address(this), amount, deadline, v, r, s) {}
        catch {
            if (msg.sender != trader) revert PermitRefused(trader);
        }
        _pull(trader, amount);
        _credit(accountId, units, amount);
    }

    function withdrawTo(uint256 accountId, address to, uint256 amount) external nonReentrant {
        if (to == address(0)) revert ZeroAddress();
        uint256 word = _ownWord(accountId);
        uint256 units = _toUnits(amount);
        if (word.balanceOf() < units) revert InsufficientBalance(accountId, amount, _toMoney(word.balanceOf()));
        _ledger.words[accountId] = word - (units << Ledger.BALANCE_SHIFT);
        _send(to, amount);
    }

    // ------------------------------------------------------------------------------------------------------- clearing

    function abortRound() external nonReentrant whenPaused {
        Clearing.Round memory round_ = _loadRound();
        if (round_.flags & Clearing.OPEN == 0) revert NoOpenRound();
        Counters memory counters = _loadCounters();
        Clearing.cut(_book, round_, uint256(counters.rounds) + 1);
        _closeRound(round_, counters);
        _saveRound(round_);
        _saveCounters(counters);
    }

    // ----------------------------------------------------------------------------------------------------- settlement

    function postDelivery(uint256 tradeId, SignedReport calldata signed) external nonReentrant {
        Pair memory pair = _pendingPair(tradeId);
        if (_posted[tradeId] != 0) revert DeliveryAlreadyPosted(tradeId, _posted[tradeId] * _lot);
        uint256 accountId = _acceptReport(pair, signed);
        if (accountId != pair.askWord.accountOf()) revert NotMeterOfTrade(signed.signer, accountId);
        uint256 lots = _lotsIn(signed.report.deliveredWh, pair);
        if (lots == 0) revert DeliveryMissing(tradeId);
        _posted[tradeId] = lots;
        emit DeliveryPosted(tradeId, lots * _lot);
    }

    // ---------------------------------------------------------------------------------------------------------- owner

    function setParams(Params calldata params_) external onlyOwner {
        _setParams(params_);
    }

    function authorizeOracle(address signer_) external onlyOwner {
        _authorize(signer_, 0);
    }

    // Guarded, since opening an account counts on: a token that called an owner from inside a placement must not.
    function authorizeMeter(address signer_, address trader) external onlyOwner nonReentrant {
        _authorize(signer_, _accountFor(trader));
    }

    function retireSigner(address signer_, uint64 validUntil) external onlyOwner {
        Reports.Key storage key = _reports.keys[signer_];
        if (!key.authorized) revert SignerNotAuthorized(signer_);
        uint256 longest = key.retiredAt == 0 ? block.timestamp + _LONGEST_TIME : key.validUntil;
        _requireWithin("validUntil", validUntil, 0, longest);
        if (key.retiredAt == 0) key.retiredAt = uint40(block.timestamp);
        key.validUntil = uint40(validUntil);
        emit SignerRetired(signer_, validUntil);
    }

    function adminCancel(uint256 orderId) external nonReentrant onlyOwner {
        uint256 word = _restingOrder(orderId);
        uint256 accountId = word.accountOf();
        _close(orderId, word, accountId, _ledger.words[accountId]);
    }

    function pause() external onlyOwner {
        _pause();
        emit MarketPaused(true);
    }

    function unpause() external onlyOwner {
        _unpause();
        emit MarketPaused(false);
    }

    function _authorize(address signer_, uint256 accountId) private {
        if (signer_ == address(0)) revert ZeroAddress();
        Reports.Key storage key = _reports.keys[signer_];
        if (key.authorized) revert SignerKnown(signer_);
        key.authorized = true;
        key.accountId = uint32(accountId);
        emit SignerAuthorized(signer_, accountId);
    }

    function _setParams(Params memory params_) private {
        if (params_.minQty % _lot != 0) revert QtyOffLot(params_.minQty, _lot);
        _requireWithin("minQty", params_.minQty, _lot, _LARGEST_MIN_LOTS * _lot);
        _requireWithin("orderTTL", params_.orderTTL, _SHORTEST_TIME, _LONGEST_TIME);
        _requireWithin("settlementTTL", params_.settlementTTL, _SHORTEST_TIME, _LONGEST_TIME);
        _requireWithin("depositRate", params_.depositRate, 0, OrderWord.PAYMENT_RATE);
        _requireWithin("maxSlippage", params_.maxSlippage, 0, BASIS_POINTS);
        if (params_.maxOpen != 0) _requireWithin("maxOpen", params_.maxOpen, params_.minQty, Ledger.MAX_OPEN * _lot);
        _params = params_;
        emit ParamsChanged(params_);
    }

    function _requireWithin(bytes32 name, uint256 value, uint256 lowest, uint256 highest) private pure {
        if (value < lowest || value > highest) revert ParamOutOfRange(name, value, lowest, highest);
    }
}
