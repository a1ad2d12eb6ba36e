"""Which input drives which address bit: local windows at first, later what the error asks for.

Layer 1 reads pixels near each other.  Later layers read neighbours in the order of the layer
before, and that order follows the picture (Morton code), so that what belongs together stays
together on the chip.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from lutloom.errors import InvalidRecipeError
from lutloom.ir import ThermometerEncoder
from lutloom.models import LearningLayer

_DRIVEN_AT_ONCE = 256
"""Candidates of each group that are driven together; keeps the work in the cache."""
_ATTEMPTS = 64
"""Draws for one input before the window is given up for any useful bit."""


class InputWindows:
    """Draw fan-ins of layer 1: bits that vary, of pixels within a window.

    Parameters
    ----------
    encoder : ThermometerEncoder
    bit_share : float32[n_bits]
        How often each bit is set over (a sample of) the training images.
    window_pixels : int
        Pixels from the window's middle to its edge; 0 draws from the whole image.
    generator : Generator
    least_share : float
        Bits set, or clear, more rarely than this are never drawn.

    Raises
    ------
    InvalidRecipeError
        If hardly any bit varies.
    """

    def __init__(
        self,
        encoder: ThermometerEncoder,
        bit_share: Tensor,
        window_pixels: int,
        generator: Generator,
        least_share: float = 0.01,
    ) -> None:
        self.encoder = encoder
        self.reach = window_pixels or max(encoder.height, encoder.width)
        self.generator = generator
        self.useful = (bit_share > least_share) & (bit_share < 1 - least_share)
        self.bits = self.useful.nonzero()[:, 0]

    def draw(self, n: int, k: int) -> Tensor:
        """Draw fan-ins of ``k`` different bits.

        Parameters
        ----------
        n, k : int

        Returns
        -------
        int64[n, k]
        """
        if self.bits.numel() < k:
            raise InvalidRecipeError(
                f"wiring: at least {k} input bits must vary over the training images, not "
                f"{self.bits.numel()}; choose other thresholds or a lower fan-in"
            )
        fan_in = torch.full((n, k), -1, dtype=torch.int64)
        fan_in[:, 0] = self._any(n)
        for slot in range(1, k):
            todo = torch.arange(n)
            for attempt in range(_ATTEMPTS * 2):
                near = attempt < _ATTEMPTS
                bit = self._near(fan_in[todo, 0]) if near else self._any(todo.numel())
                fits = (bit >= 0) & (fan_in[todo, :slot] != bit[:, None]).all(dim=1)
                fan_in[todo[fits], slot] = bit[fits]
                todo = todo[~fits]
                if not todo.numel():
                    break
            for row in todo.tolist():  # so few useful bits that chance keeps repeating itself
                left = self.bits[~torch.isin(self.bits, fan_in[row, :slot])]
                fan_in[row, slot] = left[0]
        return fan_in

    def _any(self, n: int) -> Tensor:
        return self.bits[torch.randint(0, self.bits.numel(), (n,), generator=self.generator)]

    def _near(self, middle: Tensor) -> Tensor:
        """Draw a bit in the window of each; -1 where the draw is outside or useless."""
        n, levels = middle.numel(), self.encoder.n_thresholds
        pixel = middle // levels
        step = torch.randint(-self.reach, self.reach + 1, (2, n), generator=self.generator)
        row, column = pixel // self.encoder.width + step[0], pixel % self.encoder.width + step[1]
        level = torch.randint(0, levels, (n,), generator=self.generator)
        inside = (row >= 0) & (row < self.encoder.height)
        inside &= (column >= 0) & (column < self.encoder.width)
        bit = torch.where(inside, (row * self.encoder.width + column) * levels + level, 0)
        return torch.where(inside & self.useful[bit], bit, -1)


def wire_to_previous(
    n_groups: int, n_neurons: int, n_previous: int, k: int, generator: Generator, *, grouped: bool
) -> Tensor:
    """Wire a later layer so that the layer before is used evenly.

    Parameters
    ----------
    n_groups, n_neurons, n_previous, k : int
    generator : Generator
    grouped : bool
        Read neighbours in the previous layer's order; otherwise any.

    Returns
    -------
    int64[n_groups, n_neurons, k]
        Input 0 of neuron ``j`` lies at the same relative place as ``j``.
    """
    first = torch.arange(n_neurons) * n_previous // n_neurons
    near = (first[:, None] + torch.arange(k)) % n_previous
    if grouped:
        return near.expand(n_groups, n_neurons, k).clone()
    if n_neurons * k == n_previous:  # a tree: every output is read once
        shuffled = [torch.randperm(n_previous, generator=generator) for _ in range(n_groups)]
        return torch.stack(shuffled).view(n_groups, n_neurons, k)
    steps = torch.rand((n_groups, n_neurons, n_previous), generator=generator).argsort(dim=2)
    anywhere = steps[:, :, :k].clone()
    clash = (anywhere == first[:, None]).any(dim=2, keepdim=True)
    kept = torch.where(clash & (anywhere == first[:, None]), anywhere[:, :, :1], anywhere)
    kept[:, :, 0] = first
    return kept


def picture_order(fan_in: Tensor, encoder: ThermometerEncoder) -> Tensor:
    """Order layer-1 neurons along a Z-shaped curve over the picture (Morton code).

    Parameters
    ----------
    fan_in : int64[n_groups, n_neurons, k]
        Encoder bits.
    encoder : ThermometerEncoder

    Returns
    -------
    int64[n_groups, n_neurons]
        For :meth:`~lutloom.models.LearningLayer.reorder`.
    """
    pixel = fan_in // encoder.n_thresholds
    row = (2 * (pixel // encoder.width).float().mean(dim=2)).to(torch.int64)
    column = (2 * (pixel % encoder.width).float().mean(dim=2)).to(torch.int64)
    code = torch.zeros_like(row)
    for bit in range(7):
        code |= (column >> bit & 1) << (2 * bit) | (row >> bit & 1) << (2 * bit + 1)
    return code.argsort(dim=1, stable=True)


def rewire(
    layer: LearningLayer,
    usefulness: Tensor,
    n_rewired: int,
    windows: InputWindows,
    n_candidates: int,
    sample: tuple[Tensor, Tensor],
) -> None:
    """Replace the least useful neurons of layer 1 by the candidates the error asks for most.

    A candidate's worth is the sum over its addresses of the error's absolute sum: how much of the
    error a table on those inputs could take away.  It reads error and previous input only.

    Parameters
    ----------
    layer : LearningLayer
        Layer 1.
    usefulness : float32[n_groups, n_neurons]
        Error x vote over the last epoch.
    n_rewired : int
        Neurons of each group.
    windows : InputWindows
    n_candidates : int
        Fan-ins drawn for each neuron to be replaced; 1 takes the first.
    sample : uint8[n_groups, n_bits, n_images], float32[n_groups, n_images]
        Previous inputs and errors of late.
    """
    bits, error = sample
    device = layer.fan_in.device
    for_each = n_rewired * n_candidates
    drawn = windows.draw(layer.n_groups * for_each, layer.k)
    fan_in = drawn.view(layer.n_groups, for_each, layer.k).to(device)
    starts = range(0, for_each, _DRIVEN_AT_ONCE)
    parts = [layer.drive(bits, error, fan_in[:, at : at + _DRIVEN_AT_ONCE]) for at in starts]
    drive = torch.cat(parts, dim=1)
    worth = drive.abs().sum(dim=2).view(layer.n_groups, n_rewired, n_candidates)
    best = worth.argmax(dim=2) + torch.arange(n_rewired, device=device) * n_candidates
    groups = torch.arange(layer.n_groups, device=device)[:, None]
    replaced = usefulness.argsort(dim=1, stable=True)[:, :n_rewired]
    layer.replace(replaced, fan_in[groups, best], drive[groups, best])
