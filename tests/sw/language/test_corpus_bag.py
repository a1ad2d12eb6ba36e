"""Files reduced block by block, in this process and on two others, as in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lutloom.errors import InvalidDataError, InvalidFileError, InvalidRecipeError, MissingExtraError
from lutloom.language.corpus import Method, bag, reduce_files, reduce_sentences
from lutloom.language.roles.grammar import generate

METHODS = get_args(Method)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three files with duplicates among them, blank lines, and a last line without an end."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    sentences = [s.text + "é" * int(rng.integers(0, 2)) for s in generate("en", 400, seed=5)]
    paths = []
    for k, part in enumerate((sentences[:150], sentences[150:160], sentences[160:])):
        paths.append(folder / f"{k}.txt")
        content = "\n".join(line + "\n" * int(rng.random() < 0.1) for line in part)
        paths[-1].write_text(content + "\n" * (k != 2), encoding="utf-8")
    return paths


def in_memory(paths: list[Path], method: Method) -> list[str]:
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n")]
    sentences = [line.strip() for line in lines if line.strip()]
    return [sentences[k] for k in reduce_sentences(sentences, method).kept]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("block_bytes", [700, 1 << 20])
def test_blocks_give_what_memory_gives(
    files: list[Path], tmp_path: Path, method: Method, block_bytes: int
) -> None:
    output = tmp_path / "out.txt"
    found = reduce_files(files, output, method, "en", "synchronous", block_bytes)
    expected = in_memory(files, method)
    assert output.read_text(encoding="utf-8").splitlines() == expected
    assert (found.sentences, found.kept) == (400, len(expected))
    assert len(expected) < 400
    assert list(tmp_path.iterdir()) == [output], "nothing is left beside it"


@pytest.mark.parametrize("block_bytes", [1, 2, 7, 31, 1000])
def test_blocks_part_no_line(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes("a\n\nbé\n  c d  \n\r\nlast".encode())
    output = tmp_path / "out.txt"
    reduce_files([path], output, "exact", scheduler="synchronous", block_bytes=block_bytes)
    assert output.read_text(encoding="utf-8") == "a\nbé\nc d\nlast\n"


def test_keeping_the_latest_is_found_out(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def latest(earliest: dict, later: list, key: bytes, position: tuple[int, int]) -> None:
        there = earliest.get(key, position)
        earliest[key] = max(there, position)
        if there != position:
            later.append(min(there, position))

    monkeypatch.setattr(bag, "_note", latest)
    output = tmp_path / "out.txt"
    reduce_files(files, output, "exact", scheduler="synchronous", block_bytes=700)
    assert output.read_text(encoding="utf-8").splitlines() != in_memory(files, "exact")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as started:
        assert len({worker.pid for worker in started.workers.values()}) == 2
        yield started.scheduler_address


@pytest.mark.parametrize("method", ["exact", "minhash", "role"])
def test_two_worker_processes_give_what_memory_gives(
    files: list[Path], tmp_path: Path, cluster: str, method: Method
) -> None:
    output = tmp_path / "out.txt"
    reduce_files(files, output, method, "en", cluster, 4000)
    assert output.read_text(encoding="utf-8").splitlines() == in_memory(files, method)


def test_a_fault_in_a_worker_is_told_as_here(tmp_path: Path, cluster: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"good\nba\xffd\n")
    for scheduler in ("synchronous", cluster):
        with pytest.raises(InvalidDataError, match="must be UTF-8 text, but byte 7 is not"):
            reduce_files([path], tmp_path / "out.txt", "exact", scheduler=scheduler)
    assert not (tmp_path / "out.txt").exists()


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\n")
    output = tmp_path / "out.txt"
    with pytest.raises(
        InvalidRecipeError, match=r"'local', 'synchronous' or an address .* not 'x'"
    ):
        reduce_files([path], output, "exact", scheduler="x")
    with pytest.raises(InvalidRecipeError, match="must be one of exact"):
        reduce_files([path], output, "none")  # type: ignore[arg-type]
    with pytest.raises(InvalidFileError, match="there is no such file"):
        reduce_files([tmp_path / "none"], output, "exact")
    with pytest.raises(InvalidFileError, match="must not be one of the corpus's files"):
        reduce_files([path], path, "exact")
    with pytest.raises(InvalidFileError, match="cannot be written"):
        reduce_files([path], tmp_path / "no" / "out.txt", "exact", scheduler="synchronous")
    with pytest.raises(InvalidRecipeError, match="block must be at least 1 byte, not 0"):
        reduce_files([path], output, "exact", scheduler="synchronous", block_bytes=0)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"dask\[distributed\] must be installed"):
        reduce_files([path], output, "exact")


def test_no_scheduler_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    path = tmp_path / "a.txt"
    path.write_text("a\n")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(InvalidRecipeError, match=r"there must be one at tcp://127\.0\.0\.1:1, but"),
    ):
        reduce_files([path], tmp_path / "out.txt", "exact", scheduler="tcp://127.0.0.1:1")
