// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EnergyDoubleAuction} from "../src/EnergyDoubleAuction.sol";
import {MarketDesk} from "../src/MarketDesk.sol";
import {IEnergyDoubleAuction} from "../src/interfaces/IEnergyDoubleAuction.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../src/interfaces/IEnergyDoubleAuctionErrors.sol";
import {MarketTest} from "./support/MarketTest.sol";
import {CallingToken} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

contract OwnerTest is MarketTest {
    // ------------------------------------------------------------------------------------------------------- params

    function refused(Params memory params, bytes32 name, uint256 value, uint256 lowest, uint256 highest) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.ParamOutOfRange.selector, name, value, lowest, highest));
        setRules(params);
    }

    function test_Params_TakeTheirBounds() public {
        Params memory low = Params(uint64(LOT), 60, 60, 0, 0, PricingMode.Uniform, 0, 0);
        setRules(low);
        uint64 most = uint64(((1 << 24) - 1) * LOT);
        Params memory high =
            Params(uint64(1_000_000 * LOT), 30 days, 30 days, 1000, 10_000, PricingMode.PayAsBid, 255, most);
        vm.expectEmit(address(market));
        emit ParamsChanged(high);
        setRules(high);
        eq(uint256(keccak256(abi.encode(market.params()))), uint256(keccak256(abi.encode(high))));
    }

    function test_RevertIf_ParamsAreOutOfBounds() public {
        Params memory p = rules();
        p.minQty = 0;
        refused(p, "minQty", 0, LOT, 1_000_000 * LOT);
        p.minQty = uint64(1_000_001 * LOT);
        refused(p, "minQty", 1_000_001 * LOT, LOT, 1_000_000 * LOT);
        p.minQty = uint64(LOT + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.QtyOffLot.selector, LOT + 1, LOT));
        setRules(p);
        p = rules();
        p.orderTTL = 59;
        refused(p, "orderTTL", 59, 60, 30 days);
        p.orderTTL = 30 days + 1;
        refused(p, "orderTTL", 30 days + 1, 60, 30 days);
        p = rules();
        p.settlementTTL = 59;
        refused(p, "settlementTTL", 59, 60, 30 days);
        p.settlementTTL = 30 days + 1;
        refused(p, "settlementTTL", 30 days + 1, 60, 30 days);
        p = rules();
        p.depositRate = 1001;
        refused(p, "depositRate", 1001, 0, 1000);
        p = rules();
        p.maxSlippage = 10_001;
        refused(p, "maxSlippage", 10_001, 0, 10_000);
        uint256 most = ((1 << 24) - 1) * LOT;
        p = rules();
        p.minQty = uint64(3 * LOT);
        p.maxOpen = uint64(3 * LOT - 1);
        refused(p, "maxOpen", 3 * LOT - 1, 3 * LOT, most);
        p.maxOpen = uint64(most + 1);
        refused(p, "maxOpen", most + 1, 3 * LOT, most);
    }

    // -------------------------------------------------------------------------------------------------------- roles

    function test_RevertIf_NotTheOwner() public {
        bytes[8] memory calls = [
            abi.encodeCall(market.setParams, (rules())),
            abi.encodeCall(market.authorizeOracle, (ALICE)),
            abi.encodeCall(market.authorizeMeter, (ALICE, BOB)),
            abi.encodeCall(market.retireSigner, (oracle, 0)),
            abi.encodeCall(market.adminCancel, (1)),
            abi.encodeCall(market.pause, ()),
            abi.encodeCall(market.unpause, ()),
            abi.encodeCall(Ownable2Step.transferOwnership, (ALICE))
        ];
        address[2] memory strangers = [ALICE, oracle];
        for (uint256 i = 0; i < calls.length; ++i) {
            for (uint256 j = 0; j < 2; ++j) {
                vm.prank(strangers[j]);
                (bool ok, bytes memory reason) = address(market).call(calls[i]);
                yes(!ok, "kept out");
                eq(
                    uint256(keccak256(reason)),
                    uint256(
                        keccak256(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, strangers[j]))
                    )
                );
            }
        }
    }

    function test_Ownership_ChangesInTwoSteps() public {
        Ownable2Step owned = Ownable2Step(address(market));
        eq(owned.owner(), OWNER);
        vm.prank(OWNER);
        owned.transferOwnership(ALICE);
        eq(owned.owner(), OWNER);
        eq(owned.pendingOwner(), ALICE);
        vm.prank(ALICE);
        owned.acceptOwnership();
        eq(owned.owner(), ALICE);
    }

    function test_RevertIf_InitializedAgain() public {
        vm.expectRevert(Errors.AlreadyInitialized.selector);
        MarketDesk(payable(address(market))).initialize(rules(), ALICE, ALICE);
    }

    function test_RevertIf_DeployedWithoutOwnerOracleOrUnits() public {
        vm.expectRevert(Errors.ZeroAddress.selector);
        new EnergyDoubleAuction(address(0), TICK, LOT, rules(), address(0), oracle);
        vm.expectRevert(Errors.ZeroAddress.selector);
        new EnergyDoubleAuction(address(0), TICK, LOT, rules(), OWNER, address(0));
        uint256[2][6] memory wrong = [
            [uint256(0), LOT],
            [TICK, 0],
            [uint256(1_000_001), 1_000_000], // an odd tick has no whole midpoint
            [uint256(1000), 100], // a tenth of a money unit
            [uint256(1) << 97, 1_000_000],
            [TICK, uint256(1) << 33]
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Errors.UnitsNotExact.selector, wrong[i][0], wrong[i][1]));
            new EnergyDoubleAuction(address(0), wrong[i][0], wrong[i][1], rules(), OWNER, oracle);
        }
    }

    function test_Units_AreAsDeployed() public view {
        eq(market.priceTick(), TICK);
        eq(market.lot(), LOT);
        eq(market.moneyUnit(), UNIT);
        eq(market.asset(), address(0));
    }

    // ---------------------------------------------------------------------------------------------------------- keys

    function test_Signers_AreListed() public {
        (bool authorized, uint256 account, uint64 retiredAt, uint64 validUntil) = market.signer(oracle);
        yes(authorized, "the first oracle");
        eq(account + retiredAt + validUntil, 0);
        vm.expectEmit(address(market));
        emit SignerAuthorized(CAROL, 1);
        vm.prank(OWNER);
        market.authorizeMeter(CAROL, BOB);
        (, account,,) = market.signer(CAROL);
        eq(account, market.accountOf(BOB));
        vm.expectEmit(address(market));
        emit SignerRetired(CAROL, START + 5);
        vm.prank(OWNER);
        market.retireSigner(CAROL, START + 5);
        (authorized,, retiredAt, validUntil) = market.signer(CAROL);
        yes(authorized, "until its end");
        eq(retiredAt, START);
        eq(validUntil, START + 5);
    }

    function test_Retired_KeyMayOnlyEndSooner() public {
        vm.prank(OWNER);
        market.retireSigner(oracle, START + 50);
        vm.warp(START + 10);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.ParamOutOfRange.selector, bytes32("validUntil"), START + 51, 0, START + 50)
        );
        vm.prank(OWNER);
        market.retireSigner(oracle, START + 51);
        vm.prank(OWNER);
        market.retireSigner(oracle, 0);
        (,, uint64 retiredAt, uint64 validUntil) = market.signer(oracle);
        eq(retiredAt, START);
        eq(validUntil, 0);
    }

    function test_RevertIf_SignerIsWrong() public {
        vm.expectRevert(abi.encodeWithSelector(Errors.SignerKnown.selector, oracle));
        vm.prank(OWNER);
        market.authorizeOracle(oracle);
        vm.expectRevert(Errors.ZeroAddress.selector);
        vm.prank(OWNER);
        market.authorizeOracle(address(0));
        vm.expectRevert(abi.encodeWithSelector(Errors.SignerNotAuthorized.selector, ALICE));
        vm.prank(OWNER);
        market.retireSigner(ALICE, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.ParamOutOfRange.selector, bytes32("validUntil"), START + 30 days + 1, 0, START + 30 days
            )
        );
        vm.prank(OWNER);
        market.retireSigner(oracle, START + 30 days + 1);
    }

    /// @dev An owner that a hostile token calls in the middle of a placement could open an account whose number the
    /// placement, which holds the counters meanwhile, would then give to the next trader once more.
    function test_AuthorizeMeter_CannotReenterAPlacement() public {
        CallingToken token = new CallingToken();
        address owner = address(token);
        EnergyDoubleAuction other = new EnergyDoubleAuction(owner, TICK, LOT, rules(), owner, oracle);
        market = IEnergyDoubleAuction(address(other));
        token.mint(ALICE, 1 ether);
        vm.prank(ALICE);
        token.approve(address(market), type(uint256).max);
        token.arm(address(market), abi.encodeCall(market.authorizeMeter, (STRANGER, BOB)));
        vm.prank(ALICE);
        market.placeAsk(50 * TICK, LOT, LATER);
        yes(!token.reentered(), "kept out");
        eq(market.accountOf(BOB), 0);

        vm.prank(owner);
        market.authorizeMeter(STRANGER, BOB);
        vm.prank(CAROL);
        market.raiseNonce(1);
        eq(market.accountOf(ALICE), 1);
        eq(market.accountOf(BOB), 2);
        eq(market.accountOf(CAROL), 3);
    }

    // --------------------------------------------------------------------------------------------------------- pause

    function test_Pause_SaysSo() public {
        vm.expectEmit(address(market));
        emit MarketPaused(true);
        vm.prank(OWNER);
        market.pause();
        vm.expectEmit(address(market));
        emit MarketPaused(false);
        vm.prank(OWNER);
        market.unpause();
        bid(ALICE, 1, 1);
    }

    /// @dev The desk's own state is empty and its own address is of no use to anyone.
    function test_Desk_OfItsOwnHoldsNothing() public {
        MarketDesk desk = new MarketDesk(address(0), TICK, LOT);
        eq(desk.lastOrderId(), 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownTrade.selector, 1));
        desk.trade(1);
    }
}
