"""The benchmark of role frames: its questions, its two kinds of task, its budgets, its verdict."""

from __future__ import annotations

import ast
import gzip
import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from lutloom.bench import slime
from lutloom.bench.slime import arms as slime_arms
from lutloom.bench.slime import bound as slime_bound
from lutloom.bench.slime import ceiling as slime_ceiling
from lutloom.bench.slime import questions as slime_questions
from lutloom.bench.slime import verdict as slime_verdict
from lutloom.bench.slime.arms import Learner, Scale, arms_of_frames, fit, make_learners, visits
from lutloom.bench.slime.cell import BUDGETS, MAIN_ARMS, WITHHELD_ARMS
from lutloom.bench.slime.questions import ASKED, Corpora, Sentences, draw_corpora
from lutloom.bench.slime.slots import SlotTask
from lutloom.bench.slime.tasks import TokenTask
from lutloom.errors import InvalidDataError
from lutloom.language.commutative import SetTransformer
from lutloom.language.corpus import Arm, prepare_arms
from lutloom.language.mixed_sparsity import forward_flops
from lutloom.language.roles import Filler, Role, RoleFrame, load_extractor
from lutloom.language.roles.grammar import draw, generate
from lutloom.language.small_model import SmallModel

SIZE = SmallModel(n_blocks=1, width=16, n_heads=2, context=160)
SMALL = Scale(
    train_sentences=120, test_sentences=15, updates=6, batch=8, vocabulary=300, size=SIZE,
    token_rates=(4e-3,), slot_rates=(2e-3, 4e-3),
)  # fmt: skip


def frame(agent: str, patient: str, said_by: str = "") -> RoleFrame:
    fillers = ((Role.AGENT, Filler(agent)), (Role.PATIENT, Filler(patient)))
    inner = RoleFrame("see", fillers)
    if not said_by:
        return inner
    return RoleFrame("say", ((Role.AGENT, Filler(said_by)), (Role.CONTENT, Filler(inner))))


PAIRS = [("cat", "dog"), ("dog", "cat"), ("king", "cat"), ("dog", "king"), ("cat", "king")]
FRAMES = [frame(a, p) for a, p in PAIRS]
TRAIN = Sentences(
    tuple(f"The {a} sees the {p}." for a, p in PAIRS),
    tuple(f"{a} {p}" for a, p in PAIRS),
    ("active",) * len(PAIRS),
    tuple((a, p, "") for a, p in PAIRS),
)


@pytest.fixture(scope="module")
def corpora() -> Corpora:
    return draw_corpora("en", 3, 400, 40)


def test_answers_are_those_of_the_meanings(corpora: Corpora) -> None:
    drawn = generate("en", 400, 115)
    assert tuple(s for s, _ in draw("en", 400, 115)) == drawn
    assert corpora.train.texts == tuple(s.text for s in drawn)
    for part in (corpora.train, corpora.validation, *corpora.tests.values()):
        for meaning, answers in zip(part.meanings, part.answers, strict=True):
            _, agent, patient, recipient, *_ = ast.literal_eval(meaning)
            assert answers == (agent[0], patient[0], recipient[0] if recipient else "")
    assert {len([w for w in own if w]) for own in corpora.train.answers} == {2, 3}


def test_no_meaning_is_in_two_parts(corpora: Corpora) -> None:
    parts = [corpora.train, corpora.validation, *corpora.tests.values()]
    for k, part in enumerate(parts):
        for other in parts[:k]:
            assert not set(part.meanings) & set(other.meanings)
            assert not set(part.texts) & set(other.texts)
        assert k == 0 or len(part.texts) == len(set(part.texts)) == 40
        assert set(part.forms) <= set(corpora.train.forms)
    passives = corpora.tests["withheld_form"]
    assert all("passive" in form for form in passives.forms)
    assert not set(slime_questions.all_answers(corpora.train)) & set(
        slime_questions.all_answers(corpora.tests["unseen_words"])
    )


