// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "./IMarketTypes.sol";

/// @title The everyday life of the market, from an order to its money
interface IMarketCore is IMarketTypes {
    // -------------------------------------------------------------------------------------------------------- trading

    /// @notice Offers to buy `qty` Wh at up to `price` per kWh until `expiry`. Escrow: the whole payment and a deposit,
    /// {escrowFor}. Native coin: `msg.value` is added to the caller's balance, the escrow is taken from the balance, the
    /// rest stays withdrawable. ERC-20: a shortfall of the balance is pulled by `transferFrom`. {MarketFull} as in
    /// {IMarketDesk-deposit}.
    /// @param qty A whole number of lots, from `minQty` to 2**24 - 1 lots. With what the trader has open already
    /// ({IMarketDesk-openOf}) at most `maxOpen`, or 2**24 - 1 lots where there is no such limit: {OpenLimitReached}.
    /// @param expiry Last second but one of the order's life: it is dead once `block.timestamp >= expiry`.
    /// @return The order's id.
    function placeBid(uint256 price, uint256 qty, uint64 expiry) external payable returns (uint256);

    /// @notice Offers to sell `qty` Wh at `price` per kWh or more until `expiry`. Escrow: a deposit.
    function placeAsk(uint256 price, uint256 qty, uint64 expiry) external payable returns (uint256);

    /// @notice Places several orders of the caller, paid from the balance (`msg.value` is added to it first). An order
    /// that cannot be placed is reported by {OrderRefused} and has id 0; the others stand.
    function placeBatch(NewOrder[] calldata orders) external payable returns (uint256[] memory ids);

    /// @notice Places orders that their traders signed; anyone may send them and pays the gas. Escrow comes from each
    /// account's balance. An order that cannot be placed is reported by {OrderRefused}, keeps its nonce and has id 0.
    function placeSigned(SignedOrder[] calldata orders, bytes[] calldata signatures)
        external
        returns (uint256[] memory ids);

    /// @notice Takes the caller's order off the book and refunds what is not matched to its balance. Refused while a
    /// round is open that the order takes part in.
    function cancelOrder(uint256 orderId) external;

    // ---------------------------------------------------------------------------------------------------------- money

    /// @notice Pays the whole balance of the caller's account to the caller.
    function withdraw(uint256 accountId) external returns (uint256 amount);

    // ------------------------------------------------------------------------------------------------------- clearing

    /// @notice Matches the best bids with the best asks. Bids by price descending, asks ascending, ties by the lower id,
    /// while a bid reaches an ask. The price is the midpoint of the last pair. A round is fixed at its first call: later
    /// orders wait, expiry is judged at that time, and its pricing mode and settlement TTL are frozen; so its result does
    /// not depend on how many calls it takes, nor on who makes them. Where a bid meets an ask of the same trader, the
    /// younger of the two is cancelled and refunded. Anyone may call.
    /// @param maxMatches At most so many pairs in this call (and a bounded number of other steps: levels left, orders
    /// removed); at most 2048 whatever is asked.
    /// @return matched Pairs made in this call.
    /// @return mcp The round's price if it ended in this call, else 0.
    function matchOrders(uint256 maxMatches) external returns (uint256 matched, uint256 mcp);

    // ----------------------------------------------------------------------------------------------------- settlement

    /// @notice Settles a trade by `proof = abi.encode(SignedReport[])`: one report of an oracle key, or one of the
    /// seller's meter (its delivered Wh counts) and one of the buyer's (its received Wh counts); the seller's may have
    /// been posted before. Settled: min(delivered, received), in whole lots, paid at the trade's price, both deposits
    /// back. Not delivered: the seller's deposit for it goes to the buyer, up to the price of that part, and the buyer's
    /// quantity returns to the book. Delivered and not received: the buyer's deposit for it goes to the seller, up to the
    /// price of that part, the buyer gets its payment back, and the seller's quantity returns to the book. A quantity
    /// whose order is cancelled or past its expiry, or that fails while a round is open, is refunded instead of returned.
    function settle(uint256 tradeId, bytes calldata proof) external;

    /// @notice Settles many trades by one oracle signature. A trade that cannot be settled is reported by
    /// {SettlementRefused}; the others stand. The sequence number is used up.
    /// @return settled How many trades were settled, in full or in part.
    function settleBatch(MeterBatch calldata batch, address signer, bytes calldata signature)
        external
        returns (uint256 settled);

    /// @notice Closes a trade that was not settled by its deadline. Quantity with a posted delivery: the buyer is at
    /// fault. All other quantity: the seller is. Consequences as in {settle}. Refused while a round is open.
    function expire(uint256 tradeId) external;
}
