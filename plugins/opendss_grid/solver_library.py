"""OpenDSS as a Python module, loaded so that a growing environment does not crash it.

The library remembers, when it is loaded, where the process keeps its environment variables, and
reads them again on each thread that enters it. The C library moves that array when a variable is
added (`os.environ[...] = ...`, in any module) and frees the old one, which OpenDSS then reads: a
segmentation fault. An array the C library did not allocate itself it copies and never frees, so
the environment is put into one that lives as long as the process before OpenDSS is loaded.
"""

from __future__ import annotations

import ctypes
import platform
from typing import Any


def _keep_environment() -> Any:
    """Move the process's array of environment variables into memory that is never freed.

    Returns:
        The array; it must outlive OpenDSS. None where the C library is not glibc, whose
        handling of the array this relies on.
    """
    if platform.libc_ver()[0] != "glibc":
        return None
    process = ctypes.CDLL(None)
    variables = ctypes.POINTER(ctypes.c_void_p).in_dll(process, "environ")
    count = 0
    while variables[count] is not None:
        count += 1
    kept = (ctypes.c_void_p * (count + 1))(*variables[:count], None)
    ctypes.c_void_p.in_dll(process, "environ").value = ctypes.addressof(kept)
    return kept


_ENVIRONMENT = _keep_environment()

# The environment must be in its place before any of these loads the library.
from dss import DSSException  # noqa: E402
from dss_python_backend import ffi, lib  # noqa: E402
from opendssdirect import dss  # noqa: E402

__all__ = ["DSSException", "dss", "ffi", "lib"]