def test_answers_read_off_a_frame() -> None:
    assert slime_questions.read_answer(frame("cat", "dog", said_by="king"), Role.AGENT) == "cat"
    assert slime_questions.read_answer(frame("cat", "dog"), Role.RECIPIENT) == ""
    assert slime_questions.read_answer(None, Role.AGENT) == ""
    assert slime_questions.reader_accuracy(TRAIN, FRAMES) == 1.0
    wrong = [None, frame("cat", "cat"), *FRAMES[2:]]  # nothing of the first, "cat" of the second
    assert slime_questions.reader_accuracy(TRAIN, wrong) == pytest.approx(7 / 10)


class Oracle(nn.Module):
    """Know the rows by heart: all weight on each next token, but for one that is wrong."""

    def __init__(self, tokens: Tensor, vocabulary: int, wrong: tuple[int, int] | None = None):
        super().__init__()
        self.tokens, self.vocabulary, self.wrong = tokens, vocabulary, wrong

    def forward(self, tokens: Tensor) -> Tensor:
        which = torch.nonzero((self.tokens[None, :, :-1] == tokens[:, None]).all(-1))[:, 1]
        following = self.tokens[which, 1:].clone()
        if self.wrong is not None:
            following[which == self.wrong[0], self.wrong[1]] -= 1
        return 20.0 * nn.functional.one_hot(following, self.vocabulary)


def test_a_row_is_a_sentence_a_role_and_an_answer() -> None:
    task = TokenTask(TRAIN, 300, SIZE)
    rows = task._rows(TRAIN)
    special = 4 + len(ASKED)
    for row, (k, asked) in zip(rows.tokens.tolist(), TRAIN.questions, strict=True):
        ids = np.array([token - special for token in row if token >= special])
        answer = TRAIN.answers[k][asked]
        assert task._tokenizer.decode(ids) == f"{TRAIN.texts[k]} {answer}"
        marks = [token for token in row if 0 < token < special]
        assert marks == [1, 2, 4 + asked, 3]
    # Every token after the first is one of sentence, role and answer; the role has no target.
    has = (rows.sentence_targets >= 0).int() + (rows.answer_targets >= 0).int()
    assert torch.equal(
        has == 0,
        (rows.tokens[:, 1:] == 0) | torch.isin(rows.tokens[:, 1:], torch.arange(4, special)),
    )


def test_a_model_that_knows_is_right_and_one_wrong_token_is_an_error() -> None:
    task = TokenTask(TRAIN, 300, SIZE)
    rows = task._rows(TRAIN)
    vocabulary = task.config.vocabulary
    known = task.score(Oracle(rows.tokens, vocabulary), TRAIN)
    assert (known.questions, known.accuracy) == (10, 1.0)
    assert known.answer_loss == pytest.approx(0.0, abs=1e-4)
    end = int(torch.nonzero(rows.answer_targets[4] >= 0)[-1])
    erring = task.score(Oracle(rows.tokens, vocabulary, (4, end)), TRAIN)
    assert erring.accuracy == 0.9
    assert erring.answer_loss == pytest.approx(20 / 10, abs=1e-3)
    in_sentence = task.score(Oracle(rows.tokens, vocabulary, (4, 1)), TRAIN)
    assert in_sentence.accuracy == 1.0
    tokens = int((rows.sentence_targets >= 0).sum())
    assert in_sentence.sentence_loss == pytest.approx(20 / tokens, abs=1e-3)


def test_operations_of_tokens_are_those_counted_elsewhere() -> None:
    task = TokenTask(TRAIN, 300, SIZE)
    config = SmallModel(n_blocks=1, width=16, n_heads=2, context=task.length)
    model = task.build()
    inside = sum(p.numel() for n, p in model.named_parameters() if "blocks" in n and p.dim() > 1)
    forward = forward_flops(
        config.config(task.config.vocabulary),
        block_weights=inside,
        head_weights=16 * task.config.vocabulary,
    )
    assert task.flops(8) == pytest.approx(3 * 8 * forward.total())


