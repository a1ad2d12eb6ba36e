"""What the flow found out, as data that becomes JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from lutloom.flow.tools import ToolIdentity

PART_NAMES = ("layers", "vote", "argmax", "input", "loader", "other")
"""The parts resources are counted by, in the order reports show them."""

ProofMethod = Literal["sat", "induction", "structure", "none"]


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Count what a netlist, or a part of it, needs.

    Members
    -------
    lut4 : look-up tables of four inputs; a carry cell of ECP5 takes two
    ff : flip-flops
    carry : carry cells (SB_CARRY of one bit, CCU2C of two)
    bram : block memories
    dsp : multipliers
    spram : large single-port memories
    """

    lut4: int = 0
    ff: int = 0
    carry: int = 0
    bram: int = 0
    dsp: int = 0
    spram: int = 0

    def __add__(self, other: Resources) -> Resources:
        """Add count by count."""
        return Resources(
            lut4=self.lut4 + other.lut4,
            ff=self.ff + other.ff,
            carry=self.carry + other.carry,
            bram=self.bram + other.bram,
            dsp=self.dsp + other.dsp,
            spram=self.spram + other.spram,
        )

    def times(self, n: int) -> Resources:
        """Give so many times each count."""
        return Resources(
            **{what: n * count for what, count in msgspec.structs.asdict(self).items()}
        )


class PartProof(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is proven of one part of the netlist.

    Members
    -------
    part : ``layer1``, ``vote``, ``wiring``, ``cells``, ...
    against : what it is proven equal to: ``truth tables``, ``RTL`` or ``vendor library``
    outputs : bits compared (neurons, registers, wires)
    proven : False: not proven, and ``reason`` says why; the part is then only simulated
    method : ``sat``: a miter and SAT by temporal induction; ``induction``: registers matched by
        name and SAT induction over all of them; ``structure``: the same wires, compared one by one
    cpu_s : processor seconds
    """

    part: str
    against: str
    outputs: int
    proven: bool
    method: ProofMethod
    cpu_s: float
    reason: str = ""


class SeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one run of placement and routing.

    Members
    -------
    seed : nextpnr's
    routed : whether every wire found a way in time
    fmax_mhz : the slowest clock's, after routing
    utilisation : cells used by type, as nextpnr counts them
    critical_path : the slowest path in words
    bitstream_sha256 : of the bitstream, if this seed's was packed
    reason : why it is not routed
    """

    seed: int
    routed: bool
    cpu_s: float
    fmax_mhz: float | None = None
    utilisation: dict[str, int] = msgspec.field(default_factory=dict)
    critical_path: str = ""
    bitstream_sha256: str | None = None
    reason: str = ""


class Fmax(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the clock after routing, in MHz, over the seeds that routed."""

    min: float
    median: float
    seeds: dict[int, float]


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Hold processor seconds by step."""

    synthesis: float
    proof: float
    place_and_route: float


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything synthesis, proof, placement and routing gave on one chip.

    Members
    -------
    device, title : the chip
    lut4, ff, carry, bram, dsp, spram : of the whole netlist
    lut4_by_part, ff_by_part : by the parts of the design; :data:`PART_NAMES` for networks
    routed : whether at least one seed routed
    fmax_mhz : over the seeds that routed; None if none did
    seed : whose bitstream was kept: the fastest's, the lowest among equals
    bitstream_sha256, netlist_sha256 : of what was made
    bitstream_unpacked : whether the bitstream, unpacked, is the text nextpnr wrote
    proofs : one entry a part
    seeds : one entry a run of placement and routing
    pins_constrained : False: nextpnr chose the pins, since no board is given
    seconds : processor seconds
    tools : what took part
    """

    device: str
    title: str
    lut4: int
    lut4_by_part: dict[str, int]
    ff: int
    ff_by_part: dict[str, int]
    carry: int
    bram: int
    routed: bool
    fmax_mhz: Fmax | None
    seed: int | None
    bitstream_sha256: str | None
    bitstream_unpacked: bool | None
    netlist_sha256: str
    proofs: tuple[PartProof, ...]
    seeds: tuple[SeedResult, ...]
    pins_constrained: bool
    seconds: Seconds
    tools: tuple[ToolIdentity, ...]
    dsp: int = 0
    spram: int = 0

    @property
    def layers_proven(self) -> bool:
        """Whether every LUT layer of the netlist is proven equal to its truth tables."""
        proofs = [proof for proof in self.proofs if proof.against == "truth tables"]
        return bool(proofs) and all(proof.proven for proof in proofs)

    @property
    def all_proven(self) -> bool:
        """Whether every part of the netlist is proven."""
        return bool(self.proofs) and all(proof.proven for proof in self.proofs)
