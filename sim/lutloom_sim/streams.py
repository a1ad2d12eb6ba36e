"""Both ends of a valid/ready stream in Amaranth's simulator, with seeded random stalls.

The monitor also checks the protocol: a payload that is offered stays until it is taken.

Example
-------
>>> async def source(ctx):                                          # doctest: +SKIP
...     await stream_put(ctx, dut.i, payloads, rng=np.random.default_rng(1), stall_probability=0.5)
>>> async def sink(ctx):                                            # doctest: +SKIP
...     answers = await stream_get(ctx, dut.o, len(payloads))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from amaranth.lib import stream
from amaranth.sim import SimulatorContext

from lutloom.errors import MismatchError, ToolError
from lutloom_sim.beats import IDLE_LIMIT_CYCLES, require_stall_probability


class Stalls:
    """Decide, clock by clock, whether one side of a stream holds back.

    Parameters
    ----------
    probability : float
        Chance of a stall in any one clock, 0 (never) to below 1.
    rng : numpy.random.Generator or None
        Seeded by the caller; ``None`` is seed 0.
    """

    def __init__(self, probability: float = 0.0, rng: np.random.Generator | None = None) -> None:
        self.probability = require_stall_probability(probability)
        self._rng = np.random.default_rng(0) if rng is None else rng

    def now(self) -> bool:
        """Draw whether to hold back in this clock."""
        return self.probability > 0 and bool(self._rng.random() < self.probability)


async def stream_put(
    ctx: SimulatorContext,
    port: stream.Interface,
    payloads: Iterable[Any],
    *,
    stall_probability: float = 0.0,
    rng: np.random.Generator | None = None,
    idle_limit_cycles: int = IDLE_LIMIT_CYCLES,
) -> None:
    """Offer payloads in order, each until it is taken.

    Parameters
    ----------
    ctx : SimulatorContext
    port : stream.Interface
        The component's input.
    payloads : iterable of int or of what the payload's shape takes
    stall_probability : float
        Chance in any one clock that ``valid`` stays low although a payload is at hand.
    rng : numpy.random.Generator or None
        Draws the stalls; ``None`` is seed 0.
    idle_limit_cycles : int
        Clocks a payload may wait for ``ready``.

    Raises
    ------
    ToolError
        If ``ready`` stays low for ``idle_limit_cycles``.
    """
    stalls = Stalls(stall_probability, rng)
    for index, payload in enumerate(payloads):
        while stalls.now():
            await ctx.tick()
        ctx.set(port.payload, payload)
        if not port.signature.always_valid:
            ctx.set(port.valid, 1)
        for _ in range(idle_limit_cycles):
            _, _, ready = await ctx.tick().sample(port.ready)
            if ready:
                break
        else:
            raise ToolError(
                f"simulation: ready must rise within {idle_limit_cycles} clocks, not stay low for "
                f"payload {index}; look for a lost credit or a deadlock"
            )
        if not port.signature.always_valid:
            ctx.set(port.valid, 0)


async def stream_get(
    ctx: SimulatorContext,
    port: stream.Interface,
    count: int,
    *,
    stall_probability: float = 0.0,
    rng: np.random.Generator | None = None,
    idle_limit_cycles: int = IDLE_LIMIT_CYCLES,
) -> list[Any]:
    """Take payloads in order and check that each stays while it waits.

    Parameters
    ----------
    ctx : SimulatorContext
    port : stream.Interface
        The component's output.
    count : int
        How many to take.
    stall_probability : float
        Chance in any one clock that ``ready`` stays low.
    rng : numpy.random.Generator or None
        Draws the stalls; ``None`` is seed 0.
    idle_limit_cycles : int
        Clocks without a payload.

    Returns
    -------
    list of int, or of what the payload's shape gives
        ``count`` payloads.

    Raises
    ------
    ToolError
        If none comes for ``idle_limit_cycles``.
    MismatchError
        If a payload is withdrawn or changed before it is taken.
    """
    stalls = Stalls(stall_probability, rng)
    taken: list[Any] = []
    waiting: Any = None  # what was offered and not taken in the clock before, as a one-tuple
    idle_cycles = 0
    while len(taken) < count:
        ready = port.signature.always_ready or not stalls.now()
        if not port.signature.always_ready:
            ctx.set(port.ready, ready)
        _, _, valid, payload = await ctx.tick().sample(port.valid, port.payload)
        if waiting is not None and (not valid or payload != waiting[0]):
            raise MismatchError(
                f"simulation: payload {len(taken)} must stay {waiting[0]!r} until it is taken, not "
                f"become {payload if valid else 'invalid'!r}; hold valid and payload while ready "
                "is low"
            )
        waiting = (payload,) if valid and not ready else None
        if valid and ready:
            taken.append(payload)
        idle_cycles = 0 if valid else idle_cycles + 1
        if idle_cycles >= idle_limit_cycles:
            raise ToolError(
                f"simulation: payload {len(taken)} of {count} must come within "
                f"{idle_limit_cycles} clocks, not stay out; look for a lost one or a deadlock"
            )
    if not port.signature.always_ready:
        ctx.set(port.ready, 0)
    return taken
