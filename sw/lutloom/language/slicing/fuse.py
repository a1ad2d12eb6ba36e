"""Move the norms' gains into the matrices behind them, so that the norms commute with rotations.

Example
-------
>>> fused = fuse_norms(model)                                        # doctest: +SKIP
>>> torch.allclose(fused(tokens), model(tokens), atol=1e-4)          # doctest: +SKIP
True
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor

from lutloom.errors import InvalidNetworkError
from lutloom.language.model_file import build_transformer
from lutloom.language.transformer import Transformer

READERS = {
    "attention_norm": ("attention.query", "attention.key", "attention.value"),
    "mlp_norm": ("mlp.gate", "mlp.up"),
}
"""What reads each norm of a block."""


def fuse_norms(model: Transformer) -> Transformer:
    """Give the same function in the sliced form, with nothing sliced off yet.

    Gains go into the matrices that read them, the last one into ``exit``; ``entry`` and the
    shortcuts are identities.  The embedding stays one table where it was tied.

    Parameters
    ----------
    model : Transformer
        Not sliced.

    Returns
    -------
    Transformer
        Its nodes are as wide as the model.

    Raises
    ------
    InvalidNetworkError
        If the model is sliced already.
    """
    config = model.config
    if config.sliced:
        raise InvalidNetworkError(
            f"slicing: the model must not be sliced yet, but has widths {config.node_widths[0]} "
            f"to {config.node_widths[-1]}; slice the model it was made from"
        )
    n_nodes = 2 * config.n_blocks + 1
    tensors: dict[str, Tensor] = {
        name: tensor.detach().clone()
        for name, tensor in model.state_dict().items()
        if not name.endswith(".gain")
    }
    gains = {name: t.double() for name, t in model.state_dict().items() if name.endswith(".gain")}
    identity = torch.eye(config.width)
    tensors["entry.weight"] = identity.clone()
    tensors["exit.weight"] = torch.diag(gains["final_norm.gain"]).float()
    for index in range(config.n_blocks):
        block = f"blocks.{index}"
        for norm, readers in READERS.items():
            for reader in readers:
                name = f"{block}.{reader}.weight"
                tensors[name] = (tensors[name].double() * gains[f"{block}.{norm}.gain"]).float()
        for shortcut in ("attention_shortcut", "mlp_shortcut"):
            tensors[f"{block}.{shortcut}.weight"] = identity.clone()
    fused = msgspec.structs.replace(config, node_widths=(config.width,) * n_nodes)
    whole = build_transformer(fused, tensors)
    whole.mask = None if model.mask is None else model.mask.clone()
    return whole
