"""Packed evaluation against numpy, and trained states that survive the way to a file and back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom.files.model_state import read_model, write_model
from lutloom.ir import ThermometerEncoder, pack_images
from lutloom.lower.trained_scores import trained_scores
from lutloom.models import (
    ActivationFirstLayer,
    TableLayer,
    VotingClassifier,
    classify_torch,
    devices,
)
from lutloom.models.bits import byte_lanes, count_votes, look_up, pack_bits, take_images

ENCODER = ThermometerEncoder(6, 5, [50, 150])


def make_model(kind: str, seed: int = 0, counter_bits: int = 0) -> VotingClassifier:
    generator = torch.Generator().manual_seed(seed)
    layers, n_inputs, polarity = [], ENCODER.n_bits, None
    for index, width in enumerate((12, 6)):
        first = index == 0
        fan_in = torch.randint(0, n_inputs, (3, width, 3), generator=generator)
        if kind == "table":
            counter = TableLayer.noise(3, width, 3, generator)
            layer = TableLayer(
                fan_in, n_inputs, counter, shared_input=first,
                counter_bits=counter_bits, rounding=generator,
            )  # fmt: skip
        else:
            source = torch.randint(0, 2, fan_in.shape, generator=generator) * 2.0 - 1.0
            polarity = torch.randint(0, 2, (3, width), generator=generator) * 2.0 - 1.0
            layer = ActivationFirstLayer(
                fan_in, n_inputs, source, polarity, generator, shared_input=first
            )
        layers.append(layer)
        n_inputs = width
    return VotingClassifier(ENCODER, layers, 3)


@given(seed=st.integers(0, 10**6), k=st.integers(1, 6), words=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_look_up_agrees_with_addresses(seed, k, words):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (words * 64, 11), dtype=np.uint8)
    fan_in, tables = rng.integers(0, 11, (7, k)), rng.integers(0, 2, (7, 2**k))
    packed = torch.from_numpy(pack_images(bits).view(np.int64))
    assert torch.equal(packed, pack_bits(torch.from_numpy(bits.T.copy())))
    out = look_up(packed, torch.from_numpy(fan_in), -torch.from_numpy(tables))
    address = (bits[:, fan_in] << np.arange(k)).sum(axis=2)
    expected = tables[np.arange(7), address].astype(np.uint8)
    assert torch.equal(out, torch.from_numpy(pack_images(expected).view(np.int64)))


def test_votes_are_counted_past_a_byte():
    bits = torch.ones((2 * 600, 64), dtype=torch.uint8)
    bits[600:900] = 0
    votes = count_votes(pack_bits(bits), 2, byte_lanes("cpu"))
    assert votes[0].tolist() == [600] * 64
    assert votes[1].tolist() == [300] * 64


def test_chosen_images_are_taken_group_by_group():
    bits = torch.randint(0, 2, (2, 5, 128), dtype=torch.uint8)
    words = torch.stack([pack_bits(group) for group in bits])
    images = torch.tensor([[0, 127, 64], [3, 3, 65]])
    taken = take_images(words, images)
    assert torch.equal(taken[0], bits[0][:, images[0]])
    assert torch.equal(taken[1], bits[1][:, images[1]])


@pytest.mark.parametrize(
    ("kind", "counter_bits"), [("table", 0), ("table", 4), ("activation_first", 0)]
)
def test_model_file_and_numpy_agree(kind, counter_bits, tmp_path):
    model = make_model(kind, counter_bits=counter_bits)
    images = np.random.default_rng(0).integers(0, 256, (150, 6, 5), dtype=np.uint8)
    write_model(model.to_state({"note": "x"}), tmp_path / "m.safetensors")
    state = read_model(tmp_path / "m.safetensors")
    scores = model.scores(torch.from_numpy(images)).numpy()
    assert (scores == trained_scores(state, images)).all()
    assert (classify_torch(state, images) == scores.argmax(axis=1)).all()
    assert len(np.unique(scores)) > 2
    if counter_bits:
        assert state.layers[0].counter.dtype == np.int8


def test_planted_fault_in_a_table_changes_scores():
    model = make_model("table")
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (150, 6, 5), dtype=np.uint8)
    )
    before = model.scores(images)
    model.stack[-1].counter.neg_()
    model.stack[-1].refresh()
    assert not torch.equal(before, model.scores(images))


def test_reorder_and_replace_keep_rows_together():
    model = make_model("activation_first")
    layer = model.stack[0]
    held = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    order = torch.stack([torch.randperm(12) for _ in range(3)])
    layer.reorder(order)
    for name, tensor in layer.state_dict().items():
        assert torch.equal(tensor[1], held[name][1][order[1]])
    neurons = torch.tensor([[0], [5], [11]])
    drive = torch.randn(3, 1, 8)
    layer.replace(neurons, torch.full((3, 1, 3), 7), drive)
    assert (layer.fan_in[1, 5] == 7).all()
    assert torch.equal(layer.weight[2, 11], torch.full((3,), 0.5))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_layers_begin_monotone(k):
    generator = torch.Generator().manual_seed(0)
    ones = torch.tensor([bin(a).count("1") for a in range(1 << k)])
    majority = TableLayer.majority(2, 3, k, generator) > 0
    assert majority[..., 2 * ones > k].all()
    assert not majority[..., 2 * ones < k].any()
    copy = TableLayer.pass_through(2, 3, k) > 0
    assert torch.equal(copy[0, 0], torch.arange(1 << k) % 2 == 1)


def test_cpu_is_always_a_device():
    assert devices()[0] == "cpu"
    assert ("cuda" in devices()) == torch.cuda.is_available()
