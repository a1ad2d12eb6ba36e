"""Make the shorter model: the same weights, without some blocks.

Example
-------
>>> without_blocks(model, (1, 4)).config.n_blocks                    # doctest: +SKIP
28
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lutloom.errors import InvalidNetworkError, InvalidRecipeError
from lutloom.language.model_file import build_transformer
from lutloom.language.transformer import Transformer


def check_unsliced(model: Transformer) -> None:
    """Check that blocks of a model can be left out at all.

    Parameters
    ----------
    model : Transformer

    Raises
    ------
    InvalidNetworkError
        If it is sliced: what one block leaves is then in a basis only the next one reads.
    """
    if model.config.sliced:
        raise InvalidNetworkError(
            "block elimination: the model must not be sliced, but its blocks have widths and "
            "bases of their own; eliminate blocks first, then slice"
        )


def without_blocks(model: Transformer, removed: Sequence[int]) -> Transformer:
    """Copy a model without some of its blocks.

    Parameters
    ----------
    model : Transformer
        Not sliced.
    removed : sequence of int
        Indices of blocks, in any order, none twice.

    Returns
    -------
    Transformer
        Blocks that stay are counted anew; all else, the pattern in use too, is the model's.

    Raises
    ------
    InvalidNetworkError
        If the model is sliced.
    InvalidRecipeError
        If an index is out of range or comes twice.
    """
    check_unsliced(model)
    n_blocks = model.config.n_blocks
    for index in removed:
        if not 0 <= index < n_blocks:
            raise InvalidRecipeError(
                f"block elimination: blocks must be 0..{n_blocks - 1}, not {index}; correct it"
            )
    if len(set(removed)) < len(removed):
        raise InvalidRecipeError(
            f"block elimination: blocks must differ, but one of {list(removed)} comes twice; "
            "leave it out"
        )
    stays = [index for index in range(n_blocks) if index not in set(removed)]
    names = {f"blocks.{old}.": f"blocks.{new}." for new, old in enumerate(stays)}
    tensors = {}
    for name, tensor in model.state_dict().items():
        block = ".".join(name.split(".")[:2]) + "."
        if not name.startswith("blocks."):
            tensors[name] = tensor
        elif block in names:
            tensors[names[block] + name.removeprefix(block)] = tensor
    config = msgspec.structs.replace(model.config, n_blocks=len(stays))
    shorter = build_transformer(config, tensors).to(model.embedding.weight.device)
    shorter.mask = None if model.mask is None else model.mask.clone()
    return shorter
