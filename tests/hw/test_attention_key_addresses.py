"""Every key of every query of every pattern, against the mask."""

from typing import get_args

import numpy as np
import pytest
from amaranth.sim import Simulator

from lutloom.language.masks import Pattern, attention_mask
from lutloom_hw.attention.key_addresses import KeyAddresses

N_POSITIONS_MAX = 24
STRIDES = range(1, 13)


def walk(addresses, lengths, gaps=()):
    """Give the keys of all queries of runs of these lengths, in the order they come."""
    keys = []

    async def bench(ctx):
        for length in lengths:
            keys.append([])
            for position in range(length):
                ctx.set(addresses.start, 1)
                ctx.set(addresses.position, position)
                await ctx.tick()
                ctx.set(addresses.start, 0)
                ctx.set(addresses.position, 0)
                seen = [ctx.get(addresses.row)]
                while not ctx.get(addresses.last) and len(seen) <= length:
                    if len(seen) in gaps:
                        await ctx.tick()
                    ctx.set(addresses.advance, 1)
                    await ctx.tick()
                    ctx.set(addresses.advance, 0)
                    seen.append(ctx.get(addresses.row))
                keys[-1].append(seen)

    simulator = Simulator(addresses)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return keys


def mask_of(keys, n_positions):
    mask = np.zeros((n_positions, n_positions), dtype=bool)
    for position, seen in enumerate(keys):
        assert len(set(seen)) == len(seen), f"position {position} sees a key twice"
        mask[position, seen] = True
    return mask


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_every_query_of_every_stride(pattern):
    for stride in STRIDES if pattern != "causal" else (1, 16):
        addresses = KeyAddresses(pattern=pattern, stride=stride, context=N_POSITIONS_MAX)
        (keys,) = walk(addresses, [N_POSITIONS_MAX])
        wanted = attention_mask(pattern, N_POSITIONS_MAX, stride)
        assert (mask_of(keys, N_POSITIONS_MAX) == wanted).all(), stride


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_runs_of_any_length_follow_one_another_and_may_pause(pattern):
    addresses = KeyAddresses(pattern=pattern, stride=5, context=16)
    lengths = [1, 7, 16, 2, 12, 1, 1, 16]
    for n, keys in zip(lengths, walk(addresses, lengths, gaps=(1, 2, 5)), strict=True):
        assert (mask_of(keys, n) == attention_mask(pattern, n, 5)).all()


@pytest.mark.parametrize("pattern", get_args(Pattern))
@pytest.mark.parametrize(("stride", "context"), [(512, 20), (20, 20), (19, 20), (3, 1)])
def test_a_stride_as_long_as_the_context_or_longer(pattern, stride, context):
    addresses = KeyAddresses(pattern=pattern, stride=stride, context=context)
    (keys,) = walk(addresses, [context])
    assert (mask_of(keys, context) == attention_mask(pattern, context, stride)).all()


def test_a_key_off_by_one_is_caught(monkeypatch):
    monkeypatch.setattr(KeyAddresses, "_ends", lambda self, row, step: row <= self.stride + step)
    addresses = KeyAddresses(pattern="strided", stride=3, context=12)
    (keys,) = walk(addresses, [12])
    assert (mask_of(keys, 12) != attention_mask("strided", 12, 3)).any()
