"""The attention page: self-contained, deterministic, plain about what did not run or hold."""

from __future__ import annotations

import base64
import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
from synthetic_attention_report import (
    CONTEXT,
    PROOFS,
    empty_report,
    make_report,
    make_target,
    proof,
    simulation,
)

from lutloom.compare.attention_results import ATTENTION_EXPLANATIONS, AttentionReport
from lutloom.compare.ladder import Rung
from lutloom.errors import LutloomError
from lutloom.report import render_attention_page, write_attention_report
from lutloom.report.attention_plots import AttentionPlots, draw_attention_plots
from lutloom.schema import read_json

replace = msgspec.structs.replace

SECTIONS = (
    "Verified rung by rung",
    "The model with each executor in the loop",
    "Attention maps",
    "Clocks against density",
    "On the chips",
    "What is proven, and what is only simulated",
    "Simulations",
    "Seconds by step",
    "Tools and hashes",
)
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
SPACE = "\N{NARROW NO-BREAK SPACE}"


class Page(HTMLParser):
    """Read a page into sections, tables of words, and what it would fetch."""

    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.sections: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self._title = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name.endswith(("src", "href"))]
        if tag == "section":
            self._title = ""
        elif tag == "tr" and self._title:
            self.rows[self._title].append([])
        elif tag in ("td", "th") and self._title:
            self.rows[self._title][-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "h2" in self.open:
            self._title = data
            self.sections[data] = ""
            self.rows[data] = []
        elif self._title:
            self.sections[self._title] += data
            if "td" in self.open or "th" in self.open:
                self.rows[self._title][-1][-1] += f" {data.strip()}"

    def row(self, section: str, *words: str) -> list[str]:
        """Give the cells of the one row that has all the words."""
        joined = [(" ".join(cells), cells) for cells in self.rows[section]]
        (found,) = [cells for text, cells in joined if all(word in text for word in words)]
        return [cell.strip() for cell in found]


@pytest.fixture(scope="module")
def text() -> str:
    return render_attention_page(make_report())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_section_is_there_in_order(page: Page) -> None:
    assert tuple(page.sections) == SECTIONS


def test_nothing_is_fetched_and_no_script_runs(text: str, page: Page) -> None:
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in page.fetched)
    assert sum(target.startswith("data:") for target in page.fetched) == 4
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    urls = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    styles = re.findall(r"url\((?!#)|@import", text)
    assert styles == []


def test_the_same_report_gives_the_same_page(text: str) -> None:
    assert render_attention_page(make_report()) == text


