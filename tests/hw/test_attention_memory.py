"""Memories, tables and multipliers, each against the plainest model of itself."""

import re

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import signed, unsigned
from amaranth.sim import Simulator
from attention_binary import make_layer as make_binary_layer
from attention_engine import make_layer

from lutloom_hw.attention.memory import Multiplier, SinglePortMemory, Table, WordMemory
from lutloom_hw.attention_options import AttentionOptions
from lutloom_hw.attention_top import AttentionTop


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_word_is_written_while_another_is_read():
    dut, rng, kept = WordMemory(unsigned(9), 8), np.random.default_rng(0), {}

    async def bench(ctx):
        for _ in range(200):
            write, at, word, read = (int(rng.integers(n)) for n in (2, 8, 512, 8))
            ctx.set(dut.write, write)
            ctx.set(dut.write_address, at)
            ctx.set(dut.write_data, word)
            ctx.set(dut.read_address, read)
            await ctx.tick()
            if read in kept and not (write and at == read):
                assert ctx.get(dut.read_data) == kept[read]
            if write:
                kept[at] = word

    simulate(dut, bench)


def test_one_port_writes_or_reads_and_keeps_what_it_read():
    dut, rng, kept = SinglePortMemory(9, 8), np.random.default_rng(0), {}

    async def bench(ctx):
        shown = None
        for _ in range(200):
            write, at, word = (int(rng.integers(n)) for n in (2, 8, 512))
            ctx.set(dut.write, write)
            ctx.set(dut.address, at)
            ctx.set(dut.write_data, word)
            await ctx.tick()
            if write:
                kept[at] = word
            else:
                shown = kept.get(at)
            if shown is not None:
                assert ctx.get(dut.read_data) == shown

    simulate(dut, bench)


def test_a_table_gives_its_words():
    dut = Table(5, [7, 31, 0, 9])

    async def bench(ctx):
        for address, word in enumerate(dut.words):
            ctx.set(dut.address, address)
            await ctx.tick()
            assert ctx.get(dut.data) == word

    simulate(dut, bench)


@pytest.mark.parametrize("shape", [signed, unsigned])
def test_products_of_all_signs_come_after_two_clocks(shape):
    dut = Multiplier(shape(16), shape(8))
    ends = {signed: [(-32768, 0, 32767), (-128, -1, 127)], unsigned: [(0, 1, 65535), (0, 1, 255)]}
    pairs = [(a, b) for a in ends[shape][0] for b in ends[shape][1]]
    products = []

    async def bench(ctx):
        for a, b in [*pairs, (0, 0), (0, 0)]:
            ctx.set(dut.left, a)
            ctx.set(dut.right, b)
            products.append(ctx.get(dut.product))
            await ctx.tick()

    simulate(dut, bench)
    assert products[dut.latency_cycles :] == [a * b for a, b in pairs]


def modules(layer, **options):
    text = rtlil.convert(AttentionTop(layer, AttentionOptions(**options)), name="top")
    return dict(re.findall(r"^module \\(\S+)\n(.*?)^end$", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("row_memory", ["block", "single_port"])
def test_every_memory_and_multiplier_is_a_module_of_its_own(row_memory):
    """No other cell that computes stands beside a memory's ports or a multiplication."""
    bodies = modules(make_layer(), lanes=4, row_memory=row_memory)
    with_blocks = {
        name: re.findall(r"^  cell (\$\S+)", body, re.MULTILINE)
        for name, body in bodies.items()
        if re.search(r"^  (memory|cell \$mul) ", body, re.MULTILINE)
        and name != "top.engine.divider"
    }
    names = {name.removeprefix("top.engine.") for name in with_blocks}
    lanes = {f"lanes.multiplier{k}" for k in range(4)}
    assert names == {
        "rows", "queries", "scores.memory", "weights.powers", "weights.low", "weights.high", *lanes,
    }  # fmt: skip
    allowed = {"$memrd_v2", "$memwr_v2", "$meminit_v2", "$mul", "$dff", "$not"}
    assert {kind for kinds in with_blocks.values() for kind in kinds} <= allowed


def test_the_binary_engines_memories_are_modules_of_their_own():
    bodies = modules(make_binary_layer(group_size=2), lanes=4)
    beside = {
        name.removeprefix("top.engine."): set(re.findall(r"^  cell (\$\S+)", body, re.MULTILINE))
        for name, body in bodies.items()
        if re.search(r"^  memory ", body, re.MULTILINE)
    }
    gate = {"gate.queue"}  # its queue may stay where it is
    assert {"queries", "keys", "value_rows", "candidates.memory", "values.levels"} <= set(beside)
    for name in set(beside) - gate:
        assert beside[name] <= {"$memrd_v2", "$memwr_v2", "$meminit_v2"}, name