def slot_task(**changes: Any) -> SlotTask:
    frames = changes.pop("frames", FRAMES)
    options: dict[str, Any] = {"grouping": "none", **changes}
    return SlotTask(TRAIN, frames, range(len(PAIRS)), SIZE, **options)


def test_sets_ask_for_what_the_frame_holds() -> None:
    task = slot_task(integer=True)
    assert set(task.vocabulary.fillers) == {"see", "cat", "dog", "king", "positive", "present"}
    assert task.length == 5 + 1
    assert task.roles_per_slot == 1.0
    model = task.build()
    asked = task._questions
    assert set(asked.roles[:, -1].tolist()) == {task.vocabulary.n_roles + k for k in (0, 1)}
    scores = task.score(model, TRAIN, FRAMES)
    float_scores = task.score(model, TRAIN, FRAMES, exact=False)
    assert scores.nameable == 1.0
    assert scores.answer_loss == pytest.approx(float_scores.answer_loss, abs=1e-2)
    logits = model(asked).logits.log_softmax(-1)
    by_hand = -logits[torch.arange(10), task._answers].mean().detach()
    assert float_scores.answer_loss == pytest.approx(float(by_hand), abs=1e-5)


def test_without_a_frame_an_answer_is_wrong_and_without_a_name_it_has_no_loss() -> None:
    task = slot_task()
    model = task.build()
    none = task.score(model, TRAIN, [None] * 5)
    assert none.accuracy == 0.0
    assert none.answer_loss == pytest.approx(math.log(task.config.n_fillers))
    one = task.score(model, TRAIN, [None, *FRAMES[1:]])
    assert one.questions == 10
    strange = Sentences(("?",), ("m",), ("active",), (("wolf", "fox", ""),))
    scores = task.score(model, strange, [frame("wolf", "fox")])
    assert (scores.accuracy, scores.answer_loss, scores.nameable) == (0.0, None, 0.0)


def test_without_the_tree_nested_clauses_fall_together() -> None:
    frames = [frame(a, p, said_by="king") for a, p in PAIRS]
    whole, flat = (slot_task(frames=frames, tree=tree) for tree in (True, False))
    assert ("content", "clause", "agent", "PREDICATE") in whole.vocabulary.paths
    assert ("agent/PREDICATE",) in flat.vocabulary.paths
    assert whole.length == flat.length
    assert whole.roles_per_slot == 1.0 > flat.roles_per_slot
    changed = [frame("king", p, said_by=a) for a, p in PAIRS]  # speaker and agent exchanged
    torch.manual_seed(0)
    for task, same in ((flat, True), (whole, False)):
        model = task.build()
        ours, theirs = (task.score(model, TRAIN, f).answer_loss for f in (frames, changed))
        assert (ours == pytest.approx(theirs, abs=1e-5)) is same


def test_operations_of_slots_are_those_of_loops() -> None:
    for grouping in ("none", "role"):
        task = slot_task(grouping=grouping)
        n, width, total = task.length, 16, 0
        for name, p in task.build().named_parameters():
            if "blocks" in name and p.dim() > 1:
                total += n * 2 * p.numel()
        keys = n if grouping == "none" else task.config.n_roles
        for _ in range(n):
            for _ in range(keys):
                total += 2 * 2 * width  # scores, and their use
                total += 2 * 2 * width if grouping == "role" else 0  # pooling keys and values
        total += 2 * width * task.config.n_fillers
        assert task.flops(8) == 3 * 8 * total


def test_visits_are_whole_epochs_in_other_orders() -> None:
    task = TokenTask(TRAIN, 300, SIZE)
    groups = ((0,), (1, 2), (3,), (4,))
    learner = Learner("resampled", task, Arm("resampled", TRAIN.texts, groups, 0, 0.0), 0.0)
    seen = np.concatenate(list(islice(visits(learner, 3, 7), 8))).reshape(6, 4)
    for epoch, row in enumerate(seen.tolist()):
        assert sorted(row) == list(learner.arm.indices(epoch))
    assert len({tuple(row) for row in seen.tolist()}) > 2
    assert {1, 2} <= set(seen.flatten().tolist())
    task.usable[:] = False
    with pytest.raises(InvalidDataError, match="slime, resampled: at least one sentence must"):
        next(visits(learner, 3, 7))


