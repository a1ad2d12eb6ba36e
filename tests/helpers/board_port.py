"""A board in Python behind a port, with the faults a real line has."""

from __future__ import annotations

import numpy as np

from lutloom.host.frames import FrameDecoder, encode_frame
from lutloom_hw.board.protocol import VERSION, Design, Kind, Refusal


class BoardPort:
    """Answer as a board would: class = first pixel modulo ten, three clocks.

    ``faults`` says what becomes of each answer in turn: "ok", "lost", "damaged", "half", "twice",
    "late" (only with the next one), or a refusal's reason; after the last one all is well.
    """

    timeout = 0.0

    def __init__(self, faults=(), *, shape=(2, 3), design=Design.CLASSIFIER, version=VERSION):
        self.faults = list(faults)
        self.shape, self.design, self.version = shape, design, version
        self.closed = False
        self.requests = []
        self._decoder = FrameDecoder()
        self._line = bytearray()
        self._late = b""

    @property
    def in_waiting(self):
        return len(self._line)

    def read(self, size=1):
        taken = bytes(self._line[:size])
        del self._line[:size]
        return taken

    def close(self):
        self.closed = True

    def write(self, line):
        for request in self._decoder.feed(line):
            self.requests.append(request)
            self._answer(request)

    def say(self, line):
        """Put bytes on the line that nobody asked for."""
        self._line += line

    def _answer(self, request):
        fault = self.faults.pop(0) if self.faults else "ok"
        if isinstance(fault, Refusal):
            self._line += encode_frame(bytes([Kind.REFUSAL, fault]))
            return
        frame = bytearray(encode_frame(self._contents(request)))
        if fault == "damaged":
            frame[2] ^= 1
        late, self._late = self._late, b""
        if fault == "late":
            self._late = bytes(frame)
            return
        if fault != "lost":
            self._line += late + frame[: len(frame) // 2 if fault == "half" else None]
        if fault == "twice":
            self._line += frame

    def _contents(self, request):
        if request[0] == Kind.IDENTIFY:
            return bytes(
                [
                    Kind.IDENTITY,
                    self.version,
                    self.design,
                    0xAB,
                    0xCD,
                    0xEF,
                    0x01,
                    *self.shape,
                    10,
                    1,
                ]
            ) + (12_000_000).to_bytes(4, "big")
        if request[0] == Kind.TEST:
            return bytes([Kind.TESTED]) + b"".join(n.to_bytes(4, "big") for n in (97, 100, 120))
        return bytes([Kind.CLASS, request[1], request[2] % 10, 0, 0, 3])


def pictures(n, shape=(2, 3), seed=0):
    """Draw images and give what :class:`BoardPort` says of them."""
    images = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    return images, (images[:, 0, 0] % 10).tolist()
