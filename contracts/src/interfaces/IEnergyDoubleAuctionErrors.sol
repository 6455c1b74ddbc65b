// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice Every way in which the market says no, with what was given and what was expected.
interface IEnergyDoubleAuctionErrors {
    // placing
    error PriceOffTick(uint256 price, uint256 priceTick);
    error PriceOutOfRange(uint256 price, uint256 lowest, uint256 highest);
    error PriceOutsideCollar(uint256 price, uint256 lowest, uint256 highest);
    error QtyOffLot(uint256 qty, uint256 lot);
    error QtyOutOfRange(uint256 qty, uint256 smallest, uint256 largest);
    error ExpiryOutOfRange(uint256 expiry, uint256 earliest, uint256 latest);
    error OpenLimitReached(uint256 open, uint256 asked, uint256 limit);
    error StrikeLimitReached(address trader, uint256 strikes, uint256 limit);
    error NonceMismatch(uint256 accountId, uint256 given, uint256 expected);
    error InvalidSignature(address signer);
    error LengthMismatch(uint256 orders, uint256 signatures);
    error OrderIdsExhausted();

    // cancelling
    error UnknownOrder(uint256 orderId);
    error NotOrderOwner(uint256 orderId, address caller);
    error OrderNotResting(uint256 orderId);
    error OrderInOpenRound(uint256 orderId, uint256 round);

    // money
    error UnknownAccount(uint256 accountId);
    error NotAccountOwner(uint256 accountId, address caller);
    error InsufficientBalance(uint256 accountId, uint256 needed, uint256 available);
    error AmountNotExact(uint256 amount, uint256 moneyUnit);
    error WrongNativeAmount(uint256 sent, uint256 expected);
    error TokenAmountMismatch(uint256 received, uint256 expected);
    error MarketFull(uint256 held, uint256 limit);
    error NativeTransferFailed(address to, uint256 amount);
    error NoPermitOnNativeCoin();
    error PermitRefused(address trader);
    error NonceNotRaised(uint256 given, uint256 current);
    error AccountsExhausted();
    error ZeroAddress();

    // clearing
    error NoMatchesAsked();
    error RoundIsOpen(uint256 round);
    error NoOpenRound();
    error RoundsExhausted();

    // settling
    error UnknownTrade(uint256 tradeId);
    error TradeNotPending(uint256 tradeId);
    error RoundNotCleared(uint256 round);
    error DeadlinePassed(uint256 tradeId, uint256 deadline);
    error DeadlineNotReached(uint256 tradeId, uint256 deadline);
    error WrongTrade(uint256 reported, uint256 expected);
    error WindowOutOfRange(uint256 start, uint256 end, uint256 earliest, uint256 latest);
    error SignerNotAuthorized(address signer);
    error SignerRetiredForTrade(address signer, uint256 retiredAt, uint256 validUntil);
    error NotMeterOfTrade(address signer, uint256 accountId);
    error SequenceUsed(address signer, uint256 sequence);
    error ReceiptMissing(uint256 tradeId);
    error DeliveryMissing(uint256 tradeId);
    error DeliveryAlreadyPosted(uint256 tradeId, uint256 deliveredWh);

    // owner
    error ParamOutOfRange(bytes32 name, uint256 value, uint256 lowest, uint256 highest);
    error UnitsNotExact(uint256 priceTick, uint256 lot);
    error SignerKnown(address signer);
    error AlreadyInitialized();
}