def test_arms_from_frames_are_the_arms_of_the_corpus() -> None:
    texts = tuple(s.text for s in generate("en", 120, 4))
    arms = prepare_arms(texts, "en", seed=5)
    again = arms_of_frames(texts, arms["role"].frames, "en", 5)
    assert {name: arm.groups for name, arm in again.items()} == {
        name: arm.groups for name, arm in arms.items()
    }
    assert len(again["role"].groups) < len(again["exact"].groups)


def test_training_is_the_seeds_and_learns() -> None:
    texts = TRAIN.texts
    arms = arms_of_frames(texts, tuple(FRAMES), "en", 0)
    learners = make_learners(TRAIN, arms, SMALL)
    assert list(learners) == [*slime_arms.TOKEN_ARMS, *slime_arms.SLOT_ARMS]
    for name, rate in (("raw", 1e-2), ("set_attention", 1e-2)):
        learner = learners[name]

        def accuracy(model: nn.Module, learner: Learner = learner) -> float:
            return learner.task.score(model, TRAIN, FRAMES).accuracy

        untrained = fit(learner, 0, SMALL, rate, 1)
        assert (untrained.seconds, untrained.curve) == (0.0, ())
        trained = fit(learner, 128, SMALL, rate, 1, accuracy)
        again = fit(learner, 128, SMALL, rate, 1)
        assert [updates for updates, _ in trained.curve] == [
            2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 112, 128,
        ]  # fmt: skip
        for a, b in zip(trained.model.parameters(), again.model.parameters(), strict=True):
            assert torch.equal(a, b), "a probe changes nothing"
        assert trained.curve[-1][1] > accuracy(untrained.model) + 0.3
    assert isinstance(fit(learners["flat_slots"], 1, SMALL, 1e-3, 0).model, SetTransformer)


def document(words: str, heads: list[int], deps: str, tags: str, lemmas: str) -> Doc:
    return Doc(
        spacy.blank("en").vocab, words=words.split(), heads=heads, deps=deps.split(),
        pos=tags.split(), lemmas=lemmas.split(),
    )  # fmt: skip


def says(what: str) -> Doc:
    return document(
        f"Ann says the {what} ran .", [1, 1, 3, 4, 1, 1], "nsubj ROOT det nsubj ccomp punct",
        "PROPN VERB DET NOUN VERB PUNCT", f"Ann say the {what} run .",
    )  # fmt: skip


def ran(what: str, mark: str = ".") -> Doc:
    return document(
        f"A {what} Runs {mark}", [1, 2, 2, 2], "det nsubj ROOT punct", "DET NOUN VERB PUNCT",
        f"a {what} run {mark}",
    )  # fmt: skip


def test_the_bound_compares_clauses_by_their_content_lemmas() -> None:
    documents = [says("cat"), ran("cat"), ran("cat", "!"), ran("dog")]
    clauses = [tokens for d in documents for tokens in slime_bound.clause_tokens(d)]
    assert [[t.text for t in tokens] for tokens in clauses][:2] == [
        ["Ann", "says", "."],
        ["the", "cat", "ran"],
    ]
    found = slime_bound.share_bound(slime_bound.content(tokens) for tokens in clauses)
    # Ann say | the cat ran, a cat runs twice | a dog runs
    assert found == {
        "units": 5, "share": 2 / 5, "factor_allowed": 5 / 3, "factor_exact": 5 / 4,
    }  # fmt: skip
    one_lemma = document("It ran .", [1, 1, 1], "nsubj ROOT punct", "PRON VERB PUNCT", "it run .")
    assert slime_bound.content(list(one_lemma)) is None
    assert slime_bound.share_bound([None])["units"] == 0


