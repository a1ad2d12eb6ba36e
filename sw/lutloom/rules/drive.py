"""What the previous input selected: addresses, and the error gathered under each of them."""

from __future__ import annotations

import torch
from torch import Tensor


def read_addresses(previous_input: Tensor, fan_in: Tensor) -> Tensor:
    """Form each neuron's table address from its inputs.

    Parameters
    ----------
    previous_input : uint8[n_groups, n_inputs, n_images]
        Zeros and ones; group ``g`` has its own images, those its error is about.
    fan_in : int64[n_groups, n_neurons, k]
        Which input is address bit ``k``; bit 0 is the least significant.

    Returns
    -------
    uint8[n_groups, n_neurons, n_images]
    """
    n_groups, n_neurons, k = fan_in.shape
    flat = fan_in.reshape(n_groups, n_neurons * k)
    rows = torch.stack([previous_input[g].index_select(0, flat[g]) for g in range(n_groups)])
    rows = rows.view(n_groups, n_neurons, k, -1)
    address = rows[:, :, 0].clone()
    for bit in range(1, k):
        address += rows[:, :, bit] << bit
    return address


def gather_drive(address: Tensor, error: Tensor, n_entries: int) -> Tensor:
    """Add up the error under each table address.

    Parameters
    ----------
    address : uint8[n_groups, n_neurons, n_images]
    error : float32[n_groups, n_images]
        The group's output error, the same for all of its neurons at any depth.
    n_entries : int
        Table entries, ``2**k``.

    Returns
    -------
    float32[n_groups, n_neurons, n_entries]
    """
    n_groups, n_neurons, n_images = address.shape
    drive = torch.zeros(
        (n_groups, n_neurons, n_entries), dtype=torch.float32, device=address.device
    )
    spread = error[:, None, :].expand(n_groups, n_neurons, n_images)
    return drive.scatter_add_(2, address.to(torch.int64), spread)
