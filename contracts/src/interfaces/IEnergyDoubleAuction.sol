// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors} from "./IEnergyDoubleAuctionErrors.sol";

/// @title A double auction for local energy: escrowed orders, one price per round, meters as proof
/// @notice Units. Energy: Wh. Prices: base units of the asset (wei for the native coin) per kWh. Money: base units of
/// the asset. Times: `block.timestamp` of the chain, never the wall clock of a meter. Rates: `depositRate` in per
/// mille of the order's value, `maxSlippage` in basis points.
///
/// Exactness. A price is a whole number of `priceTick`, a quantity a whole number of `lot` (both immutable). The
/// constructor demands `priceTick % 2 == 0` (the midpoint of two prices is whole) and
/// `priceTick * lot % 1_000_000 == 0` (a deposit of any per mille, on any whole number of lots, is whole). Every amount
/// is then a multiple of `moneyUnit = priceTick * lot / 1_000_000` and nothing is ever rounded: there is no dust. The
/// only rounding in the market is of energy: metered Wh count in whole lots, rounded down.
///
/// Identity. `orderId` counts from 1 over both sides. `accountId` counts from 1 in order of first contact; see
/// {accountOf}. `tradeId = round << 64 | bidId << 32 | askId` ({tradeIdOf}); a bid and an ask meet at most once a round.
///
/// Following the market by events alone. Resting quantity of an order = `OrderPlaced.qty` - its `TradeMatched.qty` + its
/// `OrderRequeued.qty`; `OrderCancelled` takes off whatever rests. Every call of {matchOrders} that matches anything emits
/// its `TradeMatched`, then exactly one `RoundPaged` (the round goes on in another call) or `RoundCleared` (it is over):
/// this names the round of the `TradeMatched` before it in the same transaction. A `TradeMatched` before a `RoundPaged`
/// carries `mcp` 0 under uniform pricing, since the price is not known before the round ends; `RoundCleared` then gives
/// it for the whole round. Trades cannot be settled, nor orders of the round cancelled, before its `RoundCleared`.
interface IEnergyDoubleAuction is IEnergyDoubleAuctionErrors {
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
    event Deposited(uint256 indexed accountId, uint256 amount);
    event Withdrawn(uint256 indexed accountId, uint256 amount);
    event NonceRaised(uint256 indexed accountId, uint256 nonce);
    event ParamsChanged(Params params);
    /// @notice `accountId` 0: an oracle key, which attests both sides of any trade. Otherwise the meter of that account.
    event SignerAuthorized(address indexed signer, uint256 indexed accountId);
    /// @notice The key is accepted until `validUntil`, and only for trades cleared up to this block's time. 0 = revoked.
    event SignerRetired(address indexed signer, uint64 validUntil);

    // ---------------------------------------------------------------------------------------------------- trading

    /// @notice Offers to buy `qty` Wh at up to `price` per kWh until `expiry`. Escrow: the whole payment and a deposit,
    /// {escrowFor}. Native coin: `msg.value` is added to the caller's balance, the escrow is taken from the balance, the
    /// rest stays withdrawable. ERC-20: a shortfall of the balance is pulled by `transferFrom`.
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

    /// @notice Makes all signed orders of the caller with a nonce below `nonce` worthless.
    function raiseNonce(uint32 nonce) external;

    /// @notice Takes the caller's order off the book and refunds what is not matched to its balance. Refused while a
    /// round is open that the order takes part in.
    function cancelOrder(uint256 orderId) external;

    /// @notice Takes orders past their expiry off the book and refunds them. Ids that are not due are passed over.
    /// @return pruned How many were taken off.
    function prune(uint256[] calldata orderIds) external returns (uint256 pruned);

    // ------------------------------------------------------------------------------------------------------ money

    /// @notice Adds `amount` to the balance of `trader` (native: `msg.value` must be `amount`), opening its account.
    function deposit(address trader, uint256 amount) external payable returns (uint256 accountId);

    /// @notice {deposit} of a trader's own tokens by its ERC-2612 permit; anyone may send it.
    function depositWithPermit(address trader, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 accountId);

    /// @notice Pays the whole balance of the caller's account to the caller.
    function withdraw(uint256 accountId) external returns (uint256 amount);

    /// @notice Pays `amount` of the caller's balance to `to`.
    function withdrawTo(uint256 accountId, address to, uint256 amount) external;

    // --------------------------------------------------------------------------------------------------- clearing

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

    /// @notice Ends an open round early while the market is paused. What is matched stands at the price reached.
    function abortRound() external;

    // ------------------------------------------------------------------------------------------------- settlement

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

    /// @notice Records a delivery attested by the seller's meter, so that the buyer is at fault if no receipt follows.
    function postDelivery(uint256 tradeId, SignedReport calldata signed) external;

    /// @notice Closes a trade that was not settled by its deadline. Quantity with a posted delivery: the buyer is at
    /// fault. All other quantity: the seller is. Consequences as in {settle}. Refused while a round is open.
    function expire(uint256 tradeId) external;

    // ------------------------------------------------------------------------------------------------------- owner

    /// @notice Sets the rules for what comes; orders, trades and an open round keep theirs. Bounds: `minQty` from one
    /// lot to 1,000,000 lots; `orderTTL` and `settlementTTL` 60 s to 30 days; `depositRate` to 1000; `maxSlippage` to
    /// 10,000.
    function setParams(Params calldata params) external;

    /// @notice Registers an oracle key (EOA or ERC-1271 contract).
    function authorizeOracle(address signer) external;

    /// @notice Registers the meter key of a trader, opening the trader's account if need be.
    function authorizeMeter(address signer, address trader) external;

    /// @notice Rotates a key out: from now on it is accepted only for trades already cleared, and only until
    /// `validUntil`, at most 30 days ahead. A `validUntil` in the past revokes it at once.
    function retireSigner(address signer, uint64 validUntil) external;

    /// @notice Takes any order off the book and refunds its owner.
    function adminCancel(uint256 orderId) external;

    /// @notice Stops placing and matching, nothing else.
    function pause() external;

    function unpause() external;

    // ------------------------------------------------------------------------------------------------------- views

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

    function order(uint256 orderId) external view returns (Order memory);
    function orderStatus(uint256 orderId) external view returns (OrderStatus status, uint256 restingQty);

    /// @notice Orders of a trader among the ids `fromId .. fromId + maxScan - 1`, for page by page reading.
    /// @return orders In order of id.
    /// @return nextId Where to go on, 0 at the end.
    function ordersOf(address trader, uint256 fromId, uint256 maxScan)
        external
        view
        returns (Order[] memory orders, uint256 nextId);

    /// @notice Reverts with {UnknownTrade} if the two orders did not meet in the round.
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