def test_light_and_dark_share_the_networks_style(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    figures = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert re.findall(r"#00[ab][0-9a-f]{3}", figures) == []
    assert "var(--series-2)" in figures
    clips = re.findall(r'<clipPath id="([^"]+)"', text)
    assert len(set(clips)) == len(clips) > 0


def test_the_first_sentence_holds_the_figures(text: str) -> None:
    lede = re.sub(r"<[^>]*>", "", text[text.index('class="lede"') : text.index("</header>")])
    lede = " ".join(lede.replace(SPACE, " ").split())
    report = make_report()
    simulations = [*report.simulations, *(t.netlist for t in report.targets if t.netlist)]
    compared = sum(one.compared for one in simulations) + 2 * 262_144
    rows = sum(one.query_rows for one in simulations)
    assert f"0 of {compared:,} integers differ".replace(",", " ") in lede
    assert f"{rows:,} simulated query rows".replace(",", " ") in lede
    assert "test perplexity 30.112 in torch, 30.118 with the engine" in lede
    assert "Verilog in the loop (+0.020 %)" in lede
    assert "25k, int8: 1.01 M tokens/s at 101.5 MHz" in lede
    assert "up5k, binary: 1.01 M tokens/s at 101.5 MHz" in lede


def test_each_rung_has_its_meaning_and_evidence(page: Page) -> None:
    for name, meaning in ATTENTION_EXPLANATIONS.items():
        rung = getattr(make_report().ladder, name)
        assert page.row(SECTIONS[0], name, meaning)[2] == f"✓ passed {rung.evidence}"


def test_a_failed_rung_is_shown_as_failed() -> None:
    report = make_report()
    ladder = replace(report.ladder, L3=Rung(state="failed", evidence="7 of 163,840 differ"))
    text = render_attention_page(replace(report, ladder=ladder))
    assert text.count('class="badge failed"') == 1
    assert Page(text).row(SECTIONS[0], "L3")[2] == "✗ failed 7 of 163,840 differ"


def test_executors_that_did_not_run_say_so() -> None:
    report = make_report()
    page = Page(render_attention_page(make_report(loop=report.loop[:3])))
    assert page.row(SECTIONS[1], "ONNX Runtime")[1:4] == [
        "30.118", "+0.020 %", f"0 of 262{SPACE}144",
    ]  # fmt: skip
    assert page.row(SECTIONS[1], "the engine")[1:] == ["not run"]


def test_integers_that_differ_turn_red_in_table_and_sentence() -> None:
    report = make_report()
    wrong = simulation(
        "cocotb", "verilog", differing=3, marks_differing=2,
        first_differing="sequence 0, head 1, position 2",
    )  # fmt: skip
    text = render_attention_page(replace(report, simulations=(wrong,), targets=()))
    assert '<b class="bad">3</b> of' in text
    assert '<b class="bad">2</b> words carry a wrong mark' in text
    assert '<span class="bad">3</span> of' in text
    assert "first: sequence 0, head 1, position 2" in text


def test_integers_that_differ_in_the_model_count_as_well() -> None:
    report = make_report()
    wrong = replace(report.loop[3], differing=5)
    text = render_attention_page(make_report(loop=(*report.loop[:3], wrong)))
    assert '<b class="bad">5</b> of' in text
    assert Page(text).row(SECTIONS[1], "the engine")[3] == f"5 of 262{SPACE}144"


def test_maps_hold_their_pixels_and_largest_difference(text: str, page: Page) -> None:
    assert page.sections["Attention maps"].count("3 of 255 grey steps, 1.2 %") == 2
    data = base64.b64decode(page.fetched[page.fetched.index(_first_map(page))].partition(",")[2])
    start = data.index(b"IDAT") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big")
    rows = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8)
    drawn = rows.reshape(CONTEXT, CONTEXT + 1)[:, 1:]
    floats = np.frombuffer(make_report().maps[0].floats, np.uint8)
    expected = np.rint(np.sqrt(255.0 * floats)).reshape(CONTEXT, CONTEXT)
    assert np.array_equal(drawn, expected)
    assert '<span title="position 1"> the</span>' in text


def _first_map(page: Page) -> str:
    return next(target for target in page.fetched if target.startswith("data:"))


def test_maps_of_other_windows_have_their_own_text() -> None:
    report = make_report()
    other = replace(report.maps[1], tokens=("else",) * CONTEXT)
    page = Page(render_attention_page(replace(report, maps=(report.maps[0], other))))
    for words in ("of head 0", "of head 1", "elseelse"):
        assert words in page.sections["Attention maps"]


def test_large_maps_take_the_width_of_the_page(text: str) -> None:
    n = 200
    large = replace(make_report().maps[0], positions=n, floats=bytes(n * n), integers=bytes(n * n))
    assert 'class="grid maps large"' in render_attention_page(make_report(maps=(large,)))
    assert 'class="grid maps"' in text


def test_a_map_of_another_size_is_refused() -> None:
    report = make_report()
    broken = replace(report.maps[0], floats=b"123")
    with pytest.raises(ValueError, match=f"{CONTEXT} x {CONTEXT} bytes, not 3"):
        render_attention_page(replace(report, maps=(broken,)))


def test_clocks_stand_beside_the_formula(text: str, page: Page) -> None:
    cells = page.row(SECTIONS[3], "local and strided, stride 8", "int8")
    keys = next(p for p in make_report().cycles if p.pattern == "local_strided").keys
    assert cells[3] == str(keys)
    assert cells[4:7] == [f"{4 * keys + 310:,}".replace(",", SPACE)] * 2 + ["0"]
    assert page.row(SECTIONS[3], "fixed, stride 16", "binary")[6:] == ["84", "31.0", DASH]
    assert '<span class="bad">84</span>' in text
    assert text.count('aria-label="clocks against density"') == 1


