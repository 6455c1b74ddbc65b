"""The market: the double auction on an Ethereum chain, its schedule, and its settlement."""

import sys
from contextlib import suppress

# py_ecc, which web3 brings along, raises the recursion limit of the whole process to 100,000 when
# it is imported: from then on a JSON text of 60,000 brackets, from any stranger, is no
# RecursionError but overflows the C stack and kills the hub. The hub uses nothing of it that needs
# the room. Imported here, before any module that imports web3, it has done so once and for all.
_limit = sys.getrecursionlimit()
with suppress(ImportError):  # some later web3 may do without it
    import py_ecc  # noqa: F401
sys.setrecursionlimit(_limit)
