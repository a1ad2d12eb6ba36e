"""A decoder-only transformer: norms before each part, rotary positions, a gated MLP.

The same classes hold a tiny model trained here, a model read from elsewhere, and one whose
residual stream was sliced (:mod:`lutloom.language.slicing`), in which every part has a width of
its own and shortcuts are matrices.

Example
-------
>>> model = Transformer(TransformerConfig(vocabulary=512, n_blocks=2, width=32, n_heads=2,
...                                       head_size=16, hidden=64, context=16))
>>> model(torch.zeros((1, 16), dtype=torch.int64)).shape
torch.Size([1, 16, 512])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from lutloom.language.masks import Pattern, attention_mask

INITIAL_STD = 0.02
"""Deviation of a matrix before training."""

Size = Annotated[int, Meta(ge=1, le=1 << 16)]


class TransformerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say how large a transformer is.

    Members
    -------
    vocabulary : tokens it knows
    n_blocks : attention and MLP, one after the other, this often
    width : of the residual stream
    n_heads, n_kv_heads : query heads, and key and value heads they share; 0: one for each
    head_size : of a query, key or value; even
    hidden : width inside the MLP
    context : positions at most
    tied : whether the head is the embedding, transposed
    pattern, stride : which keys a query sees, see :func:`lutloom.language.masks.attention_mask`
    rope_base : longest wavelength of the rotary positions, over 2 pi; 0: no positions at all
    norm_epsilon : added to the mean square
    node_widths : of a sliced residual stream, where it enters attention and MLP of each block and
        where it leaves the last: 2 n_blocks + 1 numbers; empty: ``width`` everywhere
    """

    vocabulary: Annotated[int, Meta(ge=2, le=1 << 20)]
    n_blocks: Annotated[int, Meta(ge=0, le=256)]
    width: Size
    n_heads: Size
    n_kv_heads: Annotated[int, Meta(ge=0, le=1 << 16)] = 0
    head_size: Annotated[int, Meta(ge=2, le=512, multiple_of=2)]
    hidden: Size
    context: Size
    tied: bool = True
    pattern: Pattern = "causal"
    stride: Size = 16
    rope_base: Annotated[float, Meta(ge=0.0, le=1e9)] = 10_000.0
    norm_epsilon: Annotated[float, Meta(gt=0.0, le=0.1)] = 1e-5
    node_widths: tuple[Size, ...] = ()

    def __post_init__(self) -> None:
        if self.n_kv_heads and self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads must be a multiple of n_kv_heads ({self.n_kv_heads}), not {self.n_heads}"
            )
        if self.node_widths and len(self.node_widths) != 2 * self.n_blocks + 1:
            raise ValueError(
                f"node_widths must be {2 * self.n_blocks + 1} numbers, not {len(self.node_widths)}"
            )
        if any(size > self.width for size in self.node_widths):
            raise ValueError(f"node_widths must be at most width ({self.width})")

    @property
    def kv_heads(self) -> int:
        """Key and value heads."""
        return self.n_kv_heads or self.n_heads

    @property
    def sliced(self) -> bool:
        """Whether parts have widths of their own, and shortcuts are matrices."""
        return bool(self.node_widths)

    def node_width(self, node: int) -> int:
        """Give the residual stream's width at a node, ``2 * block`` or ``2 * block + 1``."""
        return self.node_widths[node] if self.node_widths else self.width


