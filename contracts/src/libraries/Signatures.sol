// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures of keys and of contracts
/// @dev Tries the key first, so that the usual signer costs no look at its code. Signatures are never used as
/// identifiers here, so having two forms of one does no harm.
library Signatures {
    /// @notice The EIP-712 hash of a structure of `words` plain values that lies in the calldata at `offset`.
    /// @dev Values are hashed as they came. One with bits beyond its type is refused where the field is read.
    function hashStruct(bytes32 typeHash, uint256 offset, uint256 words) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), offset, mul(words, 0x20))
            hash := keccak256(free, mul(add(words, 1), 0x20))
        }
    }

    /// @notice Whether `signer` signed `digest`: by 65 bytes r, s, v, by 64 bytes r, vs (ERC-2098), or by ERC-1271.
    function isSignedBy(address signer, bytes32 digest, bytes memory signature) internal view returns (bool) {
        address recovered;
        if (signature.length == 64) {
            bytes32 r;
            bytes32 vs;
            assembly ("memory-safe") {
                r := mload(add(signature, 0x20))
                vs := mload(add(signature, 0x40))
            }
            (recovered,,) = ECDSA.tryRecover(digest, r, vs);
        } else {
            (recovered,,) = ECDSA.tryRecover(digest, signature);
        }
        if (recovered == signer) return signer != address(0);
        return signer.code.length != 0 && SignatureChecker.isValidERC1271SignatureNow(signer, digest, signature);
    }
}
