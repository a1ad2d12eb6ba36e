from __future__ import annotations

import pytest

from lutloom.errors import InvalidRecipeError
from lutloom.flow.devices import DEVICES, find_device, larger_devices


def test_every_device_is_found_by_its_name() -> None:
    assert list(DEVICES) == ["hx8k", "up5k", "25k", "45k", "85k", "25k-csfbga285"]
    for name in DEVICES:
        assert find_device(name).name == name


def test_unknown_device() -> None:
    with pytest.raises(InvalidRecipeError, match=r"must be one of hx8k, up5k, .* not 'hx4k'"):
        find_device("hx4k")


def test_larger_devices_have_the_room() -> None:
    assert larger_devices(DEVICES["hx8k"], 9100, 9100) == ["25k", "25k-csfbga285", "45k", "85k"]
    assert larger_devices(DEVICES["25k"], 50_000, 10) == ["85k"]
    assert larger_devices(DEVICES["85k"], 90_000, 90_000) == []
