// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "./IMarketTypes.sol";

/// @title What is done rarely, or only asked
interface IMarketDesk is IMarketTypes {
    // -------------------------------------------------------------------------------------------------------- trading

    /// @notice Makes all signed orders of the caller with a nonce below `nonce` worthless.
    function raiseNonce(uint32 nonce) external;

    /// @notice Takes orders past their expiry off the book and refunds them. Ids that are not due are passed over.
    /// Reverts with {RoundIsOpen} while a round is open, which takes off what it meets itself.
    /// @return pruned How many were taken off.
    function prune(uint256[] calldata orderIds) external returns (uint256 pruned);

    // ---------------------------------------------------------------------------------------------------------- money

    /// @notice Adds `amount` to the balance of `trader` (native: `msg.value` must be `amount`), opening its account.
    /// Reverts with {MarketFull} where the market would then hold more than 2**48 - 1 money units of the asset, escrow
    /// and whatever was forced in included; this bound, met by every way in, keeps each balance within its 48 bits.
    function deposit(address trader, uint256 amount) external payable returns (uint256 accountId);

    /// @notice {deposit} of a trader's own tokens by its ERC-2612 permit; anyone may send it. Where the permit is
    /// used up already, only the trader itself may go on by the allowance it left.
    function depositWithPermit(address trader, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 accountId);

    /// @notice Pays `amount` of the caller's balance to `to`.
    function withdrawTo(uint256 accountId, address to, uint256 amount) external;

    // ------------------------------------------------------------------------------------------------------- clearing

    /// @notice Ends an open round early while the market is paused. What is matched stands at the price reached.
    function abortRound() external;

    // ----------------------------------------------------------------------------------------------------- settlement

    /// @notice Records a delivery attested by the seller's meter, so that the buyer is at fault if no receipt follows. Once
    /// per trade, until its deadline. Less than one lot is none and reverts with {DeliveryMissing}. As in every report,
    /// `windowStart` must be before `windowEnd`, not before the round's `clearedAt` - 120 s, and `windowEnd` not after
    /// now + 120 s nor the deadline + 120 s, or it reverts with {WindowOutOfRange}.
    function postDelivery(uint256 tradeId, SignedReport calldata signed) external;

    // ---------------------------------------------------------------------------------------------------------- owner

    /// @notice Sets the rules for what comes; orders, trades and an open round keep theirs. Bounds: `minQty` from one
    /// lot to 1,000,000 lots; `orderTTL` and `settlementTTL` 60 s to 30 days; `depositRate` to 1000; `maxSlippage` to
    /// 10,000; `maxOpen` 0, or from `minQty` to 2**24 - 1 lots. Under a lower `maxOpen` a trader keeps all it has open,
    /// and what returns to the book of it, and places again once it is below.
    function setParams(Params calldata newParams) external;

    /// @notice Registers an oracle key (EOA or ERC-1271 contract).
    function authorizeOracle(address key) external;

    /// @notice Registers the meter key of a trader, opening the trader's account if need be.
    function authorizeMeter(address key, address trader) external;

    /// @notice Rotates a key out: from now on it is accepted only for trades already cleared, and only until
    /// `validUntil`, at most 30 days ahead. A `validUntil` in the past revokes it at once.
    function retireSigner(address key, uint64 validUntil) external;

    /// @notice Takes any order off the book and refunds its owner.
    function adminCancel(uint256 orderId) external;

    /// @notice Stops placing and matching, nothing else.
    function pause() external;

    function unpause() external;

    // ---------------------------------------------------------------------------------------------------------- views

    function asset() external view returns (address); // address(0) = native coin
    function priceTick() external view returns (uint256);
    function lot() external view returns (uint256);
    function moneyUnit() external view returns (uint256);
    function params() external view returns (Params memory);
    function domainSeparator() external view returns (bytes32);

    /// @notice The price of the last finished round, 0 before the first. The collar is drawn around it.
    function lastMcp() external view returns (uint256);

    /// @notice The highest order id given out.
    function lastOrderId() external view returns (uint256);

    /// @notice What placing would take from the balance now: payment and deposit of a bid, deposit of an ask.
    function escrowFor(bool isBid, uint256 price, uint256 qty) external view returns (uint256);

    /// @notice The account of a trader, 0 if it has none.
    function accountOf(address trader) external view returns (uint256 accountId);
    function account(uint256 accountId)
        external
        view
        returns (address owner, uint256 balance, uint256 nonce, uint256 strikeCount);

    /// @notice The withdrawable balance of a trader.
    function balanceOf(address trader) external view returns (uint256);

    /// @notice How often the trader failed a trade; counting stops at 255.
    function strikes(address trader) external view returns (uint256);

    /// @notice Wh of a trader that are open: resting on the book (an order past its expiry until it is taken off), or in
    /// trades that are neither settled nor expired. What `maxOpen` bounds.
    function openOf(address trader) external view returns (uint256);

    function order(uint256 orderId) external view returns (Order memory);
    function orderStatus(uint256 orderId) external view returns (OrderStatus status, uint256 restingQty);

    /// @notice Orders of a trader among the ids `fromId .. fromId + maxScan - 1`, for page by page reading.
    /// @return orders In order of id.
    /// @return nextId Where to go on, 0 at the end.
    function ordersOf(address trader, uint256 fromId, uint256 maxScan)
        external
        view
        returns (Order[] memory orders, uint256 nextId);

    /// @notice Reverts with {UnknownTrade} if the two orders did not meet in the round. Also, since a trade is derived from
    /// its orders: of a failed trade whose whole quantity went back to an order that it had filled and that had no other
    /// trade in its round; and, while its round is open, of a pair whose one order is not used up yet.
    function trade(uint256 tradeId) external view returns (Trade memory);

    /// @notice Pending trades of an order in a round, found from state alone among counterparties
    /// `fromId .. fromId + maxScan - 1`.
    function pendingTrades(uint256 orderId, uint256 round_, uint256 fromId, uint256 maxScan)
        external
        view
        returns (uint256[] memory tradeIds, uint256 nextId);

    function tradeIdOf(uint256 round_, uint256 bidId, uint256 askId) external pure returns (uint256);
    function round(uint256 round_) external view returns (Round memory);
    function openRound() external view returns (OpenRound memory);

    /// @notice Up to `max` levels from the best price on.
    function levels(bool isBid, uint256 max) external view returns (Level[] memory);

    /// @notice What a round would give now by the aggregated levels: it counts expired orders that are not pruned and
    /// knows no owners. Reads at most `maxLevels` levels a side.
    function indicative(uint256 maxLevels)
        external
        view
        returns (uint256 qty, uint256 marginalBid, uint256 marginalAsk, uint256 mcp);

    /// @notice Whether a signer may attest, for which account (0 = oracle), and when it was retired (0 = it is not).
    function signer(address key)
        external
        view
        returns (bool authorized, uint256 accountId, uint64 retiredAt, uint64 validUntil);

    function isSequenceUsed(address key, uint64 sequence) external view returns (bool);
}
