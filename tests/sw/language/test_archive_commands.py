from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from archived_models import make_sliced, words_of
from small_transformer import make_transformer
from typer.testing import CliRunner, Result

from lutloom.cli.language import pack, unpack
from lutloom.errors import InvalidFileError, InvalidNetworkError
from lutloom.language.archive import pack_model
from lutloom.language.model_file import read_transformer, write_transformer
from lutloom.language.tokenizer import Tokenizer


def invoke(*words: object) -> Result:
    app = typer.Typer()
    for module in (pack, unpack):
        app.command(name=module.NAME)(module.run)
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def sliced_file(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    path = tmp_path / "sliced.safetensors"
    write_transformer(make_sliced(), tokenizer, path)
    return path


def test_pack_and_unpack(tmp_path: Path, tokenizer: Tokenizer, sliced_file: Path) -> None:
    packed, unpacked = tmp_path / "m.llm", tmp_path / "u.safetensors"
    words = ("--method", "triangular", "--compress", "exponent")
    ran = invoke("pack", sliced_file, "-o", packed, *words)
    assert ran.exit_code == 0, ran.output
    data, report = pack_model(make_sliced(), tokenizer, method="triangular", compression="exponent")
    assert packed.read_bytes() == data
    for name, size in (("embedding", report.embedding), ("blocks", report.blocks),
                       ("shortcuts", report.shortcuts), ("total", report.total)):  # fmt: skip
        line = next(line for line in ran.output.splitlines() if line.split()[:1] == [name])
        assert line.split()[1] == f"{size:,}"
    assert (
        f"weights: {report.weights:,} bytes, {report.saving:.1%} less than the "
        f"{report.plain_fp16_bytes:,} of fp16"
    ) in ran.output
    assert f"wrote {packed}" in ran.output.replace("\n", "")
    ran = invoke("unpack", packed, "-o", unpacked)
    assert ran.exit_code == 0, ran.output
    said = (
        f"wrote {unpacked}: {make_sliced().n_parameters:,} parameters, 2 blocks, width 24 (sliced)"
    )
    assert said in ran.output.replace("\n", "")
    model, its_tokenizer = read_transformer(unpacked)
    assert model.config == make_sliced().config
    assert its_tokenizer.to_json() == tokenizer.to_json()


def test_bits_back_says_what_rotations_carried(
    tmp_path: Path, tokenizer: Tokenizer, sliced_file: Path
) -> None:
    packed = tmp_path / "m.llm"
    ran = invoke("pack", sliced_file, "-o", packed, "--method", "bits_back", "--compress", "none")
    assert ran.exit_code == 0, ran.output
    _, report = pack_model(make_sliced(), tokenizer, method="bits_back", compression="none")
    assert (carried := report.rotations) is not None
    assert (
        f"rotations carry {carried.popped_bits // 8:,} bytes of the weights; "
        f"{carried.correction_bits // 8:,} of the message put right {carried.corrections:,} of "
        f"their {carried.parameters:,} parameters"
    ) in ran.output
    ran = invoke("pack", sliced_file, "-o", packed, "--method", "bits_back", "--json")
    result = json.loads(ran.stdout)
    assert result["message"] == result["weights"] < report.message
    assert [node["width"] for node in result["rotations"]["nodes"]] == [20, 16, 18, 12, 15]


def test_programs_get_json(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path, packed, unpacked = (tmp_path / name for name in ("m.st", "m.llm", "u.st"))
    write_transformer(make_transformer(), tokenizer, path)
    ran = invoke("pack", path, "-o", packed, "--compress", "none", "--json")
    result = json.loads(ran.stdout)
    assert result["total"] == packed.stat().st_size
    assert (result["method"], result["compression"], result["saving"]) == ("plain", "none", 0.0)
    ran = invoke("unpack", packed, "-o", unpacked, "--json")
    assert json.loads(ran.stdout) == {
        "model": str(unpacked), "parameters": make_transformer().n_parameters, "blocks": 3,
        "width": 24, "sliced": False, "vocabulary": tokenizer.vocabulary,
    }  # fmt: skip
    held = read_transformer(unpacked)[0].state_dict()
    for name, tensor in make_transformer().state_dict().items():
        assert words_of(held[name]) == words_of(tensor)


def test_nothing_is_written_where_something_is_wrong(
    tmp_path: Path, tokenizer: Tokenizer, sliced_file: Path
) -> None:
    whole, packed, unpacked = (tmp_path / name for name in ("w.st", "m.llm", "u.st"))
    write_transformer(make_transformer(), tokenizer, whole)
    ran = invoke("pack", whole, "-o", packed, "--method", "symmetric")
    assert isinstance(ran.exception, InvalidNetworkError)
    assert "the model must be sliced, but is not; slice it, or use plain" in str(ran.exception)
    assert not packed.exists()
    assert invoke("pack", sliced_file, "-o", packed).exit_code == 0
    packed.write_bytes(packed.read_bytes()[:-1])
    ran = invoke("unpack", packed, "-o", unpacked)
    assert isinstance(ran.exception, InvalidFileError)
    assert str(ran.exception).startswith(f"{packed}: must have the SHA-256")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.llm", sliced_file.name, "w.st"]
    assert invoke("pack", sliced_file, "--method", "zip").exit_code == 2
