"""Ranks of registers that let a value arrive together with what was computed meanwhile."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def delay(m: Module, value: Value, cycles: int, *, name: str, reset_less: bool = True) -> Value:
    """Delay a value.

    Parameters
    ----------
    m : Module
    value : Value
    cycles : int
        0 gives the value itself.
    name : str
        Of the registers.
    reset_less : bool
        False for marks, which must not outlive a reset.

    Returns
    -------
    Value
    """
    for cycle in range(1, cycles + 1):
        register = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value
