import numpy as np
import pytest

from lutloom import ir
from lutloom_hw.options import PipelineOptions
from lutloom_hw.top import Top


def items_of(dut, images):
    beats = dut.loader.beats(images).reshape(len(images), dut.loader.beats_per_image)
    return [[int(word) for word in row] for row in beats]


@pytest.mark.parametrize(
    ("options", "height", "width", "clocks"),
    [
        (PipelineOptions(family="ice40", pixels_per_beat=2), 4, 6, 12),
        (PipelineOptions(family="ecp5", class_groups=2, pixels_per_beat=1), 3, 5, 17),
        (PipelineOptions(family="ecp5", class_groups=3, pixels_per_beat=2), 9, 6, 37),
        (PipelineOptions(pixels_per_beat=8), 2, 24, 6),
    ],
)
def test_contract_and_answers_of_the_interpreter(
    check_streams, random_network, options, height, width, clocks
):
    network = random_network(np.random.default_rng(8), height=height, width=width)
    dut = Top(network, options)
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (4, height, width)).astype(np.uint8)
    wanted = ir.classify(network, images).tolist()
    assert dut.model(images)[:, 0].tolist() == wanted
    assert dut.loader.beats_per_image <= clocks <= dut.cycles_per_image_max
    check_streams(dut, items_of(dut, images), wanted, clocks_per_item=clocks)


def test_a_single_pixel_fills_the_pipeline(random_network, check_streams):
    """One beat is an image, so many images are in flight."""
    network = random_network(
        np.random.default_rng(8), height=1, width=1, layers=((6, 2),), n_classes=2
    )
    dut = Top(network, PipelineOptions())
    assert dut.pipeline.images_in_flight > 4
    images = np.random.default_rng(1).integers(0, 256, (24, 1, 1)).astype(np.uint8)
    wanted = ir.classify(network, images).tolist()
    check_streams(dut, items_of(dut, images), wanted, clocks_per_item=3)


def test_images_of_many_beats_need_one_place_in_the_queue(random_network):
    network = random_network(np.random.default_rng(8), height=28, width=28, layers=((30, 4),))
    assert Top(network, PipelineOptions()).pipeline.images_in_flight == 1
