"""From a recipe's ``[hardware]`` to the options of a pipeline."""

from __future__ import annotations

from lutloom.flow.devices import find_device
from lutloom.recipe import HardwareSection
from lutloom_hw.options import PipelineOptions


def pipeline_options(hardware: HardwareSection) -> PipelineOptions:
    """Choose a pipeline's options.

    Parameters
    ----------
    hardware : HardwareSection

    Returns
    -------
    PipelineOptions
    """
    return PipelineOptions(
        family=find_device(hardware.device).family,
        class_groups=hardware.class_groups,
        vote_form=None if hardware.vote_form == "auto" else hardware.vote_form,
        vote_register_every=hardware.vote_register_every or None,
        argmax_clocks_per_round=hardware.argmax_clocks_per_round or None,
        pixels_per_beat=hardware.pixels_per_beat,
    )
