"""SliceGPT: rotate the residual stream to its principal directions, and drop the least of them."""

from __future__ import annotations

from lutloom.language.slicing.fuse import fuse_norms
from lutloom.language.slicing.principal import SecondMoment
from lutloom.language.slicing.slice import Orientation, slice_model, sliced_width

__all__ = ["slice_model", "sliced_width", "Orientation", "fuse_norms", "SecondMoment"]
