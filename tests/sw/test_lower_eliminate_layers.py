"""Layer elimination against a search in loops, on planted and on random networks."""

from __future__ import annotations

import numpy as np
import pytest
from deep_models import deep_network, with_pass_through
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError, InvalidNetworkError, InvalidRecipeError
from lutloom.ir import (
    UNUSED,
    LutLayer,
    Network,
    ThermometerEncoder,
    VoteHead,
    classify,
    network_digest,
    scores,
    verify,
)
from lutloom.lower import lower
from lutloom.lower.eliminate_layers import EliminationResult, eliminate_layers

Rows = list[list[int]]


def draw_images(n: int = 300, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 5, 6), dtype=np.uint8)


def signals_of(network: Network, images: NDArray[np.uint8]) -> list[Rows]:
    """Every layer's bits, image by image and neuron by neuron; the encoder's first."""
    levels = network.encoder.thresholds.tolist()
    all_bits = [[[int(p >= t) for p in image.ravel().tolist() for t in levels] for image in images]]
    for layer in network.layers:
        rows = list(zip(layer.fan_in.tolist(), layer.table.tolist(), strict=True))
        all_bits.append(
            [
                [table >> sum(bits[s] << k for k, s in enumerate(row) if s != UNUSED) & 1
                 for row, table in rows]
                for bits in all_bits[-1]
            ]
        )  # fmt: skip
    return all_bits


def naive_right(network: Network, images: NDArray[np.uint8], labels: list[int]) -> int:
    right = 0
    for bits, label in zip(signals_of(network, images)[-1], labels, strict=True):
        score = network.head.bias.tolist()
        for source, c in zip(
            network.head.source.tolist(), network.head.class_index.tolist(), strict=True
        ):
            score[c] += bits[source]
        right += score.index(max(score)) == label
    return right


def naive_without(network: Network, images: NDArray[np.uint8], index: int) -> Network:
    """Keep the layer, but of wires: each neuron its nearest input, or where tables read it, NOT."""
    bits, layer = signals_of(network, images), network.layers[index]
    last = index == len(network.layers) - 1
    fan_in, table = [], []
    for neuron, row in enumerate(layer.fan_in.tolist()):
        candidates = []
        for k, source in enumerate(s for s in row if s != UNUSED):
            equal = sum(
                before[source] == after[neuron]
                for before, after in zip(bits[index], bits[index + 1], strict=True)
            )
            candidates.append((-equal, k, 0, source))
            if not last:
                candidates.append((equal - len(images), k, 1, source))
        _, _, inverted, source = min(candidates)
        fan_in.append([source])
        table.append(0b01 if inverted else 0b10)
    wires = LutLayer(fan_in, table, range(len(table)))  # type: ignore[arg-type]
    layers = (*network.layers[:index], wires, *network.layers[index + 1 :])
    return Network(network.encoder, layers, network.head)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_layers_that_hand_on_go_and_every_answer_stays(after: int, inverted: bool) -> None:
    if inverted and after == 2:
        after = 1  # behind the last layer only votes could absorb a complement
    images, network = draw_images(), deep_network(1, (40, 40, 30))
    labels = classify(network, images)
    planted = with_pass_through(network, after, 5, inverted=inverted)
    assert classify(planted, images).tolist() == labels.tolist()
    result = eliminate_layers(planted, images, labels, accuracy_loss=0.0)
    assert result.removed == (after + 1,)
    assert (result.accuracy, result.accuracy_before, result.images) == (1.0, 1.0, 300)
    assert network_digest(verify(result.network)) == network_digest(network)
    unseen = draw_images(seed=1)
    assert scores(result.network, unseen).tolist() == scores(network, unseen).tolist()


def test_several_planted_layers_all_go() -> None:
    images, network = draw_images(), deep_network(2, (40, 40, 30))
    labels = classify(network, images)
    planted = network
    for after, inverted in ((0, True), (2, False), (3, True)):
        planted = with_pass_through(planted, after, after, inverted=inverted)
    notes: list[tuple[float, float, str]] = []
    result = eliminate_layers(
        planted, images, labels, accuracy_loss=0.0, progress=lambda *note: notes.append(note)
    )
    assert sorted(result.removed) == [1, 3, 4]
    assert network_digest(result.network) == network_digest(network)
    assert notes == [(k, 6, "accuracy 1.0000") for k in (1, 2, 3)]


