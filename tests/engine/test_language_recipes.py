"""The recipes for pairs of sequences: dates and interface strings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn.__main__ import main
from minitorch_attn.data import PAD, STOP, Pairs, dates
from minitorch_attn.models import Translator
from minitorch_attn.recipes import RECIPES, Recipe, make_model, make_trainer
from minitorch_attn.recipes.translating import exactly, translations, whole_texts

TRANSLATING = ("dates", "interface")


@pytest.mark.parametrize("data", TRANSLATING)
def test_every_model_is_made_and_answers(data: str) -> None:
    recipe = RECIPES[data]
    train, test = recipe.load(0)
    (source, before), target = test.batch(np.arange(3))
    for name in recipe.models:
        model = make_model(data, name, train, seed=1)
        assert isinstance(model, Translator)
        logits = model(source, before)
        assert logits.shape == (*target.shape, len(train.target_words))
        assert np.isfinite(recipe.loss(logits, target).item())
        assert model.mixing == {"uniform": "uniform", "none": "none"}.get(name, "attention")
    assert recipe.takes_answers == {"dates": "pairs"}.get(data, "")


@pytest.mark.parametrize("data", TRANSLATING)
def test_baselines_are_shares(data: str) -> None:
    train, test = RECIPES[data].load(0)
    few = test.others(test.sources[:60], test.targets[:60])
    for name, baseline in RECIPES[data].baselines.items():
        assert 0 <= baseline.score(train, few) <= 1, name
        same = test.others(train.sources[:60], train.targets[:60])
        assert baseline.score(train, same) >= baseline.score(train, few), name
    if data == "interface":
        seen = test.others(train.sources[:60], train.targets[:60])
        assert RECIPES[data].baselines["nearest"].score(train, seen) > 0.9


def test_padding_is_neither_right_nor_wrong() -> None:
    targets = np.array([[4, STOP, PAD], [5, 6, STOP], [5, 6, STOP]])
    said = np.array([[4, STOP, 7], [5, 6, STOP], [5, 7, STOP]])
    assert whole_texts(np.eye(8)[said], targets) == pytest.approx(2 / 3)


def test_told_the_right_words_or_its_own_the_same_texts_are_without_a_mistake() -> None:
    trainer = make_trainer("dates", "attention", 0, epochs=2, progress=False)
    trainer.fit(2)
    test = trainer.test.others(trainer.test.sources[:300], trainer.test.targets[:300])
    forced = trainer.evaluate(test)["accuracy"]
    assert 0.05 < forced < 0.99
    assert exactly(translations(trainer.model, test), test) == pytest.approx(forced)


def test_the_look_at_dates_counts_links_alone() -> None:
    _, test = dates(20, 8)
    look = RECIPES["dates"].looks["largest_weight_where_it_comes_from"]
    model = make_model("dates", "attention", test, 0)
    weights, right = look.scores(model, test, 8)
    assert weights.shape[0] == right.shape[0] == 8 * 8, "eight of ten characters, no hyphen"
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    links = [link for links in test.links for link in links if link]
    share = np.mean([row.argmax() in link for row, link in zip(weights, links, strict=True)])
    assert look.share(model, test) == pytest.approx(share)
    assert all(place in link for place, link in zip(right, links, strict=True))


def short(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe with fewer texts, to be quick."""
    whole: Recipe = RECIPES[data]

    def load(seed: int) -> tuple[Pairs, Pairs]:
        return tuple(  # type: ignore[return-value]
            part.others(part.sources[:130], part.targets[:130], part.links[:130])
            for part in whole.load(seed)
        )

    changed: dict[str, Any] = {**vars(whole), "load": load}
    monkeypatch.setitem(RECIPES, data, Recipe(**changed))


@pytest.mark.parametrize("data", TRANSLATING)
def test_the_command_trains_and_tells(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    short(data, monkeypatch)
    out = tmp_path / "run"
    how = ["train", "--data", data, "--epochs", "1", "--seeds", "2", "--out", str(out)]
    assert main(how) == 0
    told = capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())
    recipe = RECIPES[data]
    assert list(metrics["models"]) == [*recipe.models, *recipe.baselines]
    assert recipe.counted in told
    for name in (*recipe.models, *recipe.baselines):
        assert name in told
    for picture in recipe.pictures:
        assert (out / picture.file).stat().st_size > 10_000
    if data == "dates":
        assert "the largest weight lies there in" in told