def test_the_ring_is_where_the_formula_says() -> None:
    first, second = make_report().cycles[:2]
    right = draw_attention_plots(make_report(cycles=(first, second)))
    other = replace(first, formula_cycles=first.cycles - 1000)
    wrong = draw_attention_plots(make_report(cycles=(other, second)))
    changed = set(wrong.density.splitlines()) ^ set(right.density.splitlines())
    assert len([line for line in changed if "<use" in line]) == 2


def test_patterns_no_marker_was_chosen_for_are_drawn() -> None:
    report = make_report()
    other = replace(report.cycles[0], pattern="spiral", stride=3)
    drawn = draw_attention_plots(replace(report, cycles=(other,)))
    assert ">spiral<" in drawn.density


def test_a_formula_that_says_nothing_is_drawn_without_a_ring() -> None:
    point = replace(make_report().cycles[0], formula_cycles=0)
    page = Page(render_attention_page(make_report(cycles=(point,))))
    assert "svg" in page.tags
    assert page.row(SECTIONS[3], "causal")[5] == "0"


def test_a_chip_has_a_row_and_a_plot(text: str, page: Page) -> None:
    cells = page.row(SECTIONS[4], "up5k")
    assert cells[1] == "binary, 8 lanes 1 engine 8 features a beat"
    assert cells[2:11] == [
        f"3{SPACE}412 310", f"2{SPACE}251", "8", "12", "2", "101.5 / 101.5 1 of 2 seeds", "100.0",
        "1.01 M", "3f3f3f3f… unpacks equal",
    ]  # fmt: skip
    assert "25k, int8, seed 2: not routed: stopped after 600 s" in page.sections[SECTIONS[4]]
    assert text.count('aria-label="resources by part on ') == 2
    assert "projections are not in gates" in page.sections[SECTIONS[4]]


def test_a_chip_that_never_routed_has_no_clock() -> None:
    target = make_target(
        "25k", routed=False, fmax_mhz=None, seed=None, bitstream_sha256=None,
        bitstream_unpacked=None, tokens_per_second=None,
    )  # fmt: skip
    text = render_attention_page(make_report(targets=(target,)))
    cells = Page(text).row(SECTIONS[4], "Lattice 25k")
    assert (cells[7].split(" 1 of")[0], cells[9], cells[10]) == ("not routed", DASH, "none")
    assert "25k, int8: not routed." in " ".join(text.split())


def test_a_bitstream_that_unpacks_to_something_else_says_so() -> None:
    target = make_target("25k", bitstream_unpacked=False)
    page = Page(render_attention_page(make_report(targets=(target,))))
    assert page.row(SECTIONS[4], "Lattice 25k")[10] == "3f3f3f3f… unpacks to other text"


def test_proven_parts_stand_apart_from_those_only_simulated() -> None:
    report = make_report(targets=(make_target("25k", proofs=PROOFS),))
    page = Page(render_attention_page(report))
    rows = [[cell.strip() for cell in cells] for cells in page.rows[SECTIONS[5]]]
    names = [cells[0] for cells in rows]
    proven, simulated = (
        next(i for i, name in enumerate(names) if words in name)
        for words in ("✓ proven", "not proven, only simulated")
    )
    assert names[proven + 1 : simulated] == [p.part for p in PROOFS if p.proven]
    assert names[simulated + 1 :] == [p.part for p in PROOFS if not p.proven]
    assert rows[proven + 1][1:4] == ["RTL", "148", "SAT, induction over all registers"]
    assert rows[simulated + 1][1:4] == ["RTL", DASH, "holds a multiplier"]
    assert "Lattice 25k, int8: 5 of 7 parts proven" in page.sections[SECTIONS[5]]
    assert "0 of 768 integers differ over 96 query rows" in page.sections[SECTIONS[5]]


def test_a_part_neither_proven_nor_simulated_says_so() -> None:
    report = make_report(targets=(make_target("25k", netlist=None),))
    page = Page(render_attention_page(report))
    assert "not proven, not simulated" in page.sections[SECTIONS[5]]
    assert "only simulated" not in page.sections[SECTIONS[5]]
    assert "The whole netlist, simulated: not run" in page.sections[SECTIONS[5]]


