"""What each step of the road leaves behind in a model's folder, as JSON.

The report is made from these files alone: no network is run and nothing is trained for it.
"""

from __future__ import annotations

import msgspec

from lutloom.compare.ladder import Rung
from lutloom.compare.results import ExecutorResult
from lutloom.flow.results import TargetResult
from lutloom.recipe import Recipe
from lutloom.report.results import Epoch, Estimate


class RecipeRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``recipe.json``: what the model was trained with, defaults filled in.

    Members
    -------
    name : the recipe's name, which is also the model's
    data : the data set's name or path
    recipe : every value
    """

    name: str
    data: str
    recipe: Recipe


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``train.json``: how training went.

    Members
    -------
    seconds : training alone, data loading left out
    threads : of torch on the CPU
    validation_images : held out of the training part; they picked everything
    state_sha256 : of ``model.safetensors``
    """

    name: str
    dataset: str
    seed: int
    validation_images: int
    seconds: float
    device: str
    threads: int
    neurons: int
    widths: tuple[int, ...]
    history: tuple[Epoch, ...]
    state_sha256: str


class PassLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one run of a lowering pass that changed the network."""

    name: str
    neurons_before: int
    neurons_after: int
    inputs_before: int
    inputs_after: int


class EliminationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold which layers `lower --eliminate-layers` took out; this may change answers.

    Members
    -------
    layers : in the order they went, counted from 0 in the lowered network
    layers_before : how many there were
    validation_images : they were chosen on these
    validation_accuracy_before, validation_accuracy : on them, before and after
    """

    layers: tuple[int, ...]
    layers_before: int
    validation_images: int
    validation_accuracy_before: float
    validation_accuracy: float


class LoweringRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``lower.json``: what lowering made, checked and expects.

    Members
    -------
    images_checked : test images every pass was checked on
    answers_changed : of them, answers that differ from the trained model's
    device, family : what the estimate is for
    rung : L0
    network_sha256 : of ``network.onnx``
    elimination : layers taken out; None: not asked for
    """

    network_digest: str
    network_sha256: str
    seconds: float
    images_checked: int
    random_images_checked: int
    answers_changed: int
    passes: tuple[PassLine, ...]
    neurons: int
    widths: tuple[int, ...]
    thresholds: tuple[int, ...]
    device: str
    estimate: Estimate
    rung: Rung
    elimination: EliminationRecord | None = None


class EmissionRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``emit.json``: the text that was emitted.

    Members
    -------
    latency_cycles : of the pipeline
    top_latency_cycles : from an image's last pixels to its class
    loader_cycles : clocks in which one image's pixels enter
    sha256 : of each file, by name
    """

    network_digest: str
    device: str
    latency_cycles: int
    top_latency_cycles: int
    loader_cycles: int
    sha256: dict[str, str]


class SimulationRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``simulate.json``: what the simulated hardware answered.

    Members
    -------
    executors : cocotb and the bulk library
    stages, verilog : rungs L2 and L3
    """

    network_digest: str
    executors: tuple[ExecutorResult, ...]
    stages: Rung
    verilog: Rung
    tools: dict[str, str]


class SynthesisRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``synth-DEVICE.json``: what synthesis, proof, placement and routing gave.

    Members
    -------
    netlist : the synthesised netlist, simulated
    proof, bitstream : rungs L4 and L5
    unpacked : the netlist rebuilt from the bitstream, simulated; None if nothing was routed
    """

    network_digest: str
    result: TargetResult
    netlist: ExecutorResult
    proof: Rung
    bitstream: Rung
    unpacked: ExecutorResult | None = None
