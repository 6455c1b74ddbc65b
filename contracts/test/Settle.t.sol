// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {vm} from "./support/Vm.sol";

/// @dev One trade of ten lots: Alice bids 60, Bob asks 40, the price is 50.
contract SettleTest is MarketTest {
    uint256 private constant BOB_METER = 0xb0b1;
    uint256 private constant ALICE_METER = 0xa11c;
    uint256 private bidId;
    uint256 private askId;
    uint256 private trade;

    function setUp() public override {
        super.setUp();
        bidId = bid(ALICE, 60, 10);
        askId = ask(BOB, 40, 10);
        market.matchOrders(10);
        trade = tid(1, bidId, askId);
        vm.warp(START + 10);
    }

    function meters() private {
        vm.prank(OWNER);
        market.authorizeMeter(vm.addr(BOB_METER), BOB);
        vm.prank(OWNER);
        market.authorizeMeter(vm.addr(ALICE_METER), ALICE);
    }

    // ------------------------------------------------------------------------------------------------------- in full

    function test_Settle_PaysAtThePriceAndReturnsDeposits() public {
        bytes memory proof = proofOf(signed(ORACLE_KEY, report(trade, 10 * LOT, 10 * LOT)));
        vm.expectEmit(address(market));
        emit TradeSettled(trade, 10 * LOT, 50 * TICK);
        vm.prank(STRANGER);
        market.settle(trade, proof);
        eq(balance(ALICE), price(20, 10) + depositOf(60, 10));
        eq(balance(BOB), price(100, 10) + depositOf(40, 10));
        yes(tradeStatus(trade) == TradeStatus.Settled, "settled");
        eq(market.strikes(ALICE) + market.strikes(BOB), 0);
        assertSolvent(none());
    }

    function test_Settle_MoreThanTheTradeIsTheTrade() public {
        settle(trade, 99, 50);
        eq(balance(BOB), price(100, 10) + depositOf(40, 10));
        assertSolvent(none());
    }

    function test_Settle_AcceptsAtTheDeadlineOnly() public {
        vm.warp(START + SETTLEMENT_TTL);
        vm.expectRevert(abi.encodeWithSelector(Errors.DeadlineNotReached.selector, trade, START + SETTLEMENT_TTL));
        market.expire(trade);
        settle(trade, 10, 10);
    }

    function test_Settle_WhilePaused() public {
        vm.prank(OWNER);
        market.pause();
        settle(trade, 10, 10);
    }

    // ------------------------------------------------------------------------------------------------------- in part

    function test_Short_SellerDeliversSix() public {
        bytes memory proof = proofOf(signed(ORACLE_KEY, report(trade, 6 * LOT + LOT - 1, 10 * LOT)));
        vm.expectEmit(address(market));
        emit TradeSettled(trade, 6 * LOT, 50 * TICK);
        vm.expectEmit(address(market));
        emit PenaltyApplied(BOB, depositOf(40, 4));
        vm.expectEmit(address(market));
        emit OrderRequeued(bidId, 4 * LOT);
        market.settle(trade, proof);
        eq(balance(BOB), price(100, 6) + depositOf(40, 6));
        eq(balance(ALICE), price(20, 6) + depositOf(60, 6) + depositOf(40, 4));
        eq(market.strikes(BOB), 1);
        eq(resting(bidId), 4);
        yes(status(askId) == OrderStatus.Filled, "the seller's rest is gone");
        yes(tradeStatus(trade) == TradeStatus.Short, "short");
        assertSolvent(none());
        // Matched again with the next best.
        uint256 next = ask(CAROL, 55, 4);
        market.matchOrders(10);
        eq(traded(2, bidId, next), 4);
        settle(tid(2, bidId, next), 4, 4);
        assertSolvent(none());
    }

    function test_Short_BuyerReceivesSix() public {
        bytes memory proof = proofOf(signed(ORACLE_KEY, report(trade, 10 * LOT, 6 * LOT)));
        vm.expectEmit(address(market));
        emit PenaltyApplied(ALICE, depositOf(60, 4));
        vm.expectEmit(address(market));
        emit OrderRequeued(askId, 4 * LOT);
        market.settle(trade, proof);
        eq(balance(BOB), price(100, 6) + depositOf(40, 6) + depositOf(60, 4));
        eq(balance(ALICE), price(20, 6) + depositOf(60, 6) + price(120, 4));
        eq(market.strikes(ALICE), 1);
        eq(resting(askId), 4);
        assertSolvent(none());
    }

    function test_Short_BothFail() public {
        settle(trade, 7, 5); // three not delivered, two not received
        eq(balance(BOB), price(100, 5) + depositOf(40, 5) + depositOf(60, 2));
        eq(balance(ALICE), price(20, 5) + depositOf(60, 5) + depositOf(40, 3) + price(120, 2));
        eq(resting(bidId), 3);
        eq(resting(askId), 2);
        eq(market.strikes(ALICE), 1);
        eq(market.strikes(BOB), 1);
        assertSolvent(none());
    }

    function test_Short_PenaltyIsNoMoreThanThePrice() public {
        setUp2(1000); // deposits of the whole limit: the buyer's is above the price
        settle(trade, 10, 0);
        eq(balance(BOB), price(100, 10)); // not price(120, 10)
        eq(balance(ALICE), price(120, 10) + price(20, 10));
        eq(resting(askId), 10);
    }

    function setUp2(uint16 rate) private {
        super.setUp();
        Params memory params = rules();
        params.depositRate = rate;
        setRules(params);
        bidId = bid(ALICE, 60, 10);
        askId = ask(BOB, 40, 10);
        market.matchOrders(10);
    }

    function test_Short_RefundsWhereTheOrderIsGone() public {
        uint256 big = bid(ALICE, 60, 10);
        uint256 a = ask(BOB, 40, 6);
        market.matchOrders(10);
        cancel(ALICE, big); // the four that rest
        uint256 before = balance(ALICE);
        settle(tid(2, big, a), 0, 0);
        eq(balance(ALICE) - before, price(120, 6) + depositOf(60, 6) + depositOf(40, 6));
        yes(status(big) == OrderStatus.Closed, "a dead order stays dead");
        // The market lives on.
        bid(CAROL, 60, 1);
        ask(BOB, 40, 1);
        (uint256 pairs,) = market.matchOrders(10);
        eq(pairs, 1);
        assertSolvent(pair(trade, tid(3, 5, 6)));
    }

    function pair(uint256 one, uint256 two) private pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (one, two);
    }

    function test_Short_RefundsWhereTheOrderHasExpired() public {
        super.setUp();
        bidId = bidUntil(ALICE, 60, 10, START + 20);
        askId = askUntil(BOB, 40, 10, START + 20);
        market.matchOrders(10);
        trade = tid(1, bidId, askId);
        vm.warp(START + 20);
        settle(trade, 5, 2);
        eq(resting(bidId) + resting(askId), 0);
        assertSolvent(none());
    }

    function test_Short_RefundsWhileARoundIsOpen() public {
        bid(CAROL, 60, 2);
        ask(BOB, 40, 1);
        ask(BOB, 40, 1);
        market.matchOrders(1);
        settle(trade, 0, 0);
        eq(balance(ALICE), price(120, 10) + depositOf(60, 10) + depositOf(40, 10));
        eq(resting(bidId), 0);
    }

    function test_Returned_OrderKeepsItsTurnAndItsOtherTrades() public {
        // Two trades of one bid; the first fails, the second must still settle.
        super.setUp();
        bidId = bid(ALICE, 60, 10);
        uint256 a1 = ask(BOB, 40, 4);
        uint256 a2 = ask(CAROL, 41, 6);
        market.matchOrders(10);
        uint256 young = bid(CAROL, 60, 5);
        settle(tid(1, bidId, a1), 0, 0);
        eq(resting(bidId), 4);
        uint256 a3 = ask(BOB, 45, 6);
        market.matchOrders(10);
        eq(traded(2, bidId, a3), 4); // before the younger of the same price
        eq(traded(2, young, a3), 2);
        settle(tid(1, bidId, a2), 6, 6);
        settle(tid(2, bidId, a3), 4, 4);
        settle(tid(2, young, a3), 2, 2);
        assertSolvent(none());
    }

    function test_Returned_LaterRoundDoesNotHideTheEarlier() public {
        // A bid filled over two rounds by equal quantities; the trade of the first round fails.
        super.setUp();
        bidId = bid(ALICE, 60, 8);
        uint256 a1 = ask(BOB, 40, 4);
        market.matchOrders(10);
        uint256 a2 = ask(CAROL, 40, 4);
        market.matchOrders(10);
        settle(tid(1, bidId, a1), 0, 0);
        eq(resting(bidId), 4);
        settle(tid(2, bidId, a2), 4, 4);
        assertSolvent(none());
    }

    function test_Returned_ManyKeepTheirOrder() public {
        // Twenty bids of one price fail and come back in reverse; the queue must hold them by age.
        super.setUp();
        for (uint256 i = 0; i < 16; ++i) bid(ALICE, 60, 1);
        for (uint256 i = 0; i < 16; ++i) ask(BOB, 40, 1);
        bid(CAROL, 60, 1);
        market.matchOrders(100);
        for (uint256 i = 16; i > 0; --i) settle(tid(1, i, 16 + i), 0, 0);
        ask(CAROL, 40, 3);
        market.matchOrders(100);
        for (uint256 i = 1; i <= 3; ++i) eq(traded(2, i, 34), 1);
        eq(resting(4), 1);
    }

    // -------------------------------------------------------------------------------------------------- two meters

    function test_Meters_TogetherSettle() public {
        meters();
        // Each meter's word on the other side counts for nothing.
        SignedReport memory seller = signed(BOB_METER, report(trade, 8 * LOT, 0));
        SignedReport memory buyer = signed(ALICE_METER, report(trade, 0, 7 * LOT));
        market.settle(trade, proofOf(seller, buyer));
        eq(balance(BOB), price(100, 7) + depositOf(40, 7) + depositOf(60, 1));
        eq(resting(bidId), 2);
        eq(resting(askId), 1);
        assertSolvent(none());
    }

    function test_Meters_OneAloneIsNotEnough() public {
        meters();
        SignedReport memory seller = signed(BOB_METER, report(trade, 10 * LOT, 10 * LOT));
        vm.expectRevert(abi.encodeWithSelector(Errors.ReceiptMissing.selector, trade));
        market.settle(trade, proofOf(seller));
        SignedReport memory buyer = signed(ALICE_METER, report(trade, 10 * LOT, 10 * LOT));
        vm.expectRevert(abi.encodeWithSelector(Errors.DeliveryMissing.selector, trade));
        market.settle(trade, proofOf(buyer));
    }

    function test_Meters_PostedDeliveryMayWaitForTheReceipt() public {
        meters();
        SignedReport memory seller = signed(BOB_METER, report(trade, 10 * LOT, 0));
        vm.expectEmit(address(market));
        emit DeliveryPosted(trade, 10 * LOT);
        market.postDelivery(trade, seller);
        eq(market.trade(trade).deliveredWh, 10 * LOT);
        market.settle(trade, proofOf(signed(ALICE_METER, report(trade, 0, 10 * LOT))));
        yes(tradeStatus(trade) == TradeStatus.Settled, "settled");
        assertSolvent(none());
    }

    function test_RevertIf_PostedDeliveryIsNotTheSellersOrTwiceOrNothing() public {
        meters();
        SignedReport memory buyer = signed(ALICE_METER, report(trade, 10 * LOT, 0));
        uint256 alice = market.accountOf(ALICE);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMeterOfTrade.selector, vm.addr(ALICE_METER), alice));
        market.postDelivery(trade, buyer);
        SignedReport memory theOracle = signed(ORACLE_KEY, report(trade, 10 * LOT, 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMeterOfTrade.selector, oracle, 0));
        market.postDelivery(trade, theOracle);
        SignedReport memory nothing = signed(BOB_METER, report(trade, LOT - 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.DeliveryMissing.selector, trade));
        market.postDelivery(trade, nothing);
        market.postDelivery(trade, signed(BOB_METER, report(trade, 10 * LOT, 0)));
        SignedReport memory again = signed(BOB_METER, report(trade, 5 * LOT, 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.DeliveryAlreadyPosted.selector, trade, 10 * LOT));
        market.postDelivery(trade, again);
    }

    function test_RevertIf_MeterOfAThird() public {
        vm.prank(OWNER);
        market.authorizeMeter(vm.addr(77), CAROL);
        uint256 carol = market.accountOf(CAROL);
        SignedReport memory foreign = signed(77, report(trade, 10 * LOT, 10 * LOT));
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMeterOfTrade.selector, vm.addr(77), carol));
        market.settle(trade, proofOf(foreign));
    }

    // ------------------------------------------------------------------------------------------------------- expiry

    function test_Expire_WithoutEvidenceTheSellerIsAtFault() public {
        vm.warp(START + SETTLEMENT_TTL + 1);
        assertOrdersEndWithTheWindow();
        vm.expectEmit(address(market));
        emit TradeExpired(trade, BOB);
        vm.expectEmit(address(market));
        emit PenaltyApplied(BOB, depositOf(40, 10));
        vm.prank(STRANGER);
        market.expire(trade);
        eq(market.strikes(BOB), 1);
        eq(balance(BOB), 0);
        eq(balance(ALICE), depositOf(40, 10) + price(120, 10) + depositOf(60, 10));
        assertSolvent(none());
    }

    /// @dev The orders of this test end with their settlement window.
    function assertOrdersEndWithTheWindow() private view {
        eq(market.order(bidId).expiry, LATER);
    }

    function longTrade() private {
        super.setUp();
        bidId = bidUntil(ALICE, 60, 10, START + 10 days);
        askId = askUntil(BOB, 40, 10, START + 10 days);
        market.matchOrders(10);
        trade = tid(1, bidId, askId);
    }

    function test_Expire_ReturnsTheBuyerToTheBook() public {
        longTrade();
        vm.warp(START + SETTLEMENT_TTL + 1);
        vm.expectEmit(address(market));
        emit OrderRequeued(bidId, 10 * LOT);
        market.expire(trade);
        eq(resting(bidId), 10);
        eq(balance(ALICE), depositOf(40, 10));
        assertSolvent(none());
        uint256 next = askUntil(CAROL, 50, 10, START + 9 days);
        market.matchOrders(10);
        settle(tid(2, bidId, next), 10, 10);
        assertSolvent(none());
    }

    function test_Expire_DeliveryWithoutReceiptIsTheBuyersFault() public {
        longTrade();
        meters();
        market.postDelivery(trade, signed(BOB_METER, report(trade, 7 * LOT, 0)));
        vm.warp(START + SETTLEMENT_TTL + 1);
        vm.expectEmit(address(market));
        emit TradeExpired(trade, ALICE);
        market.expire(trade);
        // Seven delivered and not received, three not delivered.
        eq(balance(BOB), depositOf(60, 7));
        eq(balance(ALICE), price(120, 7) + depositOf(40, 3));
        eq(resting(askId), 7);
        eq(resting(bidId), 3);
        eq(market.strikes(ALICE), 1);
        eq(market.strikes(BOB), 1);
        assertSolvent(none());
    }

    function test_Expire_WhilePaused() public {
        vm.prank(OWNER);
        market.pause();
        vm.warp(START + SETTLEMENT_TTL + 1);
        market.expire(trade);
        assertSolvent(none());
    }

    function test_RevertIf_ExpireTwiceOrAfterSettling() public {
        vm.warp(START + SETTLEMENT_TTL + 1);
        market.expire(trade);
        vm.expectRevert(abi.encodeWithSelector(Errors.TradeNotPending.selector, trade));
        market.expire(trade);
        setUp();
        settle(trade, 10, 10);
        vm.warp(START + SETTLEMENT_TTL + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.TradeNotPending.selector, trade));
        market.expire(trade);
    }

    function test_RevertIf_ExpireInAnOpenRound() public {
        vm.warp(START + SETTLEMENT_TTL + 1);
        bidUntil(CAROL, 60, 2, START + 1 days);
        askUntil(BOB, 40, 1, START + 1 days);
        askUntil(BOB, 40, 1, START + 1 days);
        market.matchOrders(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.RoundIsOpen.selector, 2));
        market.expire(trade);
    }

    function test_Strikes_StopAt255() public {
        for (uint256 i = 0; i < 257; ++i) {
            uint256 b = bid(ALICE, 60, 1);
            uint256 a = ask(BOB, 60, 1);
            market.matchOrders(9);
            settle(tid(2 + i, b, a), 0, 0);
            cancel(ALICE, b);
        }
        eq(market.strikes(BOB), 255);
        eq(market.balanceOf(BOB), 0);
    }

    // ------------------------------------------------------------------------------------------- reports that are not

    function refused(SignedReport memory r, bytes memory reason) private {
        bytes memory proof = proofOf(r);
        vm.expectRevert(reason);
        market.settle(trade, proof);
    }

    function test_RevertIf_Forged() public {
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        SignedReport memory s = signed(0xbad, r);
        refused(s, abi.encodeWithSelector(Errors.SignerNotAuthorized.selector, vm.addr(0xbad)));
        s.signer = oracle; // claims to be the oracle
        refused(s, abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        s = signed(ORACLE_KEY, r);
        s.report.deliveredWh += 1; // tampered
        refused(s, abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        s = signed(ORACLE_KEY, r);
        s.signature = hex"1234";
        refused(s, abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        s.signer = address(0);
        refused(s, abi.encodeWithSelector(Errors.SignerNotAuthorized.selector, address(0)));
    }

    function test_RevertIf_MalleatedOrOfAnotherMarket() public {
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        (uint8 v, bytes32 rr, bytes32 ss) = vm.sign(ORACLE_KEY, reportDigest(r));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes memory flipped = abi.encodePacked(rr, bytes32(order - uint256(ss)), v == 27 ? uint8(28) : uint8(27));
        refused(SignedReport(r, oracle, flipped), abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        SignedReport memory s = signed(ORACLE_KEY, r);
        market = deploy(address(0), rules());
        bid(ALICE, 60, 10);
        ask(BOB, 40, 10);
        market.matchOrders(10);
        refused(s, abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
    }

    function test_Settle_AcceptsShortSignatures() public {
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        (uint8 v, bytes32 rr, bytes32 ss) = vm.sign(ORACLE_KEY, reportDigest(r));
        bytes memory short = abi.encodePacked(rr, bytes32(uint256(ss) | (uint256(v - 27) << 255)));
        market.settle(trade, proofOf(SignedReport(r, oracle, short)));
    }

    function test_RevertIf_Replayed() public {
        SignedReport memory s = signed(ORACLE_KEY, report(trade, 10 * LOT, 10 * LOT));
        market.settle(trade, proofOf(s));
        refused(s, abi.encodeWithSelector(Errors.TradeNotPending.selector, trade));
        yes(market.isSequenceUsed(oracle, s.report.sequence), "used");
        // The same parcel of energy for another trade.
        uint256 b = bid(ALICE, 60, 10);
        uint256 a = ask(BOB, 40, 10);
        market.matchOrders(10);
        trade = tid(2, b, a);
        refused(s, abi.encodeWithSelector(Errors.WrongTrade.selector, s.report.tradeId, trade));
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        r.sequence = s.report.sequence;
        refused(signed(ORACLE_KEY, r), abi.encodeWithSelector(Errors.SequenceUsed.selector, oracle, r.sequence));
    }

    function test_RevertIf_Late() public {
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        vm.warp(START + SETTLEMENT_TTL + 1);
        refused(
            signed(ORACLE_KEY, r), abi.encodeWithSelector(Errors.DeadlinePassed.selector, trade, START + SETTLEMENT_TTL)
        );
    }

    function test_RevertIf_WindowDoesNotFit() public {
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        uint64[2][4] memory windows = [
            [START - 121, START], // energy of before
            [START, START + 10 + 121], // not over yet
            [START + 5, START + 5], // empty
            [START + 6, START + 5] // backwards
        ];
        for (uint256 i = 0; i < windows.length; ++i) {
            (r.windowStart, r.windowEnd) = (windows[i][0], windows[i][1]);
            refused(
                signed(ORACLE_KEY, r),
                abi.encodeWithSelector(
                    Errors.WindowOutOfRange.selector, r.windowStart, r.windowEnd, START - 120, START + 130
                )
            );
        }
        (r.windowStart, r.windowEnd) = (START - 120, START + 130);
        market.settle(trade, proofOf(signed(ORACLE_KEY, r)));
    }

    function test_RevertIf_UnknownTrade() public {
        uint256[5] memory wrong = [
            tid(1, askId, bidId), // the other way round
            tid(2, bidId, askId), // a round that was not
            tid(1, bidId, bidId),
            tid(1, bidId, 99),
            trade | (1 << 96)
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, wrong[i]));
            market.settle(wrong[i], "");
            vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, wrong[i]));
            market.trade(wrong[i]);
        }
    }

    function test_RevertIf_OrdersOfOneRoundThatDidNotMeet() public {
        super.setUp();
        uint256 b1 = bid(ALICE, 60, 2);
        uint256 b2 = bid(ALICE, 59, 2);
        uint256 a1 = ask(BOB, 40, 2);
        uint256 a2 = ask(BOB, 41, 2);
        market.matchOrders(10);
        eq(traded(1, b1, a1), 2);
        eq(traded(1, b2, a2), 2);
        uint256[2] memory phantoms = [tid(1, b1, a2), tid(1, b2, a1)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, phantoms[i]));
            market.settle(phantoms[i], "");
        }
    }

    function test_RevertIf_ProofIsNoProof() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.ReceiptMissing.selector, trade));
        market.settle(trade, "");
        vm.expectRevert(abi.encodeWithSelector(Errors.ReceiptMissing.selector, trade));
        market.settle(trade, abi.encode(new SignedReport[](0)));
        vm.expectRevert();
        market.settle(trade, hex"0000000000000000000000000000000000000000000000000000000000000020ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    }

    // -------------------------------------------------------------------------------------------------------- keys

    function test_Rotation_OldKeyForOldTradesUntilItsEnd() public {
        vm.prank(OWNER);
        market.retireSigner(oracle, START + 100);
        vm.prank(OWNER);
        market.authorizeOracle(vm.addr(0x0e));
        // A trade cleared after the change wants the new key.
        uint256 b = bid(ALICE, 60, 1);
        uint256 a = ask(BOB, 40, 1);
        vm.warp(START + 11);
        market.matchOrders(10);
        uint256 newer = tid(2, b, a);
        bytes memory proof = proofOf(signed(ORACLE_KEY, report(newer, LOT, LOT)));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.SignerRetiredForTrade.selector, oracle, START + 10, START + 100)
        );
        market.settle(newer, proof);
        market.settle(newer, proofOf(signed(0x0e, report(newer, LOT, LOT))));
        // The old key still settles the older trade, until its end.
        MeterReport memory r = report(trade, 10 * LOT, 10 * LOT);
        vm.warp(START + 101);
        refused(
            signed(ORACLE_KEY, r),
            abi.encodeWithSelector(Errors.SignerRetiredForTrade.selector, oracle, START + 10, START + 100)
        );
        vm.warp(START + 100);
        market.settle(trade, proofOf(signed(ORACLE_KEY, r)));
    }

    function test_Rotation_RevokedAtOnce() public {
        vm.prank(OWNER);
        market.retireSigner(oracle, 0);
        refused(
            signed(ORACLE_KEY, report(trade, 10 * LOT, 10 * LOT)),
            abi.encodeWithSelector(Errors.SignerRetiredForTrade.selector, oracle, START + 10, 0)
        );
    }

    // -------------------------------------------------------------------------------------------------------- batch

    function batchOf(Delivery[] memory deliveries, uint256 key) private returns (MeterBatch memory b, bytes memory s) {
        b = MeterBatch(START, START + 10, ++sequence, deliveries);
        bytes32 deliveryType = keccak256("Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)");
        bytes32 batchType = keccak256(
            "MeterBatch(uint64 windowStart,uint64 windowEnd,uint64 sequence,Delivery[] deliveries)Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)"
        );
        bytes memory hashes;
        for (uint256 i = 0; i < deliveries.length; ++i) {
            Delivery memory d = deliveries[i];
            hashes = abi.encodePacked(
                hashes, keccak256(abi.encode(deliveryType, d.tradeId, d.deliveredWh, d.receivedWh))
            );
        }
        s = signDigest(
            key,
            digestOf(keccak256(abi.encode(batchType, b.windowStart, b.windowEnd, b.sequence, keccak256(hashes))))
        );
    }

    function someTrades() private returns (Delivery[] memory deliveries) {
        super.setUp();
        deliveries = new Delivery[](4);
        for (uint256 i = 0; i < 3; ++i) {
            bid(ALICE, 60, 2);
            ask(BOB, 40, 2);
            deliveries[i] = Delivery(tid(1, 2 * i + 1, 2 * i + 2), 2 * LOT, 2 * LOT);
        }
        deliveries[1].receivedWh = LOT;
        deliveries[3] = deliveries[0]; // once more
        market.matchOrders(10);
        vm.warp(START + 10);
    }

    function test_Batch_SettlesAndReportsTheRest() public {
        Delivery[] memory deliveries = someTrades();
        (MeterBatch memory b, bytes memory s) = batchOf(deliveries, ORACLE_KEY);
        vm.expectEmit(address(market));
        emit TradeSettled(deliveries[0].tradeId, 2 * LOT, 50 * TICK);
        vm.expectEmit(address(market));
        emit TradeSettled(deliveries[1].tradeId, LOT, 50 * TICK);
        vm.expectEmit(address(market));
        emit PenaltyApplied(ALICE, depositOf(60, 1));
        vm.expectEmit(address(market));
        emit OrderRequeued(4, LOT);
        vm.expectEmit(address(market));
        emit TradeSettled(deliveries[2].tradeId, 2 * LOT, 50 * TICK);
        vm.expectEmit(address(market));
        emit SettlementRefused(
            deliveries[0].tradeId, abi.encodeWithSelector(Errors.TradeNotPending.selector, deliveries[0].tradeId)
        );
        eq(market.settleBatch(b, oracle, s), 3);
        assertSolvent(none());
        vm.expectRevert(abi.encodeWithSelector(Errors.SequenceUsed.selector, oracle, b.sequence));
        market.settleBatch(b, oracle, s);
    }

    function test_Batch_ReportsLateUnknownAndRetired() public {
        Delivery[] memory deliveries = someTrades();
        deliveries[0].tradeId = 77;
        (MeterBatch memory b, bytes memory s) = batchOf(deliveries, ORACLE_KEY);
        vm.warp(START + SETTLEMENT_TTL + 1);
        eq(market.settleBatch(b, oracle, s), 0);
        deliveries = someTrades();
        vm.prank(OWNER);
        market.retireSigner(oracle, START);
        (b, s) = batchOf(deliveries, ORACLE_KEY);
        eq(market.settleBatch(b, oracle, s), 0);
    }

    function test_RevertIf_BatchIsNotTheOracles() public {
        Delivery[] memory deliveries = someTrades();
        meters();
        (MeterBatch memory b, bytes memory s) = batchOf(deliveries, BOB_METER);
        vm.expectRevert(abi.encodeWithSelector(Errors.SignerNotAuthorized.selector, STRANGER));
        market.settleBatch(b, STRANGER, s);
        uint256 bob = market.accountOf(BOB);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotMeterOfTrade.selector, vm.addr(BOB_METER), bob));
        market.settleBatch(b, vm.addr(BOB_METER), s);
        vm.expectRevert(abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        market.settleBatch(b, oracle, s);
        (b, s) = batchOf(deliveries, ORACLE_KEY);
        b.deliveries[0].deliveredWh = LOT; // tampered
        vm.expectRevert(abi.encodeWithSelector(Errors.InvalidSignature.selector, oracle));
        market.settleBatch(b, oracle, s);
    }
}