def test_a_complement_that_only_votes_read_is_no_copy() -> None:
    """The last layer is of inverters: dropping it would turn every answer round."""
    encoder = ThermometerEncoder(1, 2, np.array([128]))
    layers = ([[0], [1]], [0b01, 0b01])
    network = Network(encoder, (LutLayer(*layers, [0, 1]),), VoteHead([0, 1], [0, 1], [0, 0]))  # type: ignore[arg-type]
    images = np.array([[[0, 255]], [[255, 0]]] * 5, dtype=np.uint8)
    labels = classify(network, images)
    assert labels.tolist() == [0, 1] * 5
    assert eliminate_layers(network, images, labels, accuracy_loss=0.9).removed == ()
    allowed = eliminate_layers(network, images, labels, accuracy_loss=1.0)
    assert (allowed.removed, allowed.accuracy) == ((0,), 0.0)


def test_where_every_layer_matters_all_stay() -> None:
    images = draw_images()
    for seed in range(4):
        network = deep_network(seed)
        labels = classify(network, images)
        result = eliminate_layers(network, images, labels, accuracy_loss=0.05)
        assert result.removed == ()
        assert result.accuracies == ()
        assert result.accuracy == 1.0
        assert network_digest(result.network) == network_digest(network)


def naive_search(
    network: Network, images: NDArray[np.uint8], labels: list[int], allowed: int
) -> tuple[list[int], list[int]]:
    """Remove by the rule as it is written, with wires left in place of layers until the end."""
    least = naive_right(network, images, labels) - allowed
    right, order, counts = least + allowed, [], []
    left = list(range(len(network.layers)))
    while left:
        tried = []
        for place in reversed(range(len(left))):
            shorter = lower_wires(naive_without(network, images, place), place)
            tried.append((naive_right(shorter, images, labels), place, shorter))
        free = [found for found in tried if found[0] >= right]
        found = free[0] if free else max(tried, key=lambda found: found[0])
        if found[0] < least:
            break
        right, place, network = found
        order.append(left.pop(place))
        counts.append(right)
    return order, counts


def lower_wires(network: Network, index: int) -> Network:
    """Take a layer of wires out, bit by bit."""
    wires = network.layers[index]
    source, table = wires.fan_in[:, 0].tolist(), wires.table.tolist()
    layers = [layer for at, layer in enumerate(network.layers) if at != index]
    if index == len(layers):
        head = network.head
        read = [source[s] for s in head.source.tolist()]
        assert set(table) == {0b10}
        return Network(
            network.encoder,
            tuple(layers),
            VoteHead(read, head.class_index, head.bias),  # type: ignore[arg-type]
        )
    reader = layers[index]
    tables = []
    for row, old in zip(reader.fan_in.tolist(), reader.table.tolist(), strict=True):
        used = [s for s in row if s != UNUSED]
        new = 0
        for address in range(1 << len(used)):
            through = sum(
                (address >> k & 1 ^ int(table[s] == 0b01)) << k for k, s in enumerate(used)
            )
            new |= (old >> through & 1) << address
        tables.append(new)
    fan_in = [[source[s] if s != UNUSED else s for s in row] for row in reader.fan_in.tolist()]
    layers[index] = LutLayer(fan_in, tables, reader.origin)  # type: ignore[arg-type]
    return Network(network.encoder, tuple(layers), network.head)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_images", [64, 71])
def test_it_is_the_search_in_loops(seed: int, n_images: int) -> None:
    """Labels are partly wrong, so that removals can also help; whole and broken last words."""
    network = lower(deep_network(seed, (14, 12, 10, 10))).network
    images = draw_images(n_images, seed)
    labels = np.where(np.arange(n_images) % 3 > 0, classify(network, images), 2)
    for share in (0.0, 0.1, 0.6):
        result = eliminate_layers(network, images, labels, accuracy_loss=share)
        allowed = int(share * n_images + 1e-9)
        order, counts = naive_search(network, images, labels.tolist(), allowed)
        assert list(result.removed) == order
        assert [round(a * n_images) for a in result.accuracies] == counts
        right = naive_right(result.network, images, labels.tolist())
        assert round(result.accuracy * n_images) == right
        assert right >= round(result.accuracy_before * n_images) - allowed
        assert len(result.network.layers) == len(network.layers) - len(order)
    assert order, "the largest share must let something go"


