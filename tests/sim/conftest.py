"""A small network, its images, Verilog that misbehaves on request; builds last a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lutloom import ir
from lutloom.lower.random_network import random_network


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all workers of a session: each runtime is compiled once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "simulation-cache"
    patch = pytest.MonkeyPatch()
    patch.setenv("LUTLOOM_CACHE_DIR", str(folder))
    yield folder
    patch.undo()


@dataclass(frozen=True)
class Case:
    network: ir.Network
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    expected: NDArray[np.int64]


def _make_case(seed, widths, n_images, **shape) -> Case:
    network = random_network(seed, widths, **shape)
    rng = np.random.default_rng(seed)
    size = (n_images, network.encoder.height, network.encoder.width)
    images = rng.integers(0, 256, size, dtype=np.uint8)
    labels = rng.integers(0, network.n_classes, n_images)
    return Case(network, images, labels, ir.classify(network, images))


@pytest.fixture(scope="session")
def make_case():
    return _make_case


@pytest.fixture(scope="session")
def case() -> Case:
    return _make_case(1, (24, 20), 300, image=(6, 6), thresholds=(128,))


MISBEHAVING = """
module lutloom_pipeline(
  input clk, input rst, input [7:0] i__payload, input i__valid, output i__ready,
  output [3:0] o__payload, output o__valid, input o__ready);
  // A queue of one.  The high half of the beat says what goes wrong, the low half is the answer.
  reg full = 0; reg [7:0] held = 0; reg again = 0;
  wire [3:0] fault = held[7:4];
  assign i__ready = !full;
  assign o__valid = full & (fault != 1) & !(fault == 3 & again);      // 1: never answers
  assign o__payload = held[3:0] ^ {3'b0, fault == 4 & again};         // 4: changes its answer
  always @(posedge clk) begin
    again <= full & !(o__valid & o__ready);                           // 3: withdraws its answer
    if (i__valid & i__ready) begin held <= i__payload; full <= 1; end
    if (o__valid & o__ready & !(fault == 2)) full <= 0;               // 2: answers for ever
    if (rst KEEP) begin full <= 0; again <= 0; end
  end
endmodule
"""


@pytest.fixture(scope="session")
def misbehaving() -> str:
    return MISBEHAVING.replace("KEEP", "")


@pytest.fixture(scope="session")
def deaf_to_reset() -> str:
    return MISBEHAVING.replace("KEEP", "& 0")
