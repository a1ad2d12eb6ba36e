from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lutloom import ir
from lutloom.emit import emit_rtlil
from lutloom.flow import Synthesis, synthesise
from lutloom.flow.devices import FpgaFamily
from lutloom.lower.random_network import random_network
from lutloom_hw.options import PipelineOptions

FAMILIES: tuple[FpgaFamily, ...] = ("ice40", "ecp5")


@dataclass(frozen=True)
class Design:
    network: ir.Network
    options: PipelineOptions
    synthesis: Synthesis

    def copy(self, folder: Path) -> Design:
        shutil.copytree(self.synthesis.folder, folder, dirs_exist_ok=True)
        return replace(self, synthesis=replace(self.synthesis, folder=folder))

    def edit(self, name: str, old: str, new: str) -> None:
        """Plant a fault in a file of the design."""
        path = self.synthesis.folder / name
        text = path.read_text()
        assert text.count(old) >= 1, f"nothing to edit in {name}"
        path.write_text(text.replace(old, new, 1))


def build(network: ir.Network, options: PipelineOptions, folder: Path) -> Design:
    assert options.family != "generic"
    rtlil = emit_rtlil(network, options, "top")
    return Design(network, options, synthesise(rtlil, options.family, folder))


def make_small_network() -> ir.Network:
    return random_network(3, (24, 8), n_classes=4, image=(8, 8), thresholds=(64, 160))


def make_wide_network() -> ir.Network:
    """Fan-in up to 6, odd sizes, constants, equal tables and neurons nobody reads."""
    return random_network(
        5, (40, 30, 21), fan_in=6, n_classes=3, image=(7, 5), thresholds=(100,), waste=0.2
    )


@pytest.fixture(scope="session")
def small_network() -> ir.Network:
    return make_small_network()


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> FpgaFamily:
    chosen: FpgaFamily = request.param
    return chosen


@pytest.fixture(scope="session")
def small(family: FpgaFamily, tmp_path_factory: pytest.TempPathFactory) -> Design:
    options = PipelineOptions(family=family)
    return build(make_small_network(), options, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def wide(family: FpgaFamily, tmp_path_factory: pytest.TempPathFactory) -> Design:
    options = PipelineOptions(
        family=family, class_groups=2, vote_form="compressor", pixels_per_beat=8
    )
    return build(make_wide_network(), options, tmp_path_factory.mktemp("wide"))


@pytest.fixture
def planted(small: Design, tmp_path: Path) -> Design:
    """A small design of one's own, to plant faults in."""
    return small.copy(tmp_path)
