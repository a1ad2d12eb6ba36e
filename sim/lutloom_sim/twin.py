"""A board that is not there: its design in Verilator, its cable a pseudo-terminal.

Host code cannot tell it from a board, but for the time: a simulated second takes longer.

Example
-------
>>> with Twin(emit_design(network, board, options), board.clock_hz) as twin:  # doctest: +SKIP
...     print(twin.port_name)
/dev/pts/3
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
import tty
from pathlib import Path

from lutloom.errors import ToolError
from lutloom_hw.board.protocol import BAUD
from lutloom_sim.verilated import build_twin

_BYTES_AT_ONCE = 64
_BITS_PER_BYTE = 10
_POLL_S = 0.05
_SETTLE_CLOCKS = 1024


class _Exchange(ctypes.Structure):
    """Mirror ``Exchange`` in ``twin.cpp``."""

    _fields_ = (
        ("to_design", ctypes.c_char_p),
        ("n_to_design", ctypes.c_int64),
        ("n_taken", ctypes.c_int64),
        ("from_design", ctypes.c_void_p),
        ("n_from_design", ctypes.c_int64),
        ("clocks", ctypes.c_int64),
        ("digit", ctypes.c_int32),
    )
    n_taken: int
    n_from_design: int
    digit: int


class Twin:
    """Run a board's design behind a pseudo-terminal, in a thread of its own.

    Parameters
    ----------
    verilog : str
        From :func:`~lutloom.emit.emit_design`.
    clock_hz : int
        The design's.
    top : str
        The design's module.
    rest_s : float
        Simulated seconds after the last byte on the line in which the design goes on; then it
        rests until a byte comes.

    Attributes
    ----------
    port_name : str
        What to open in place of a board's port.
    digit : int or None
        What the design's lights show.
    clocks : int
        Clocks simulated so far.
    built : Built
        What the build took.

    Raises
    ------
    MissingExtraError, ToolError
        If it cannot be built or loaded.
    """

    def __init__(
        self, verilog: str, clock_hz: int, *, top: str = "lutloom_design", rest_s: float = 0.05
    ) -> None:
        self.built = build_twin((verilog,), top)
        self.digit: int | None = None
        self.clocks = 0
        self._clocks_per_bit = clock_hz // BAUD
        self._rest_clocks = round(rest_s * clock_hz)
        self._library = _load(self.built.path)
        self._handle = self._library.lutloom_new(self._clocks_per_bit)
        if not self._handle:
            raise ToolError(f"twin: {top} must start, but its library {self.built.path} refused")
        self._settle()
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port_name = os.ttyname(self._theirs)
        self._stops = threading.Event()
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="twin", daemon=True)
        self._thread.start()

    def __enter__(self) -> Twin:
        """Give the twin itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.close()

    def close(self) -> None:
        """Stop the simulation and take the port away.

        Raises
        ------
        ToolError
            If the simulation had failed.
        """
        handle, self._handle = self._handle, None
        if not handle:
            return
        self._stops.set()
        self._thread.join()
        self._library.lutloom_delete(handle)
        os.close(self._ours)
        os.close(self._theirs)
        if self._fault:
            raise ToolError(f"twin: the simulation must not fail, but it did: {self._fault}")

    def _settle(self) -> None:
        """Let a design that resets itself do so, before anyone speaks."""
        room = ctypes.create_string_buffer(_BYTES_AT_ONCE)
        exchange = _Exchange(b"", 0, 0, ctypes.addressof(room), 0, _SETTLE_CLOCKS, -1)
        self._library.lutloom_exchange(self._handle, ctypes.byref(exchange))

    def _run(self) -> None:
        handle = self._handle
        clocks = _BYTES_AT_ONCE * _BITS_PER_BYTE * self._clocks_per_bit
        room = ctypes.create_string_buffer(_BYTES_AT_ONCE + 1)
        waiting = b""
        idle_clocks = self._rest_clocks
        while not self._stops.is_set():
            rests = idle_clocks >= self._rest_clocks
            if select.select([self._ours], [], [], _POLL_S if rests else 0)[0]:
                waiting += os.read(self._ours, 1 << 16)
            elif rests:
                continue
            exchange = _Exchange(waiting, len(waiting), 0, ctypes.addressof(room), 0, clocks, -1)
            if self._library.lutloom_exchange(handle, ctypes.byref(exchange)):
                self._fault = self._library.lutloom_error(handle).decode(errors="replace")
                return
            waiting = waiting[exchange.n_taken :]
            self.clocks += clocks
            self.digit = exchange.digit if exchange.digit >= 0 else None
            if exchange.n_from_design:
                os.write(self._ours, room.raw[: exchange.n_from_design])
            moved = exchange.n_taken or exchange.n_from_design
            idle_clocks = 0 if moved else idle_clocks + clocks


def _load(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ToolError(
            f"{path}: must be a library that can be loaded ({error}); remove its folder and try "
            "again"
        ) from None
    library.lutloom_new.argtypes = [ctypes.c_int]
    library.lutloom_new.restype = ctypes.c_void_p
    library.lutloom_delete.argtypes = [ctypes.c_void_p]
    library.lutloom_delete.restype = None
    library.lutloom_error.argtypes = [ctypes.c_void_p]
    library.lutloom_error.restype = ctypes.c_char_p
    library.lutloom_exchange.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Exchange)]
    return library
