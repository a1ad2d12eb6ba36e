from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lutloom import ir
from lutloom.errors import InvalidDataError
from lutloom_hw.loader import ImageLoader
from lutloom_sim.beats import image_beats, pixel_beats, require_images

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 9))
IMAGES = SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, shape))


@given(IMAGES, st.lists(st.integers(1, 255), min_size=1, max_size=4, unique=True).map(sorted))
def test_image_beats_hold_the_encoders_bits(images: np.ndarray, thresholds: list[int]) -> None:
    encoder = ir.ThermometerEncoder(*images.shape[1:], thresholds=np.array(thresholds))
    beats = image_beats(encoder, images, batch=2)
    bits = np.unpackbits(beats, axis=1, bitorder="little", count=encoder.n_bits)
    assert np.array_equal(bits, encoder.encode(images))


@given(IMAGES, st.integers(1, 8))
def test_pixel_beats_are_the_loaders(images: np.ndarray, pixels_per_beat: int) -> None:
    encoder = ir.ThermometerEncoder(*images.shape[1:], thresholds=np.array([128]))
    beats = pixel_beats(encoder, images, pixels_per_beat)
    loader = ImageLoader(encoder, np.arange(encoder.n_bits), pixels_per_beat=pixels_per_beat)
    wanted = loader.beats(images).tolist()
    assert [int.from_bytes(beat.tobytes(), "little") for beat in beats] == wanted


def test_expected_answers_come_from_the_interpreter(case) -> None:
    assert np.array_equal(require_images(case.network, case.images, None, None), case.expected)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 6, 6), np.uint8),
        np.zeros((2, 6, 5), np.uint8),
        np.zeros((2, 36), np.uint8),
        np.zeros((2, 6, 6), np.float32),
    ],
)
def test_images_that_do_not_fit_are_refused(case, images: np.ndarray) -> None:
    with pytest.raises(InvalidDataError, match=r"must be uint8\[n, 6, 6\] with n at least 1, not"):
        require_images(case.network, images, None, None)


@pytest.mark.parametrize("name", ["expected", "labels"])
def test_as_many_classes_as_images_are_needed(case, name: str) -> None:
    classes = {"expected": None, "labels": None, name: np.zeros(299, np.int64)}
    with pytest.raises(InvalidDataError, match=f"{name} must have one class for each of 300"):
        require_images(case.network, case.images, **classes)
