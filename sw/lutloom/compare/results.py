"""What a comparison found, as typed records that go to JSON unchanged."""

from __future__ import annotations

from typing import Literal

import msgspec

ExecutorName = Literal[
    "torch_cpu",
    "torch_cuda",
    "onnxruntime",
    "ir",
    "rtl",
    "rtl_bulk",
    "rtl_top",
    "netlist",
    "bitstream",
]
RungState = Literal["passed", "failed", "not run"]


class ExecutorResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold what one executor of the network answered.

    Members
    -------
    name : which executor
    title : what people read
    accuracy : share of images answered rightly, 0..1; None where it did not run
    mismatches : answers that differ from the IR's; None where it did not run
    images : images it classified
    images_per_second : measured on this machine; None where not measured
    note : why it did not run, or how it ran
    """

    name: ExecutorName
    title: str
    accuracy: float | None = None
    mismatches: int | None = None
    images: int = 0
    images_per_second: float | None = None
    note: str = ""


class WrongAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one image that was read wrongly.

    Members
    -------
    index : number of the image in the test part
    label, answer : the right class and the one given
    pixels : uint8[height, width], row-major
    """

    index: int
    label: int
    answer: int
    height: int
    width: int
    pixels: bytes


class TradeOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one point of accuracy against size: the network with votes left out, not retrained."""

    votes_per_class: int
    neurons: int
    lut4: int
    accuracy: float


class Throughput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say what the placed and routed clock means in images.

    Members
    -------
    clock_hz : the median clock over place-and-route seeds
    pipeline_images_per_second : one image a clock, encoded bits at the input
    loader_cycles_per_image : clocks in which one image's pixels enter
    loader_images_per_second : pixels at the pins
    latency_ns : from the accepted image to its class, in the pipeline
    """

    clock_hz: float
    pipeline_images_per_second: float
    loader_cycles_per_image: int
    loader_images_per_second: float
    latency_ns: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one network's answers from every executor.

    Members
    -------
    network_digest : names the network compared
    dataset : name of the data set
    images : images of the test part
    tools : version of everything that took part, by name
    executors : in the order of the table
    confusion : int[n_classes, n_classes], row the right class, column the IR's answer
    wrong : the first wrongly read images, at most :data:`WRONG_MAX`
    trade_off : accuracy against size
    """

    network_digest: str
    dataset: str
    images: int
    executors: tuple[ExecutorResult, ...]
    confusion: tuple[tuple[int, ...], ...] = ()
    wrong: tuple[WrongAnswer, ...] = ()
    trade_off: tuple[TradeOff, ...] = ()
    tools: dict[str, str] = msgspec.field(default_factory=dict)

    def executor(self, name: ExecutorName) -> ExecutorResult | None:
        """Find an executor's result; None where it is not in the table."""
        return next((e for e in self.executors if e.name == name), None)


WRONG_MAX = 42
"""How many wrongly read images are kept as pictures."""