def test_a_fault_in_the_agreement_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    images, network = draw_images(), deep_network(1, (40, 40, 30))
    planted = with_pass_through(network, 0, 5)
    labels = classify(network, images)

    def faulty(_: object, first: NDArray[np.uint64], second: NDArray[np.uint64]) -> object:
        return np.bitwise_count(first ^ second).sum(axis=1, dtype=np.int64)

    monkeypatch.setattr("lutloom.lower.eliminate_layers._Answers.count_agreeing", faulty)
    result = eliminate_layers(planted, images, labels, accuracy_loss=0.0)
    assert result.removed == ()


def test_what_is_allowed_is_counted_in_answers() -> None:
    """29 % of 100 answers may go: that is 29, though 0.29 * 100 is a little less in binary."""
    encoder = ThermometerEncoder(1, 3, np.array([128]))
    layer = LutLayer([[0, 2], [1, 2]], [0b1000, 0b1110], [0, 1])  # type: ignore[arg-type]
    network = Network(encoder, (layer,), VoteHead([0, 1], [0, 1], [0, 0]))  # type: ignore[arg-type]
    images = np.zeros((100, 1, 3), dtype=np.uint8)
    images[:30, 0, 1] = 255  # the second neuron's nearest input: wrong where only the third is set
    images[30:59, 0, 2] = 255
    labels = classify(network, images)
    assert labels.sum() == 59

    def found(share: float) -> EliminationResult:
        return eliminate_layers(network, images, labels, accuracy_loss=share)

    assert found(0.2899).removed == ()
    assert (found(0.29).removed, found(0.29).accuracy) == ((0,), 0.71)


def test_what_is_refused() -> None:
    images, network = draw_images(10), deep_network(1)
    labels = classify(network, images)
    with pytest.raises(InvalidRecipeError, match=r"accuracy_loss: must be 0\.\.1, not -0\.1"):
        eliminate_layers(network, images, labels, accuracy_loss=-0.1)
    with pytest.raises(InvalidRecipeError, match=r"must be 0\.\.1, not nan"):
        eliminate_layers(network, images, labels, accuracy_loss=float("nan"))
    with pytest.raises(InvalidDataError, match=r"images: must be uint8 of 5x6 pixels"):
        eliminate_layers(network, images[:, :4], labels)
    with pytest.raises(InvalidDataError, match=r"one for each of at least one image, not \[9\] f"):
        eliminate_layers(network, images, labels[:9])
    with pytest.raises(InvalidDataError, match=r"not \[0\] for 0"):
        eliminate_layers(network, images[:0], labels[:0])
    with pytest.raises(InvalidDataError, match=r"must be integers 0\.\.4, not int64 5\.\.5"):
        eliminate_layers(network, images, np.full(10, 5))
    with pytest.raises(InvalidDataError, match=r"must be integers 0\.\.4, not float64"):
        eliminate_layers(network, images, labels.astype(float))  # type: ignore[arg-type]
    constant = LutLayer([[0], [UNUSED]], [0b10, 1], [0, 1])  # type: ignore[arg-type]
    broken = Network(network.encoder, (constant,), VoteHead([0, 1], [0, 1], [0, 0]))  # type: ignore[arg-type]
    with pytest.raises(InvalidNetworkError, match="layer 1, neuron 1: must have an input"):
        eliminate_layers(broken, images, labels % 2)
    outside = LutLayer([[999]], [0b10], [0])  # type: ignore[arg-type]
    broken = Network(network.encoder, (outside,), network.head)
    with pytest.raises(InvalidNetworkError, match="fan-in must point at outputs"):
        eliminate_layers(broken, images, labels)
