"""Which chip a bitstream is for, read from the bitstream itself."""

from __future__ import annotations

_ICE40_PREAMBLE = bytes.fromhex("7eaa997e")
_ICE40_BANK_WIDTH = 6
_ICE40_CHIPS = {872: "hx8k", 692: "up5k"}
"""By the columns of a bank of configuration memory."""
_ECP5_PREAMBLE = bytes.fromhex("ffffbdb3")
_ECP5_VERIFY_ID = 0xE2
_ECP5_FILLER = 0xFF
_ECP5_RESET_CRC = 0x3B
_ECP5_CHIPS = {0x41111043: "25k", 0x41112043: "45k", 0x41113043: "85k"}


def chip_of(bitstream: bytes) -> str | None:
    """Tell which chip a bitstream configures.

    Parameters
    ----------
    bitstream : bytes
        An iCE40 or ECP5 bitstream.

    Returns
    -------
    str or None
        ``hx8k``, ``up5k``, ``25k``, ``45k``, ``85k``; None: another chip, or no bitstream.

    References
    ----------
    Formats as documented by Project IceStorm and Project Trellis.
    """
    at = bitstream.find(_ICE40_PREAMBLE)
    if at >= 0:
        return _ice40(bitstream, at + len(_ICE40_PREAMBLE))
    at = bitstream.find(_ECP5_PREAMBLE)
    if at >= 0:
        return _ecp5(bitstream, at + len(_ECP5_PREAMBLE))
    return None


def _ice40(bitstream: bytes, at: int) -> str | None:
    """Go through the commands, of a nibble and as many bytes as the other says, to the width."""
    while at < len(bitstream):
        command, size = divmod(bitstream[at], 16)
        payload = bitstream[at + 1 : at + 1 + size]
        if command == _ICE40_BANK_WIDTH:
            return _ICE40_CHIPS.get(int.from_bytes(payload, "big") + 1)
        if command == 0 and payload == b"\x01":  # configuration data begin
            return None
        at += 1 + size
    return None


def _ecp5(bitstream: bytes, at: int) -> str | None:
    while at < len(bitstream):
        command = bitstream[at]
        if command == _ECP5_VERIFY_ID:
            return _ECP5_CHIPS.get(int.from_bytes(bitstream[at + 4 : at + 8], "big"))
        if command == _ECP5_FILLER:
            at += 1
        elif command == _ECP5_RESET_CRC:
            at += 4
        else:
            return None
    return None
