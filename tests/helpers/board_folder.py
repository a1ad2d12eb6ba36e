"""Bitstream folders for tests: a tiny network on a real board."""

from __future__ import annotations

import numpy as np

from lutloom import ir
from lutloom.boards.build import TestImages, build_bitstream
from lutloom.files.network_onnx import write_network
from lutloom.lower.random_network import random_network
from lutloom_hw.board.boards import find_board

NETWORK = random_network(1, (40, 20), image=(6, 7))
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 6, 7), dtype=np.uint8)


def make_folder(folder, board="hx8k", seeds=(1,)):
    """Build a bitstream; give its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_network(NETWORK, folder / "network.onnx")
    labels = ir.classify(NETWORK, IMAGES)
    labels[:5] = (labels[:5] + 1) % 10
    build_bitstream(
        folder / "network.onnx", find_board(board), model="tiny", folder=folder / "work",
        output=folder / "out", seeds=seeds, tests=TestImages("random", IMAGES, labels),
    )  # fmt: skip
    return folder / "out"
