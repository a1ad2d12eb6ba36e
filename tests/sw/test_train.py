"""Training end to end on small pictures: it learns, repeats itself, resumes, stops early."""

import numpy as np
import pytest
import torch

from lutloom.data import Dataset
from lutloom.errors import InvalidDataError, InvalidFileError, InvalidRecipeError
from lutloom.ir import ThermometerEncoder
from lutloom.lower import lower
from lutloom.models import classify_torch
from lutloom.recipe import parse_recipe
from lutloom.train import Trainer, train
from lutloom.train.batches import shift_images
from lutloom.train.trainer import default_hidden_rate
from lutloom.train.wiring import InputWindows, picture_order, wire_to_previous

RECIPE = """
[data]
thresholds = [128]
validation_images = 256
[network]
widths = [32, 8]
window_pixels = 3
[training]
epochs = 6
batch = 128
"""


def make_pictures(n: int = 2000, seed: int = 0) -> Dataset:
    """Draw noisy 8x8 pictures: a bar at one of two places, or a bar and a dot."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n + 500)
    images = (rng.random((n + 500, 8, 8)) < 0.06) * 255
    for image, label in zip(images, labels, strict=True):
        image[2 if label else 5, 1:7] = 255
        if label == 2:
            image[6, 3:5] = 255
    images = images.astype(np.uint8)
    return Dataset("bars", images[:n], labels[:n], images[n:], labels[n:])


def recipe_with(**changes):
    text = RECIPE
    for key, value in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        at = lines.index("[training]") + 1
        if key in ("widths", "kind", "grouped", "fan_in"):
            at = lines.index("[network]") + 1
        elif key in ("thresholds", "shift_pixels", "validation_images"):
            at = lines.index("[data]") + 1
        lines.insert(at, f"{key} = {value}")
        text = "\n".join(lines)
    return parse_recipe(text)


def tensors(result) -> list[np.ndarray]:
    return [array for layer in result.state.layers for array in layer.tensors.values()]


def same(first, second) -> bool:
    return all((a == b).all() for a, b in zip(tensors(first), tensors(second), strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"counter_bits": 4},
        {"kind": '"activation_first"', "widths": "[32]"},
        {"grouped": "false"},
        {"widths": "[32, 16, 16, 8]"},
        {"widths": "[24]", "fan_in": 3},
        {"thresholds": '"quantile"'},
    ],
    ids=lambda c: ",".join(c) or "default",
)
def test_it_learns_and_lowers_without_losing_an_answer(changes):
    data = make_pictures()
    result = train(recipe_with(**changes), data)
    answers = classify_torch(result.state, data.test_images)
    assert (answers == data.test_labels).mean() > 0.85
    lowered = lower(result.state, data.test_images)
    assert lowered.passes
    assert result.history[-1].epoch == 6


def test_same_seed_same_state_and_another_seed_another():
    data = make_pictures()
    first, again = train(recipe_with(), data), train(recipe_with(), data)
    other = train(recipe_with(seed=1), data)
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("changes", [{}, {"counter_bits": 5}, {"kind": '"activation_first"'}])
def test_interrupted_training_resumes_exactly(tmp_path, changes):
    data, recipe = make_pictures(), recipe_with(**changes)
    whole = train(recipe, data)

    def interrupt(done: float, total: float, note: str = "") -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, work_dir=tmp_path, progress=interrupt)
    resumed = train(recipe, data, work_dir=tmp_path, resume=True)
    assert same(whole, resumed)
    assert [e.validation_accuracy for e in resumed.history] == [
        e.validation_accuracy for e in whole.history
    ]


def test_resume_refuses_what_does_not_belong(tmp_path):
    data = make_pictures()
    with pytest.raises(InvalidFileError, match="there is no such file"):
        train(recipe_with(), data, work_dir=tmp_path, resume=True)
    train(recipe_with(epochs=1), data, work_dir=tmp_path)
    with pytest.raises(InvalidFileError, match="recipe digest must be"):
        train(recipe_with(epochs=2), data, work_dir=tmp_path, resume=True)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidFileError, match="whole checkpoint"):
        train(recipe_with(epochs=1), data, work_dir=tmp_path, resume=True)


def test_best_epoch_is_kept_and_patience_ends_training():
    data = make_pictures()
    recipe = recipe_with(epochs=40, patience=2)
    result = train(recipe, data)
    accuracies = [e.validation_accuracy for e in result.history]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) - 1 - best == 2
    trainer = Trainer(recipe, data, "cpu")
    images, labels = trainer.held_out
    answers = classify_torch(result.state, images.numpy())
    assert (answers == labels.numpy()).mean() == pytest.approx(max(accuracies))


@pytest.mark.parametrize(
    ("kept", "moved"),
    [("all", [True, True]), ("last", [False, True]), ("all_but_last", [True, False])],
)
def test_controls_train_only_what_they_say(kept, moved):
    with torch.inference_mode():
        trainer = Trainer(recipe_with(trained_layers=f'"{kept}"'), make_pictures(), "cpu")
        before = [layer.counter.clone() for layer in trainer.model.stack]
        wiring = trainer.model.stack[0].fan_in.clone()
        trainer.run_epoch()
        after = [layer.counter for layer in trainer.model.stack]
    assert [not torch.equal(a, b) for a, b in zip(before, after, strict=True)] == moved
    assert torch.equal(wiring, trainer.model.stack[0].fan_in) == (not moved[0])


def test_the_test_part_is_not_read():
    data = make_pictures()
    scrambled = Dataset(
        data.name, data.train_images, data.train_labels,
        255 - data.test_images, (data.test_labels + 1) % 3,
    )  # fmt: skip
    assert same(train(recipe_with(epochs=2), data), train(recipe_with(epochs=2), scrambled))


def test_deep_networks_move_more_carefully():
    assert [default_hidden_rate(n) for n in (0, 1, 16)] == [0.015] * 3
    assert default_hidden_rate(64) == pytest.approx(0.0075)
    shallow = Trainer(recipe_with(), make_pictures(), "cpu")
    assert shallow.hidden_learning_rate == 0.015
    chosen = Trainer(recipe_with(hidden_learning_rate=0.2), make_pictures(), "cpu")
    assert chosen.hidden_learning_rate == 0.2


def test_deep_networks_do_not_collapse():
    data = make_pictures()
    deep = str([16] * 40)
    accuracy = {
        kept: train(recipe_with(widths=deep, trained_layers=f'"{kept}"'), data)
        .history[-1]
        .validation_accuracy
        for kept in ("all", "last", "all_but_last")
    }
    assert accuracy["all"] > 0.85, accuracy
    assert accuracy["all"] > accuracy["last"], accuracy


def test_too_few_images_or_inputs_are_refused():
    data = make_pictures(300)
    with pytest.raises(InvalidDataError, match="at least 64 images must be left"):
        Trainer(recipe_with(), data, "cpu")
    with pytest.raises(InvalidRecipeError, match=r"widths\[0\]: must be at least fan_in"):
        Trainer(recipe_with(widths="[3, 3]"), make_pictures(), "cpu")
    blank = Dataset(
        "blank", data.train_images * 0, data.train_labels, data.test_images, data.test_labels
    )
    with pytest.raises(InvalidRecipeError, match="input bits must vary"):
        Trainer(recipe_with(validation_images=20), blank, "cpu")


def test_shifted_images_are_the_same_picture_elsewhere():
    images = torch.zeros((500, 5, 5), dtype=torch.uint8)
    images[:, 2, 2] = 9
    shifted = shift_images(images, 1, torch.Generator().manual_seed(0))
    assert torch.equal(shifted.flatten(1).sum(1), torch.full((500,), 9))
    seen = {tuple(p) for p in shifted.nonzero()[:, 1:].tolist()}
    assert seen == {(r, c) for r in (1, 2, 3) for c in (1, 2, 3)}
    assert shift_images(images, 0, torch.Generator()) is images


def test_windows_draw_different_useful_bits_nearby():
    encoder = ThermometerEncoder(12, 9, [50, 100])
    share = torch.full((encoder.n_bits,), 0.5)
    share[:40] = 0.0
    windows = InputWindows(encoder, share, 2, torch.Generator().manual_seed(0))
    drawn = windows.draw(400, 4)
    assert (drawn >= 40).all()
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    row, column = drawn // 2 // 9, drawn // 2 % 9
    assert int((row - row[:, :1]).abs().max()) <= 2
    assert int((column - column[:, :1]).abs().max()) <= 2


@pytest.mark.parametrize(("n", "previous", "k"), [(8, 32, 4), (16, 16, 3), (5, 9, 4), (7, 7, 6)])
@pytest.mark.parametrize("grouped", [True, False])
def test_later_layers_read_everything_evenly(n, previous, k, grouped):
    generator = torch.Generator().manual_seed(0)
    fan_in = wire_to_previous(3, n, previous, k, generator, grouped=grouped)
    assert fan_in.shape == (3, n, k)
    assert int(fan_in.min()) >= 0
    assert int(fan_in.max()) < previous
    assert all(len(set(row)) == k for group in fan_in.tolist() for row in group)
    if n * k == previous:
        assert (fan_in.flatten(1).sort(dim=1).values == torch.arange(previous)).all()


def test_picture_order_keeps_neighbours_together():
    encoder = ThermometerEncoder(8, 8, [9])
    pixels = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    fan_in = pixels.view(1, 64, 1)
    ordered = fan_in[0, picture_order(fan_in, encoder)[0], 0]
    quarters = {(int(p) // 8 // 4, int(p) % 8 // 4) for p in ordered[:16]}
    assert quarters == {(0, 0)}
