"""Slice a transformer's residual stream: fewer features at every node, by one share.

Example
-------
>>> sliced = slice_model(model, tokens, 0.25)                        # doctest: +SKIP
>>> sliced.config.node_widths                                        # doctest: +SKIP
(96, 96, 96, 96, 96)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutloom.errors import InvalidDataError, InvalidRecipeError
from lutloom.language.model_file import build_transformer
from lutloom.language.pretraining import windows
from lutloom.language.slicing.fuse import READERS, fuse_norms
from lutloom.language.slicing.principal import SecondMoment
from lutloom.language.transformer import Attention, Mlp, RmsNorm, Transformer, TransformerConfig

Orientation = Literal["pca", "random"]
"""``pca``: features in the order of their energy; ``random``: those that are kept are turned once
more, by the QR factor of a uniform matrix, as the published code does."""

_TOKENS_AT_ONCE = 8192


def sliced_width(width: int, share: float, multiple: int = 8) -> int:
    """Give how many features are kept.

    Parameters
    ----------
    width : int
    share : float
        To slice off, 0 or more and less than 1.
    multiple : int
        What is kept is rounded down to a multiple of it.

    Returns
    -------
    int

    Raises
    ------
    InvalidRecipeError
        If a number is out of range or nothing would be left.
    """
    if not 0 <= share < 1 or multiple < 1:
        raise InvalidRecipeError(
            "slicing: share must be 0 or more and less than 1, and multiple at least 1, not "
            f"{share} and {multiple}; correct them"
        )
    # 0.3 of 10 leaves 7, although 0.7 * 10 is a little less in floating point.
    kept = int((1 - share) * width + 1e-9) // multiple * multiple
    if kept < 1:
        raise InvalidRecipeError(
            f"slicing: at least {multiple} of {width} features must be left, not "
            f"{(1 - share) * width:g}; lower the share or 'multiple'"
        )
    return kept


@torch.no_grad()
def slice_model(
    model: Transformer,
    tokens: NDArray[np.int64] | Tensor,
    share: float,
    *,
    multiple: int = 8,
    orientation: Orientation = "pca",
    seed: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
) -> Transformer:
    """Rotate each node of the residual stream to its principal directions and drop the last.

    The directions of a node are those of the signals that the already sliced part before it
    gives.

    Parameters
    ----------
    model : Transformer
        Not sliced; it is left as it is.
    tokens : int64[n_windows, t + 1] or int64[n]
        Calibration text, as windows of which all positions but the last are read; without a
        second axis, cut into windows of the model's context that follow each other.
    share : float
        Of the width to slice off, 0 or more and less than 1.
    multiple : int
        Widths are rounded down to a multiple of it; so a width that is no multiple loses some
        features at share 0 too.
    orientation : Orientation
    seed : int
        Decides the random orientation.
    progress : callable, optional

    Returns
    -------
    Transformer
        All ``2 n_blocks + 1`` nodes have :func:`sliced_width` features, the last too, since the
        exit is a matrix.  At share 0, the same function.

    Raises
    ------
    InvalidNetworkError
        If the model is sliced already.
    InvalidRecipeError
        If a number is out of range.
    InvalidDataError
        If the tokens are too few, or not what the model can read.

    References
    ----------
    Ashkboos et al., "SliceGPT: compress large language models by deleting rows and columns",
    ICLR 2024.
    """
    if orientation not in get_args(Orientation):
        raise InvalidRecipeError(
            f"slicing, orientation: must be one of {', '.join(get_args(Orientation))}, not "
            f"{orientation!r}; correct it"
        )
    kept = sliced_width(model.config.width, share, multiple)
    fused = fuse_norms(model)
    calibration = _calibration(model.config, tokens)
    slicer = _Slicer(fused, calibration, kept, orientation, np.random.default_rng(seed))
    n_blocks = model.config.n_blocks
    slicer.enter()
    for index in range(n_blocks):
        slicer.cross(index, "attention")
        slicer.cross(index, "mlp")
        if progress is not None:
            progress(index + 1, n_blocks, f"block {index}")
    slicer.leave()
    config = msgspec.structs.replace(
        model.config, node_widths=(kept,) * len(fused.config.node_widths)
    )
    sliced = build_transformer(config, slicer.tensors)
    sliced.mask = None if model.mask is None else model.mask.clone()
    return sliced


def _calibration(config: TransformerConfig, tokens: NDArray[np.int64] | Tensor) -> Tensor:
    given = torch.as_tensor(tokens)
    if given.dim() == 1:
        given = windows(given.numpy(), config.context)
    if given.dim() != 2 or not len(given) or not 2 <= given.shape[1] <= config.context + 1:
        raise InvalidDataError(
            f"slicing: tokens must be windows of 2..{config.context + 1} tokens, not "
            f"{list(given.shape)}; cut them with draw_windows"
        )
    low, high = int(given.min()), int(given.max())
    if low < 0 or high >= config.vocabulary:
        raise InvalidDataError(
            f"slicing: tokens must be 0..{config.vocabulary - 1}, not {low}..{high}; "
            "use the model's own tokenizer"
        )
    return given[:, :-1]


class _Slicer:
    """Walk along the residual stream, slicing what was passed.

    ``signals`` are what the sliced model has at the node reached, and ``basis`` (float64
    ``[width, kept]``) what each of their features means in the stream of the fused model.
    """

    def __init__(
        self,
        fused: Transformer,
        calibration: Tensor,
        kept: int,
        orientation: Orientation,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.fused, self.kept = fused.config, fused, kept
        self.orientation, self.rng = orientation, rng
        at_once = max(1, _TOKENS_AT_ONCE // calibration.shape[1])
        self.batches = torch.split(calibration, at_once)
        self.tensors = dict(fused.state_dict())
        self.signals: list[Tensor] = []
        self.basis = torch.empty(0)

    def enter(self) -> None:
        whole = [self.fused.embedding(batch) for batch in self.batches]
        self._turn(iter(whole), len(whole))
        self.tensors["entry.weight"] = self.basis.T.float().contiguous()

    def cross(self, index: int, part: Literal["attention", "mlp"]) -> None:
        """Slice one part of a block: its readers, then, at the node behind, its writer."""
        block = f"blocks.{index}"
        for reader in READERS[f"{part}_norm"]:
            name = f"{block}.{reader}.weight"
            self.tensors[name] = (self.tensors[name].double() @ self.basis).float()
        module = self._part(block, part)
        before = self.basis
        self._turn(self._behind(module, before), len(self.signals))
        writer = f"{block}.{'attention.output' if part == 'attention' else 'mlp.down'}.weight"
        self.tensors[writer] = (self.basis.T @ self.tensors[writer].double()).float()
        self.tensors[f"{block}.{part}_shortcut.weight"] = (self.basis.T @ before).float()

    def leave(self) -> None:
        self.tensors["exit.weight"] = (self.tensors["exit.weight"].double() @ self.basis).float()

    def _part(self, block: str, part: Literal["attention", "mlp"]) -> nn.Module:
        """Make the part as it is now: readers sliced, writer not."""
        width = self.config.width
        with torch.device("meta"):
            module: nn.Module = (
                Attention(self.config, self.kept, width)
                if part == "attention"
                else Mlp(self.kept, self.config.hidden, width)
            )
        names = module.state_dict()
        held = {name: self.tensors[f"{block}.{part}.{name}"] for name in names}
        module.load_state_dict(held, assign=True)
        return module

    def _behind(self, module: nn.Module, before: Tensor) -> Iterator[Tensor]:
        norm = RmsNorm(self.kept, self.config.width, self.config.norm_epsilon, gain=False)
        back = before.T.float()
        for x in self.signals:
            y = norm(x)
            if isinstance(module, Attention):
                yield x @ back + module(y, *self._positions(x.shape[1]))
            else:
                yield x @ back + module(y)

    def _positions(self, t: int) -> tuple[Tensor | None, Tensor | None]:
        rotation, mask = self.fused.rotation, self.fused.mask
        return (
            None if rotation is None else rotation[:t],
            None if mask is None else mask[:t, :t],
        )

    def _turn(self, whole: Iterator[Tensor], n_batches: int) -> None:
        """Take the next node's signals in the stream's own features, and slice them."""
        moment, held = SecondMoment(self.config.width), []
        for signals in whole:
            moment.add(signals)
            held.append(signals)
        directions = moment.directions()[:, : self.kept]
        if self.orientation == "random":
            uniform = self.rng.random((self.kept, self.kept))
            directions = directions @ torch.from_numpy(np.linalg.qr(uniform)[0])
        self.basis = directions
        turned = directions.float()
        for position in range(n_batches):
            held[position] = held[position] @ turned
        self.signals = held
