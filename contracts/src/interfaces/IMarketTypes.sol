// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The words of the market: its structures and events
interface IMarketTypes {
    // ------------------------------------------------------------------------------------------------------ types

    /// @notice Who sets the price of a trade.
    enum PricingMode {
        Uniform, // all trades of a round at the midpoint of the marginal pair
        PayAsBid // each trade at the limit of its bid; the seller receives it
    }

    enum OrderStatus {
        None, // no such order
        Resting, // on the book with something left; it may be past its expiry and not pruned yet
        Filled, // all of it matched (a failed trade may bring part of it back)
        Closed // cancelled, expired and pruned, or taken off to avoid a trade with oneself
    }

    enum TradeStatus {
        Pending, // matched, waits for its report (or for the end of its round)
        Settled, // delivered and received in full, paid
        Short, // a report was accepted, part or all was not delivered or not received; that part was penalised
        Expired // no report before the deadline; penalised
    }

    /// @notice An order as the trader knows it.
    /// @dev `deposit` is the collateral posted at placement for the whole quantity, at the rate of that moment.
    /// `qtyFilled` is what is matched now; quantity returned to the book after a failed trade is not in it.
    struct Order {
        uint256 id;
        address trader;
        bool isBid;
        uint256 price;
        uint256 qty;
        uint256 qtyFilled;
        uint64 expiry;
        uint256 deposit;
    }

    /// @notice A trade as derived from its two orders and its round.
    /// @dev `price` is 0 and `deadline` 0 while the round is open. `deliveredWh` is the evidence posted by
    /// {postDelivery} and still waiting for the receipt, 0 if none.
    struct Trade {
        uint256 round;
        uint256 bidId;
        uint256 askId;
        address buyer;
        address seller;
        uint256 qty;
        uint256 price;
        uint64 deadline;
        TradeStatus status;
        uint256 deliveredWh;
    }

    /// @notice One finished round.
    struct Round {
        uint64 clearedAt;
        uint64 deadline; // last second at which its trades can be settled
        uint256 marginalBid;
        uint256 marginalAsk;
        uint256 mcp; // midpoint of the two, in either pricing mode
        PricingMode pricingMode;
        uint256 qty; // Wh matched
    }

    /// @notice The round that is being matched page by page.
    /// @dev Without an open round all but `round` is empty.
    struct OpenRound {
        bool isOpen;
        uint256 round; // its number, or the next one if none is open
        uint256 lastOrderId; // orders with a larger id wait for the next round
        uint64 openedAt; // expiry is judged at this time on every page
        uint256 qty; // Wh matched so far
        PricingMode pricingMode;
    }

    struct Level {
        uint256 price;
        uint256 qty; // Wh resting, including orders that have expired and are not pruned yet
    }

    /// @notice The settable rules. See {setParams} for their bounds.
    struct Params {
        uint64 minQty; // Wh, a whole number of lots
        uint32 orderTTL; // s, the longest life of an order
        uint32 settlementTTL; // s from the end of the round to the deadline of its trades
        uint16 depositRate; // per mille of price * quantity
        uint16 maxSlippage; // basis points around the last MCP within which orders may be placed; 0 = no collar
        PricingMode pricingMode;
        uint8 strikeLimit; // an account with this many strikes places no more orders; 0 = no limit
        uint64 maxOpen; // Wh that one account may have open: resting on the book or in pending trades; 0 = no limit
    }

    /// @notice One of the caller's own orders in {placeBatch}.
    /// @dev `maxSlippage` in basis points: refuse this order if its price is farther from the last MCP; 0 = no such wish.
    struct NewOrder {
        bool isBid;
        uint256 price;
        uint256 qty;
        uint64 expiry;
        uint16 maxSlippage;
    }

    /// @notice An order signed off chain, EIP-712 type
    /// `SignedOrder(uint256 accountId,bool isBid,uint256 price,uint256 qty,uint64 expiry,uint16 maxSlippage,uint32 nonce)`.
    struct SignedOrder {
        uint256 accountId;
        bool isBid;
        uint256 price;
        uint256 qty;
        uint64 expiry;
        uint16 maxSlippage;
        uint32 nonce; // must equal the account's next nonce
    }

