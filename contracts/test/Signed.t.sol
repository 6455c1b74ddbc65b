// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {Wallet} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

/// @dev Dora signs, a stranger sends and pays the gas.
contract SignedTest is MarketTest {
    uint256 private constant DORA_KEY = 0xd02a;
    address private dora;
    uint256 private account;

    function setUp() public override {
        super.setUp();
        dora = vm.addr(DORA_KEY);
        account = fund(dora, 1 ether);
    }

    function fund(address trader, uint256 amount) private returns (uint256) {
        vm.prank(STRANGER);
        return market.deposit{value: amount}(trader, amount);
    }

    function orderOf(uint256 accountId, uint32 nonce) private pure returns (SignedOrder memory) {
        return SignedOrder(accountId, true, 50 * TICK, 10 * LOT, LATER, 0, nonce);
    }

    function sign(uint256 key, SignedOrder memory o) private view returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "SignedOrder(uint256 accountId,bool isBid,uint256 price,uint256 qty,uint64 expiry,uint16 maxSlippage,uint32 nonce)"
        );
        return signDigest(
            key,
            digestOf(
                keccak256(
                    abi.encode(typeHash, o.accountId, o.isBid, o.price, o.qty, o.expiry, o.maxSlippage, o.nonce)
                )
            )
        );
    }

    function place(SignedOrder memory o, bytes memory signature) private returns (uint256 id) {
        SignedOrder[] memory orders = new SignedOrder[](1);
        bytes[] memory signatures = new bytes[](1);
        (orders[0], signatures[0]) = (o, signature);
        vm.prank(STRANGER);
        return market.placeSigned(orders, signatures)[0];
    }

    function refused(SignedOrder memory o, bytes memory signature, bytes memory reason) private {
        (,, uint256 nonce,) = market.account(account);
        vm.expectEmit(address(market));
        emit OrderRefused(0, o.accountId, reason);
        eq(place(o, signature), 0);
        (,, uint256 after_,) = market.account(account);
        eq(after_, nonce);
    }

    function test_Signed_IsTheTradersOrder() public {
        uint256 before = balance(dora);
        SignedOrder memory o = orderOf(account, 0);
        vm.expectEmit(address(market));
        emit OrderPlaced(1, dora, true, 50 * TICK, 10 * LOT, LATER);
        eq(place(o, sign(DORA_KEY, o)), 1);
        eq(before - balance(dora), price(100, 10) + depositOf(50, 10));
        eq(market.order(1).trader, dora);
        cancel(dora, 1);
        eq(balance(dora), before);
    }

    function test_Signed_NonceByNonce() public {
        for (uint32 nonce = 0; nonce < 3; ++nonce) {
            SignedOrder memory o = orderOf(account, nonce);
            eq(place(o, sign(DORA_KEY, o)), nonce + 1);
        }
        (,, uint256 next,) = market.account(account);
        eq(next, 3);
    }

    function test_Signed_ReplayIsRefused() public {
        SignedOrder memory o = orderOf(account, 0);
        bytes memory signature = sign(DORA_KEY, o);
        place(o, signature);
        refused(o, signature, abi.encodeWithSelector(Errors.NonceMismatch.selector, account, 0, 1));
    }

    function test_Signed_FutureNonceIsRefused() public {
        SignedOrder memory o = orderOf(account, 1);
        refused(o, sign(DORA_KEY, o), abi.encodeWithSelector(Errors.NonceMismatch.selector, account, 1, 0));
    }

    function test_Signed_EveryTamperedFieldIsRefused() public {
        SignedOrder memory o = orderOf(account, 0);
        bytes memory signature = sign(DORA_KEY, o);
        bytes memory reason = abi.encodeWithSelector(Errors.InvalidSignature.selector, dora);
        o.isBid = false;
        refused(o, signature, reason);
        o = orderOf(account, 0);
        o.price += TICK;
        refused(o, signature, reason);
        o = orderOf(account, 0);
        o.qty += LOT;
        refused(o, signature, reason);
        o = orderOf(account, 0);
        o.expiry += 1;
        refused(o, signature, reason);
        o = orderOf(account, 0);
        o.maxSlippage = 1;
        refused(o, signature, reason);
        o = orderOf(fund(address(0xe1e), 1 ether), 0); // another's account
        refused(o, signature, abi.encodeWithSelector(Errors.InvalidSignature.selector, address(0xe1e)));
    }

    function test_Signed_WrongKeyAndUnknownAccountAreRefused() public {
        SignedOrder memory o = orderOf(account, 0);
        refused(o, sign(0xbad, o), abi.encodeWithSelector(Errors.InvalidSignature.selector, dora));
        o = orderOf(99, 0);
        refused(o, sign(DORA_KEY, o), abi.encodeWithSelector(Errors.UnknownAccount.selector, 99));
        o = orderOf(0, 0);
        refused(o, "", abi.encodeWithSelector(Errors.UnknownAccount.selector, 0));
    }

    function test_Signed_ShortOfMoneyIsRefusedAndMayComeAgain() public {
        vm.prank(dora);
        market.withdraw(account);
        SignedOrder memory o = orderOf(account, 0);
        bytes memory signature = sign(DORA_KEY, o);
        uint256 needed = market.escrowFor(true, o.price, o.qty);
        refused(o, signature, abi.encodeWithSelector(Errors.InsufficientBalance.selector, account, needed, 0));
        fund(dora, needed);
        eq(place(o, signature), 1);
        eq(balance(dora), 0);
    }

    function test_Signed_BadOnesDoNotHoldUpTheOthers() public {
        SignedOrder[] memory orders = new SignedOrder[](3);
        bytes[] memory signatures = new bytes[](3);
        for (uint32 i = 0; i < 3; ++i) {
            orders[i] = orderOf(account, i == 2 ? 1 : i);
            if (i == 1) orders[i].price += 1; // off tick, keeps its nonce for the third
            signatures[i] = sign(DORA_KEY, orders[i]);
        }
        uint256[] memory ids = market.placeSigned(orders, signatures);
        eq(ids[0], 1);
        eq(ids[1], 0);
        eq(ids[2], 2);
    }

    function test_RevertIf_LengthsDiffer() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.LengthMismatch.selector, 1, 0));
        market.placeSigned(new SignedOrder[](1), new bytes[](0));
    }

    function test_Signed_ByAContractWallet() public {
        Wallet wallet = new Wallet(vm.addr(7));
        uint256 id = fund(address(wallet), 1 ether);
        SignedOrder memory o = orderOf(id, 0);
        refused(o, sign(8, o), abi.encodeWithSelector(Errors.InvalidSignature.selector, address(wallet)));
        eq(place(o, sign(7, o)), 1);
        eq(market.order(1).trader, address(wallet));
    }

    // --------------------------------------------------------------------------------------------------------- nonce

    function test_RaiseNonce_MakesSignedOrdersWorthless() public {
        SignedOrder memory o = orderOf(account, 0);
        bytes memory signature = sign(DORA_KEY, o);
        vm.expectEmit(address(market));
        emit NonceRaised(account, 5);
        vm.prank(dora);
        market.raiseNonce(5);
        refused(o, signature, abi.encodeWithSelector(Errors.NonceMismatch.selector, account, 0, 5));
        o = orderOf(account, 5);
        eq(place(o, sign(DORA_KEY, o)), 1);
    }

    function test_RevertIf_NonceIsNotRaised() public {
        vm.prank(dora);
        market.raiseNonce(5);
        uint32[3] memory wrong = [uint32(5), 4, 1 << 24];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.NonceNotRaised.selector, wrong[i], 5));
            vm.prank(dora);
            market.raiseNonce(wrong[i]);
        }
    }

    function test_Signed_LastNonceIsNotUsed() public {
        vm.prank(dora);
        market.raiseNonce((1 << 24) - 1);
        SignedOrder memory o = orderOf(account, (1 << 24) - 1);
        refused(
            o,
            sign(DORA_KEY, o),
            abi.encodeWithSelector(Errors.NonceMismatch.selector, account, (1 << 24) - 1, (1 << 24) - 1)
        );
    }
}
