from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from slow_builder import INGREDIENTS, build_slowly

from lutloom.errors import ToolError
from lutloom_sim import build_cache
from lutloom_sim.build_cache import cache_folder, ingredients_key, obtain


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTLOOM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _write(folder: Path) -> None:
    (folder / "product").write_text("made")


def _entries() -> list[str]:
    return sorted(path.name for path in cache_folder().iterdir() if path.is_dir())


def test_the_second_time_nothing_is_built() -> None:
    entry, was_there = obtain(INGREDIENTS, _write)
    assert (entry / "product").read_text() == "made"
    assert not was_there

    def never(folder: Path) -> None:
        raise AssertionError(folder)

    assert obtain(INGREDIENTS, never) == (entry, True)


def test_any_other_ingredient_is_another_build() -> None:
    keys = {
        ingredients_key(some)
        for some in (
            INGREDIENTS,
            {**INGREDIENTS, "flags": ["-O1"]},
            {**INGREDIENTS, "verilog": "module n; endmodule"},
            {**INGREDIENTS, "more": ""},
        )
    }
    assert len(keys) == 4
    assert ingredients_key(dict(reversed(INGREDIENTS.items()))) == ingredients_key(INGREDIENTS)


def test_a_failed_build_leaves_its_log_and_no_entry() -> None:
    def fail(folder: Path) -> None:
        (folder / build_cache.LOG_NAME).write_text("what the tool said")
        raise ToolError("the tool must work")

    with pytest.raises(ToolError, match=r"^the tool must work; read .*\.log$") as caught:
        obtain(INGREDIENTS, fail)
    log = Path(str(caught.value).rpartition("read ")[2])
    assert log.read_text() == "what the tool said"
    assert _entries() == []
    assert obtain(INGREDIENTS, _write)[1] is False


def test_an_interrupted_build_leaves_nothing() -> None:
    def interrupt(folder: Path) -> None:
        _write(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain(INGREDIENTS, interrupt)
    assert _entries() == []


@pytest.mark.parametrize("locks", [True, False])
def test_builders_at_the_same_time_share_one_entry(
    empty_cache: Path, tmp_path: Path, locks: bool
) -> None:
    counts = tmp_path / "counts"
    counts.mkdir()
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(3)
    arguments = (str(empty_cache), started, counts, locks)
    builders = [context.Process(target=build_slowly, args=arguments) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(60)
    assert [builder.exitcode for builder in builders] == [0, 0, 0]
    assert len(list(counts.iterdir())) == (1 if locks else 3)
    assert _entries() == [ingredients_key(INGREDIENTS)]


def test_a_cache_that_cannot_be_made_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LUTLOOM_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ToolError, match=r"must be a folder that can be written to.*LUTLOOM_CACHE"):
        obtain(INGREDIENTS, _write)


def test_a_full_disk_is_one_clear_line() -> None:
    def fill(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ToolError, match=r"No space left on device.*free space"):
        obtain(INGREDIENTS, fill)
    assert _entries() == []


def test_entries_unused_for_long_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_cache, "_ENTRIES_MAX", 2)
    old, recent = (obtain({"n": n}, _write)[0] for n in range(2))
    os.utime(old, (0, 0))
    obtain({"n": 2}, _write)
    assert not old.exists()
    assert recent.exists()
    obtain({"n": 3}, _write)
    assert recent.exists(), "what was used within a day stays, however many there are"
