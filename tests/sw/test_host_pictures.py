"""Pictures from files: what a person would hand in, and what is no picture."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lutloom.data import load
from lutloom.errors import InvalidDataError, InvalidFileError
from lutloom.host.pictures import read_pictures

SHAPE = (28, 28)


@pytest.fixture(scope="module")
def digits():
    return load("mnist").test_images


def read_one(path):
    return read_pictures([str(path)], SHAPE).images[0]


def distance(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path, digits):
    Image.fromarray(digits[0]).save(tmp_path / "a.png")
    found = read_pictures([str(tmp_path / "a.png")], SHAPE)
    assert np.array_equal(found.images[0], digits[0])
    assert found.names == ("a.png",)
    assert found.labels is None


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("where", [(0, 0), (200, 100), (37, 260)])
def test_a_large_drawing_anywhere_on_paper_becomes_the_digit(tmp_path, digits, index, where):
    paper = Image.new("RGB", (640, 480), (235, 240, 250))
    large = Image.fromarray(255 - digits[index]).resize((196, 196))
    ink = Image.fromarray(digits[index]).resize((196, 196)).point(lambda v: 255 if v > 20 else 0)
    paper.paste(large.convert("RGB"), where, ink)
    paper.save(tmp_path / "b.jpg", quality=95)
    found = read_one(tmp_path / "b.jpg")
    others = [distance(found, digits[k]) for k in range(5)]
    assert int(np.argmin(others)) == index
    assert others[index] < 0.75 * min(others[:index] + others[index + 1 :])


def test_transparency_counts_as_paper(tmp_path):
    drawing = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).rectangle((40, 20, 60, 80), fill=(0, 0, 0, 255))
    drawing.save(tmp_path / "c.png")
    found = read_one(tmp_path / "c.png")
    rows, columns = np.nonzero(found > 128)
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (20, 7)
    assert abs(rows.mean() - 14) < 1
    assert abs(columns.mean() - 14) < 1


def test_idx_plain_and_packed_and_npz(tmp_path, digits):
    some = digits[:3]
    idx = struct.pack(">IIII", 0x0803, *some.shape) + some.tobytes()
    (tmp_path / "images.idx").write_bytes(idx)
    (tmp_path / "images-ubyte.gz").write_bytes(gzip.compress(idx))
    np.savez(tmp_path / "some.npz", images=some, labels=[7, 2, 1])
    sources = [str(tmp_path / name) for name in ("images.idx", "images-ubyte.gz", "some.npz")]
    found = read_pictures(sources, SHAPE)
    assert np.array_equal(found.images, np.concatenate([some] * 3))
    assert found.names[2:5] == ("images.idx[2]", "images-ubyte.gz[0]", "images-ubyte.gz[1]")
    assert found.labels is None  # not known for all
    assert read_pictures(sources[2:], SHAPE).labels.tolist() == [7, 2, 1]


def test_the_shipped_test_images(digits):
    found = read_pictures(["mnist"], SHAPE)
    assert np.array_equal(found.images, digits)
    assert found.labels[:3].tolist() == [7, 2, 1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.png", None, "No such file|must exist|cannot be read|must be readable"),
        ("text.png", b"hello", "must be a whole picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00", "must be a whole picture"),
        ("bad.npz", b"PK\x03\x04", "must be a whole .npz"),
        ("bad.idx", b"\x00\x00\x08\x03\x00", "must be followed by"),
    ],
)
def test_what_is_no_picture(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((InvalidFileError, InvalidDataError), match=message):
        read_one(tmp_path / name)


def test_an_empty_sheet(tmp_path):
    Image.new("L", (300, 200), 200).save(tmp_path / "empty.png")
    with pytest.raises(InvalidDataError, match="must show a drawing"):
        read_one(tmp_path / "empty.png")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((1, 28, 28), np.uint8)}, "'images' must be uint8.*not none"),
        ({"images": np.zeros((1, 28, 28))}, "not float64"),
        ({"images": np.zeros((0, 28, 28), np.uint8)}, r"not uint8\[0, 28, 28\]"),
        ({"images": np.zeros((1, 8, 8), np.uint8)}, "must be of 28 x 28 pixels.*not 8 x 8"),
        ({"images": np.zeros((2, 28, 28), np.uint8), "labels": [1]}, "'labels' must be 2 integers"),
        ({"images": np.array([{}], dtype=object)}, "plain arrays"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises((InvalidFileError, InvalidDataError), match=message):
        read_one(tmp_path / "a.npz")
