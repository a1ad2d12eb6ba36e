from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lutloom.errors import InvalidDataError, InvalidNetworkError, MismatchError
from lutloom.files.model_state import LayerState, ModelState
from lutloom.ir import LutLayer, Network, ThermometerEncoder, VoteHead, classify, network_digest
from lutloom.lower import checker, lower, pipeline
from lutloom.lower.random_network import random_network

NETWORK = random_network(5, (60, 20), n_classes=4, image=(5, 5), waste=0.3)
FULL = random_network(5, (60, 20), n_classes=4, image=(5, 5))
IMAGES = np.random.default_rng(6).integers(0, 256, (300, 5, 5), dtype=np.uint8)


def state() -> ModelState:
    rng = np.random.default_rng(7)
    layers = (
        LayerState("table", rng.integers(0, 25, (40, 4)), rng.normal(size=(40, 16))),
        LayerState("table", rng.integers(0, 40, (12, 4)), rng.normal(size=(12, 16))),
    )
    return ModelState(ThermometerEncoder(5, 5, np.array([90], np.uint8)), 3, layers)


def test_a_network_is_lowered_and_every_pass_recorded() -> None:
    result = lower(NETWORK, IMAGES)
    assert (classify(result.network, IMAGES) == classify(NETWORK, IMAGES)).all()
    assert network_digest(result.reference) == network_digest(NETWORK)
    assert result.images_checked == 300
    assert result.random_images_checked >= 256
    names = [step.name for step in result.passes]
    order = [run.__name__ for run in pipeline.PASSES]
    assert names == order * (len(names) // len(order))
    assert not any(step.changed for step in result.passes[-len(order) :])
    assert all(step.verified and step.answers_equal for step in result.passes)
    for before, after in zip(result.passes, result.passes[1:], strict=False):
        assert before.neurons_after == after.neurons_before
    assert result.passes[0].neurons_before == 80
    assert result.passes[-1].neurons_after == result.network.n_neurons < 80


def test_a_trained_state_is_tabulated_first_and_gives_the_same_network_every_time() -> None:
    first, second = lower(state(), IMAGES), lower(state())
    assert first.passes[0].name == "tabulate"
    assert network_digest(first.network) == network_digest(second.network)
    assert [p.neurons_after for p in first.passes] == [p.neurons_after for p in second.passes]


def change(network: Network, layer: int, **columns: object) -> Network:
    old = network.layers[layer]
    kept = {"fan_in": old.fan_in, "table": old.table, "origin": old.origin}
    layers = list(network.layers)
    layers[layer] = LutLayer(**(kept | columns))  # type: ignore[arg-type]
    return Network(network.encoder, tuple(layers), network.head)


def flip_one_bit(network: Network) -> Network:
    table = network.layers[1].table.copy()
    table[3] ^= np.uint64(1)
    return change(network, 1, table=table)


def flip_one_bit_of_the_first_layer(network: Network) -> Network:
    table = network.layers[0].table.copy()
    table[network.layers[1].fan_in[0, 0]] ^= np.uint64(1)
    return change(network, 0, table=table)


def exchange_two_inputs(network: Network) -> Network:
    fan_in = network.layers[1].fan_in.copy()
    fan_in[:, :2] = fan_in[:, 1::-1]
    return change(network, 1, fan_in=fan_in)


def vote_for_another_class(network: Network) -> Network:
    classes = network.head.class_index.copy()
    classes[np.flatnonzero(np.diff(classes))[0]] += 1
    return Network(network.encoder, network.layers,
                   VoteHead(network.head.source, classes, network.head.bias))  # fmt: skip


def favour_one_class(network: Network) -> Network:
    bias = network.head.bias.copy()
    bias[2] += 1
    return Network(network.encoder, network.layers,
                   VoteHead(network.head.source, network.head.class_index, bias))  # fmt: skip


@pytest.mark.parametrize("images", [None, IMAGES], ids=["random", "given"])
@pytest.mark.parametrize(
    "fault",
    [
        flip_one_bit,
        flip_one_bit_of_the_first_layer,
        exchange_two_inputs,
        vote_for_another_class,
        favour_one_class,
    ],
)
def test_a_wrong_pass_is_caught_and_named(
    fault: Callable[[Network], Network], images: np.ndarray | None
) -> None:
    with pytest.raises(MismatchError, match=f"pass {fault.__name__}: .*image .* must keep class"):
        lower(FULL, images, passes=(*pipeline.PASSES[:2], fault))


def test_a_difference_on_the_given_images_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "random_images", lambda *_: IMAGES[:0])
    with pytest.raises(MismatchError, match="pass favour_one_class: image 0 must"):
        lower(FULL, IMAGES, passes=(favour_one_class,))


