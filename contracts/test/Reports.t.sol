// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {Wallet} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

/// @dev What makes a report count once, for one trade and by one signer. Trades of one lot: Alice bids 60, Bob asks 40.
contract ReportsTest is MarketTest {
    uint256 private constant SECOND_KEY = 0xacc2;
    uint256[3] private trades;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 3; ++i) {
            uint256 b = bid(ALICE, 60, 1);
            uint256 a = ask(BOB, 40, 1);
            trades[i] = tid(1, b, a);
        }
        market.matchOrders(3);
    }

    function proof(uint256 key, uint256 trade, uint64 number) private returns (bytes memory) {
        MeterReport memory r = report(trade, LOT, LOT);
        r.sequence = number;
        return proofOf(signed(key, r));
    }

    // ---------------------------------------------------------------------------------------------- sequence numbers

    function test_Sequence_EachSignerHasItsOwn() public {
        vm.prank(OWNER);
        market.authorizeOracle(vm.addr(SECOND_KEY));
        market.settle(trades[0], proof(ORACLE_KEY, trades[0], 7));
        yes(!market.isSequenceUsed(vm.addr(SECOND_KEY), 7), "not by the other");
        market.settle(trades[1], proof(SECOND_KEY, trades[1], 7));
    }

    function test_Sequence_OfAnySizeCountsOnce() public {
        uint64[3] memory numbers = [uint64(300), 300 + 256, type(uint64).max];
        for (uint256 i = 0; i < 3; ++i) {
            setUp();
            market.settle(trades[0], proof(ORACLE_KEY, trades[0], numbers[i]));
            bytes memory again = proof(ORACLE_KEY, trades[1], numbers[i]);
            vm.expectRevert(abi.encodeWithSelector(Errors.SequenceUsed.selector, oracle, numbers[i]));
            market.settle(trades[1], again);
            // Its neighbours in the word, and at the same place of the words beside, are free.
            market.settle(trades[1], proof(ORACLE_KEY, trades[1], numbers[i] - 1));
            market.settle(trades[2], proof(ORACLE_KEY, trades[2], numbers[i] - 256));
        }
    }

    function test_Sequence_OfABatchIsOneOfItsSigner() public {
        Delivery[] memory deliveries = new Delivery[](1);
        deliveries[0] = Delivery(trades[0], LOT, LOT);
        MeterBatch memory batch = MeterBatch(START, START + 1, 9, deliveries);
        bytes memory signature = signDigest(ORACLE_KEY, batchDigest(batch));
        eq(market.settleBatch(batch, oracle, signature), 1);
        bytes memory single = proof(ORACLE_KEY, trades[1], 9);
        vm.expectRevert(abi.encodeWithSelector(Errors.SequenceUsed.selector, oracle, 9));
        market.settle(trades[1], single);
        // And the other way round: the batch after the report.
        market.settle(trades[1], proof(ORACLE_KEY, trades[1], 10));
        (batch.sequence, deliveries[0].tradeId) = (10, trades[2]);
        signature = signDigest(ORACLE_KEY, batchDigest(batch));
        vm.expectRevert(abi.encodeWithSelector(Errors.SequenceUsed.selector, oracle, 10));
        market.settleBatch(batch, oracle, signature);
    }

    /// @dev Of a batch with one delivery.
    function batchDigest(MeterBatch memory batch) private view returns (bytes32) {
        bytes32 deliveryType = keccak256("Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)");
        bytes32 batchType = keccak256(
            "MeterBatch(uint64 windowStart,uint64 windowEnd,uint64 sequence,Delivery[] deliveries)Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)"
        );
        bytes32 delivery = keccak256(abi.encode(deliveryType, batch.deliveries[0]));
        return digestOf(
            keccak256(
                abi.encode(
                    batchType,
                    batch.windowStart,
                    batch.windowEnd,
                    batch.sequence,
                    keccak256(abi.encodePacked(delivery))
                )
            )
        );
    }

    // --------------------------------------------------------------------------------------------------------- signers

    /// @dev A round and the retirement of a key in one second: the key was in use when the round was cleared.
    function test_Rotation_KeyCountsForRoundsOfItsLastSecond() public {
        vm.prank(OWNER);
        market.retireSigner(oracle, START + 100);
        market.settle(trades[0], proof(ORACLE_KEY, trades[0], 1));
    }

    function test_Oracle_MayBeAContract() public {
        Wallet wallet = new Wallet(vm.addr(SECOND_KEY));
        vm.prank(OWNER);
        market.authorizeOracle(address(wallet));
        SignedReport memory r = signed(SECOND_KEY, report(trades[0], LOT, LOT));
        r.signer = address(wallet);
        market.settle(trades[0], proofOf(r));
        // The contract may change its mind about who signs for it.
        r = signed(SECOND_KEY, report(trades[1], LOT, LOT));
        r.signer = address(wallet);
        wallet.replace(vm.addr(0xbad));
        bytes memory outdated = proofOf(r);
        vm.expectRevert(abi.encodeWithSelector(Errors.InvalidSignature.selector, address(wallet)));
        market.settle(trades[1], outdated);
    }

    // --------------------------------------------------------------------------------------------------------- trades

    /// @dev Intervals are kept by `id << 32 | round`. With a round number beyond its 24 bits, orders 3 and 2 would stand for
    /// orders 7 and 6, which have such intervals and a pending trade.
    function test_RevertIf_RoundNumberIsBeyondItsWidth() public {
        super.setUp();
        for (uint256 i = 0; i < 4; ++i) i == 1 ? ask(BOB, 900 + i, 1) : bid(ALICE, 10 + i, 1);
        uint256 failing = ask(BOB, 40, 4);
        uint256 marginal = ask(BOB, 41, 9); // its interval is kept since it is not filled
        uint256 back = bid(ALICE, 60, 8); // its interval is kept since half of it comes back
        market.matchOrders(9);
        settle(tid(1, back, failing), 0, 0);
        eq(back, 7);
        eq(marginal, 6);
        yes(tradeStatus(tid(1, back, marginal)) == TradeStatus.Pending, "pending");
        uint256 other = tid(1 | (4 << 32), 3, 2);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, other));
        market.trade(other);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, other));
        market.settle(other, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, other));
        market.expire(other);
    }
}
