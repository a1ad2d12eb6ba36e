"""The serial port a board hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lutloom.errors import BoardError, MissingExtraError
from lutloom_hw.board.protocol import BAUD

if TYPE_CHECKING:
    from collections.abc import Iterable


class Port(Protocol):
    """Be a line to write bytes to and read bytes from: pyserial's ``Serial``, or a stand-in."""

    timeout: float | None

    def read(self, size: int = 1, /) -> bytes:
        """Wait up to ``timeout`` seconds for ``size`` bytes and give what has come."""
        ...

    def write(self, line: bytes, /) -> int | None:
        """Send bytes."""
        ...

    @property
    def in_waiting(self) -> int:
        """Bytes that have come and wait to be read."""
        ...

    def close(self) -> None:
        """Let the line go."""
        ...


def open_port(name: str) -> Port:
    """Open a serial port at the boards' rate.

    Parameters
    ----------
    name : str
        As the system calls it: ``/dev/ttyUSB1``, ``COM5``.

    Returns
    -------
    Port

    Raises
    ------
    BoardError
        If there is no such port, or it may not be used; the ports there are are named.
    MissingExtraError
        If pyserial is not installed.
    """
    try:
        import serial
        from serial.tools import list_ports
    except ImportError:
        raise MissingExtraError(
            "port: pyserial is not installed; pip install 'lutloom[host]'"
        ) from None
    try:
        port: Port = serial.Serial(name, BAUD, timeout=0.1, write_timeout=10, exclusive=True)
    except (serial.SerialException, ValueError, OSError) as error:
        there = _names(list_ports.comports())
        raise BoardError(
            f"port {name}: must be a serial port that can be opened ({_reason(error)}); "
            f"{there}, see --port"
        ) from None
    return port


def _names(ports: Iterable[object]) -> str:
    names = sorted(str(getattr(port, "device", port)) for port in ports)
    return f"choose one of {', '.join(names)}" if names else "no serial port is there: plug it in"


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return str(reason).rpartition("] ")[2] or type(error).__name__
