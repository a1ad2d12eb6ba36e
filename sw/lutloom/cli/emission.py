"""What ``lutloom emit`` does, apart from printing."""

from __future__ import annotations

import hashlib

from lutloom import ir
from lutloom.cli.console import Advance
from lutloom.cli.hardware import pipeline_options
from lutloom.cli.workspace import Workspace
from lutloom.emit import TopName, emit_rtlil, emit_verilog
from lutloom.files.atomic import write_json, write_text
from lutloom.report.records import EmissionRecord
from lutloom_hw.pipeline import Pipeline
from lutloom_hw.top import Top

_TOPS: tuple[TopName, ...] = ("pipeline", "top")


def emit_network(space: Workspace, *, watch: Advance) -> EmissionRecord:
    """Emit a folder's network in every form and record what came out.

    Parameters
    ----------
    space : Workspace
    watch : callable

    Returns
    -------
    EmissionRecord
        Also written to ``emit.json``.
    """
    network = space.read_network()
    options = pipeline_options(space.recipe.hardware)
    digests = {}
    texts = {f"{top}.v": (emit_verilog, top) for top in _TOPS}
    texts["top.il"] = (emit_rtlil, "top")
    for done, (name, (emit, top)) in enumerate(texts.items()):
        watch(done, len(texts), name)
        text = emit(network, options, top)
        write_text(space.verilog / name, text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    watch(len(texts), len(texts))
    top_level = Top(network, options)
    record = EmissionRecord(
        network_digest=ir.network_digest(network),
        device=space.recipe.hardware.device,
        latency_cycles=Pipeline(network, options).latency_cycles,
        top_latency_cycles=top_level.latency_cycles,
        loader_cycles=top_level.loader.beats_per_image,
        sha256=digests,
    )
    write_json(space.record("emit"), record)
    return record
