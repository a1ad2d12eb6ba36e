"""Documents that do not fit a Struct are explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from lutloom.errors import InvalidFileError
from lutloom.schema import SchemaError, convert, did_you_mean, read_json


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = "a"
    maybe: int | None = None


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    by_name: dict[str, Inner] = {}
    many: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "the document lacks the key 'inner'"),
        ({"inner": {"share": 2}}, "inner.share: must be a number 0..1, not 2"),
        ({"inner": {"code": "A"}}, "inner.code: must be text like ^[a-z]+$, not 'A'"),
        ({"inner": {"maybe": "x"}}, "inner.maybe: must be an integer or nothing, not 'x'"),
        ({"inner": {}, "many": [{}, {"shar": 1}]}, "did you mean 'share'?"),
        (
            {"inner": {}, "by_name": {"k": 3}},
            "by_name[...]: must be a table of the keys",
        ),
        ({"inner": {"share": "x" * 999}}, "..."),
        ([], "the document: must be a table of the keys inner, by_name, many, not []"),
    ],
)
def test_faults_are_named(raw: object, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        convert(raw, Outer)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_fits_is_converted() -> None:
    assert convert({"inner": {"share": 0.5}}, Outer).inner.share == 0.5


def test_a_suggestion_needs_a_near_name() -> None:
    assert did_you_mean("epoch", ["epochs", "seed"]) == "; did you mean 'epochs'?"
    assert did_you_mean("zzz", ["epochs", "seed"]) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[" * 100_000, "make the file again"),
        (b'{"inner": {"share": 7}}', "inner.share: must be a number 0..1, not 7"),
        (b"", "bytes long"),
    ],
)
def test_a_malformed_json_file_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError) as caught:
        read_json(path, Outer)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
