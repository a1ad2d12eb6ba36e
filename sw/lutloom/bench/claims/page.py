"""Judge every claim by the figures there are, and write the page.

Example
-------
>>> write_page(Path("docs/results")).startswith("# Claims")          # doctest: +SKIP
True
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from lutloom.bench.claims.claim import Claim, Judgement, System
from lutloom.bench.claims.learning import LEARNING
from lutloom.bench.claims.roles import ROLES
from lutloom.bench.claims.shrinking import BLOCKS, PACKING
from lutloom.bench.claims.sparsity import SPARSITY
from lutloom.errors import InvalidFileError
from lutloom.files.bounded import read_bytes

SYSTEMS: tuple[System, ...] = (LEARNING, ROLES, SPARSITY, BLOCKS, PACKING)
"""All claims, in the order of the page."""

RESULT_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """Hold a claim, the command that measured it and what came out."""

    claim: Claim
    command: str
    judgement: Judgement


def write_page(results: Path, systems: Sequence[System] = SYSTEMS) -> str:
    """Write the claims page.

    Parameters
    ----------
    results : Path
        Folder of the benchmarks' JSON files; a claim whose file is not there is not measured.
    systems : sequence of System

    Returns
    -------
    str
        Markdown; the same files give the same text.

    Raises
    ------
    InvalidFileError
        If a file does not hold what its claims need.
    """
    judged = [(system, [_judge(claim, results) for claim in system.claims]) for system in systems]
    verdicts = Counter(one.judgement.verdict for _, claims in judged for one in claims)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lutloom.bench.claims"),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("claims.md.j2")
    return template.render(systems=judged, verdicts=verdicts)


def _judge(claim: Claim, results: Path) -> Judged:
    command = f"scripts/bench {claim.benchmark}"
    path = results / f"{claim.benchmark}.json"
    if not path.exists():
        return Judged(claim, command, Judgement("not measured", "No figures yet."))
    try:
        figures: dict[str, Any] = json.loads(read_bytes(path, RESULT_BYTES_MAX))
        command = str(figures["conditions"]["command"])
        return Judged(claim, command, claim.judge(figures))
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise InvalidFileError(
            f"{path}: must hold what {claim.claim!r} is judged by, but does not ({error!r}); run "
            f"again: scripts/bench {claim.benchmark}"
        ) from error
