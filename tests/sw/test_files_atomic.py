from __future__ import annotations

import dataclasses
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import pytest

from lutloom.errors import InvalidFileError
from lutloom.files import atomic, bounded


def fail_with(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise error

    return fail


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_content_is_written_and_replaced_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    atomic.write_bytes(path, b"one")
    atomic.write_bytes(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


def test_text_is_utf8_with_its_line_ends(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "t", "é\r\n\n")
    assert (tmp_path / "t").read_bytes() == b"\xc3\xa9\r\n\n"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some of your disk quota"),
        (errno.EACCES, "choose a folder you may write to"),
        (errno.EROFS, "writable disk"),
        (errno.EIO, "choose another path"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_refusal_keeps_the_old_content_and_leaves_no_part(
    number: int, remedy: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    place = os if step == "fsync" else Path
    monkeypatch.setattr(place, step, fail_with(OSError(number, os.strerror(number))))
    with pytest.raises(InvalidFileError, match=remedy) as caught:
        atomic.write_bytes(path, b"new")
    assert str(caught.value).startswith(f"{path}: cannot be written")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_disk_that_fills_while_writing_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path, before = tmp_path / "file", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(InvalidFileError, match="cannot be written"):
            atomic.write_bytes(path, bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names_in(tmp_path) == []


def test_an_interrupt_passes_through_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail_with(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_what_is_no_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        mode = path.stat().st_mode
        with pytest.raises(InvalidFileError, match="must name a file, not a folder or device"):
            atomic.write_bytes(path, b"x")
        assert path.stat().st_mode == mode
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_names_that_cannot_be_give_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("file/below", "loop", "nul\0", "x" * 300):
        with pytest.raises(InvalidFileError, match="cannot be written") as caught:
            atomic.write_bytes(tmp_path / name, b"x")
        assert "\n" not in str(caught.value)


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    atomic.write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


class Row(msgspec.Struct):
    name: str
    path: Path


@dataclasses.dataclass
class Point:
    x: int


def test_json_holds_structs_dataclasses_and_numbers(tmp_path: Path) -> None:
    value = {
        "z": np.int64(3), "a": np.arange(2), "row": Row("n", Path("p/q")), "point": Point(1),
        "nan": float("nan"), "flag": np.bool_(True), "share": np.float32(0.5),
    }  # fmt: skip
    atomic.write_json(tmp_path / "v.json", value)
    text = (tmp_path / "v.json").read_text()
    assert json.loads(text) == {
        "z": 3, "a": [0, 1], "row": {"name": "n", "path": "p/q"}, "point": {"x": 1},
        "nan": None, "flag": True, "share": 0.5,
    }  # fmt: skip
    assert text.startswith('{\n  "z": 3,')
    assert text.endswith("}\n")


def test_json_of_something_else_is_our_bug_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        atomic.write_json(tmp_path / "v.json", object())
    assert names_in(tmp_path) == []


def test_bounded_reading_gives_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert bounded.read_bytes(tmp_path / "f", 5) == b"12345"


def test_bounded_reading_refuses_what_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"123456")
    for name, reason in (
        ("missing", "must exist, but there is no such file"),
        ("pipe", "must be a file, not a folder or device"),
        (".", "must be a file, not a folder or device"),
        ("empty", "must be 1..5 bytes long, not 0"),
        ("large", "must be 1..5 bytes long, not 6"),
        ("large/below", "cannot be read"),
        ("nul\0", "cannot be read"),
    ):
        with pytest.raises(InvalidFileError, match=reason):
            bounded.read_bytes(tmp_path / name, 5)
    (tmp_path / "secret").write_bytes(b"1")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InvalidFileError, match=r"cannot be read .*Permission denied"):
        bounded.read_bytes(tmp_path / "secret", 5)