def marked(order: str) -> Doc:
    """Phrases of one noun and one particle each, and a verb behind them."""
    pairs = [order[k : k + 2] for k in range(0, len(order), 2)]
    words = [letter for pair in pairs for letter in pair] + ["見る"]
    verb = len(words) - 1
    heads = [k for p in range(len(pairs)) for k in (verb, 2 * p)] + [verb]
    deps = ["obl", "case"] * len(pairs) + ["ROOT"]
    tags = ["NOUN", "ADP"] * len(pairs) + ["VERB"]
    return Doc(spacy.blank("xx").vocab, words=words, heads=heads, deps=deps, pos=tags, lemmas=words)


def test_orders_of_marked_phrases() -> None:
    orders = ["猫が犬を", "犬を猫が", "王が犬を", "猫が犬を", "猫が"]
    found = slime_bound.argument_orders(
        [own for order in orders for own in slime_bound.marked_arguments(marked(order))]
    )
    assert found == {
        "clauses": 4, "sets": 2, "repeated": 1, "several_orders": 1, "usual_share": 3 / 4,
    }  # fmt: skip


def test_the_manual_without_its_tables(tmp_path: Path) -> None:
    text = (
        "A first step of it 1.2.\n\nThe shell reads a\nline. It is a prompt.\n"
        "$ rm everything here.\n|a table row that ends.|\n\nA heading without an end\n"
    )
    with gzip.open(tmp_path / "manual.en.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    path = str(tmp_path / "manual.{}.gz")
    assert slime_ceiling.read_manual("en", path) == ["The shell reads a line.", "It is a prompt."]
    assert slime_ceiling.read_manual("ja", path) == []


def run_of(curve: list[tuple[int, float]], flops: float = 1.0, prepare: float = 0.0) -> Any:
    last = {"accuracy": curve[-1][1], "answer_loss": 1.0, "sentence_loss": 2.0, "nameable": 1.0}
    return {
        "updates": curve[-1][0], "flops": flops * curve[-1][0], "flops_per_update": flops,
        "seconds": 0.1 * curve[-1][0], "preparation_seconds": prepare, "curve": curve,
        "scores": {"seen": last, "withheld_form": last},
    }  # fmt: skip


def cell_of(language: str, **changes: Any) -> Any:
    runs = {
        "raw": run_of([(500, 0.5), (1000, 0.9)]),
        "random": run_of([(500, 0.9), (1000, 0.95)]),
        "role": run_of([(100, 0.5), (250, 0.9), (1000, 0.96)], prepare=75.0),
        "role_embedding": run_of([(10, 0.895), (40, 0.99)], flops=0.5, prepare=75.0),
        "set_attention": run_of([(2, 0.9), (10, 0.99)], flops=1.0, prepare=75.0),
        "flat_slots": run_of([(10, 0.8)], flops=1.0, prepare=75.0),
        **changes,
    }
    budgets = {budget: {name: name for name in runs} for budget in BUDGETS}
    return {
        "language": language, "runs": runs, "budgets": budgets,
        "corpus": {
            "reading_over_training_a_sentence": 3.0,
            "reader_accuracy": dict.fromkeys(slime_questions.TESTS, 0.9),
        },
    }  # fmt: skip


def reduction(language: str, factor: float, name: str = "debian-reference") -> Any:
    methods = {"exact": {"factor": 1.0}, "role": {"factor": factor}}
    return {"corpus": name, "language": language, "methods": methods}


def test_a_verdict_where_the_claims_are_true() -> None:
    faster = run_of([(1, 0.9)], prepare=0.1)
    cells = [cell_of("en"), cell_of("ja", set_attention=faster)]
    found = slime_verdict.judge([reduction("en", 10.0), reduction("ja", 11.0)], cells)
    assert found["holds"] == {
        "corpus": True, "cheaper": True, "cheaper_with_preparation": False,
        "japanese_gains_more": True, "chosen_beats_random": True,
    }  # fmt: skip
    factors = found["languages"]["en"]["factors"]
    medians = {name: own["flops"]["median_or_none"] for name, own in factors.items()}
    assert medians == {
        "corpus": 4.0, "embedding": 50.0, "attention": 2.5, "slot_tree": None,
        "random_subset": 2.0, "whole_chain": 500.0,
    }  # fmt: skip
    assert found["languages"]["en"]["product_of_layers"] == pytest.approx(500.0)
    assert factors["whole_chain"]["seconds"]["median"] == pytest.approx(100 / 75.2)
    summary = slime_verdict.summarise(cells)["en"]["updates"]["role"]
    assert summary["seen_accuracy_less_raw"]["mean"] == pytest.approx(0.06)


def test_a_verdict_where_they_are_not() -> None:
    never = run_of([(1000, 0.88)])
    cells = [cell_of("en"), cell_of("en", set_attention=never, role=never), cell_of("ja")]
    reductions = [reduction("en", 12.0), reduction("ja", 11.0), reduction("en", 1.01, "kjv")]
    found = slime_verdict.judge(reductions, cells)
    assert found["holds"]["corpus"] is False
    assert found["holds"]["japanese_gains_more"] is False
    assert found["holds"]["chosen_beats_random"] is False
    assert found["natural_factors"]["kjv en"] == 1.01
    english = found["languages"]["en"]
    chain = english["factors"]["whole_chain"]["flops"]
    assert (chain["n"], chain["seeds"], chain["median_or_none"]) == (1, 2, None)
    assert english["product_of_layers"] is None
    assert found["holds"]["cheaper"] is False
    assert slime_verdict.judge([], [cell_of("en")])["holds"]["japanese_gains_more"] is None


def test_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lutloom.bench.__main__ import main

    for name, value in {
        "LANGUAGES": ("en",), "NATURAL": {"en": ("python",)}, "SENTENCES": 40, "SCALE": SMALL,
        "read_manual": lambda _: [],
    }.items():  # fmt: skip
        monkeypatch.setattr(slime, name, value)
    load_extractor("en")
    assert main(["slime", "--seeds", "1", "--out", str(tmp_path)]) == 0
    assert "bench slime: wrote" in capsys.readouterr().err
    figures = json.loads((tmp_path / "slime.json").read_bytes())
    assert figures["not_installed"] == [slime_ceiling.MANUAL.format("en")]
    assert [r["corpus"] for r in figures["reductions"]] == ["python", "grammar"]
    for r in figures["reductions"]:
        assert set(r["methods"]) == {"exact", "normalised", "minhash", "role"}
        assert all(m["kept"] * m["factor"] == pytest.approx(40) for m in r["methods"].values())
    natural, grammar = figures["reductions"]
    assert natural["methods"]["role"]["false_merge"] is None
    assert grammar["methods"]["role"]["false_merge"] == 0.0
    (cell,) = figures["cells"]
    runs, budgets = cell["runs"], cell["budgets"]
    assert list(budgets) == list(BUDGETS)
    for budget, names in budgets.items():
        arms = WITHHELD_ARMS if budget == "withheld" else MAIN_ARMS
        assert set(names) == {*arms, *(["flat_slots"] if budget == "flops" else [])}
    raw = runs[budgets["updates"]["raw"]]
    for name, at in budgets["flops"].items():
        run = runs[at]
        assert raw["flops"] - run["flops_per_update"] < run["flops"] <= raw["flops"], name
        assert run["curve"]
    for name in slime_arms.TOKEN_ARMS:
        run = runs[budgets["seconds"][name]]
        assert run["updates"] <= 6
        assert run["preparation_seconds"] < raw["seconds"] or not run["updates"], name
    kept = cell["corpus"]["kept"]
    for name in ("random", "role", "exact"):
        assert runs[budgets["epochs"][name]]["updates"] == round(6 * kept[name] / 120)
    assert set(runs[budgets["withheld"]["raw"]]["scores"]) == {"withheld_form", "seen"}
    assert figures["verdict"]["holds"]["cheaper"] in {True, False}


def test_groups_that_share_a_key_are_listed_with_their_different_texts() -> None:
    texts = ["A b.", "A  b.", "C.", "D.", "E."]
    keys = [b"1", b"1", b"2", b"2", b"3"]
    assert slime_ceiling.merged_groups(texts, keys) == [["C.", "D."]]
