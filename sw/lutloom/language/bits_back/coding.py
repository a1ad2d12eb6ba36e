"""Bits-back coding: each node's rotation is read off the part of the file that is written already.

A sliced model may be stored in any of the rotations of its nodes, so which one it is stored in can
carry information.  The writer pops bits off the message and takes them as a rotation; the reader
finds the rotation from the weights, and has the bits again.  Since weights are rounded to fp16 the
rotation comes back with an error; what it takes to name the right one costs bits of its own.

    writer, node by node from the entry on:      reader, from the exit back:
      bring the node into its canonical gauge      pop the weights
      pop a rotation, turn the node by it          find the canonical gauge again: the rotation
      push the corrections                         pop the corrections, put it right
      push the weights in fp16                     push the rotation back

Example
-------
>>> data, report = encode(config, tensors)                           # doctest: +SKIP
>>> report.saved_bits / report.plain_bits                            # doctest: +SKIP
0.034
>>> tensors = decode(config, data)                                   # doctest: +SKIP

References
----------
Frey and Hinton, "Efficient stochastic source coding and an application to a Bayesian network
source model", 1997; "Getting free bits back from rotational symmetries in LLMs",
arXiv 2410.01309, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidFileError, InvalidNetworkError, InvalidRecipeError
from lutloom.language.bits_back.canonical import Canonical, find_canonical
from lutloom.language.bits_back.cayley import BITS_MAX, BITS_MIN, Grid
from lutloom.language.bits_back.coding_report import CodingReport, NodeCoding
from lutloom.language.bits_back.corrections import Corrections, clip, fit, pop_numbers
from lutloom.language.bits_back.message import Message, uniform
from lutloom.language.bits_back.symmetry import (
    Node,
    Tensors,
    bound_numbers,
    check_sliced,
    find_nodes,
    turn_node,
)
from lutloom.language.model_file import tensor_shapes
from lutloom.language.transformer import TransformerConfig

_KINDS: tuple[Canonical, ...] = ("polar", "eigen")
_PROBE_BITS = 14

_NO_GRID = 0
_BITS_KEPT = 11
_GRIDS = 32
"""Symbols that say which grid a node has."""


def encode(
    config: TransformerConfig,
    tensors: Mapping[str, NDArray[Any]],
    *,
    canonical: Canonical = "polar",
    grid_bits: int | None = None,
    exponents: bool = False,
    progress: Callable[[float, float, str], None] | None = None,
) -> tuple[bytes, CodingReport]:
    """Write a sliced model's weights in fp16, its rotations carrying part of them.

    Parameters
    ----------
    config : TransformerConfig
        Of a sliced model.
    tensors : dict of str to float16[...]
        All of its weights; wider floats are welcome, and rounded once instead of twice.
    canonical : Canonical
        The gauge rotations are counted from.
    grid_bits : int, optional
        Of every node's grid, 7 to 18; by default each node's is chosen by how well its rotation
        comes back.
    exponents : bool
        Code exponents of weights by how often each occurs in a matrix, instead of raw.
    progress : callable, optional

    Returns
    -------
    bytes
        Without the configuration.
    CodingReport

    Raises
    ------
    InvalidNetworkError
        If the model is not sliced, or tensors are not its own, or not numbers of fp16.
    InvalidRecipeError
        If an option is out of range.
    """
    check_sliced(config, "bits back")
    if canonical not in _KINDS:
        raise InvalidRecipeError(
            f"bits back, canonical: must be one of {', '.join(_KINDS)}, not {canonical!r}; "
            "correct it"
        )
    if grid_bits is not None and not BITS_MIN <= grid_bits <= BITS_MAX:
        raise InvalidRecipeError(
            f"bits back, grid_bits: must be {BITS_MIN}..{BITS_MAX}, not {grid_bits}; correct it"
        )
    shapes = tensor_shapes(config)
    _check_tensors(shapes, tensors)
    message = Message()
    for name in _tables(config):
        message.push_halves(to_halves(name, tensors[name]), name, exponents=exponents)
    state = {name: tensors[name].astype(np.float64) for name in shapes if name not in _TABLES}
    nodes = find_nodes(config.n_blocks)
    coded = []
    for index, node in enumerate(nodes):
        coded.append(_push_node(message, state, node, canonical, grid_bits, exponents=exponents))
        if progress is not None:
            progress(index + 1, len(nodes), f"{coded[-1].grid_bits} bits")
    message.push(np.array([_KINDS.index(canonical), exponents]), uniform(2))
    data = message.to_bytes()
    report = CodingReport(
        plain_bits=16 * sum(math.prod(shape) for shape in shapes.values()),
        coded_bits=8 * len(data),
        bound_bits=16 * bound_numbers(config),
        nodes=tuple(coded),
    )
    return data, report


def decode(
    config: TransformerConfig,
    data: bytes,
    *,
    progress: Callable[[float, float, str], None] | None = None,
) -> dict[str, NDArray[np.float16]]:
    """Read what :func:`encode` wrote.

    Parameters
    ----------
    config : TransformerConfig
        That of the model.
    data : bytes
    progress : callable, optional

    Returns
    -------
    dict of str to float16[...]
        The same function: tables bit for bit, all else in the rotations it was written in.

    Raises
    ------
    InvalidFileError
        If the bytes are damaged, or of another configuration.
    InvalidNetworkError
        If the configuration is not one of a sliced model.
    """
    check_sliced(config, "bits back")
    shapes = tensor_shapes(config)
    least = least_bytes(config)
    if len(data) < least:
        raise InvalidFileError(
            f"bits back: there must be {least:,} bytes or more for this configuration, not "
            f"{len(data):,}; copy the file again"
        )
    message = Message(data)
    which, coded = message.pop(2, uniform(2)).tolist()
    kind, exponents = _KINDS[which], bool(coded)
    nodes = find_nodes(config.n_blocks)
    tensors: dict[str, NDArray[np.float16]] = {}
    for done, node in enumerate(reversed(nodes)):
        _pop_node(message, tensors, shapes, node, kind, exponents=exponents)
        if progress is not None:
            progress(done + 1, len(nodes), "")
    for name in reversed(_tables(config)):
        tensors[name] = message.pop_halves(shapes[name], name, exponents=exponents)
    if not message.empty:
        raise InvalidFileError(
            "bits back: nothing must be left after the last tensor, but something is; "
            "give the configuration the file was written with"
        )
    return {name: tensors[name] for name in shapes}


def least_bytes(config: TransformerConfig) -> int:
    """Give how short a file can be at best; a shorter one is not worth an allocation.

    Signs and mantissas are always there, and a node whose rotation carries bits has a square of
    its width among its matrices, so this is never less than a quarter of a byte for each weight.

    Parameters
    ----------
    config : TransformerConfig

    Returns
    -------
    int
    """
    shapes = tensor_shapes(config)
    numbers = sum(math.prod(shape) for shape in shapes.values())
    free = 0
    for node in find_nodes(config.n_blocks):
        width = shapes[node.shortcut_in][0]
        free += width * (width - 1) // 2 if _has_square(shapes, node) else 0
    return (_BITS_KEPT * numbers - BITS_MAX * free) // 8


def to_halves(name: str, values: NDArray[Any]) -> NDArray[np.float16]:
    """Round to fp16.

    Parameters
    ----------
    name : str
        What errors call them.
    values : float[...]

    Returns
    -------
    float16[...]

    Raises
    ------
    InvalidNetworkError
        If one is not finite, or beyond what fp16 holds.
    """
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        raise InvalidNetworkError(
            f"{name}: must be finite and at most 65,504 in size, but is up to "
            f"{float(np.abs(values).max()):g}; train with more weight decay or store it plain"
        )
    return halves


def _push_node(
    message: Message,
    state: Tensors,
    node: Node,
    kind: Canonical,
    grid_bits: int | None,
    *,
    exponents: bool,
) -> NodeCoding:
    """Push what is known of a node, and leave in ``state`` what the next has to be turned from."""
    width = len(state[node.shortcut_in])
    coding, corrections = NodeCoding(width=width, grid_bits=_NO_GRID), None
    turned = _take(state, node)
    halves = {name: to_halves(name, turned[name]) for name in (*node.rows, *node.readers)}
    settled, grid = _take(state, node), None
    if width > 1 and _has_square({name: turned[name].shape for name in node.rows}, node):
        turn_node(settled, node, _canonical(kind, node, settled))
        grid = _choose_grid(settled, node, kind, grid_bits)
    before = message.n_bits
    if grid is not None and before > (grid.bits + 1) * grid.n_parameters:
        numbers = grid.pop(message)
        popped = before - message.n_bits
        tried, rounded = _turn(settled, node, grid, numbers)
        corrections = Corrections.find(grid, numbers, *_readings(grid, kind, node, rounded))
        if corrections is not None and corrections.bits < popped:
            turned, halves, level = tried, rounded, message.n_bits
            corrections.push(message)
            coding = NodeCoding(
                width=width,
                grid_bits=grid.bits,
                parameters=grid.n_parameters,
                popped_bits=popped,
                correction_bits=message.n_bits - level,
                corrections=corrections.n_wrong,
            )
        else:
            grid.push(message, numbers)
            corrections = None
    for name in halves:
        message.push_halves(halves[name], name, exponents=exponents)
    deviation = corrections.deviation_code if corrections else 0
    message.push(np.array([coding.grid_bits]), uniform(_GRIDS))
    message.push(np.array([deviation]), uniform(256))
    state.update(turned)
    return coding


def _pop_node(
    message: Message,
    tensors: dict[str, NDArray[np.float16]],
    shapes: Mapping[str, tuple[int, ...]],
    node: Node,
    kind: Canonical,
    *,
    exponents: bool,
) -> None:
    deviation = int(message.pop(1, uniform(256))[0])
    bits = int(message.pop(1, uniform(_GRIDS))[0])
    halves = {
        name: message.pop_halves(shapes[name], name, exponents=exponents)
        for name in reversed((*node.rows, *node.readers))
    }
    tensors.update(halves)
    if bits == _NO_GRID:
        return
    if not BITS_MIN <= bits <= BITS_MAX:
        raise InvalidFileError(
            f"bits back: a grid must have {BITS_MIN}..{BITS_MAX} bits, not {bits}; give the "
            "configuration the file was written with"
        )
    if not _has_square(shapes, node):
        raise InvalidFileError(
            f"bits back: what goes into node {node.shortcut_in} must be as wide as it for a grid, "
            "but is not; give the configuration the file was written with"
        )
    grid = Grid(shapes[node.shortcut_in][0], bits)
    try:
        reading = _reading(grid, kind, node, halves)
    except np.linalg.LinAlgError as error:
        raise InvalidFileError(
            f"bits back: {node.shortcut_in} must be turned back, but {error}; give the "
            "configuration the file was written with"
        ) from error
    grid.push(message, pop_numbers(message, grid, reading, deviation))


def _choose_grid(
    settled: Tensors, node: Node, kind: Canonical, grid_bits: int | None
) -> Grid | None:
    """Turn the node by a rotation drawn at random, and see how well that comes back."""
    width = len(settled[node.shortcut_in])
    if grid_bits is not None:
        return Grid(width, grid_bits)
    probe = Grid(width, _PROBE_BITS)
    middle, spread = 1 << (_PROBE_BITS - 1), 1 << (_PROBE_BITS - 3)
    drawn = np.random.default_rng(0).normal(middle, spread, probe.n_parameters)
    numbers = np.clip(np.rint(drawn), 0, 2 * middle - 1).astype(np.int64)
    try:
        reading = _reading(probe, kind, node, _turn(settled, node, probe, numbers)[1])
    except np.linalg.LinAlgError:
        return None
    error = clip(probe, reading) - numbers
    grids = [Grid(width, bits) for bits in range(BITS_MIN, BITS_MAX + 1)]
    gains = []
    for grid in grids:
        deltas = np.rint(error * probe.step / grid.step).astype(np.int64)
        gains.append(grid.bits * grid.n_parameters - fit(grid, deltas)[1])
    return grids[int(np.argmax(gains))]


def _has_square(shapes: Mapping[str, tuple[int, ...]], node: Node) -> bool:
    """Tell whether what goes into a node is at least as wide as it, and so says how it is turned.

    A rotation without would cost the reader more memory than the file is long.
    """
    return sum(shapes[name][1] for name in node.rows) >= shapes[node.shortcut_in][0]


def _turn(
    settled: Tensors, node: Node, grid: Grid, numbers: NDArray[np.int64]
) -> tuple[Tensors, dict[str, NDArray[np.float16]]]:
    """Turn a node, and give its matrices as they are and as they will be stored."""
    turned = dict(settled)
    turn_node(turned, node, grid.rotation(numbers))
    names = (*node.rows, *node.readers)
    return turned, {name: to_halves(name, turned[name]) for name in names}


def _reading(
    grid: Grid, kind: Canonical, node: Node, halves: Mapping[str, NDArray[Any]]
) -> NDArray[np.float64]:
    return grid.position(_canonical(kind, node, halves).T)


def _readings(
    grid: Grid, kind: Canonical, node: Node, halves: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Read twice, the second time with features in another order: other rounding errors."""
    order = np.random.default_rng(1).permutation(grid.width)
    shuffled: dict[str, NDArray[Any]] = {name: halves[name][order] for name in node.rows}
    shuffled |= {name: halves[name][:, order] for name in node.readers}
    try:
        turn = np.empty((grid.width, grid.width))
        turn[order] = _canonical(kind, node, shuffled)
        return _reading(grid, kind, node, halves), grid.position(turn.T)
    except np.linalg.LinAlgError:
        return None, None