class RmsNorm(nn.Module):
    """Divide by the root of the mean square, and multiply by a gain.

    Parameters
    ----------
    size : int
        Features given.
    width : int
        Features the mean is taken over; more than ``size`` where the rest was sliced off.
    epsilon : float
    gain : bool
        Whether there is one; a sliced model has it in the matrix behind.
    """

    def __init__(self, size: int, width: int, epsilon: float, *, gain: bool) -> None:
        super().__init__()
        self.width, self.epsilon = width, epsilon
        self.gain = nn.Parameter(torch.ones(size)) if gain else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[..., size]``."""
        scale = torch.rsqrt(x.square().sum(-1, keepdim=True) / self.width + self.epsilon)
        return x * scale if self.gain is None else x * scale * self.gain


class Attention(nn.Module):
    """Let each position read the values of positions before, by how its query meets their keys."""

    def __init__(self, config: TransformerConfig, width_in: int, width_out: int) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.kv_heads
        self.head_size = config.head_size
        queries, keys = config.n_heads * config.head_size, config.kv_heads * config.head_size
        self.query = nn.Linear(width_in, queries, bias=False)
        self.key = nn.Linear(width_in, keys, bias=False)
        self.value = nn.Linear(width_in, keys, bias=False)
        self.output = nn.Linear(queries, width_out, bias=False)

    def project(self, x: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Give queries, keys and values as they are multiplied.

        Parameters
        ----------
        x : float[n, t, width_in]
        rotation : complex64[t, head_size / 2] or None

        Returns
        -------
        query, key, value : float[n, n_heads, t, head_size]
            Queries and keys turned; shared keys and values repeated.
        """
        n, t, _ = x.shape
        query = self.query(x).view(n, t, self.n_heads, self.head_size)
        key = self.key(x).view(n, t, self.n_kv_heads, self.head_size)
        value = self.value(x).view(n, t, self.n_kv_heads, self.head_size)
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        if self.n_kv_heads != self.n_heads:
            shared = self.n_heads // self.n_kv_heads
            key, value = (a.repeat_interleave(shared, dim=2) for a in (key, value))
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def forward(self, x: Tensor, rotation: Tensor | None, mask: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        x : float[n, t, width_in]
        rotation : complex64[t, head_size / 2] or None
            How far each pair of features turns at each position.
        mask : bool[t, t] or None
            Keys a query may see; None: all up to its own.

        Returns
        -------
        float[n, t, width_out]
        """
        n, t, _ = x.shape
        query, key, value = self.project(x, rotation)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None
        )
        mixed = mixed.transpose(1, 2).reshape(n, t, self.n_heads * self.head_size)
        output: Tensor = self.output(mixed)
        return output


class Mlp(nn.Module):
    """Compute ``down(silu(gate(x)) * up(x))``."""

    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width_in, hidden, bias=False)
        self.up = nn.Linear(width_in, hidden, bias=False)
        self.down = nn.Linear(hidden, width_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``[..., width_in]`` to ``[..., width_out]``."""
        output: Tensor = self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        return output


class Block(nn.Module):
    """Add attention, then an MLP, to the residual stream.

    Parameters
    ----------
    config : TransformerConfig
    index : int
        Which block it is; decides the widths of a sliced one.
    """

    def __init__(self, config: TransformerConfig, index: int) -> None:
        super().__init__()
        before, middle, after = (config.node_width(2 * index + k) for k in range(3))
        gain = not config.sliced
        self.attention_norm = RmsNorm(before, config.width, config.norm_epsilon, gain=gain)
        self.attention = Attention(config, before, middle)
        self.mlp_norm = RmsNorm(middle, config.width, config.norm_epsilon, gain=gain)
        self.mlp = Mlp(middle, config.hidden, after)
        if config.sliced:
            self.attention_shortcut: nn.Module = nn.Linear(before, middle, bias=False)
            self.mlp_shortcut: nn.Module = nn.Linear(middle, after, bias=False)
        else:
            self.attention_shortcut = self.mlp_shortcut = nn.Identity()

    def forward(self, x: Tensor, rotation: Tensor | None, mask: Tensor | None) -> Tensor:
        """Transform ``float[n, t, width]``; see :class:`Attention` for the rest."""
        attended = self.attention(self.attention_norm(x), rotation, mask)
        x = self.attention_shortcut(x) + attended
        output: Tensor = self.mlp_shortcut(x) + self.mlp(self.mlp_norm(x))
        return output


class Transformer(nn.Module):
    """Predict the next token at every position.

    Parameters
    ----------
    config : TransformerConfig
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config, index) for index in range(config.n_blocks))
        last = config.node_width(2 * config.n_blocks)
        self.final_norm = RmsNorm(last, config.width, config.norm_epsilon, gain=not config.sliced)
        if config.sliced:
            self.entry: nn.Module = nn.Linear(config.width, config.node_width(0), bias=False)
            self.exit: nn.Module = nn.Linear(last, config.width, bias=False)
        else:
            self.entry = self.exit = nn.Identity()
        self.head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self.mask: Tensor | None
        self.set_pattern(config.pattern, config.stride)
        self.rotation: Tensor | None
        self.register_buffer("rotation", _rotation(config), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all matrices anew from the global generator, normal with a deviation of 0.02.

        Matrices that write into the residual stream get less, by the root of their number.
        """
        draw_parameters(self, self.config.n_blocks, lambda _name, _matrix: INITIAL_STD)

    def set_pattern(self, pattern: Pattern, stride: int) -> None:
        """Attend by another pattern from now on; the configuration stays as it was."""
        mask = None
        if pattern != "causal":
            kept = attention_mask(pattern, self.config.context, stride)
            mask = torch.from_numpy(kept).to(self.embedding.weight.device)
        self.register_buffer("mask", mask, persistent=False)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up ``int64[n, t]``: ``float[n, t, width]``, as the first block takes it."""
        x: Tensor = self.entry(self.embedding(tokens))
        return x

    def run_block(self, index: int, x: Tensor) -> Tensor:
        """Run one block on ``float[n, t, width]``."""
        t = x.shape[1]
        rotation = None if self.rotation is None else self.rotation[:t]
        mask = None if self.mask is None else self.mask[:t, :t]
        output: Tensor = self.blocks[index](x, rotation, mask)
        return output

    def predict(self, x: Tensor) -> Tensor:
        """Turn what the last block left into logits, ``float[n, t, vocabulary]``."""
        x = self.exit(self.final_norm(x))
        table = self.embedding.weight if self.head is None else self.head.weight
        return nn.functional.linear(x, table)

    def forward(self, tokens: Tensor) -> Tensor:
        """Give logits of the next token.

        Parameters
        ----------
        tokens : int64[n, t]
            At most ``context`` positions.

        Returns
        -------
        float[n, t, vocabulary]
        """
        x = self.embed(tokens)
        for index in range(len(self.blocks)):
            x = self.run_block(index, x)
        return self.predict(x)

    @property
    def n_parameters(self) -> int:
        """Parameters of all kinds, a tied table once."""
        return sum(parameter.numel() for parameter in self.parameters())


def draw_parameters(
    model: nn.Module, n_blocks: int, deviation: Callable[[str, Tensor], float]
) -> None:
    """Set gains to 1, and draw matrices from the global generator, normal around 0.

    Matrices that write into the residual stream, by name those of :class:`Attention` and
    :class:`Mlp`, get less, by the root of their number.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    n_blocks : int
    deviation : callable
        Gives a matrix's deviation by its name and itself.
    """
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            nn.init.ones_(parameter)
            continue
        writes = name.endswith(("attention.output.weight", "mlp.down.weight"))
        share = (2 * max(1, n_blocks)) ** -0.5 if writes else 1.0
        nn.init.normal_(parameter, std=deviation(name, parameter) * share)


def rotate(features: Tensor, rotation: Tensor) -> Tensor:
    """Turn pairs of neighbouring features by an angle that grows with the position.

    Parameters
    ----------
    features : float32[n, t, heads, head_size]
    rotation : complex64[t, head_size / 2]

    Returns
    -------
    float32[n, t, heads, head_size]

    References
    ----------
    Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.
    """
    pairs = torch.view_as_complex(features.reshape(*features.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation[:, None]).flatten(-2)


def _rotation(config: TransformerConfig) -> Tensor | None:
    if not config.rope_base:
        return None
    half = torch.arange(config.head_size // 2, dtype=torch.float64)
    frequency = config.rope_base ** (-2 * half / config.head_size)
    angle = torch.outer(torch.arange(config.context, dtype=torch.float64), frequency)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
