import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from lutloom import ir
from lutloom_hw import loader
from lutloom_hw.loader import ImageLoader, at_least
from lutloom_hw.stage import pack_rows


def random_images(encoder, n, seed=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, encoder.height, encoder.width)).astype(np.uint8)


def items_of(dut, images):
    beats = dut.beats(images).reshape(len(images), dut.beats_per_image)
    return [[int(word) for word in row] for row in beats]


@pytest.mark.parametrize("threshold", [0, 1, 2, 31, 32, 33, 96, 127, 128, 160, 254, 255])
def test_constant_comparators_exhaustively(threshold):
    pixel = Signal(8)
    answers = []

    async def bench(ctx):
        for value in range(256):
            ctx.set(pixel, value)
            answers.append(ctx.get(at_least(pixel, threshold)))

    simulator = Simulator(Module())
    simulator.add_testbench(bench)
    simulator.run()
    assert answers == [int(value >= threshold) for value in range(256)]


@pytest.mark.parametrize(
    ("height", "width", "lanes"),
    [(1, 1, 1), (1, 9, 2), (3, 1, 8), (2, 5, 4), (4, 8, 1), (3, 9, 3), (2, 64, 8), (5, 2, 1)],
)
def test_contract(check_streams, height, width, lanes):
    encoder = ir.ThermometerEncoder(height, width, [50, 128, 201])
    rng = np.random.default_rng(height * width)
    used = np.flatnonzero(rng.random(encoder.n_bits) < 0.6)
    dut = ImageLoader(encoder, used, pixels_per_beat=lanes)
    images = random_images(encoder, 4)
    # With few beats a row, an image waits for its first row to find the flip-flops free.
    waits = {1: 2, 2: 1}.get(dut.beats_per_row, 0)
    check_streams(
        dut,
        items_of(dut, images),
        pack_rows(dut.model(images), 1),
        clocks_per_item=dut.beats_per_image + waits,
    )


def test_all_bits_used_and_all_grey_levels():
    encoder = ir.ThermometerEncoder(16, 16, [1, 128, 255])
    dut = ImageLoader(encoder, np.arange(encoder.n_bits), pixels_per_beat=4)
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert (dut.model(image) == encoder.encode(image)).all()


def test_unused_bits_are_zero():
    encoder = ir.ThermometerEncoder(2, 2, [10])
    dut = ImageLoader(encoder, np.array([3, 1, 3]))
    assert dut.model(np.full((1, 2, 2), 255, dtype=np.uint8)).tolist() == [[0, 1, 0, 1]]


def test_beats_are_rows_padded_at_their_end():
    encoder = ir.ThermometerEncoder(2, 3, [10])
    dut = ImageLoader(encoder, np.arange(6), pixels_per_beat=2)
    image = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    assert [hex(int(beat)) for beat in dut.beats(image)] == ["0x201", "0x3", "0x504", "0x6"]


def test_the_padding_does_not_matter(check_streams):
    encoder = ir.ThermometerEncoder(2, 3, [10])
    dut = ImageLoader(encoder, np.arange(6), pixels_per_beat=2)
    images = random_images(encoder, 5)
    items = [
        [word | (0xAB00 if k % 2 else 0) for k, word in enumerate(item)]
        for item in items_of(dut, images)
    ]
    check_streams(
        dut, items, pack_rows(dut.model(images), 1), clocks_per_item=dut.beats_per_image + 1
    )


class ImpatientLoader(ImageLoader):
    """A loader that takes pixels though an image waits."""

    def _build(self, m: Module) -> None:
        super()._build(m)
        m.d.comb += self.i.ready.eq(1)


def test_a_loader_that_overwrites_a_waiting_image_is_caught(check_streams):
    encoder = ir.ThermometerEncoder(2, 12, [50, 128, 201])
    images = random_images(encoder, 6)
    for kind in (ImageLoader, ImpatientLoader):
        dut = kind(encoder, np.arange(encoder.n_bits))
        items, wanted = items_of(dut, images), pack_rows(dut.model(images), 1)
        if kind is ImageLoader:
            check_streams(dut, items, wanted, clocks_per_item=dut.beats_per_image)
        else:
            with pytest.raises(AssertionError, match="phase"):
                check_streams(dut, items, wanted, clocks_per_item=dut.beats_per_image)


def test_a_comparator_off_by_one_is_caught(check_streams, monkeypatch):
    encoder = ir.ThermometerEncoder(2, 12, [50, 128, 201])
    images = np.random.default_rng(1).choice([49, 50, 51, 128], (4, 2, 12)).astype(np.uint8)
    monkeypatch.setattr(loader, "at_least", lambda pixel, level: at_least(pixel, level + 1))
    dut = ImageLoader(encoder, np.arange(encoder.n_bits))
    with pytest.raises(AssertionError, match="wrong answers"):
        check_streams(
            dut,
            items_of(dut, images),
            pack_rows(dut.model(images), 1),
            clocks_per_item=dut.beats_per_image,
        )
