"""What a shipped bitstream is, what it was made of, and how to make it again.

Example
-------
>>> manifest = read_manifest(Path("bitstreams/hx8k/hx8k"))           # doctest: +SKIP
>>> manifest.board, manifest.network[:8]                             # doctest: +SKIP
('hx8k', '13f56a25')
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import msgspec

from lutloom.compare.ladder import Rung
from lutloom.errors import InvalidFileError, InvalidRecipeError
from lutloom.flow.bitstream import sha256_of
from lutloom.flow.results import Fmax, PartProof, Resources
from lutloom.flow.tools import ToolIdentity
from lutloom.schema import convert, read_json
from lutloom_hw.options import PipelineOptions

MANIFEST = "manifest.json"
NETWORK = "network.onnx"
BITSTREAM = {"ice40": "bitstream.bin", "ecp5": "bitstream.bit"}


class Accuracy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold how many images of a data set's test part the network answers rightly."""

    data: str
    right: int
    images: int


class BoardManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold everything that decides a board's bitstream, and what is known of it.

    Members
    -------
    board : as the command line calls it
    device, title : its chip, as the command line and as its maker call it
    design : what the bitstream does
    model : what the network is called
    network : SHA-256 of the network's integers
    clock_hz : the design's clock
    baud : of the serial line
    options : of the pipeline
    seed : nextpnr's, the fastest of ``fmax_mhz.seeds``
    fmax_mhz : what the routed design could be clocked with, over seeds
    latency_cycles : from the last pixel to the class
    resources, resources_by_part : of the whole chip
    accuracy : of the network, or None where no labels were given
    inputs, products : SHA-256 by file name; those that are shipped are ``network.onnx`` and the
        bitstream, the others come by building
    script : what Yosys was told
    arguments : what nextpnr was told
    proofs : part by part
    ladder : rung by rung
    tools : what took part
    """

    format: Literal[1] = 1
    board: str
    device: str
    title: str
    design: Literal["classifier", "self-test"]
    model: str
    network: str
    clock_hz: int
    baud: int
    options: dict[str, int | str | None]
    seed: int
    fmax_mhz: Fmax
    latency_cycles: int
    resources: Resources
    resources_by_part: dict[str, Resources]
    accuracy: Accuracy | None
    inputs: dict[str, str]
    products: dict[str, str]
    script: str
    arguments: tuple[str, ...]
    proofs: tuple[PartProof, ...]
    ladder: dict[str, Rung]
    tools: tuple[ToolIdentity, ...]

    @property
    def bitstream(self) -> str:
        """The bitstream's file name."""
        return next(name for name in self.products if name in BITSTREAM.values())

    def pipeline_options(self) -> PipelineOptions:
        """Give the pipeline's options again.

        Raises
        ------
        InvalidFileError
            If they are not options of this version.
        """
        try:
            return convert_options(self.options)
        except (TypeError, InvalidRecipeError) as error:
            raise InvalidFileError(
                f"{MANIFEST}, options: must be those of a pipeline ({error}); build the bitstream "
                "again"
            ) from None


def store_options(options: PipelineOptions) -> dict[str, int | str | None]:
    """Turn a pipeline's options into what a manifest holds."""
    stored: dict[str, int | str | None] = convert(asdict(options), dict[str, int | str | None])
    return stored


def convert_options(stored: dict[str, int | str | None]) -> PipelineOptions:
    """Turn what a manifest holds into a pipeline's options."""
    return PipelineOptions(**stored)  # type: ignore[arg-type]


def read_manifest(folder: Path) -> BoardManifest:
    """Read a bitstream's manifest and check that the files beside it are the ones it names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    BoardManifest

    Raises
    ------
    InvalidFileError
        If the manifest is missing or damaged, or a file beside it is not the one it names.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InvalidFileError(
            f"{folder}: must be a bitstream's folder with a {MANIFEST}; make one with lutloom "
            "bitstream"
        )
    manifest = read_json(path, BoardManifest)
    if not any(name in BITSTREAM.values() for name in manifest.products):
        raise InvalidFileError(f"{path}: must name a bitstream; build the bitstream again")
    for name, digest in (
        (NETWORK, manifest.inputs.get(NETWORK)),
        (manifest.bitstream, manifest.products[manifest.bitstream]),
    ):
        file = folder / name
        came = sha256_of(file) if file.is_file() else "no such file"
        if came != digest:
            raise InvalidFileError(
                f"{file}: SHA-256 must be the manifest's {digest}, not {came}; it is damaged or "
                "another's: take the folder anew"
            )
    return manifest
