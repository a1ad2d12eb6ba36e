"""From a recipe to a model that has learnt nothing yet."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from lutloom.data import Dataset, quantile_thresholds
from lutloom.errors import InvalidRecipeError
from lutloom.ir import ThermometerEncoder
from lutloom.models import ActivationFirstLayer, LearningLayer, TableLayer, VotingClassifier
from lutloom.recipe import DataSection, Recipe
from lutloom.train.wiring import InputWindows, picture_order, wire_to_previous


def build_encoder(section: DataSection, data: Dataset) -> ThermometerEncoder:
    """Settle the encoder: fixed thresholds, or quantiles of the training pixels.

    Parameters
    ----------
    section : DataSection
    data : Dataset

    Returns
    -------
    ThermometerEncoder
    """
    height, width = data.image_shape
    if section.thresholds == "quantile":
        levels = quantile_thresholds(data.train_images, section.n_thresholds)
    else:
        levels = np.array(section.thresholds, dtype=np.uint8)
    return ThermometerEncoder(height, width, levels)


def build_model(
    recipe: Recipe,
    encoder: ThermometerEncoder,
    n_classes: int,
    windows: InputWindows,
    generator: Generator,
) -> VotingClassifier:
    """Wire a stack of layers, one network for each class, before any learning.

    Parameters
    ----------
    recipe : Recipe
    encoder : ThermometerEncoder
    n_classes : int
    windows : InputWindows
        Where layer 1 gets its inputs.
    generator : Generator

    Returns
    -------
    VotingClassifier

    Raises
    ------
    InvalidRecipeError
        If a layer reads more inputs than the layer before has outputs.
    """
    section = recipe.network
    k = section.fan_in
    layers: list[LearningLayer] = []
    for index, width in enumerate(section.widths):
        if index == 0:
            fan_in = windows.draw(n_classes * width, k).view(n_classes, width, k)
            if section.grouped and len(section.widths) > 1:
                order = picture_order(fan_in, encoder)
                fan_in = fan_in[torch.arange(n_classes)[:, None], order]
            n_inputs = encoder.n_bits
        else:
            n_inputs = section.widths[index - 1]
            if k > n_inputs:
                raise InvalidRecipeError(
                    f"network, widths[{index - 1}]: must be at least fan_in ({k}), not {n_inputs};"
                    " widen the layer or lower 'fan_in'"
                )
            fan_in = wire_to_previous(
                n_classes, width, n_inputs, k, generator, grouped=section.grouped
            )
        last = index == len(section.widths) - 1
        layers.append(
            _build_layer(recipe, fan_in, n_inputs, generator, first=index == 0, last=last)
        )
    return VotingClassifier(encoder, layers, n_classes)


def _build_layer(
    recipe: Recipe, fan_in: Tensor, n_inputs: int, generator: Generator, *, first: bool, last: bool
) -> LearningLayer:
    n_classes, width, k = fan_in.shape
    if recipe.network.kind == "activation_first":
        own = torch.arange(n_classes * width).view(n_classes, width) % 2 * -2.0 + 1.0
        if first:  # an input has an excitatory and an inhibitory copy; a weight takes either
            source = torch.randint(0, 2, fan_in.shape, generator=generator) * 2.0 - 1.0
        else:  # hidden neurons alternate
            source = fan_in % 2 * -2.0 + 1.0
        polarity = torch.ones_like(own) if last else own
        return ActivationFirstLayer(
            fan_in, n_inputs, source, polarity, generator, shared_input=first
        )
    if first:
        counter = TableLayer.noise(n_classes, width, k, generator)
    elif width * k <= n_inputs:  # a tree: all inputs matter
        counter = TableLayer.majority(n_classes, width, k, generator)
    else:
        counter = TableLayer.pass_through(n_classes, width, k)
    return TableLayer(
        fan_in,
        n_inputs,
        counter,
        shared_input=first,
        counter_bits=recipe.training.counter_bits,
        rounding=generator,
    )
