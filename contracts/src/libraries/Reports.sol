// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketTypes} from "../interfaces/IMarketTypes.sol";
import {IEnergyDoubleAuctionErrors as Errors} from "../interfaces/IEnergyDoubleAuctionErrors.sol";
import {Refusal} from "./Refusal.sol";
import {Signatures} from "./Signatures.sol";

/// @title Who may attest energy, and which parcels they have attested already
library Reports {
    bytes32 internal constant REPORT_TYPEHASH = keccak256(
        "MeterReport(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh,uint64 windowStart,uint64 windowEnd,uint64 sequence)"
    );
    bytes32 internal constant DELIVERY_TYPEHASH =
        keccak256("Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)");
    bytes32 internal constant BATCH_TYPEHASH = keccak256(
        "MeterBatch(uint64 windowStart,uint64 windowEnd,uint64 sequence,Delivery[] deliveries)Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)"
    );

    /// @dev How far a meter's clock may be off the chain's, in seconds.
    uint256 internal constant CLOCK_TOLERANCE = 120;

    /// @dev `accountId` 0 is an oracle; `retiredAt` 0 is a key in use.
    struct Key {
        bool authorized;
        uint32 accountId;
        uint40 retiredAt;
        uint40 validUntil;
    }

    struct State {
        mapping(address signer => Key) keys;
        mapping(address signer => mapping(uint256 index => uint256)) used; // index = sequence >> 8
    }

    function hashReport(IMarketTypes.MeterReport calldata report) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := report
        }
        return Signatures.hashStruct(REPORT_TYPEHASH, offset, 6);
    }

    function hashDelivery(IMarketTypes.Delivery calldata delivery) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := delivery
        }
        return Signatures.hashStruct(DELIVERY_TYPEHASH, offset, 3);
    }

    function hashBatch(IMarketTypes.MeterBatch calldata batch) internal pure returns (bytes32) {
        uint256 count = batch.deliveries.length;
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = hashDelivery(batch.deliveries[i]);
        }
        bytes32 deliveries = keccak256(abi.encodePacked(hashes));
        return keccak256(abi.encode(BATCH_TYPEHASH, batch.windowStart, batch.windowEnd, batch.sequence, deliveries));
    }

    /// @return The error that keeps `key` from attesting a trade cleared at `clearedAt`, empty if nothing does.
    function keyRefusal(Key memory key, address signer, uint256 clearedAt) internal view returns (bytes memory) {
        if (!key.authorized) return Refusal.data(Errors.SignerNotAuthorized.selector, signer);
        if (key.retiredAt == 0) return "";
        if (clearedAt <= key.retiredAt && block.timestamp <= key.validUntil) return "";
        return Refusal.data(Errors.SignerRetiredForTrade.selector, uint160(signer), key.retiredAt, key.validUntil);
    }

    /// @return The error that keeps a window from counting for a trade, empty if nothing does.
    function windowRefusal(uint256 start, uint256 end, uint256 clearedAt, uint256 deadline)
        internal
        view
        returns (bytes memory)
    {
        uint256 latest = (block.timestamp < deadline ? block.timestamp : deadline) + CLOCK_TOLERANCE;
        uint256 earliest = clearedAt > CLOCK_TOLERANCE ? clearedAt - CLOCK_TOLERANCE : 0;
        if (start < end && start >= earliest && end <= latest) return "";
        return abi.encodeWithSelector(Errors.WindowOutOfRange.selector, start, end, earliest, latest);
    }

    /// @notice Uses up a sequence number of a signer.
    function consume(State storage self, address signer, uint256 sequence) internal {
        uint256 word = self.used[signer][sequence >> 8];
        uint256 bit = 1 << (sequence & 255);
        if (word & bit != 0) revert Errors.SequenceUsed(signer, sequence);
        self.used[signer][sequence >> 8] = word | bit;
    }

    function isUsed(State storage self, address signer, uint256 sequence) internal view returns (bool) {
        return self.used[signer][sequence >> 8] & (1 << (sequence & 255)) != 0;
    }
}
