from __future__ import annotations

import re
from typing import Any

import pytest

from lutloom.errors import ToolError
from lutloom.flow.induction import prove_parts


def module_text(design: Any, name: str) -> tuple[str, int]:
    text = (design.synthesis.folder / "netlist.il").read_text()
    return text, re.search(rf"^module .*\.{name}$", text, re.MULTILINE).start()  # type: ignore[union-attr]


def plant(design: Any, part: str, pattern: str, old: str, new: str) -> None:
    text, start = module_text(design, part)
    found = re.compile(pattern).search(text, start)
    assert found is not None, f"no {pattern} in {part}"
    path = design.synthesis.folder / "netlist.il"
    path.write_text(text[: found.start()] + found[0].replace(old, new, 1) + text[found.end() :])


def verdicts(design: Any) -> dict[str, bool]:
    return {proof.part: proof.proven for proof in prove_parts(design.synthesis)}


def test_every_other_part_is_proven(small: Any) -> None:
    proofs = prove_parts(small.synthesis)
    assert {p.part for p in proofs} == {"loader", "gate", "vote", "argmax"}
    assert [p.reason for p in proofs if not p.proven] == []
    registers = sum(small.synthesis.by_part[p].ff for p in ("loader", "vote", "argmax", "other"))
    assert sum(p.outputs for p in proofs) >= registers


def test_parts_of_a_design_of_class_groups_are_proven(wide: Any) -> None:
    proofs = prove_parts(wide.synthesis)
    groups = {"groups", *(f"groups.group{g}{part}" for g in range(2) for part in ("", ".vote"))}
    ports = {f"{side}_port{k}" for side in ("input", "output") for k in range(3)}
    assert {p.part for p in proofs} == {"loader", "gate", "argmax", "handover", *groups, *ports}
    assert [p.reason for p in proofs if not p.proven] == []


@pytest.mark.parametrize("part", ["vote", "argmax", "loader", "gate"])
def test_a_wrong_table_is_caught(planted: Any, part: str) -> None:
    text, start = module_text(planted, part)
    found = re.compile(r"INIT 16'([01]{16})").search(text, start)
    assert found is not None
    inverted = found[1].translate(str.maketrans("01", "10"))
    plant(planted, part, rf"INIT 16'{found[1]}", found[1], inverted)
    proofs = verdicts(planted)
    assert not proofs.pop(part)
    assert all(proofs.values())


def test_a_register_that_starts_wrong_is_caught(planted: Any) -> None:
    if planted.options.family == "ice40":
        pytest.skip("flip-flops of iCE40 start at 0, whatever the netlist says")
    plant(planted, "loader", r'REGSET "RESET"', "RESET", "SET")
    proofs = {p.part: p for p in prove_parts(planted.synthesis)}
    assert not proofs["loader"].proven
    assert "does not start equal" in proofs["loader"].reason


@pytest.mark.parametrize("part", ["vote", "argmax", "loader"])
def test_registers_that_changed_places_are_caught(planted: Any, part: str) -> None:
    text, start = module_text(planted, part)
    pin = "D" if planted.options.family == "ice40" else "DI"
    data = re.compile(rf"connect \\{pin} (\S.*)\n")
    first = data.search(text, start)
    assert first is not None
    second = next(m for m in data.finditer(text, first.end()) if m[1] != first[1])
    swapped = (
        text[: first.start(1)] + second[1] + text[first.end(1) : second.start(1)] + first[1]
        + text[second.end(1) :]
    )  # fmt: skip
    (planted.synthesis.folder / "netlist.il").write_text(swapped)
    assert [name for name, proven in verdicts(planted).items() if not proven] == [part]


def test_a_broken_netlist_is_no_verdict(planted: Any) -> None:
    planted.edit("netlist.il", "module \\lutloom_top.loader\n", "module\n")
    with pytest.raises(ToolError, match=r"yosys: must end with status 0"):
        prove_parts(planted.synthesis)


def test_a_proof_that_takes_too_long_is_not_proven(planted: Any) -> None:
    proofs = prove_parts(planted.synthesis, time_limit_s=0.01)
    assert {proof.method for proof in proofs} == {"none"}
    assert all("stopped after 0.01 s" in proof.reason for proof in proofs)
