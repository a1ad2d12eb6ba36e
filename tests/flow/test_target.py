from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lutloom import ir
from lutloom.errors import InvalidRecipeError
from lutloom.flow import PartProof, TargetResult, synthesise_and_route
from lutloom.flow.bitstream import sha256_of
from lutloom_hw.options import PipelineOptions


@pytest.fixture(scope="module", params=["up5k", "25k"])
def made(
    request: pytest.FixtureRequest, small_network: ir.Network, tmp_path_factory: Any
) -> tuple[TargetResult, Path, list[str]]:
    folder, steps = tmp_path_factory.mktemp("target"), []
    family = "ice40" if request.param == "up5k" else "ecp5"
    options = PipelineOptions(family=family, pixels_per_beat=2)  # type: ignore[arg-type]
    result = synthesise_and_route(
        small_network, request.param, seeds=(1,), folder=folder, options=options,
        on_step=steps.append,
    )  # fmt: skip
    return result, folder, steps


def test_everything_is_made_and_proven(made: tuple[TargetResult, Path, list[str]]) -> None:
    result, _, steps = made
    assert steps == ["synthesis", "proof", "placement and routing"]
    assert result.routed
    assert result.layers_proven
    assert result.all_proven
    assert result.bitstream_unpacked
    assert result.lut4 == sum(result.lut4_by_part.values())
    assert result.ff == sum(result.ff_by_part.values())
    assert list(result.lut4_by_part) == ["layers", "vote", "argmax", "input", "loader", "other"]
    assert {proof.part for proof in result.proofs} >= {"layer1", "layer2", "wiring", "cells"}


def test_the_result_survives_json(made: tuple[TargetResult, Path, list[str]]) -> None:
    result = made[0]
    assert msgspec.json.decode(msgspec.json.encode(result), type=TargetResult) == result


def test_the_manifest_names_what_was_made_and_no_host(
    made: tuple[TargetResult, Path, list[str]],
) -> None:
    result, folder, _ = made
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["seed"] == result.seed
    assert result.bitstream_sha256 in manifest["products"].values()
    for name, digest in (manifest["inputs"] | manifest["products"]).items():
        assert sha256_of(folder / name) == digest
    assert str(folder) not in text
    assert str(Path.home()) not in text


def test_open_proofs_are_told(made: tuple[TargetResult, Path, list[str]]) -> None:
    failed = PartProof(
        part="layer1", against="truth tables", outputs=1, proven=False, method="sat", cpu_s=0.0
    )
    result = msgspec.structs.replace(made[0], proofs=(*made[0].proofs, failed))
    assert not result.layers_proven
    assert not result.all_proven
    assert not msgspec.structs.replace(made[0], proofs=()).layers_proven


def test_options_for_another_family(small_network: ir.Network, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipeError, match="must be for ecp5, not ice40"):
        synthesise_and_route(
            small_network, "25k", folder=tmp_path, options=PipelineOptions(family="ice40")
        )
    assert list(tmp_path.iterdir()) == []


def test_too_many_pins_is_told_before_placing(small_network: ir.Network, tmp_path: Path) -> None:
    options = PipelineOptions(family="ice40", pixels_per_beat=8)
    with pytest.raises(InvalidRecipeError, match="up5k: the design must have at most 39 pins"):
        synthesise_and_route(small_network, "up5k", folder=tmp_path, options=options)
