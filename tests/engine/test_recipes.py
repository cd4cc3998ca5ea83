"""Recipes: the two there are, and that a third is a recipe and nothing else."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn import viz
from minitorch_attn.__main__ import main
from minitorch_attn.course import own
from minitorch_attn.course.own.parts import CLASSES, JOBS, jobs
from minitorch_attn.data import Dataset
from minitorch_attn.models import (
    Classifier,
    DenseNet,
    FrameClassifier,
    NoAttention,
    UniformAttention,
)
from minitorch_attn.nn import MultiHeadAttention
from minitorch_attn.recipes import (
    CLASSIFIERS,
    RECIPES,
    Baseline,
    Look,
    Picture,
    Recipe,
    make_model,
    make_trainer,
)

PACKAGE = Path(viz.__file__).parent


# The recipes that there are.


@pytest.mark.parametrize("data", [n for n, r in RECIPES.items() if r.takes_answers == "classes"])
@pytest.mark.parametrize("model", CLASSIFIERS)
def test_every_classifier_of_every_recipe_is_made_and_answers(data: str, model: str) -> None:
    train, test = RECIPES[data].load(0)
    net = make_model(data, model, train, seed=1)
    x, _ = test.batch(np.arange(3))
    assert net(x).shape == (3, train.num_classes) == (3, 10)
    if model == "dense":
        assert isinstance(net, DenseNet)
        like = make_model(data, "attention", train, seed=1)
        assert abs(net.num_parameters() / like.num_parameters() - 1) < 0.01
        return
    assert isinstance(net, Classifier)
    options = RECIPES[data].options
    assert (net.patch, net.pool) == (options.get("patch"), options.get("pool", "mean"))
    assert (net.positions is not None) == ("num_positions" in options)
    assert len(net.blocks) == options["num_blocks"]
    kinds = {
        "attention": MultiHeadAttention,
        "uniform": UniformAttention,
        "none": NoAttention,
    }
    assert all(isinstance(block.attention, kinds[model]) for block in net.blocks)


def test_a_seed_decides_the_first_weights() -> None:
    train, _ = RECIPES["digits"].load(0)
    one, same, other = (
        make_model("digits", "attention", train, seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["embed.weight"], other["embed.weight"])


def test_a_trainer_is_as_the_recipe_says() -> None:
    trainer, recipe = make_trainer("digits", "none", 3, epochs=2, progress=False), RECIPES["digits"]
    assert (trainer.loader.batch_size, trainer.loader.seed) == (recipe.batch_size, 3)
    assert (trainer.optimizer.lr, trainer.optimizer.weight_decay) == (
        recipe.lr,
        recipe.weight_decay,
    )
    assert trainer.title == "none, seed 3"
    steps = 2 * len(trainer.loader)
    assert max(map(trainer.schedule, range(steps))) == 1
    assert trainer.schedule(steps - 1) < 0.01  # it ends where this run ends


def test_a_look_counts_where_the_largest_score_is() -> None:
    def scores(model: Any, test: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(4)[:count], np.array([0, 1, 2, 0])[:count]

    assert Look("it", "it is there", scores).share(None, range(4)) == 0.75  # type: ignore[arg-type]


def test_the_looks_at_cued_digits() -> None:
    train, test = RECIPES["cued"].load(0)
    model, looks = make_model("cued", "attention", train, 0), RECIPES["cued"].looks
    model.train()
    found = {name: look.scores(model, test, 6) for name, look in looks.items()}
    weights, asked = found["largest_weight_on_asked_tile"]
    assert weights.shape == (6, 8)
    assert ((weights > 0) & (weights < 1)).all()
    np.testing.assert_array_equal(asked, test.positions[:6])
    # The second look sees the query's weight on itself, too, which may be the largest.
    all_weights, same = found["asked_tile_outweighs_query_itself"]
    np.testing.assert_array_equal(all_weights[:, :8], weights)
    np.testing.assert_allclose(all_weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(same, asked)
    # With everything masked, the same query gives the same answer, whatever the tiles hold; and
    # the asked tile does not matter where it is masked.
    logits, right = found["right_without_the_asked_tile"]
    np.testing.assert_array_equal(right, test.targets[:6])
    tiles = test.tiles.copy()
    tiles[np.arange(6), asked] += 1
    other = dataclasses.replace(test, tiles=tiles)
    changed = looks["right_without_the_asked_tile"].scores(model, other, 6)[0]
    np.testing.assert_allclose(changed, logits, rtol=1e-5)
    logits, _ = found["right_without_anything"]
    np.testing.assert_allclose(
        looks["right_without_anything"].scores(
            model, dataclasses.replace(test, tiles=test.tiles[::-1].copy()), 6
        )[0],
        logits,
        rtol=1e-5,
    )


def test_the_poolings_of_the_vowels() -> None:
    recipe = RECIPES["vowels"]
    train, test = recipe.load(0)
    assert (len(train), len(test)) == (216, 370)
    for name in recipe.models:
        net = make_model("vowels", name, train, seed=1)
        assert isinstance(net, FrameClassifier)
        inputs, _ = test.batch(np.arange(3))
        assert net(*inputs).shape == (3, 9)
    scores = {name: baseline.score(train, test) for name, baseline in recipe.baselines.items()}
    assert scores["largest"] == 88 / 370
    assert scores["linear"] > 0.95


def test_the_look_at_noise_among_vowels() -> None:
    train, test = RECIPES["vowels"].load(0)
    look = RECIPES["vowels"].looks["more_than_its_share_on_noise"]
    scores, right = look.scores(make_model("vowels", "mean", train, 0), test, 5)
    # The mean gives every frame its share, and eight frames of noise stand among the first five's.
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=1e-5)
    shares = [8 / (8 + len(x)) for x in test.frames[:5]]
    np.testing.assert_allclose(scores[:, 1], shares)
    assert (right == 0).all()


@pytest.mark.slow
def test_train_takes_the_vowels(tmp_path: Path) -> None:
    out = tmp_path / "run"
    status, printed = call("train", "--data", "vowels", "--epochs", 2, "--seeds", 2, "--out", out)
    assert status == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert list(metrics["models"]) == ["attention", "mean", "max", "last", "linear", "largest"]
    assert "Eight frames of noise" in printed
    assert (out / "weights_over_time.png").read_bytes().startswith(b"\x89PNG")


# A third one.


def load_sums(seed: int) -> tuple[Dataset, Dataset]:
    """Three tokens of four numbers; the class says which of their sums is the largest."""

    def draw(count: int, seed: int) -> Dataset:
        inputs = np.random.default_rng(seed).normal(size=(count, 3, 4)).astype(np.float32)
        return Dataset(inputs, inputs.sum(-1).argmax(-1), 3)

    return draw(200, 2 * seed), draw(40, 2 * seed + 1)


def logits_of(model: Any, test: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = test.batch(np.arange(count))
    return model.eval()(inputs).numpy(), targets


def draw_sums(trainer: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    viz.style()
    figure, ax = plt.subplots()
    ax.hist(logits_of(trainer.model, trainer.test, 40)[0].argmax(axis=1))
    viz.save(figure, path)


SUMS = Recipe(
    about="find the largest sum",
    load=load_sums,
    what="40 triples",
    options={"model_dim": 8, "num_heads": 2, "num_positions": 3},
    epochs=2,
    seeds=2,
    lr=0.02,
    weight_decay=0.01,
    batch_size=32,
    models={name: CLASSIFIERS[name] for name in ("attention", "dense")},
    baselines={"always 0": Baseline("says the first class", lambda train, test: 0.25)},
    looks={
        "logit_on_largest_sum": Look(
            "the answer",
            "the largest logit is the largest sum's",
            logits_of,
            "It finds the largest sum in {share} of the triples\n(the lowest of the seeds).",
        ),
        "said_to_learners_only": Look("the same", "the same again", logits_of),
    },
    pictures=(Picture("sums.png", "how often it says what", draw_sums),),
    examples="triples",
    guess="Of three, a guess gets a third.",
)


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(RECIPES, "sums", SUMS)
    return "sums"


def call(*words: object) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:
            status = int(stop.code or 0)
    return status, out.getvalue()


def test_train_takes_a_third_data_set_from_end_to_end(sums: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    status, printed = call("train", "--data", sums, "--out", out)
    assert status == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["data"], metrics["epochs"], metrics["seeds"]) == ("sums", 2, 2)
    assert list(metrics["models"]) == ["attention", "dense", "always 0"]
    assert metrics["models"]["always 0"]["accuracy"] == [0.25, 0.25]
    assert "always 0" in printed
    assert "says the first class" in printed
    row = metrics["models"]["attention"]
    assert row["logit_on_largest_sum"] == row["accuracy"], "this look counts what is right"
    assert "said_to_learners_only" not in row
    assert "logit_on_largest_sum" not in metrics["models"]["dense"]
    assert "sums: accuracy on 40 triples, mean ± sd of 2 seeds" in printed
    share = f"{100 * min(row['accuracy']):.1f} %"
    assert f"\nIt finds the largest sum in {share} of the triples\n(the lowest" in printed
    written = printed.split("Written:\n")[1].splitlines()
    names = ["metrics.json", "model.safetensors", "loss_curves.png", "sums.png"]
    assert [Path(line.strip().split(": ")[0]).name for line in written] == names
    assert written[-1].endswith(": how often it says what")
    for name in names[2:]:
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_pictures_and_looks_are_of_the_first_model(sums: str, tmp_path: Path) -> None:
    words = ("train", "--data", sums, "--model", "dense", "--epochs", 1, "--seeds", 1)
    status, printed = call(*words, "--out", tmp_path / "dense")
    assert status == 0
    assert "It finds" not in printed
    assert not (tmp_path / "dense" / "sums.png").exists()
    status, printed = call(*words[:4], "attention", *words[5:], "--no-pictures", "--out", tmp_path)
    assert status == 0
    assert "It finds" in printed
    assert not list(tmp_path.glob("*.png"))


def test_help_names_a_third_data_set(sums: str) -> None:
    status, printed = call("train", "--help")
    assert status == 0
    assert "sums: find the largest sum" in " ".join(printed.split())


def test_own_answers_train_on_a_third_data_set(
    sums: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = [job.id for job in JOBS if not job.needs and CLASSES in job.of]
    assert [job.id for job in jobs(sums)] == plain
    (tmp_path / "answers.py").write_text(
        "import numpy as np\n\ndef attend(query, key, value):\n"
        "    scores = query @ key.swapaxes(-1, -2)\n"
        "    e = np.exp(scores - scores.max(axis=-1, keepdims=True))\n"
        "    return e / e.sum(axis=-1, keepdims=True) @ value\n"
    )
    outcome = own.train(tmp_path, sums, epochs=1)
    assert outcome.yours == ["06.2"]
    assert outcome.status == 0
    printed = capsys.readouterr().out
    mine = f"{100 * outcome.accuracy:.1f} %"
    assert f"afterwards, on the triples{'':22} {'yours':>7} {'the library':>11}" in printed
    assert f"\n      the largest logit is the largest sum's     {mine:>7}" in printed
    assert "\n(Of three, a guess gets a third.)\n" in printed


def test_the_data_sets_that_there_are_have_the_parts_that_they_had() -> None:
    everywhere = {"04.1", "04.2", "04.3", "05.1", "05.2", "06.2", "06.4", "07.1", "08.1", "09.1"}
    assert {job.id for job in jobs("cued")} == everywhere | {"07.2", "07.3", "08.5"}
    assert {job.id for job in jobs("digits")} == everywhere | {"01.3"}
    masked = everywhere - {"06.2", "06.4"} | {"07.2", "07.3", "08.5", "11.1", "11.2"}
    assert {job.id for job in jobs("dates")} == masked
    assert {job.id for job in jobs("scenes")} == everywhere - {"05.1", "05.2"} | {
        "12.1",
        "12.2",
        "12.3",
    }
    assert {job.id for job in jobs("drawing")} == masked - {"08.5", "11.2"} | {"12.5"}
    plain = {"04.1", "04.2", "04.3", "05.1", "05.2"}
    assert {job.id for job in jobs("vowels")} == plain | {"13.2", "13.4"}


# Nobody else asks which data set it is.


def asks_for_the_name(tree: ast.AST) -> Iterator[int]:
    """Lines that compare with the name of a data set, or look something up by it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            asked = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            asked = node.elts
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        elif isinstance(node, ast.Subscript):
            asked = [node.slice]
        else:
            continue
        if any(isinstance(x, ast.Constant) and x.value in RECIPES for x in asked):
            yield node.lineno


def test_no_file_but_a_recipe_knows_a_data_set_by_its_name() -> None:
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "recipes"
        for line in asks_for_the_name(ast.parse(path.read_text(encoding="utf-8")))
    ]
    # `data` hands on a function of that name.
    found = [place for place in found if not place.startswith("data/__init__.py:")]
    assert found == [], "what differs by data set belongs into its recipe"


@pytest.mark.parametrize(
    "code",
    [
        'if data == "cued": pass',
        'x = data in ("cued", "other")',
        'x = {"cued": 1, "digits": 2}[data]',
        'x = Job("01.3", "…", ("digits",))',
        'x = TABLE["digits"]',
        'match data:\n    case "cued": pass',
    ],
)
def test_such_a_question_would_be_found(code: str) -> None:
    assert list(asks_for_the_name(ast.parse(code)))
