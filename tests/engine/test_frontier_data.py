"""Emoji, a part of MNIST and split Fashion-MNIST: all there, in order, no network."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_attn.data import cued_digits, digits, emoji, mnist8, split_fashion


def test_the_emoji_are_whole_and_a_fifth_of_each_category_is_held_out() -> None:
    train, test = emoji(3)
    assert len(train) + len(test) == 1636
    assert not set(train.names) & set(test.names)
    assert len({*train.names, *test.names}) == 1636
    assert train.images.shape[1:] == (16, 16, 3)
    assert train.images.dtype == np.float32
    assert train.images.min() == 0
    assert train.images.max() == 1
    for c, name in enumerate(train.categories):
        whole = (train.targets == c).sum() + (test.targets == c).sum()
        assert abs((test.targets == c).sum() - whole / 5) <= 0.5, name
    at = train.names.index("red apple")
    assert train.categories[train.targets[at]] == "Food & Drink"
    red, green, blue = train.images[at].mean(axis=(0, 1))
    assert red > green > blue - 0.2
    assert emoji(3)[1].names == test.names != emoji(4)[1].names


def test_mnist_has_the_size_and_the_levels_of_the_digits() -> None:
    train, test = mnist8()
    for part, of_each in ((train, 400), (test, 100)):
        assert part.inputs.shape == (10 * of_each, 8, 8)
        assert part.inputs.dtype == np.float32
        assert np.bincount(part.targets).tolist() == [of_each] * 10
        assert set(np.unique(part.inputs * 16)) == set(range(17))
    assert not {i.tobytes() for i in train.inputs} & {i.tobytes() for i in test.inputs}


def test_mnist_looks_like_the_digits() -> None:
    """The nearest class mean of MNIST reads more than half of scikit-learn's digits."""
    pytest.importorskip("sklearn")
    from minitorch_attn.data import load_digits

    train, _ = mnist8()
    means = np.stack([train.inputs[train.targets == c].mean(axis=0).ravel() for c in range(10)])
    images, targets = load_digits()
    far = ((images.reshape(-1, 1, 64) - means) ** 2).sum(axis=-1)
    assert (far.argmin(axis=1) == targets).mean() > 0.5


@pytest.mark.parametrize("num_tasks", [1, 2, 5, 10])
def test_fashion_is_split_into_tasks_of_their_own_classes(num_tasks: int) -> None:
    tasks = split_fashion(num_tasks)
    assert len(tasks) == num_tasks
    size = 10 // num_tasks
    for t, (train, test) in enumerate(tasks):
        own = list(range(t * size, t * size + size))
        assert sorted(set(train.targets)) == sorted(set(test.targets)) == own
        assert train.inputs.shape[1:] == (14, 14)
        assert train.num_classes == 10
    assert sum(len(test) for _, test in tasks) == 1000
    assert sum(len(train) for train, _ in tasks) == 4000


@pytest.mark.parametrize("num_tasks", [0, -1, 3, 11])
def test_ten_classes_are_shared_out_evenly_or_not_at_all(num_tasks: int) -> None:
    with pytest.raises(ValueError, match="ten classes"):
        split_fashion(num_tasks)


@pytest.mark.parametrize("num_tiles", [2, 8, 40])
def test_tags_repeat_but_the_one_asked_for(num_tiles: int) -> None:
    pytest.importorskip("sklearn")
    _, test = cued_digits(10, 300, seed=1, num_tiles=num_tiles, repeat_tags=True)
    assert test.token_shape == (num_tiles + 1, 72)
    rows = np.arange(300)
    cue = test.tags[rows, test.positions]
    assert ((test.tags == cue[:, None]).sum(axis=1) == 1).all()
    assert set(cue) == set(range(8))
    assert set(test.tags.ravel()) == set(range(8))
    tokens, _ = test.batch(rows)
    assert tokens.shape == (300, num_tiles + 1, 72)
    same = (tokens[:, :-1, 64:] == tokens[:, -1:, 64:]).all(axis=-1)
    np.testing.assert_array_equal(np.nonzero(same), (rows, test.positions))
    shown = digits(1)[1].targets[test.tiles[rows, test.positions]]
    np.testing.assert_array_equal(test.targets, shown)