    /// @notice What a meter or the oracle measured for one trade, EIP-712 type
    /// `MeterReport(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh,uint64 windowStart,uint64 windowEnd,uint64 sequence)`.
    /// @dev `sequence` numbers the parcels of energy a signer has attested. A number is accepted once, whatever trade it
    /// names, so neither a report nor the Wh behind it can be used twice. The order of numbers is free.
    struct MeterReport {
        uint256 tradeId;
        uint256 deliveredWh; // exported by the seller for this trade
        uint256 receivedWh; // imported by the buyer for this trade
        uint64 windowStart;
        uint64 windowEnd;
        uint64 sequence;
    }

    /// @notice A report with who signed it and how: 65 or 64 (ERC-2098) bytes of ECDSA, or what an ERC-1271 signer wants.
    /// @dev `proof` of {settle} is `abi.encode(SignedReport[])`.
    struct SignedReport {
        MeterReport report;
        address signer;
        bytes signature;
    }

    struct Delivery {
        uint256 tradeId;
        uint256 deliveredWh;
        uint256 receivedWh;
    }

    /// @notice Many trades of one window under one oracle signature, EIP-712 type
    /// `MeterBatch(uint64 windowStart,uint64 windowEnd,uint64 sequence,Delivery[] deliveries)Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)`.
    struct MeterBatch {
        uint64 windowStart;
        uint64 windowEnd;
        uint64 sequence;
        Delivery[] deliveries;
    }

    // ----------------------------------------------------------------------------------------------------- events

    event OrderPlaced(
        uint256 indexed id, address indexed trader, bool isBid, uint256 price, uint256 qty, uint64 expiry
    );
    /// @notice What rested of the order was taken off and refunded: by its owner, the administrator, its expiry, or
    /// because it met an older order of the same trader.
    event OrderCancelled(uint256 indexed id);
    /// @notice `qty` of a failed trade went back on the book under its own id, ahead of younger orders of its price.
    event OrderRequeued(uint256 indexed id, uint256 qty);
    event TradeMatched(uint256 indexed bidId, uint256 indexed askId, uint256 qty, uint256 mcp);
    /// @notice The round goes on; `qty` is what is matched so far.
    event RoundPaged(uint256 indexed round, uint256 qty);
    /// @notice The round is over: its price, what it matched, and until when its trades can be settled.
    event RoundCleared(
        uint256 indexed round,
        uint256 mcp,
        uint256 marginalBid,
        uint256 marginalAsk,
        uint256 qty,
        uint64 deadline,
        PricingMode pricingMode
    );
    /// @notice The seller's meter attested a delivery; the receipt is still missing.
    event DeliveryPosted(uint256 indexed tradeId, uint256 deliveredWh);
    /// @notice `qty` was delivered, received and paid at `mcp` (the trade's price). Less than the trade's quantity if part
    /// of it failed; then {PenaltyApplied} follows.
    event TradeSettled(uint256 indexed tradeId, uint256 qty, uint256 mcp);
    event TradeExpired(uint256 indexed tradeId, address penalized);
    /// @notice `amount` of the trader's deposit went to the other side of the trade; one strike was added.
    event PenaltyApplied(address indexed trader, uint256 amount);
    event MarketPaused(bool paused);
    /// @notice An order of a batch was left out; `reason` is the error the single call would have reverted with.
    event OrderRefused(uint256 indexed index, uint256 indexed accountId, bytes reason);
    /// @notice A trade of a batch was left out; `reason` is the error the single call would have reverted with.
    event SettlementRefused(uint256 indexed tradeId, bytes reason);
    event AccountOpened(uint256 indexed accountId, address indexed trader);
    /// @notice There is no event of a withdrawal: the transfer of the coin or token is its record.
    event Deposited(uint256 indexed accountId, uint256 amount);
    event NonceRaised(uint256 indexed accountId, uint256 nonce);
    event ParamsChanged(Params params);
    /// @notice `accountId` 0: an oracle key, which attests both sides of any trade. Otherwise the meter of that account.
    event SignerAuthorized(address indexed signer, uint256 indexed accountId);
    /// @notice The key is accepted until `validUntil`, and only for trades cleared up to this block's time. 0 = revoked.
    event SignerRetired(address indexed signer, uint64 validUntil);
}
