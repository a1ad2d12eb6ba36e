r"""Frames on a serial line, as :mod:`lutloom_hw.board.protocol` tells.

Example
-------
>>> decoder = FrameDecoder()
>>> decoder.feed(b"noise" + encode_frame(b"\x01~"))
[b'\x01~']
>>> decoder.damaged
1
"""

from __future__ import annotations

import binascii

from lutloom_hw.board.protocol import CRC_BYTES, ESCAPE, FLAG, TURN

_FRAME_BYTES_MAX = 1 << 16


def encode_frame(contents: bytes) -> bytes:
    """Put flags around contents, escapes into them and their CRC behind them.

    Parameters
    ----------
    contents : bytes

    Returns
    -------
    bytes
        What goes on the line; a flag first, so that whatever came before counts no more.
    """
    checked = contents + binascii.crc_hqx(contents, 0).to_bytes(CRC_BYTES, "big")
    line = bytearray([FLAG])
    for byte in checked:
        line += bytes([ESCAPE, byte ^ TURN]) if byte in (FLAG, ESCAPE) else bytes([byte])
    line.append(FLAG)
    return bytes(line)


class FrameDecoder:
    """Find the frames in what comes over a line, piece by piece.

    Attributes
    ----------
    damaged : int
        Frames so far whose CRC was not right, or that were cut short.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._frame = bytearray()
        self._escaped = False

    def feed(self, line: bytes) -> list[bytes]:
        """Take what has come.

        Parameters
        ----------
        line : bytes

        Returns
        -------
        list of bytes
            Contents of the frames that are whole now, in their order.
        """
        found = []
        for byte in line:
            if byte == FLAG:
                if self._frame or self._escaped:
                    contents = self._end()
                    if contents is None:
                        self.damaged += 1
                    else:
                        found.append(contents)
            elif byte == ESCAPE:
                self._escaped = True
            elif len(self._frame) < _FRAME_BYTES_MAX:
                self._frame.append(byte ^ TURN if self._escaped else byte)
                self._escaped = False
        return found

    def _end(self) -> bytes | None:
        frame, escaped = bytes(self._frame), self._escaped
        self._frame.clear()
        self._escaped = False
        whole = not escaped and len(frame) > CRC_BYTES and binascii.crc_hqx(frame, 0) == 0
        return frame[:-CRC_BYTES] if whole else None
