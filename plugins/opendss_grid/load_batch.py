"""All loads of a circuit in one call of the solver's C interface.

One call for 1,800 loads takes 0.2 ms where `Loads.First/Next` with `Loads.kW` takes 2.9 ms, and the
solution is the same to the last bit. The functions are those of `dss_capi.h`, which comes with the
library; OpenDSSDirect.py has no names for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .protocol import FloatArray, GridError
from .solver_library import ffi, lib

#: Without it every changed load has its admittance computed anew, as by a text command.
_KEEP_ADMITTANCE = lib.SetterFlags_AvoidFullRecalc
#: OpenDSS's number of the status of loads that `LoadMult` scales.
_VARIABLE = 0
#: Setting this many loads takes longer than finding out that it is not necessary.
_WORTH_COMPARING = 100
#: Two products of the same factors differ by less than this share.
_ROUNDING = 1e-14


def fold_multipliers(dss: Any) -> None:
    """Take `Set LoadMult` and `Set Year` into the loads of the active circuit: they go on drawing
    what they drew, and what is set from now on is meant as it is. Growth shapes end here.
    """
    solution, loads = dss.Solution, dss.Loads
    factor, year = float(solution.LoadMult()), int(solution.Year())
    if factor == 1 and year == 0:
        return
    dss.Text.Command("Get %growth")
    growth = (1 + float(dss.Text.Result()) / 100) ** max(year - 1, 0)
    more = loads.First()
    while more:
        grown = growth if not loads.Growth() else 1.0
        loads.kW(loads.kW() * grown * (factor if loads.Status() == _VARIABLE else 1.0))
        more = loads.Next()
    solution.LoadMult(1)
    solution.Year(0)


class LoadBatch:
    """Some loads of one compiled circuit, in the order of their names.

    Handles point into the circuit: a batch ends with the next compile. Call it from the thread of
    its context only.
    """

    def __init__(
        self, context: Any, names: Sequence[str], power_w: FloatArray, power_var: FloatArray
    ) -> None:
        """`power_w` and `power_var` are what they draw now; GridError if one is not there."""
        handles = _handles(context)
        missing = [name for name in names if name not in handles]
        if missing:
            raise GridError(f"load {', '.join(missing)} is not in the circuit")
        self._check = context.Circuit._check_for_error
        self._count = len(names)
        self._loads = ffi.new("void*[]", [handles[name] for name in names])
        #: What was last set, in kW and kvar, and what comes next: they take turns.
        self._last = _Buffers(self._count)
        self._next = _Buffers(self._count)
        np.multiply(power_w, 1e-3, out=self._last.kw)
        np.multiply(power_var, 1e-3, out=self._last.kvar)

    def set(self, power_w: FloatArray, power_var: FloatArray, *, renew: bool = False) -> None:
        """Set what all loads draw; with `renew` the next solve rebuilds their admittances, too."""
        coming = self._next
        np.multiply(power_w, 1e-3, out=coming.kw)
        np.multiply(power_var, 1e-3, out=coming.kvar)
        # Setting kW moves kvar along its power factor: kvar comes second, and only if it has to.
        self._set(b"kW", coming.kw_pointer, 0 if renew else _KEEP_ADMITTANCE)
        if self._count < _WORTH_COMPARING or not self._keep_power_factors():
            self._set(b"kvar", coming.kvar_pointer, _KEEP_ADMITTANCE)
        self._check()
        self._last, self._next = coming, self._last

    @property
    def last(self) -> tuple[FloatArray, FloatArray]:
        """What was last set, in W and var."""
        return self._last.kw * 1e3, self._last.kvar * 1e3

    def _keep_power_factors(self) -> bool:
        """Return whether every load has the ratio of var to W that it was last set to."""
        last, coming = self._last, self._next
        # A load of 0 W has no power factor to keep, and of one that exports the solver turns the
        # sign of kvar. A NaN is never the same.
        if not ((coming.kw > 0) & (last.kw > 0)).all():
            return False
        expected, got = coming.kw * last.kvar, coming.kvar * last.kw
        return bool((np.abs(got - expected) <= _ROUNDING * np.abs(expected)).all())

    def _set(self, name: bytes, values: Any, flags: int) -> None:
        lib.Batch_Float64ArrayS(
            self._loads, self._count, name, lib.BatchOperation_Set, values, flags
        )


class _Buffers:
    """Powers of all loads where the solver can read them."""

    def __init__(self, count: int) -> None:
        self.kw, self.kvar = np.empty(count), np.empty(count)
        self.kw_pointer = ffi.cast("double*", ffi.from_buffer(self.kw))
        self.kvar_pointer = ffi.cast("double*", ffi.from_buffer(self.kvar))


def _handles(context: Any) -> dict[str, Any]:
    """Return the handle of every load, disabled ones too, by its lower-case name."""
    found, sizes = ffi.new("void***"), ffi.new("int32_t[4]")
    codec = context._api_util.codec
    # The handle of the context has no public name; dss_capi.h wants it first everywhere.
    lib.Batch_CreateByClassS(context._api_util.ctx, found, sizes, b"Load")
    try:
        return {
            ffi.string(lib.Obj_GetName(found[0][row])).decode(codec).lower(): found[0][row]
            for row in range(sizes[0])
        }
    finally:
        lib.Batch_Dispose(found[0])
