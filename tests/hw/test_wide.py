"""Layers, loaders and copies of more bits than a Python expression can nest."""

import numpy as np
import pytest
from amaranth.hdl import Const, Module
from amaranth.sim import Simulator

from lutloom import ir
from lutloom.lower.random_network import random_network
from lutloom_hw.options import PipelineOptions
from lutloom_hw.wide import join
from lutloom_sim.amaranth_simulation import simulate_amaranth


@pytest.mark.parametrize("n", [1, 1024, 1025, 5000])
def test_joined_bits_keep_their_order(n):
    bits = np.random.default_rng(n).integers(0, 2, n).tolist()
    m = Module()
    joined = join(m, [Const(bit, 1) for bit in bits])
    seen = []

    async def look(ctx):
        await ctx.delay(1e-9)
        seen.append(ctx.get(joined))

    simulator = Simulator(m)
    simulator.add_testbench(look)
    simulator.run()
    assert len(joined) == n
    assert seen == [sum(bit << i for i, bit in enumerate(bits))]


def test_a_layer_of_five_thousand_neurons_with_copied_inputs_simulates():
    network = random_network(0, (5000, 20), image=(40, 40))
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    result = simulate_amaranth(
        network, images, ir.classify(network, images), options=PipelineOptions(class_groups=1)
    )
    assert result.mismatches == 0
    assert result.images == 3