def test_images_too_many_to_keep_encoded_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "_KEPT_BITS", 0)
    monkeypatch.setattr(checker, "_BATCH_BITS", 0)
    assert network_digest(lower(FULL, IMAGES).network) == network_digest(lower(FULL).network)
    with pytest.raises(MismatchError, match="pass favour_one_class: image 0 must"):
        lower(FULL, IMAGES, passes=(favour_one_class,))


def test_a_pass_that_breaks_a_rule_is_caught_and_named() -> None:
    def reverse_votes(network: Network) -> Network:
        head = network.head
        backwards = VoteHead(head.source[::-1], head.class_index[::-1], head.bias)
        return Network(network.encoder, network.layers, backwards)

    with pytest.raises(InvalidNetworkError, match="after pass reverse_votes: vote: class_index"):
        lower(NETWORK, passes=(reverse_votes,))


def test_passes_that_never_settle_do_not_hang() -> None:
    def renumber_forever(network: Network) -> Network:
        last = network.layers[-1]
        turned = change(network, -1, fan_in=np.roll(last.fan_in, 1, axis=0),
                        table=np.roll(last.table, 1), origin=np.roll(last.origin, 1))  # fmt: skip
        source = (network.head.source + 1) % last.n_neurons
        head = VoteHead(source, network.head.class_index, network.head.bias)
        return Network(network.encoder, turned.layers, head)

    result = lower(random_network(1, (6, 4), n_classes=2, image=(3, 3)), passes=(renumber_forever,))
    assert len(result.passes) == pipeline.ROUNDS_MAX


def test_a_wrong_table_is_caught_against_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    right = pipeline.tabulate
    monkeypatch.setattr(pipeline, "tabulate", lambda source: flip_one_bit(right(source)))
    with pytest.raises(MismatchError, match="pass tabulate: random image"):
        lower(state())


@pytest.mark.parametrize(
    "images", [IMAGES[:, :4], IMAGES.astype(np.float32), np.zeros((5, 25), np.uint8)]
)
def test_images_of_another_kind_are_refused(images: np.ndarray) -> None:
    with pytest.raises(InvalidDataError, match="images: must be uint8 of 5x5 pixels, not"):
        lower(NETWORK, images)


def test_an_invalid_source_is_refused() -> None:
    broken = change(NETWORK, 0, origin=[0])
    with pytest.raises(InvalidNetworkError, match="layer 1"):
        lower(broken)


def test_a_network_of_constants_lowers_to_a_bias() -> None:
    layer = LutLayer([[0], [1], [0]], [0b11, 0b11, 0b00], [0, 1, 2])  # type: ignore[arg-type]
    head = VoteHead([0, 1, 2], [0, 1, 1], [0, 1])  # type: ignore[arg-type]
    encoder = ThermometerEncoder(1, 2, np.array([128], np.uint8))
    result = lower(Network(encoder, (layer,), head))
    assert result.network.layers == ()
    assert result.network.head.bias.tolist() == [0, 1]
    images = np.zeros((3, 1, 2), np.uint8)
    assert classify(result.network, images).tolist() == [1, 1, 1]
