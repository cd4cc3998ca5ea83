"""The detector and the painter of chapter 12, their data, and their recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitorch_attn import Tensor, cross_entropy, gradcheck, no_grad
from minitorch_attn.data import (
    digit_drawings,
    digit_scenes,
    digits,
    window_centres,
    window_labels,
    windows,
)
from minitorch_attn.models import Detector, Painter, WindowNet, sample, set_loss
from minitorch_attn.models.neighbours import neighbours
from minitorch_attn.recipes import RECIPES, make_model, make_trainer
from minitorch_attn.recipes import scenes as recipe

RNG = np.random.default_rng(0)


# Scenes


def test_scenes_are_made_of_real_digits_at_their_boxes() -> None:
    train, test = digit_scenes(40, 30, seed=2)
    assert train.images.shape == (40, 24, 24)
    assert set(np.unique(train.counts)) == {1, 2, 3}
    _, held_out = digits(2)
    for i, k in np.argwhere(test.classes >= 0):
        x, y, w, h = test.boxes[i, k] * 24
        left, top = round(x - w / 2), round(y - h / 2)
        part = test.images[i, top : round(top + h), left : round(left + w)]
        ink = part > 0.25
        assert ink.any(axis=0)[[0, -1]].all(), "the box is the smallest around the ink"
        assert ink.any(axis=1)[[0, -1]].all()
        source = [
            np.array_equal(image[r : r + part.shape[0], c : c + part.shape[1]], part)
            for image in held_out.inputs[held_out.targets == test.classes[i, k]]
            for r in range(9 - part.shape[0])
            for c in range(9 - part.shape[1])
        ]
        assert any(source), "a held-out digit of this class"
    assert (test.boxes[test.classes < 0] == 0).all()


def test_between_two_boxes_there_is_a_pixel() -> None:
    train, _ = digit_scenes(60, 1, seed=3)
    for classes, boxes in zip(train.classes, train.boxes * 24, strict=True):
        kept = boxes[classes >= 0]
        for a in range(len(kept)):
            for b in range(a):
                gaps = abs(kept[a, :2] - kept[b, :2]) - (kept[a, 2:] + kept[b, 2:]) / 2
                assert gaps.max() >= 1 - 1e-4


def test_a_seed_decides_the_scenes_and_a_full_canvas_is_refused() -> None:
    one, same, other = (digit_scenes(5, 5, seed)[0].images for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="4 digits do not fit a canvas of 24 × 24: 1 to 3 do"):
        digit_scenes(1, 1, most=4)


def test_windows_and_what_they_show() -> None:
    train, _ = digit_scenes(50, 1)
    cut = windows(train.images)
    assert cut.shape == (50, 36, 64)
    np.testing.assert_array_equal(cut[:, 7].reshape(50, 8, 8)[:, :6, :6], train.images[:, 2:8, 2:8])
    assert (cut[:, 0].reshape(50, 8, 8)[:, :2] == 0).all()
    np.testing.assert_allclose(window_centres(24)[7] * 24, [6, 6])
    labels = window_labels(train)
    for i in range(50):
        for s, (x, y) in enumerate(window_centres(24) * 24):
            near = [
                k
                for k in range(3)
                if train.classes[i, k] >= 0
                and max(abs(train.boxes[i, k, :2] * 24 - (x, y))) <= 2 + 1e-4
            ]
            assert labels[i, s] in ([train.classes[i, k] for k in near] or [10])


# The detector


def detector(**options: Any) -> Detector:
    return Detector(WindowNet(64, 10, seed=0), 6, 10, num_queries=5, model_dim=16, **options)


def test_neighbours_stand_beside_a_token_and_zeros_beyond_the_ends() -> None:
    x = np.arange(1.0, 7.0).reshape(1, 3, 2)
    beside = [[0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 0, 0]]
    assert neighbours(x, 1).tolist() == [beside]
    assert neighbours(Tensor(x), 2).data[0, 0].tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert gradcheck(lambda x: neighbours(x, 2), [x])


def test_the_detector_answers_for_each_query() -> None:
    x = RNG.random((2, 36, 64)).astype(np.float32)
    logits, boxes, weights = detector()(x, return_weights=True)
    assert (logits.shape, boxes.shape, weights.shape) == ((2, 5, 11), (2, 5, 4), (2, 4, 5, 36))
    assert ((boxes.data > 0) & (boxes.data < 1)).all()
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(detector()(x)[0].data, logits.data, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="mixing"):
        detector(mixing="none")


def test_equal_weights_and_silent_queries_are_what_they_say() -> None:
    x = RNG.random((2, 36, 64)).astype(np.float32)
    _, _, weights = detector(mixing="uniform")(x, return_weights=True)
    np.testing.assert_allclose(weights.data, 1 / 36, rtol=1e-5)
    silent, loud = detector(self_attention=False), detector()
    for model, changes in ((silent, False), (loud, True)):
        before = model(x)[0].data.copy()
        model.queries.data[0, 0] += 1
        after = model(x)[0].data
        assert np.allclose(before[:, 1:], after[:, 1:], atol=1e-6) != changes


def test_every_part_of_the_detector_learns() -> None:
    train, _ = digit_scenes(8, 1)
    x, targets = train.batch(np.arange(8))
    model = detector()
    set_loss(model(x), targets).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == ["net.head.weight", "net.head.bias"], "the net's own answer is not used"


# The painter


def painter(**options: Any) -> Painter:
    return Painter(5, 12, 3, model_dim=16, num_heads=2, seed=1, **options)


def drawings() -> tuple[np.ndarray, np.ndarray]:
    return RNG.integers(0, 5, (4, 12)), np.array([0, 1, 2, 0])


@pytest.mark.parametrize("mixing", ["attention", "uniform", "none"])
def test_no_pixel_knows_a_later_one_or_itself(mixing: str) -> None:
    pixels, classes = drawings()
    model = painter(mixing=mixing)
    with no_grad():
        whole = model(pixels[:, :-1], classes).data
        assert whole.shape == (4, 12, 5)
        for t in (0, 5, 10):
            other = pixels.copy()
            other[:, t] = (other[:, t] + 1) % 5
            changed = model(other[:, :-1], classes).data
            np.testing.assert_allclose(changed[:, : t + 1], whole[:, : t + 1], atol=1e-6)
            assert not np.allclose(changed[:, t + 1], whole[:, t + 1], atol=1e-4)
            prefix = model(pixels[:, :t], classes).data
            np.testing.assert_allclose(prefix, whole[:, : t + 1], atol=1e-5)


def test_the_cache_changes_no_sample() -> None:
    model, classes = painter(), np.arange(3).repeat(4)
    for temperature in (1.0, 0.3, 0):
        with_cache, without = (
            sample(model, classes, 12, temperature, rng=7, cache=cache) for cache in (True, False)
        )
        assert with_cache.shape == (12, 12)
        np.testing.assert_array_equal(with_cache, without)
    other = sample(model, classes, 12, rng=8)
    assert not np.array_equal(other, sample(model, classes, 12, rng=7))
    assert (sample(model, classes, 12, 0, rng=1) == sample(model, classes, 12, 0, rng=2)).all()


def test_samples_come_as_often_as_the_model_says() -> None:
    model, classes = painter(), np.zeros(4000, int)
    first = sample(model, classes, 1, temperature=0.5, rng=0)[:, 0]
    logits = model(np.zeros((1, 0), int), classes[:1]).data[0, 0] / 0.5
    p = np.exp(logits - logits.max())
    p /= p.sum()
    share = np.bincount(first, minlength=5) / 4000
    assert (abs(share - p) < 4 * np.sqrt(p * (1 - p) / 4000) + 1e-9).all()


def test_what_the_painter_refuses() -> None:
    with pytest.raises(ValueError, match="mixing"):
        painter(mixing="raw")
    with pytest.raises(ValueError, match="the temperature is 0 or more, not -1"):
        sample(painter(), np.arange(3), 4, temperature=-1)
    with pytest.raises(TypeError, match="keeps no keys and values"):
        sample(painter(mixing="uniform"), np.arange(3), 4)
    assert sample(painter(mixing="uniform"), np.arange(3), 4, cache=False).shape == (3, 4)


def test_drawings_are_the_digits_and_give_no_pixel_away() -> None:
    train, test = digit_drawings(1)
    same = digits(1)[1]
    np.testing.assert_array_equal(test.pixels.reshape(-1, 8, 8) / 16, same.inputs)
    (given, classes), wanted = train.batch(np.arange(3))
    assert (given.shape, classes.shape, wanted.shape) == ((3, 63), (3,), (3, 64))
    np.testing.assert_array_equal(given, wanted[:, :-1])


# The recipes


def test_the_recipe_of_scenes() -> None:
    train, test = recipe.load(0)
    assert recipe.load(0)[0] is train
    net = recipe.window_net(train, 0)
    right = net(windows(test.images)).data.argmax(axis=-1) == window_labels(test)
    assert right.mean() > 0.85
    x, targets = test.batch(np.arange(3))
    for name in RECIPES["scenes"].models:
        model = make_model("scenes", name, train, 0)
        logits, boxes = model(x)
        assert (logits.shape, boxes.shape) == ((3, 6, 11), (3, 6, 4))
        assert (model.decoder.attention is None) == (name == "silent")
        assert np.array_equal(model.net.hidden.weight.data, net.hidden.weight.data)
        assert model.net is not net
    p, found = np.full((3, 3, 11), -9.0), targets[1].copy()
    p[np.arange(3)[:, None], np.arange(3), np.where(targets[0] < 0, 10, targets[0])] = 9
    assert recipe.accuracy((p, found), targets) == 1


def test_the_baselines_of_both_recipes() -> None:
    train, test = recipe.load(0)
    assert recipe.connected(train, test) > 0.85
    assert recipe.one_digit(train, test) < 0.1
    assert 0.5 < RECIPES["drawing"].baselines["commonest"].score(*digit_drawings(0)) < 0.6


def test_a_few_steps_of_drawing_bring_the_loss_down() -> None:
    run = make_trainer("drawing", "attention", 0, epochs=1, progress=False)
    x, y = run.test.batch(np.arange(20))
    before = cross_entropy(run.model(*x), y).item()
    assert run.fit(1)[-1]["test_loss"] < before - 0.5
