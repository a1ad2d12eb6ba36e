"""Classes in groups, the image walking from group to group a clock at a time.

One pixel bit feeds tables of many classes all over the die, and that net's wires set the clock.
Here each group of classes has a rank of flip-flops of its own with the bits its tables read, and
the ranks form chains: a rank takes the bits from the rank before it, a clock later.  Every net
then has a few readers nearby, and each group may lie wherever it likes.  The groups' scores come
skewed and are delayed until they are abreast.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib.wiring import Out, connect
from numpy.typing import NDArray

from lutloom import ir
from lutloom_hw.layer import LutLayer
from lutloom_hw.options import LutStyle, VoteForm
from lutloom_hw.stage import Stage, bits_for
from lutloom_hw.usage import used_input_bits
from lutloom_hw.vote import Vote
from lutloom_hw.wide import join


def split_classes(network: ir.Network, n_groups: int) -> tuple[ir.Network, ...]:
    """Cut a network into one for each group of neighbouring classes.

    A neuron that several groups need is in each of them.

    Parameters
    ----------
    network : ir.Network
    n_groups : int
        At least 1; more than there are classes gives one a class.

    Returns
    -------
    tuple of ir.Network
        In the order of classes; each with the whole network's encoder, and classes counted from 0.
    """
    n_groups = min(n_groups, network.n_classes)
    group = np.arange(network.n_classes) * n_groups // network.n_classes
    return tuple(_cut(network, np.flatnonzero(group == g)) for g in range(n_groups))


def _cut(network: ir.Network, classes: NDArray[np.intp]) -> ir.Network:
    head = network.head
    votes = np.isin(head.class_index, classes)
    needed: NDArray[np.integer] = head.source[votes]
    source = needed
    layers: list[ir.LutLayer] = []
    for layer in reversed(network.layers):
        kept = np.unique(needed)
        if layers:
            above = layers[-1]
            used = above.fan_in != ir.UNUSED
            fan_in = np.where(used, np.searchsorted(kept, above.fan_in), ir.UNUSED)
            layers[-1] = ir.LutLayer(fan_in=fan_in, table=above.table, origin=above.origin)
        else:
            source = np.searchsorted(kept, needed)
        layers.append(
            ir.LutLayer(
                fan_in=layer.fan_in[kept], table=layer.table[kept], origin=layer.origin[kept]
            )
        )
        below = layer.fan_in[kept]
        needed = below[below != ir.UNUSED]
    return ir.Network(
        encoder=network.encoder,
        layers=tuple(reversed(layers)),
        head=ir.VoteHead(
            source=source.astype(np.int32),
            class_index=np.searchsorted(classes, head.class_index[votes]).astype(np.int32),
            bias=head.bias[classes],
        ),
    )


@dataclass(frozen=True, slots=True)
class Hop:
    """Say where a group is on the image's way.

    Parameters
    ----------
    group : int
    after : int or None
        The group whose rank comes before; None: the chain begins here.
    distance : int
        Ranks before this one.
    """

    group: int
    after: int | None
    distance: int


def plan_chains(n_groups: int) -> tuple[Hop, ...]:
    """Let the image start in the middle and walk both ways.

    Parameters
    ----------
    n_groups : int

    Returns
    -------
    tuple of Hop
        One a group, in the order of groups.
    """
    middle = n_groups // 2
    up = [Hop(g, g - 1 if g > middle else None, g - middle) for g in range(middle, n_groups)]
    down = [Hop(g, g + 1 if g < middle - 1 else None, middle - 1 - g) for g in range(middle)]
    return tuple(sorted((*up, *down), key=lambda hop: hop.group))


class ClassGroup(Stage):
    """Score some classes: a rank of flip-flops, the layers, the vote.

    Parameters
    ----------
    network : ir.Network
        With the group's classes only.
    held : int32[n_held]
        Input bits the rank holds, rising: what the network reads, and what later ranks need.
    lut_style : {"expression", "cell"}
    vote_form : {"compressor", "carry"}
    vote_register_every : int

    Members
    -------
    i : In(stream.Signature(n_held, always_ready=True))
        The bits of ``held``.
    o : Out(stream.Signature(n_classes * score_width, always_ready=True))
        Scores.
    passed : Out(n_held)
        What was at ``i`` a clock ago, for the next rank.
    passed_valid : Out(1)

    Latency: ``latency_cycles``.  Throughput: one image a clock.
    """

    passed: Signal
    passed_valid: Signal

    def __init__(
        self,
        network: ir.Network,
        held: NDArray[np.int32],
        *,
        lut_style: LutStyle,
        vote_form: VoteForm,
        vote_register_every: int,
    ) -> None:
        self.network, self.held = network, held
        n_bits = network.encoder.n_bits
        self.stages: dict[str, Stage] = {}
        for number, layer in enumerate(network.layers, start=1):
            self.stages[f"layer{number}"] = LutLayer(
                layer, n_inputs=n_bits, number=number, lut_style=lut_style
            )
            n_bits = layer.n_neurons
        self.vote = self.stages["vote"] = Vote(
            network.head, n_inputs=n_bits, form=vote_form, register_every=vote_register_every
        )
        super().__init__(
            i_fields=len(held),
            i_width=1,
            o_fields=network.n_classes,
            o_width=self.vote.score_width,
            latency_cycles=1 + sum(stage.latency_cycles for stage in self.stages.values()),
            members={"passed": Out(len(held)), "passed_valid": Out(1)},
        )

    def model(self, inputs: NDArray[Any]) -> NDArray[np.int32]:
        """Run the layers' and the vote's numpy models.

        Parameters
        ----------
        inputs : integers[n, n_held]

        Returns
        -------
        int32[n, n_classes]
        """
        rows = np.zeros((len(inputs), self.network.encoder.n_bits), dtype=np.uint8)
        rows[:, self.held] = inputs
        for stage in self.stages.values():
            rows = stage.model(rows)
        return rows.astype(np.int32)

    def elaborate(self, platform: object) -> Module:
        """Build the rank and connect the stages, which carry ``valid`` along."""
        del platform
        m = Module()
        self._build(m)
        return m

    def _build(self, m: Module) -> None:
        rank = Signal(len(self.held), name="rank", reset_less=True)
        m.d.sync += [rank.eq(self.i.payload), self.passed_valid.eq(self.i.valid)]
        m.d.comb += self.passed.eq(rank)
        for name, stage in self.stages.items():
            m.submodules[name] = stage
        stages = list(self.stages.values())
        first, last = stages[0], stages[-1]
        image: list[Value] = [Const(0, 1)] * self.network.encoder.n_bits
        for k, bit in enumerate(self.held.tolist()):
            image[bit] = rank[k]
        m.d.comb += [first.i.payload.eq(join(m, image)), first.i.valid.eq(self.passed_valid)]
        for source, sink in pairwise(self.stages.values()):
            connect(m, source.o, sink.i)
        m.d.comb += [self.o.payload.eq(last.o.payload), self.o.valid.eq(last.o.valid)]


class ClassGroups(Stage):
    """Score all classes, group by group, each on its own rank of input flip-flops.

    Parameters
    ----------
    network : ir.Network
    n_groups : int
        At most the classes.
    score_ranks : int
        Ranks of flip-flops behind every group's scores, so that wires to the argmax may be long.
    lut_style : {"expression", "cell"}
    vote_form : {"compressor", "carry"}
    vote_register_every : int

    Members
    -------
    i : In(stream.Signature(encoder.n_bits, always_ready=True))
        Encoded image.
    o : Out(stream.Signature(n_classes * score_width, always_ready=True))
        Scores, class 0 in the least significant bits.

    Latency: the longest chain, then a group's and the ranks'.  Throughput: one image a clock.
    """

    def __init__(
        self,
        network: ir.Network,
        *,
        n_groups: int,
        score_ranks: int,
        lut_style: LutStyle,
        vote_form: VoteForm,
        vote_register_every: int,
    ) -> None:
        self.network = network
        parts = split_classes(network, n_groups)
        self.hops = plan_chains(len(parts))
        held = _held_bits(parts, self.hops)
        self.groups = tuple(
            ClassGroup(
                part, held[g], lut_style=lut_style, vote_form=vote_form,
                vote_register_every=vote_register_every,
            )
            for g, part in enumerate(parts)
        )  # fmt: skip
        arrives = [hop.distance + group.latency_cycles
                   for hop, group in zip(self.hops, self.groups, strict=True)]  # fmt: skip
        super().__init__(
            i_fields=network.encoder.n_bits,
            i_width=1,
            o_fields=network.n_classes,
            o_width=bits_for(network.head.score_max),
            latency_cycles=max(arrives) + score_ranks,
        )
        self.score_delays = [self.latency_cycles - clocks for clocks in arrives]

    @property
    def score_width(self) -> int:
        """Bits of one score."""
        return self.o_width

    def model(self, inputs: NDArray[Any]) -> NDArray[np.int32]:
        """Run every group's numpy model.

        Parameters
        ----------
        inputs : integers[n, encoder.n_bits]

        Returns
        -------
        int32[n, n_classes]
        """
        bits = np.asarray(inputs)
        return np.concatenate([g.model(bits[:, g.held]) for g in self.groups], axis=1)

    def _build(self, m: Module) -> None:
        scores: list[Value] = []
        for hop, group, delay in zip(self.hops, self.groups, self.score_delays, strict=True):
            m.submodules[f"group{hop.group}"] = group
            if hop.after is None:
                source = [self.i.payload[bit] for bit in group.held.tolist()]
                valid: Value = self.i.valid
            else:
                before = self.groups[hop.after]
                at = np.searchsorted(before.held, group.held).tolist()
                source = [before.passed[k] for k in at]
                valid = before.passed_valid
            m.d.comb += [group.i.payload.eq(join(m, source)), group.i.valid.eq(valid)]
            answer: Value = group.o.payload
            for rank in range(delay):
                delayed = Signal(len(answer), name=f"scores{hop.group}_{rank}", reset_less=True)
                m.d.sync += delayed.eq(answer)
                answer = delayed
            for c in range(group.o_fields):
                score = answer[c * group.o_width : (c + 1) * group.o_width]
                scores.append(Cat(score, Const(0, self.o_width - group.o_width)))
        m.d.comb += self.o.payload.eq(Cat(*scores))


def _held_bits(
    parts: tuple[ir.Network, ...], hops: tuple[Hop, ...]
) -> dict[int, NDArray[np.int32]]:
    """Give what each group's rank holds: its own bits and those of the ranks behind it."""
    held: dict[int, NDArray[np.int32]] = {}
    behind = {hop.after: hop.group for hop in hops if hop.after is not None}
    for hop in sorted(hops, key=lambda hop: -hop.distance):
        own = used_input_bits(parts[hop.group])
        later = held[behind[hop.group]] if hop.group in behind else own
        held[hop.group] = np.union1d(own, later).astype(np.int32)
    return held