def _canonical(
    kind: Canonical, node: Node, tensors: Mapping[str, NDArray[Any]]
) -> NDArray[np.float64]:
    into = [tensors[name].astype(np.float64, copy=False) for name in node.rows]
    readers = [tensors[name].astype(np.float64, copy=False) for name in node.readers]
    if not all(np.isfinite(matrix).all() for matrix in (*into, *readers)):
        raise np.linalg.LinAlgError("its numbers are not finite")
    return find_canonical(kind, into, readers)


def _take(state: Tensors, node: Node) -> Tensors:
    return {name: state[name] for name in (*node.rows, *node.columns)}


_TABLES = "embedding.weight", "head.weight"


def _tables(config: TransformerConfig) -> tuple[str, ...]:
    """Give what no rotation touches, and so is written first."""
    return _TABLES[:1] if config.tied else _TABLES


def _check_tensors(
    shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, NDArray[Any]]
) -> None:
    for name in sorted(set(shapes) | set(tensors)):
        wanted, there = shapes.get(name), tensors[name].shape if name in tensors else None
        if wanted != there:
            raise InvalidNetworkError(
                f"bits back, {name}: must be {_words(wanted)}, not {_words(there)}; give the "
                "tensors of this configuration"
            )
        if not np.issubdtype(tensors[name].dtype, np.floating):
            raise InvalidNetworkError(
                f"bits back, {name}: must be float16 or a wider float, not {tensors[name].dtype}; "
                "convert it"
            )


def _words(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " x ".join(map(str, shape))
