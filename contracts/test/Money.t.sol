// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {CallingToken, GoodToken, Receiver, RefusingToken, SilentToken, SkewedToken} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

contract MoneyTest is MarketTest {
    // -------------------------------------------------------------------------------------------------- native coin

    function test_Deposit_OpensTheAccountOfAnyone() public {
        vm.expectEmit(address(market));
        emit AccountOpened(1, BOB);
        vm.expectEmit(address(market));
        emit Deposited(1, 1 ether);
        vm.prank(ALICE);
        eq(market.deposit{value: 1 ether}(BOB, 1 ether), 1);
        eq(balance(BOB), 1 ether);
        eq(market.accountOf(BOB), 1);
        (address owner, uint256 amount, uint256 nonce, uint256 strikeCount) = market.account(1);
        eq(owner, BOB);
        eq(amount, 1 ether);
        eq(nonce + strikeCount, 0);
    }

    function test_RevertIf_DepositIsNotWhatItSays() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.WrongNativeAmount.selector, 1 ether, 2 ether));
        vm.prank(ALICE);
        market.deposit{value: 1 ether}(BOB, 2 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.AmountNotExact.selector, 1, UNIT));
        vm.prank(ALICE);
        market.deposit{value: 1}(BOB, 1);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vm.prank(ALICE);
        market.deposit{value: 1 ether}(address(0), 1 ether);
    }

    function test_RevertIf_CoinsComeWithoutAPurpose() public {
        vm.prank(ALICE);
        (bool ok, bytes memory reason) = address(market).call{value: 1 ether}("");
        yes(!ok, "refused");
        eq(uint256(keccak256(reason)), uint256(keccak256(abi.encodeWithSelector(Errors.WrongNativeAmount.selector, 1 ether, 0))));
        (ok,) = address(market).call(hex"12345678");
        yes(!ok, "no such function");
    }

    function test_WithdrawTo_PaysAnotherAndKeepsTheRest() public {
        vm.prank(ALICE);
        market.deposit{value: 3 ether}(ALICE, 3 ether);
        vm.prank(ALICE);
        market.withdrawTo(1, address(0xfee), 1 ether);
        eq(address(0xfee).balance, 1 ether);
        eq(balance(ALICE), 2 ether);
    }

    function test_RevertIf_WithdrawIsNotTheOwners() public {
        vm.prank(ALICE);
        market.deposit{value: 1 ether}(ALICE, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAccountOwner.selector, 1, BOB));
        vm.prank(BOB);
        market.withdraw(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownAccount.selector, 2));
        vm.prank(BOB);
        market.withdraw(2);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotAccountOwner.selector, 1, BOB));
        vm.prank(BOB);
        market.withdrawTo(1, BOB, UNIT);
    }

    function test_RevertIf_WithdrawToAsksTooMuchOrNowhere() public {
        vm.prank(ALICE);
        market.deposit{value: 1 ether}(ALICE, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 1, 1 ether + UNIT, 1 ether));
        vm.prank(ALICE);
        market.withdrawTo(1, ALICE, 1 ether + UNIT);
        vm.expectRevert(abi.encodeWithSelector(Errors.AmountNotExact.selector, 1, UNIT));
        vm.prank(ALICE);
        market.withdrawTo(1, ALICE, 1);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vm.prank(ALICE);
        market.withdrawTo(1, address(0), UNIT);
    }

    function test_ForcedCoinsBelongToNobody() public {
        vm.deal(address(market), 5 ether);
        bid(ALICE, 50, 1);
        cancel(ALICE, 1);
        vm.prank(ALICE);
        market.withdraw(1);
        eq(address(market).balance, 5 ether);
    }

    // ----------------------------------------------------------------------------------------------- hostile receiver

    function hostile() private returns (Receiver receiver) {
        receiver = new Receiver(market);
        vm.prank(ALICE);
        market.deposit{value: 3 ether}(address(receiver), 3 ether);
    }

    function test_Receiver_CannotReenter() public {
        Receiver receiver = hostile();
        uint256 account = market.accountOf(address(receiver));
        bytes[9] memory calls = [
            abi.encodeCall(market.withdraw, (account)),
            abi.encodeCall(market.withdrawTo, (account, address(receiver), UNIT)),
            abi.encodeCall(market.placeBid, (TICK, LOT, LATER)),
            abi.encodeCall(market.matchOrders, (1)),
            abi.encodeCall(market.cancelOrder, (1)),
            abi.encodeCall(market.settle, (1, "")),
            abi.encodeCall(market.expire, (1)),
            abi.encodeCall(market.prune, (new uint256[](0))),
            abi.encodeCall(market.deposit, (address(receiver), 0))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            receiver.arm(calls[i], false);
            receiver.run(abi.encodeCall(market.withdrawTo, (account, address(receiver), UNIT)), 0);
            yes(!receiver.reentered(), "kept out");
            eq(uint256(bytes32(receiver.answer())) >> 224, uint32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        }
        eq(balance(address(receiver)), 3 ether - 9 * UNIT);
    }

    function test_Receiver_ThatRevertsHurtsOnlyItself() public {
        Receiver receiver = hostile();
        uint256 account = market.accountOf(address(receiver));
        receiver.arm("", true);
        vm.expectRevert(abi.encodeWithSelector(Errors.NativeTransferFailed.selector, address(receiver), 3 ether));
        receiver.run(abi.encodeCall(market.withdraw, (account)), 0);
        // Its trades go on without it, and its money can go elsewhere.
        receiver.run(abi.encodeCall(market.placeBid, (60 * TICK, LOT, LATER)), 0);
        uint256 a = ask(BOB, 40, 1);
        market.matchOrders(9);
        settle(tid(1, 1, a), 1, 1);
        receiver.run(abi.encodeCall(market.withdrawTo, (account, ALICE, 1 ether)), 0);
    }

    // --------------------------------------------------------------------------------------------------------- tokens

    function use(address token) private {
        market = deploy(token, rules());
    }

    function give(GoodToken token, address trader, uint256 amount) private {
        token.mint(trader, amount);
        vm.prank(trader);
        token.approve(address(market), type(uint256).max);
    }

    function tokenBid(address trader, uint256 tick, uint256 lots) private returns (uint256) {
        vm.prank(trader);
        return market.placeBid(tick * TICK, lots * LOT, LATER);
    }

    function tokenAsk(address trader, uint256 tick, uint256 lots) private returns (uint256) {
        vm.prank(trader);
        return market.placeAsk(tick * TICK, lots * LOT, LATER);
    }

    function test_Token_WholeLife() public {
        GoodToken token = new GoodToken();
        use(address(token));
        eq(market.asset(), address(token));
        give(token, ALICE, 1 ether);
        give(token, BOB, 1 ether);
        uint256 b = tokenBid(ALICE, 60, 10);
        uint256 a = tokenAsk(BOB, 40, 10);
        eq(token.balanceOf(address(market)), price(120, 10) + depositOf(60, 10) + depositOf(40, 10));
        market.matchOrders(9);
        settle(tid(1, b, a), 10, 10);
        vm.prank(ALICE);
        market.withdraw(1);
        vm.prank(BOB);
        market.withdraw(2);
        eq(token.balanceOf(ALICE), 1 ether - price(100, 10));
        eq(token.balanceOf(BOB), 1 ether + price(100, 10));
        eq(token.balanceOf(address(market)), 0);
    }

    function test_Token_PullsOnlyWhatTheBalanceLacks() public {
        GoodToken token = new GoodToken();
        use(address(token));
        give(token, ALICE, 1 ether);
        uint256 needed = market.escrowFor(true, 60 * TICK, LOT);
        vm.prank(ALICE);
        market.deposit(ALICE, needed - UNIT);
        tokenBid(ALICE, 60, 1);
        eq(token.balanceOf(ALICE), 1 ether - needed);
        eq(balance(ALICE), 0);
        vm.prank(ALICE);
        market.deposit(ALICE, needed + UNIT);
        tokenBid(ALICE, 60, 1);
        eq(balance(ALICE), UNIT);
    }

    function test_RevertIf_CoinsComeToATokenMarket() public {
        GoodToken token = new GoodToken();
        use(address(token));
        vm.expectRevert(abi.encodeWithSelector(Errors.WrongNativeAmount.selector, 1 ether, 0));
        vm.prank(ALICE);
        market.placeBid{value: 1 ether}(TICK, LOT, LATER);
        vm.expectRevert(abi.encodeWithSelector(Errors.WrongNativeAmount.selector, 1 ether, 0));
        vm.prank(ALICE);
        market.deposit{value: 1 ether}(ALICE, 1 ether);
    }

    function test_RevertIf_TokenOrderIsBadBeforeItsMoneyMoves() public {
        GoodToken token = new GoodToken();
        use(address(token));
        vm.expectRevert(abi.encodeWithSelector(Errors.PriceOffTick.selector, TICK + 1, TICK));
        vm.prank(ALICE);
        market.placeBid(TICK + 1, LOT, LATER);
    }

    function test_RevertIf_TokenIsSkewed() public {
        int256[2] memory skews = [int256(-10), 10];
        for (uint256 i = 0; i < 2; ++i) {
            SkewedToken token = new SkewedToken(skews[i]);
            use(address(token));
            give(token, ALICE, 1 ether);
            uint256 needed = market.escrowFor(true, 60 * TICK, LOT);
            uint256 got = i == 0 ? needed * 990 / 1000 : needed * 1010 / 1000;
            vm.expectRevert(abi.encodeWithSelector(Errors.TokenAmountMismatch.selector, got, needed));
            tokenBid(ALICE, 60, 1);
        }
    }

    function test_Token_ThatAnswersNothing() public {
        SilentToken token = new SilentToken();
        use(address(token));
        token.mint(ALICE, 1 ether);
        tokenBid(ALICE, 60, 1);
        cancel(ALICE, 1);
        vm.prank(ALICE);
        market.withdraw(1);
        eq(token.balanceOf(ALICE), 1 ether);
    }

    function test_RevertIf_TokenAnswersFalse() public {
        RefusingToken token = new RefusingToken();
        use(address(token));
        give(token, ALICE, 1 ether);
        tokenBid(ALICE, 60, 1);
        cancel(ALICE, 1);
        token.refuse(true);
        vm.expectRevert();
        tokenBid(ALICE, 70, 2);
        uint256 owed = balance(ALICE);
        vm.expectRevert();
        vm.prank(ALICE);
        market.withdraw(1);
        eq(balance(ALICE), owed);
    }

    function test_Token_CannotReenter() public {
        CallingToken token = new CallingToken();
        use(address(token));
        give(token, ALICE, 1 ether);
        bytes[4] memory calls = [
            abi.encodeCall(market.deposit, (ALICE, UNIT)),
            abi.encodeCall(market.placeAsk, (TICK, LOT, LATER)),
            abi.encodeCall(market.matchOrders, (1)),
            abi.encodeCall(market.raiseNonce, (1))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            token.arm(address(market), calls[i]);
            uint256 id = tokenBid(ALICE, 60, 1);
            cancel(ALICE, id);
            vm.prank(ALICE);
            market.withdraw(1);
            yes(!token.reentered(), "kept out");
        }
        eq(token.balanceOf(ALICE), 1 ether);
    }

    // --------------------------------------------------------------------------------------------------------- permit

    function permitOf(GoodToken token, uint256 key, uint256 amount) private view returns (uint8, bytes32, bytes32) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        address owner = vm.addr(key);
        bytes32 hash = keccak256(abi.encode(typeHash, owner, address(market), amount, token.nonces(owner), LATER));
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }

    function test_Permit_BringsATradersTokensWithoutCoins() public {
        GoodToken token = new GoodToken();
        use(address(token));
        address dora = vm.addr(0xd02a);
        token.mint(dora, 1 ether);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(token, 0xd02a, 1 ether);
        vm.prank(STRANGER);
        eq(market.depositWithPermit(dora, 1 ether, LATER, v, r, s), 1);
        eq(balance(dora), 1 ether);
    }

    function test_Permit_UsedBySomeoneElseFirst() public {
        GoodToken token = new GoodToken();
        use(address(token));
        address dora = vm.addr(0xd02a);
        token.mint(dora, 1 ether);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(token, 0xd02a, 1 ether);
        token.permit(dora, address(market), 1 ether, LATER, v, r, s);
        vm.expectRevert(abi.encodeWithSelector(Errors.PermitRefused.selector, dora));
        market.depositWithPermit(dora, 1 ether, LATER, v, r, s);
        vm.prank(dora);
        market.depositWithPermit(dora, 1 ether, LATER, v, r, s);
        eq(balance(dora), 1 ether);
    }

    function test_RevertIf_PermitIsForgedOrThereIsNoToken() public {
        vm.expectRevert(Errors.NoPermitOnNativeCoin.selector);
        market.depositWithPermit(ALICE, UNIT, LATER, 27, 0, 0);
        GoodToken token = new GoodToken();
        use(address(token));
        address dora = vm.addr(0xd02a);
        token.mint(dora, 1 ether);
        (uint8 v, bytes32 r, bytes32 s) = permitOf(token, 0xbad, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.PermitRefused.selector, dora));
        market.depositWithPermit(dora, 1 ether, LATER, v, r, s);
    }
}