def test_a_netlist_that_differs_clears_no_part() -> None:
    netlist = simulation("bulk", "netlist", differing=1)
    report = make_report(targets=(make_target("25k", netlist=netlist),))
    text = render_attention_page(report)
    assert "not proven, simulation differs" in Page(text).sections[SECTIONS[5]]
    assert 'class="badge failed verdict"' in text


def test_nothing_is_called_only_simulated_where_all_is_proven() -> None:
    report = make_report(targets=(make_target("25k", proofs=(proof("intake"),)),))
    page = Page(render_attention_page(report))
    assert "1 of 1 parts proven" in page.sections[SECTIONS[5]]
    assert "not proven" not in " ".join(" ".join(row) for row in page.rows[SECTIONS[5]][1:])


def test_proofs_that_did_not_run_say_so() -> None:
    report = make_report(targets=(make_target("25k", proofs=()),))
    page = Page(render_attention_page(report))
    assert "proofs not run" in page.sections[SECTIONS[5]]
    assert page.row(SECTIONS[5], "the whole netlist", "proofs")[1] == "proofs: not run"


def test_simulations_list_stalls_rows_and_tests(page: Page) -> None:
    cells = page.row(SECTIONS[6], "Amaranth")
    assert cells[2:5] == [f"32 1 {TIMES} 2 heads {TIMES} 16", "0 of 512", "50 % seed 0"]
    cells = page.row(SECTIONS[6], "cocotb", "emitted Verilog")
    assert cells[7].startswith("every answer is the models; stalls change no answer")
    assert "netlist after synthesis up5k, binary" in page.row(SECTIONS[6], "up5k")[1]


def test_seconds_name_their_kind(page: Page) -> None:
    assert page.row(SECTIONS[7], "simulate")[1:] == ["wall time", "55.0"]
    cells = page.row(SECTIONS[7], "placement and routing", "25k")
    assert cells[1:] == ["25k, int8, processor time of all seeds", "661.0"]


def test_what_did_not_run_says_so() -> None:
    text = render_attention_page(empty_report())
    page = Page(text)
    assert tuple(page.sections) == SECTIONS
    assert text.count('class="badge not-run"') == len(ATTENTION_EXPLANATIONS)
    assert page.sections[SECTIONS[1]].count("not run") == 4
    for section in SECTIONS[2:8]:
        assert "Not run." in page.sections[section]
    assert "No integers were compared; perplexity with the engine in the loop: not run;" in (
        " ".join(text.split())
    )
    assert "chips: not run." in text
    assert not {"img", "svg"} & set(page.tags)


def test_text_from_corpus_and_tools_is_escaped() -> None:
    planted = '<script>alert("1")</script>'
    report = make_report()
    report = replace(
        report,
        targets=(make_target(planted, lut4_by_part={planted: 5}),),
        title=planted,
        text=planted,
        model={planted: planted},
        maps=(replace(report.maps[0], tokens=(planted,) * CONTEXT),),
        cycles=(replace(report.cycles[0], pattern="$x_{y}$" + planted),),
        ladder=replace(report.ladder, L1=Rung(state="failed", evidence=planted)),
        seconds={planted: 1.0},
    )
    text = render_attention_page(report)
    page = Page(text)
    assert "<script" not in text
    assert "script" not in page.tags
    assert planted in page.sections["Attention maps"]


def test_without_matplotlib_the_page_says_how_to_get_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = render_attention_page(make_report())
    assert text.count("pip install &#39;lutloom[report]&#39;") == 2
    assert "<svg" not in text
    assert Page(text).fetched[0].startswith("data:image/png")


def test_plots_are_left_out_where_there_is_no_data() -> None:
    assert draw_attention_plots(empty_report()) == AttentionPlots()


def test_json_reads_back_equal(tmp_path: Path) -> None:
    report = make_report()
    path = write_attention_report(report, tmp_path / "deep" / "report.html")
    assert path.read_text(encoding="utf-8") == render_attention_page(report)
    assert read_json(path.with_suffix(".json"), AttentionReport) == report


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(LutloomError):
        write_attention_report(empty_report(), tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
