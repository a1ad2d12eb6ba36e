"""The page: self-contained, deterministic, honest about what did not run."""

from __future__ import annotations

import base64
import html.parser
import re
import struct
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from synthetic_report import synthetic_report

from lutloom.errors import InvalidFileError, LutloomError
from lutloom.report.page import render_page, write_report
from lutloom.report.picture import png_data_uri
from lutloom.report.plots import draw_plots
from lutloom.report.results import (
    AccuracyByExecutor,
    Details,
    Ladder,
    MismatchesByExecutor,
    ModelReport,
    Report,
    read_report,
)


class Page(html.parser.HTMLParser):
    """Collect what a page fetches, and check that tags are closed in order."""

    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data"):
                self.fetched.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(synthetic_report())


def test_nothing_is_fetched_and_no_script_runs(page: str) -> None:
    parsed = Page(page)
    assert parsed.fetched
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in parsed.fetched)
    assert "script" not in parsed.tags
    urls = set(re.findall(r"https?://[^\s\"'<)]+", page))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_results_give_the_same_page(page: str) -> None:
    assert render_page(synthetic_report()) == page


def test_identifiers_are_unique(page: str) -> None:
    ids = Page(page).ids
    clips = [name for name in ids if not name.startswith("m") or len(name) < 8]
    assert len(set(clips)) > 0
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    seen: set[str] = set()
    for figure in figures:
        own = set(re.findall(r'<clipPath id="([^"]+)"', figure))
        assert not own & seen
        seen |= own


def test_the_headline_is_there(page: str) -> None:
    for text in ("97.61 %", "96.12 %", "no GPU here", "13 clocks", "Lattice iCE40 HX8K", "3f3f3f"):
        assert text in page


def test_every_rung_is_a_badge(page: str) -> None:
    assert page.count('class="badge passed"') == 10
    assert page.count('class="badge not-run"') == 4
    assert 'class="badge failed"' not in page


def test_a_failed_rung_and_differing_answers_turn_red() -> None:
    report = synthetic_report()
    model = report.models[0]
    broken = msgspec.structs.replace(
        model,
        ladder=msgspec.structs.replace(model.ladder, L3="failed"),
        mismatches=msgspec.structs.replace(model.mismatches, rtl=3),
    )
    text = render_page(msgspec.structs.replace(report, models=(broken,)))
    assert 'class="badge failed"' in text
    assert '<b class="bad">3</b>' in text


def test_colours_are_the_page_s_own(page: str) -> None:
    figures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert set(re.findall(r"#00[ab][0-9a-f]{3}", figures)) == set()
    assert "var(--series-1)" in figures
    assert "prefers-color-scheme: dark" in page


def test_text_from_files_is_escaped() -> None:
    report = synthetic_report()
    model = msgspec.structs.replace(report.models[0], name="<script>alert(1)</script>")
    text = render_page(msgspec.structs.replace(report, models=(model,)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def bare_model() -> ModelReport:
    return ModelReport(
        name="bare", neurons=10, layers=1, train_seconds=None, seed=0, images=0,
        accuracy=AccuracyByExecutor(), mismatches=MismatchesByExecutor(), ladder=Ladder(),
        estimate=None, target=None,
    )  # fmt: skip


def test_a_model_with_nothing_run_is_shown_as_such() -> None:
    text = render_page(Report(models=(bare_model(),)))
    Page(text)
    assert text.count('class="badge not-run"') == 7
    assert "not placed" in text


def test_a_report_of_no_models_renders() -> None:
    assert "Lutloom" in render_page(Report(models=()))


def test_without_matplotlib_the_page_says_how_to_get_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = render_page(synthetic_report())
    assert "pip install &#39;lutloom[report]&#39;" in text
    assert "97.61 %" in text
    assert "<svg" not in text


def test_plots_are_left_out_where_there_is_no_data() -> None:
    assert draw_plots([bare_model()]) == {}
    assert set(draw_plots(synthetic_report().models)) == {
        "training", "trade_off", "parts", "estimate",
    }  # fmt: skip


def test_many_classes_leave_the_matrix_out() -> None:
    model = bare_model()
    matrix = tuple(tuple(0 for _ in range(40)) for _ in range(40))
    model = msgspec.structs.replace(model, details=Details(confusion=matrix))
    assert 'class="confusion"' not in render_page(Report(models=(model,)))


def test_report_json_has_the_keys_of_the_contract_in_order(tmp_path: Path) -> None:
    write_report(synthetic_report(), tmp_path / "report.html")
    raw = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    model = raw["models"][0]
    assert list(model) == [
        "name", "neurons", "layers", "train_seconds", "seed", "images", "accuracy", "mismatches",
        "ladder", "estimate", "target", "details",
    ]  # fmt: skip
    executors = ["torch_cpu", "torch_cuda", "onnxruntime", "ir", "rtl", "netlist"]
    assert list(model["accuracy"]) == executors
    assert list(model["mismatches"]) == executors
    assert list(model["ladder"]) == [f"L{i}" for i in range(7)]
    assert list(model["estimate"]) == ["lut4", "ff", "latency_cycles"]
    assert list(model["target"]) == [
        "device", "lut4", "lut4_by_part", "ff", "routed", "fmax_mhz", "bitstream_sha256",
    ]  # fmt: skip
    assert list(model["target"]["fmax_mhz"]) == ["min", "median", "seeds"]


def test_report_json_reads_back_equal(tmp_path: Path) -> None:
    page = write_report(synthetic_report(), tmp_path / "deep" / "report.html")
    assert read_report(page.with_suffix(".json")) == synthetic_report()


def test_a_foreign_report_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"model": []}', encoding="utf-8")
    with pytest.raises(InvalidFileError, match="has no key 'model'; did you mean 'models'"):
        read_report(path)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(LutloomError):
        write_report(synthetic_report(), tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_picture_holds_its_pixels() -> None:
    pixels = bytes(range(6))
    data = base64.b64decode(png_data_uri(pixels, 2, 3).partition(",")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (3, 2)
    start = data.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", data[start - 8 : start - 4])
    assert zlib.decompress(data[start : start + length]) == b"\0\0\1\2\0\3\4\5"


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="2 x 3 bytes, not 5"):
        png_data_uri(b"12345", 2, 3)
