// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors} from "./IEnergyDoubleAuctionErrors.sol";
import {IMarketCore} from "./IMarketCore.sol";
import {IMarketDesk} from "./IMarketDesk.sol";

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
///
/// Within one call of {matchOrders} pairs are told last: an `OrderCancelled` of the same transaction, of an order past its
/// expiry or one that met its own trader, takes off what rests after the `TradeMatched` that follow it in the log.
///
/// Deployment. One address serves the whole interface. {IMarketCore} is in the contract itself; {IMarketDesk} is in a
/// second contract that it creates and calls by `delegatecall`, for one contract cannot hold the code of both.
interface IEnergyDoubleAuction is IMarketCore, IMarketDesk, IEnergyDoubleAuctionErrors {}
