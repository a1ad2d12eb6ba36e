"""The attention page: everything on it, nothing invented, nothing from outside."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec
import pytest
from synthetic_attention_report import make_report, make_target

from lutloom.compare.attention_results import AttentionLadder, AttentionReport
from lutloom.compare.ladder import Rung
from lutloom.report import render_attention_page, write_attention_report


def text_of(page: str) -> str:
    """What a reader sees, spaces made plain."""
    bare = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", page, flags=re.DOTALL)
    return re.sub(r"[\s\u202f]+", " ", bare)


def test_everything_is_on_the_page() -> None:
    page = render_attention_page(make_report())
    text = text_of(page)
    for words in (
        "Attention of block 1, in gates",
        "2 heads of 16 features over 256 positions, local and strided with stride 16",
        "0 of 10 496 integers differ",  # two of the loop, one simulated, two netlists
        "0 of 4,096 integers differ",
        "Verilog in Verilator, integers",
        "+0.003 %",
        "Head 1",
        "They differ by 2 of 255 at most",
        "local 16",
        "131 670",
        "101.5 / 101.5",
        "1 of 2 seeds routed",
        "1.01 M",
        "holds a multiplier",
        "stalls change no answer; reset leaves nothing",
        "In the <script>".replace("<", "&lt;").replace(">", "&gt;"),
        "ef" * 32,
        "yowasp 0.70",
    ):
        assert words in text, words
    assert page.count("<svg") == 2
    assert page.count('src="data:image/png;base64,') == 4


def test_what_is_only_simulated_is_said_so() -> None:
    page = render_attention_page(make_report())
    rows = re.findall(r"<tr><th scope=\"row\">(intake|lanes)</th>\s*<td><span[^>]*>([^<]*)", page)
    assert rows == [("intake", "proven"), ("lanes", "only simulated")] * 2


def test_what_did_not_run_is_said_so() -> None:
    bare = make_report(
        loop=(), maps=(), cycles=(), targets=(), simulations=(), ladder=AttentionLadder()
    )
    text = text_of(render_attention_page(bare))
    assert text.count("not run") == 5 + 5  # rungs; loop, maps, clocks, chips, simulations
    assert "No integers were compared" in text
    unrouted = make_target(
        "up5k", routed=False, fmax_mhz=None, netlist=None, tokens_per_second=None,
        bitstream_sha256=None, bitstream_unpacked=None,
    )  # fmt: skip
    text = text_of(render_attention_page(make_report(targets=(unrouted,))))
    assert "not routed" in text
    assert "not run" in text


def test_what_failed_is_shown_as_failed() -> None:
    netlist = make_target("25k").netlist
    assert netlist is not None
    wrong = msgspec.structs.replace(netlist, differing=3)
    report = make_report(
        ladder=AttentionLadder(L4=Rung(state="failed", evidence="3 differ")),
        targets=(make_target("25k", netlist=wrong),),
    )
    page = render_attention_page(report)
    assert 'class="badge failed">✗ failed' in page
    assert '<b class="bad">3</b>' in page
    point = msgspec.structs.replace(report.cycles[0], cycles=1)
    page = render_attention_page(make_report(cycles=(point,)))
    assert re.search(r'<td class="n bad">131\u202f670', page)


def test_text_of_the_corpus_is_escaped_and_nothing_is_fetched() -> None:
    page = render_attention_page(make_report(title="<b>a</b>"))
    assert "<script" not in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    outside = re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*|url\((?!#)", page)
    assert outside == []


def test_the_same_report_gives_the_same_bytes_and_reads_back(tmp_path: Path) -> None:
    report = make_report()
    page = write_attention_report(report, tmp_path / "out" / "report.html")
    assert page.read_text() == render_attention_page(report)
    data = (tmp_path / "out" / "report.json").read_bytes()
    assert msgspec.json.decode(data, type=AttentionReport) == report


def test_without_matplotlib_the_page_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = render_attention_page(make_report())
    assert "pip install 'lutloom[report]'" in text_of(page).replace("&#39;", "'")
    assert "<svg" not in page
