// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketCore} from "./interfaces/IMarketCore.sol";
import {MarketBase} from "./MarketBase.sol";
import {Book} from "./libraries/Book.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {OrderWord} from "./libraries/OrderWord.sol";
import {Refusal} from "./libraries/Refusal.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Orders onto the book and off it
abstract contract Placing is IMarketCore, MarketBase {
    using Book for Book.State;
    using Ledger for Ledger.State;
    using Ledger for uint256;
    using OrderWord for uint256;

    bytes32 private constant _ORDER_TYPEHASH = keccak256(
        "SignedOrder(uint256 accountId,bool isBid,uint256 price,uint256 qty,uint64 expiry,uint16 maxSlippage,uint32 nonce)"
    );

    // ----------------------------------------------------------------------------------------------------- placing

    function placeBid(uint256 price, uint256 qty, uint64 expiry)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256)
    {
        return _placeOwn(NewOrder(true, price, qty, expiry, 0));
    }

    function placeAsk(uint256 price, uint256 qty, uint64 expiry)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256)
    {
        return _placeOwn(NewOrder(false, price, qty, expiry, 0));
    }

    function placeBatch(NewOrder[] calldata orders)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint256[] memory ids)
    {
        uint256 accountId = _accountFor(msg.sender);
        uint256 accountWord = _ledger.words[accountId] + (_received() << Ledger.BALANCE_SHIFT);
        Counters memory counters = _loadCounters();
        Params memory rules = _loadParams();
        ids = new uint256[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            bytes memory reason;
            (ids[i], accountWord, reason) = _place(orders[i], accountId, accountWord, rules, counters);
            if (reason.length != 0) emit OrderRefused(i, accountId, reason);
        }
        _ledger.words[accountId] = accountWord;
        _saveCounters(counters);
    }

    function placeSigned(SignedOrder[] calldata orders, bytes[] calldata signatures)
        external
        nonReentrant
        whenNotPaused
        returns (uint256[] memory ids)
    {
        if (orders.length != signatures.length) revert LengthMismatch(orders.length, signatures.length);
        Counters memory counters = _loadCounters();
        Params memory rules = _loadParams();
        ids = new uint256[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            SignedOrder calldata signed = orders[i];
            uint256 accountWord = _ledger.words[signed.accountId];
            bytes memory reason = _signedRefusal(signed, signatures[i], accountWord);
            if (reason.length == 0) {
                (ids[i], accountWord, reason) = _place(
                    NewOrder(signed.isBid, signed.price, signed.qty, signed.expiry, signed.maxSlippage),
                    signed.accountId,
                    accountWord,
                    rules,
                    counters
                );
            }
            if (reason.length == 0) _ledger.words[signed.accountId] = accountWord.withNonce(uint256(signed.nonce) + 1);
            else emit OrderRefused(i, signed.accountId, reason);
        }
        _saveCounters(counters);
    }

    function _placeOwn(NewOrder memory order) private returns (uint256 id) {
        uint256 accountId = _accountFor(msg.sender);
        uint256 accountWord = _ledger.words[accountId] + (_received() << Ledger.BALANCE_SHIFT);
        Counters memory counters = _loadCounters();
        Params memory rules = _loadParams();
        if (!_isNative()) {
            Refusal.raise(_refusal(order, accountWord, rules, counters));
            accountWord += _pullShortfall(order, accountWord, rules) << Ledger.BALANCE_SHIFT;
        }
        bytes memory reason;
        (id, accountWord, reason) = _place(order, accountId, accountWord, rules, counters);
        Refusal.raise(reason);
        _ledger.words[accountId] = accountWord;
        _saveCounters(counters);
    }

    /// @dev Takes what the balance lacks for the order's escrow from the caller's tokens.
    /// @return lacking Money units.
    function _pullShortfall(NewOrder memory order, uint256 accountWord, Params memory rules)
        private
        returns (uint256 lacking)
    {
        uint256 units = _word(order, 0, rules).escrowOf(order.qty / _lot);
        uint256 balance = accountWord.balanceOf();
        if (balance >= units) return 0;
        lacking = units - balance;
        _pull(msg.sender, _toMoney(lacking));
    }

    /// @dev Puts one order on the book and takes its escrow from the balance.
    /// @return id The order, 0 if it is refused.
    /// @return newAccountWord The account less the escrow; unchanged if it is refused.
    /// @return reason The error of a refused order, else empty.
    function _place(
        NewOrder memory order,
        uint256 accountId,
        uint256 accountWord,
        Params memory rules,
        Counters memory counters
    ) private returns (uint256 id, uint256 newAccountWord, bytes memory reason) {
        reason = _refusal(order, accountWord, rules, counters);
        if (reason.length != 0) return (0, accountWord, reason);
        uint256 word = _word(order, accountId, rules);
        uint256 units = word.escrowOf(word.lotsOf());
        uint256 balance = accountWord.balanceOf();
        if (balance < units) {
            reason = Refusal.data(InsufficientBalance.selector, accountId, _toMoney(units), _toMoney(balance));
            return (0, accountWord, reason);
        }
        // Unchecked: the balance covers the escrow, and {_refusal} left room for the lots.
        unchecked {
            newAccountWord = accountWord - (units << Ledger.BALANCE_SHIFT) + (word.lotsOf() << Ledger.OPEN_SHIFT);
        }
        id = _append(order, word, accountWord.ownerOf(), counters);
    }

    function _append(NewOrder memory order, uint256 word, address trader, Counters memory counters)
        private
        returns (uint256 id)
    {
        // Unchecked: {_refusal} made sure of one more id.
        unchecked {
            id = ++counters.lastOrderId;
        }
        _book.append(id, word);
        emit OrderPlaced(id, trader, order.isBid, order.price, order.qty, order.expiry);
    }

    function _word(NewOrder memory order, uint256 accountId, Params memory rules) private view returns (uint256) {
        return OrderWord.pack(
            order.price / _priceTick, order.expiry, order.qty / _lot, accountId, rules.depositRate, order.isBid
        );
    }

    /// @return The error that keeps the order off the book whatever its account holds, empty if nothing does.
    function _refusal(NewOrder memory order, uint256 accountWord, Params memory rules, Counters memory counters)
        private
        view
        returns (bytes memory)
    {
        // Unchecked: units and widths keep these below 2**128, and the quantity is bounded before it is added.
        unchecked {
            uint256 highest = OrderWord.MAX_TICK * _priceTick;
            if (order.price == 0 || order.price > highest) {
                return Refusal.data(PriceOutOfRange.selector, order.price, _priceTick, highest);
            }
            if (order.price % _priceTick != 0) {
                return Refusal.data(PriceOffTick.selector, order.price, _priceTick);
            }
            highest = Ledger.MAX_OPEN * _lot;
            if (order.qty < rules.minQty || order.qty > highest) {
                return Refusal.data(QtyOutOfRange.selector, order.qty, rules.minQty, highest);
            }
            if (order.qty % _lot != 0) return Refusal.data(QtyOffLot.selector, order.qty, _lot);
            if (rules.maxOpen != 0) highest = rules.maxOpen;
            uint256 open = accountWord.openOf() * _lot;
            if (open + order.qty > highest) return Refusal.data(OpenLimitReached.selector, open, order.qty, highest);
            highest = block.timestamp + rules.orderTTL;
            if (order.expiry <= block.timestamp || order.expiry > highest) {
                return Refusal.data(ExpiryOutOfRange.selector, order.expiry, block.timestamp + 1, highest);
            }
        }
        if (rules.strikeLimit != 0) {
            address trader = accountWord.ownerOf();
            uint256 strikes = _ledger.strikesOf(trader);
            if (strikes >= rules.strikeLimit) {
                return Refusal.data(StrikeLimitReached.selector, uint160(trader), strikes, rules.strikeLimit);
            }
        }
        if (counters.lastOrderId == OrderWord.MAX_ID) return abi.encodeWithSelector(OrderIdsExhausted.selector);
        return _collarRefusal(order, rules, counters);
    }

    function _collarRefusal(NewOrder memory order, Params memory rules, Counters memory counters)
        private
        view
        returns (bytes memory)
    {
        uint256 slippage = rules.maxSlippage;
        if (order.maxSlippage != 0 && (slippage == 0 || order.maxSlippage < slippage)) slippage = order.maxSlippage;
        if (slippage == 0 || counters.lastPriceSum == 0) return "";
        uint256 last = counters.lastPriceSum * _priceTick / 2;
        uint256 distance = last * slippage / BASIS_POINTS;
        uint256 lowest = distance < last ? last - distance : 0;
        if (order.price >= lowest && order.price <= last + distance) return "";
        return Refusal.data(PriceOutsideCollar.selector, order.price, lowest, last + distance);
    }

    function _hashOrder(SignedOrder calldata signed) private pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := signed
        }
        return Signatures.hashStruct(_ORDER_TYPEHASH, offset, 7);
    }

    /// @return The error that keeps a signed order from being its trader's, empty if nothing does.
    function _signedRefusal(SignedOrder calldata signed, bytes calldata signature, uint256 accountWord)
        private
        view
        returns (bytes memory)
    {
        address owner = accountWord.ownerOf();
        if (owner == address(0)) return Refusal.data(UnknownAccount.selector, signed.accountId);
        uint256 nonce = accountWord.nonceOf();
        if (signed.nonce != nonce || nonce == Ledger.MAX_NONCE) {
            return Refusal.data(NonceMismatch.selector, signed.accountId, signed.nonce, nonce);
        }
        if (Signatures.isSignedBy(owner, _hashTypedDataV4(_hashOrder(signed)), signature)) return "";
        return Refusal.data(InvalidSignature.selector, owner);
    }

    // -------------------------------------------------------------------------------------------------- cancelling

    function cancelOrder(uint256 orderId) external nonReentrant {
        uint256 word = _restingOrder(orderId);
        uint256 accountId = word.accountOf();
        uint256 accountWord = _ledger.words[accountId];
        if (accountWord.ownerOf() != msg.sender) revert NotOrderOwner(orderId, msg.sender);
        _close(orderId, word, accountId, accountWord);
    }

}
