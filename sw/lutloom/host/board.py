"""Talk to a board: ask what it is, send images, read classes; send again what got lost.

Example
-------
>>> board = Board(open_port("/dev/ttyUSB1"))                        # doctest: +SKIP
>>> [answer.class_index for answer in board.classify(images)]       # doctest: +SKIP
[7, 2, 1, 0]
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import BoardError, InvalidDataError
from lutloom.host.frames import FrameDecoder, encode_frame
from lutloom.host.port import Port
from lutloom_hw.board.protocol import VERSION, Design, Kind, Refusal

TRIES = 4
"""Times a request is sent before a board counts as silent."""
_IN_FLIGHT = 2
_IDENTITY = struct.Struct(">BBBIBBBBI")
_TESTED = struct.Struct(">BIII")
_CLASS = struct.Struct(">BBBBH")
_REFUSALS = {int(reason): reason.name.lower() for reason in Refusal}


@dataclass(frozen=True, slots=True)
class Identity:
    """Hold what a board says it is.

    Parameters
    ----------
    design : Design
    model : str
        The first eight digits of the network's SHA-256.
    height, width, n_classes, lanes, clock_hz : int
    """

    design: Design
    model: str
    height: int
    width: int
    n_classes: int
    lanes: int
    clock_hz: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a board says of one image.

    Parameters
    ----------
    class_index : int
    clocks : int
        From the last pixel to the class, in the chip.
    """

    class_index: int
    clocks: int


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Hold what a board's self-test counted.

    Parameters
    ----------
    right, images, clocks : int
        Right answers, images, and clocks from the first image to the last answer.
    """

    right: int
    images: int
    clocks: int


class Board:
    """Be the other end of a board's link.

    Parameters
    ----------
    port : Port
    timeout_s : float
        How long an answer may take.
    """

    def __init__(self, port: Port, *, timeout_s: float = 1.0) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._decoder = FrameDecoder()
        self._waiting: deque[bytes] = deque()
        self._sequence = 0
        self._refusal = ""

    def identify(self) -> Identity:
        """Ask what the board runs.

        Returns
        -------
        Identity

        Raises
        ------
        BoardError
            If it does not answer, or speaks another version of the protocol.
        """
        contents = self._request(bytes([Kind.IDENTIFY]), Kind.IDENTITY, _IDENTITY.size)
        _, version, design, model, height, width, n_classes, lanes, clock_hz = _IDENTITY.unpack(
            contents
        )
        if version != VERSION:
            raise BoardError(
                f"board: must speak version {VERSION} of the protocol, not {version}; program it "
                "with a bitstream of this version of Lutloom"
            )
        return Identity(Design(design), f"{model:08x}", height, width, n_classes, lanes, clock_hz)

    def test(self, passes: int = 1) -> SelfTest:
        """Let a board with the self-test design classify the images it holds.

        Parameters
        ----------
        passes : int
            Times over all images, 1 to 65,535.

        Returns
        -------
        SelfTest

        Raises
        ------
        BoardError
            If it does not answer, or runs another design.
        """
        request = bytes([Kind.TEST]) + passes.to_bytes(2, "big")
        _, right, images, clocks = _TESTED.unpack(self._request(request, Kind.TESTED, _TESTED.size))
        return SelfTest(right, images, clocks)

    def classify(self, images: NDArray[np.uint8]) -> Iterator[Answer]:
        """Send images and give their classes, in order, as they come.

        Parameters
        ----------
        images : uint8[n, height, width]
            Of the size the board's model takes.

        Yields
        ------
        Answer

        Raises
        ------
        InvalidDataError
            If the images are of another size.
        BoardError
            If the board runs another design, or does not answer.
        """
        identity = self.identify()
        if identity.design is not Design.CLASSIFIER:
            raise BoardError(
                "board: must run a design that classifies, not the self-test; program it with "
                "another bitstream, or use lutloom self-test"
            )
        if images.shape[1:] != (identity.height, identity.width):
            raise InvalidDataError(
                f"images: must be of {identity.height} x {identity.width} pixels, as the board's "
                f"model takes, not {' x '.join(map(str, images.shape[1:]))}; scale them"
            )
        sent: deque[tuple[int, bytes]] = deque()
        unsent = iter(images)
        while True:
            while len(sent) < _IN_FLIGHT and (image := next(unsent, None)) is not None:
                self._sequence = (self._sequence + 1) % 256
                request = bytes([Kind.CLASSIFY, self._sequence]) + image.tobytes()
                self._port.write(encode_frame(request))
                sent.append((self._sequence, request))
            if not sent:
                return
            yield self._await_class(sent)

    def _await_class(self, sent: deque[tuple[int, bytes]]) -> Answer:
        sequence, _ = sent[0]
        for attempt in range(TRIES):
            if attempt:
                self._send_again(request for _, request in sent)
            while (contents := self._receive((Kind.CLASS,))) is not None:
                if len(contents) != _CLASS.size:
                    break
                _, answers_to, class_index, high, low = _CLASS.unpack(contents)
                if answers_to == sequence:
                    sent.popleft()
                    return Answer(class_index, high << 16 | low)
        raise self._silent("a class")

    def _request(self, request: bytes, kind: Kind, size: int) -> bytes:
        self._quiet()
        for _ in range(TRIES):
            self._send_again([request])
            contents = self._receive((kind,))
            if contents is not None and len(contents) == size:
                return contents
        raise self._silent(f"{kind.name.lower()} of {size} bytes")

    def _quiet(self) -> None:
        """Forget what came before anything was asked."""
        while self._port.in_waiting:
            self._port.read(self._port.in_waiting)
        self._decoder = FrameDecoder()
        self._waiting.clear()
        self._refusal = ""

    def _send_again(self, requests: Iterable[bytes]) -> None:
        for request in requests:
            self._port.write(encode_frame(request))

    def _receive(self, kinds: tuple[Kind, ...]) -> bytes | None:
        """Wait for a frame of some kinds; None: it must be asked for again."""
        until = time.monotonic() + self._timeout_s
        while time.monotonic() < until:
            if not self._waiting:
                come = self._port.read(max(1, self._port.in_waiting))
                self._waiting.extend(self._decoder.feed(come))
                continue
            contents = self._waiting.popleft()
            if contents[0] in kinds:
                return contents
            if contents[0] == Kind.REFUSAL and len(contents) == 2:
                self._refusal = _REFUSALS.get(contents[1], str(contents[1]))
                return None  # perhaps of what was on the line before
        return None

    def _silent(self, what: str) -> BoardError:
        heard = self._decoder.damaged
        noise = f"{heard} damaged frames" if heard else "silence"
        if self._refusal:
            noise = f"a refusal ({self._refusal})"
        return BoardError(
            f"board: must answer with {what}, but gave {noise} {TRIES} times; is it programmed, is "
            "the port right, does nothing else use it?"
        )
