// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EnergyDoubleAuction} from "../../src/EnergyDoubleAuction.sol";
import {IEnergyDoubleAuction} from "../../src/interfaces/IEnergyDoubleAuction.sol";
import {IMarketTypes} from "../../src/interfaces/IMarketTypes.sol";
import {Assertions, vm} from "./Vm.sol";

/// @dev A market of native coin with two traders, an owner and an oracle; prices in ticks, quantities in lots.
abstract contract MarketTest is Assertions, IMarketTypes {
    uint256 internal constant TICK = 1e12;
    uint256 internal constant LOT = 100;
    uint256 internal constant UNIT = TICK * LOT / 1e6;
    uint256 internal constant RATE = 100; // per mille
    uint64 internal constant START = 1_800_000_000;
    uint64 internal constant LATER = START + 1 hours;
    uint32 internal constant SETTLEMENT_TTL = 1 hours;

    uint256 internal constant ORACLE_KEY = 0xacc;
    address internal oracle = vm.addr(ORACLE_KEY);
    address internal constant OWNER = address(0x0123);
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca201);
    address internal constant STRANGER = address(0x5174);

    IEnergyDoubleAuction internal market;
    uint64 internal sequence;

    function setUp() public virtual {
        vm.warp(START);
        market = deploy(address(0), rules());
        address[4] memory traders = [ALICE, BOB, CAROL, STRANGER];
        for (uint256 i = 0; i < traders.length; ++i) vm.deal(traders[i], 1e24);
    }

    function rules() internal pure returns (Params memory) {
        return Params({
            minQty: uint64(LOT),
            orderTTL: 30 days,
            settlementTTL: SETTLEMENT_TTL,
            depositRate: uint16(RATE),
            maxSlippage: 0,
            pricingMode: PricingMode.Uniform,
            strikeLimit: 0,
            maxOpen: 0
        });
    }

    function deploy(address asset, Params memory params) internal returns (IEnergyDoubleAuction) {
        return IEnergyDoubleAuction(address(new EnergyDoubleAuction(asset, TICK, LOT, params, OWNER, oracle)));
    }

    function setRules(Params memory params) internal {
        vm.prank(OWNER);
        market.setParams(params);
    }

    // ----------------------------------------------------------------------------------------------------- trading

    function bid(address trader, uint256 tick, uint256 lots) internal returns (uint256) {
        return bidUntil(trader, tick, lots, LATER);
    }

    function ask(address trader, uint256 tick, uint256 lots) internal returns (uint256) {
        return askUntil(trader, tick, lots, LATER);
    }

    function bidUntil(address trader, uint256 tick, uint256 lots, uint64 expiry) internal returns (uint256) {
        uint256 value = market.escrowFor(true, tick * TICK, lots * LOT);
        vm.prank(trader);
        return market.placeBid{value: value}(tick * TICK, lots * LOT, expiry);
    }

    function askUntil(address trader, uint256 tick, uint256 lots, uint64 expiry) internal returns (uint256) {
        uint256 value = market.escrowFor(false, tick * TICK, lots * LOT);
        vm.prank(trader);
        return market.placeAsk{value: value}(tick * TICK, lots * LOT, expiry);
    }

    function cancel(address trader, uint256 id) internal {
        vm.prank(trader);
        market.cancelOrder(id);
    }

    /// @dev Price of one lot at `halfTicks` / 2 ticks.
    function price(uint256 halfTicks, uint256 lots) internal pure returns (uint256) {
        return halfTicks * lots * 500 * UNIT;
    }

    function depositOf(uint256 tick, uint256 lots) internal pure returns (uint256) {
        return tick * lots * RATE * UNIT;
    }

    function balance(address trader) internal view returns (uint256) {
        return market.balanceOf(trader);
    }

    /// @dev Lots of a trader that rest or wait for their report.
    function open(address trader) internal view returns (uint256) {
        return market.openOf(trader) / LOT;
    }

    function resting(uint256 id) internal view returns (uint256 lots) {
        (, lots) = market.orderStatus(id);
        lots /= LOT;
    }

    function status(uint256 id) internal view returns (OrderStatus state) {
        (state,) = market.orderStatus(id);
    }

    function tradeStatus(uint256 tradeId) internal view returns (TradeStatus) {
        return market.trade(tradeId).status;
    }

    function traded(uint256 round, uint256 bidId, uint256 askId) internal view returns (uint256 lots) {
        return market.trade(tid(round, bidId, askId)).qty / LOT;
    }

    function tid(uint256 round, uint256 bidId, uint256 askId) internal pure returns (uint256) {
        return (round << 64) | (bidId << 32) | askId;
    }

    // ----------------------------------------------------------------------------------------------------- reports

    function report(uint256 tradeId, uint256 delivered, uint256 received) internal returns (MeterReport memory) {
        uint64 clearedAt = market.round(tradeId >> 64).clearedAt;
        return MeterReport(tradeId, delivered, received, clearedAt, clearedAt + 1, ++sequence);
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", market.domainSeparator(), structHash));
    }

    function reportDigest(MeterReport memory r) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "MeterReport(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh,uint64 windowStart,uint64 windowEnd,uint64 sequence)"
        );
        return digestOf(
            keccak256(
                abi.encode(
                    typeHash, r.tradeId, r.deliveredWh, r.receivedWh, r.windowStart, r.windowEnd, r.sequence
                )
            )
        );
    }

    function signDigest(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function signed(uint256 key, MeterReport memory r) internal view returns (SignedReport memory) {
        return SignedReport(r, vm.addr(key), signDigest(key, reportDigest(r)));
    }

    function proofOf(SignedReport memory one) internal pure returns (bytes memory) {
        SignedReport[] memory all = new SignedReport[](1);
        all[0] = one;
        return abi.encode(all);
    }

    function proofOf(SignedReport memory one, SignedReport memory two) internal pure returns (bytes memory) {
        SignedReport[] memory all = new SignedReport[](2);
        (all[0], all[1]) = (one, two);
        return abi.encode(all);
    }

    /// @dev Settles by the oracle, in lots, two seconds after the round.
    function settle(uint256 tradeId, uint256 delivered, uint256 received) internal {
        bytes memory proof = proofOf(signed(ORACLE_KEY, report(tradeId, delivered * LOT, received * LOT)));
        market.settle(tradeId, proof);
    }

    // -------------------------------------------------------------------------------------------------------- money

    /// @dev What the market holds must be what it owes: balances, resting escrow, and the trades given.
    function assertSolvent(uint256[] memory pending) internal view {
        uint256 owed = balance(ALICE) + balance(BOB) + balance(CAROL) + balance(STRANGER);
        for (uint256 id = 1; id <= market.lastOrderId(); ++id) owed += escrowOf(id, resting(id));
        for (uint256 i = 0; i < pending.length; ++i) {
            Trade memory t = market.trade(pending[i]);
            if (t.status != TradeStatus.Pending) continue;
            owed += escrowOf(t.bidId, t.qty / LOT) + escrowOf(t.askId, t.qty / LOT);
        }
        eq(address(market).balance, owed);
    }

    function escrowOf(uint256 id, uint256 lots) internal view returns (uint256) {
        return escrowOf(market.order(id), lots);
    }

    function escrowOf(Order memory o, uint256 lots) internal pure returns (uint256) {
        uint256 deposit = o.deposit * lots * LOT / o.qty;
        return o.isBid ? deposit + price(2 * o.price / TICK, lots) : deposit;
    }

    function none() internal pure returns (uint256[] memory) {
        return new uint256[](0);
    }

    function only(uint256 tradeId) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = tradeId;
    }
}
