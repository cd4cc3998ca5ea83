"""The data: what is held out, and that the questions have their answers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minitorch_attn.data import (
    PAD,
    START,
    STOP,
    UNKNOWN,
    CuedDigits,
    Dataset,
    Loader,
    Vocabulary,
    cued_digits,
    digits,
    load_digits,
    pad,
)

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


def as_set(data: Dataset) -> set[bytes]:
    return {image.tobytes() for image in data.inputs}


def test_the_digits() -> None:
    images, targets = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert set(targets) == set(range(10))


def test_the_digits_are_those_that_scikit_learn_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn import datasets  # noqa: F401, while the real place is known

    images, targets = load_digits()
    empty = SimpleNamespace(origin=str(tmp_path / "__init__.py"))  # keeps its file elsewhere
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: empty)
    elsewhere = load_digits()
    np.testing.assert_array_equal(images, elsewhere[0])
    np.testing.assert_array_equal(targets, elsewhere[1])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install"):
        load_digits()


@pytest.mark.parametrize("split", ["stratified", "writers"])
def test_a_fifth_is_held_out(split: str) -> None:
    train, test = digits(3, split)
    assert len(train) + len(test) == 1797
    assert abs(len(test) - 1797 / 5) < 3
    assert train.num_classes == test.num_classes == 10
    # No image is on both sides: the file has no two that are equal.
    assert not as_set(train) & as_set(test)
    assert len(as_set(train) | as_set(test)) == 1797


def test_the_stratified_split_keeps_the_shares_of_the_classes() -> None:
    train, test = digits(0)
    for digit in range(10):
        whole = (train.targets == digit).sum() + (test.targets == digit).sum()
        assert abs((test.targets == digit).sum() - whole / 5) <= 0.5


def test_a_seed_decides_what_is_held_out() -> None:
    assert as_set(digits(1)[1]) == as_set(digits(1)[1])
    assert as_set(digits(1)[1]) != as_set(digits(2)[1])


def test_the_writers_split_is_the_end_of_the_file() -> None:
    images, targets = load_digits()
    train, test = digits(split="writers")
    np.testing.assert_array_equal(test.inputs, images[-len(test) :])
    np.testing.assert_array_equal(train.targets, targets[: len(train)])


# Cued digits.


@pytest.mark.parametrize("num_tiles", [8, 5])
def test_a_scene_holds_its_answer(num_tiles: int) -> None:
    train, test = cued_digits(200, 50, seed=4, num_tiles=num_tiles)
    assert (len(train), len(test)) == (200, 50)
    for part in (train, test):
        every = np.arange(len(part))
        tokens, targets = part.batch(every)
        assert tokens.shape == (len(part), num_tiles + 1, 64 + num_tiles)
        assert part.token_shape == tokens.shape[1:]
        assert tokens.dtype == np.float32
        pixels, tags = tokens[..., :64], tokens[..., 64:]
        assert (tags.sum(-1) == 1).all()
        assert (pixels[:, -1] == 0).all(), "the query shows a digit"
        # The tags of the tiles are all different, so one tile alone has the query's.
        np.testing.assert_array_equal(tags[:, :-1].sum(1), np.ones((len(part), num_tiles)))
        asked = np.einsum("bij,bj->bi", tags[:, :-1], tags[:, -1]).argmax(-1)
        np.testing.assert_array_equal(asked, part.positions)
        # The picture on that tile is a digit of the answer's class.
        images, classes = load_digits()
        answer = {image.tobytes(): digit for image, digit in zip(images, classes, strict=True)}
        shown = [answer[pixels[i, asked[i]].tobytes()] for i in every]
        np.testing.assert_array_equal(shown, targets)


def test_test_scenes_are_made_of_held_out_digits_only() -> None:
    train, test = cued_digits(300, 100, seed=2)
    held_out = as_set(digits(2)[1])
    for part, inside in ((train, False), (test, True)):
        shown = part.images[np.unique(part.tiles)]
        assert {image.tobytes() in held_out for image in shown} == {inside}


@pytest.fixture(scope="module")
def scenes() -> CuedDigits:
    return cued_digits(8000, 10)[0]


def test_places_tags_and_answers_are_all_as_frequent(scenes: CuedDigits) -> None:
    for numbers, count in ((scenes.positions, 8), (scenes.tags[:, 0], 8), (scenes.targets, 10)):
        shares = np.bincount(numbers, minlength=count) / len(scenes)
        assert np.abs(shares - 1 / count).max() < 0.025


def shown(scenes: CuedDigits) -> np.ndarray:
    """The digit on each tile, (scenes, T), found by its picture."""
    images, classes = load_digits()
    digit_of = {image.tobytes(): digit for image, digit in zip(images, classes, strict=True)}
    return np.array([digit_of[image.tobytes()] for image in scenes.images])[scenes.tiles]


FAR = 4.5  # standard deviations: by chance once in 150,000 looks


def test_no_tile_tells_whether_it_is_asked_for(scenes: CuedDigits) -> None:
    """Of the tiles of one place and tag, place and digit, tag and digit, or of one picture."""
    count = scenes.tiles.shape[1]
    asked = scenes.positions[:, None] == np.arange(count)
    places, digits = np.broadcast_to(np.arange(count), asked.shape), shown(scenes)
    for kind in (
        places * count + scenes.tags,
        places * 10 + digits,
        scenes.tags * 10 + digits,
        scenes.tiles,
    ):
        tiles = np.bincount(kind.ravel())
        found = np.bincount(kind.ravel(), weights=asked.ravel())[tiles > 0]
        tiles = tiles[tiles > 0]
        assert len(tiles) >= count * count
        # By chance a sum of squares of as many normal numbers, about.
        squares = (found - tiles / count) ** 2 / (tiles * (1 / count) * (1 - 1 / count))
        assert squares.sum() < len(tiles) + FAR * np.sqrt(2 * len(tiles))


def test_no_guess_without_the_query_beats_its_share(scenes: CuedDigits) -> None:
    """A digit on k of the eight tiles is the answer in k of eight scenes, whoever picks it."""
    digits = shown(scenes)
    on_tiles = (digits[..., None] == np.arange(10)).sum(axis=1)
    rows = np.arange(len(scenes))
    guesses = {
        "the first tile": digits[:, 0],
        "the tile of the first tag": digits[rows, scenes.tags.argmin(axis=1)],
        "the most frequent digit": on_tiles.argmax(axis=1),
        "the largest digit": digits.max(axis=1),
    }
    for name, guess in guesses.items():
        share = on_tiles[rows, guess] / digits.shape[1]
        surprise = ((guess == scenes.targets) - share).sum()
        assert abs(surprise) < FAR * np.sqrt((share * (1 - share)).sum()), name


def test_scenes_repeat_by_seed() -> None:
    one, same, other = (cued_digits(20, 5, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(one.batch(np.arange(20))[0], same.batch(np.arange(20))[0])
    assert not np.array_equal(one.tiles, other.tiles)


# The loader.


def numbered(n: int) -> Dataset:
    return Dataset(np.arange(n, dtype=np.float32), np.arange(n), n)


def test_the_last_short_batch_is_kept() -> None:
    loader = Loader(numbered(10), 4, shuffle=False)
    assert len(loader) == 3
    batches = list(loader)
    assert [len(t) for _, t in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([t for _, t in batches]), np.arange(10))
    assert len(Loader(numbered(8), 4)) == 2


def test_shuffling_by_seed_and_epoch() -> None:
    def order(loader: Loader, k: int) -> list[int]:
        inputs, targets = (np.concatenate(x) for x in zip(*loader.epoch(k), strict=True))
        np.testing.assert_array_equal(inputs, targets)
        return targets.tolist()

    loader = Loader(numbered(20), 6, seed=1)
    assert sorted(order(loader, 0)) == list(range(20))
    assert order(loader, 0) != list(range(20))
    assert order(loader, 3) == order(Loader(numbered(20), 6, seed=1), 3)
    assert order(loader, 0) != order(loader, 1)
    assert order(loader, 0) != order(Loader(numbered(20), 6, seed=2), 0)
    one, two = (np.concatenate([t for _, t in loader]).tolist() for _ in range(2))
    assert [one, two] == [order(loader, 0), order(loader, 1)]


# Words.


def test_words_have_numbers_and_come_back() -> None:
    words = Vocabulary([["b", "a", "b"], ["c", "b"]])
    assert words.words[4:] == ("a", "b", "c"), "the order does not hang on which text came first"
    assert len(words) == 7
    assert words.encode(["c", "?", "a"], start=True, stop=True) == [START, 6, UNKNOWN, 4, STOP]
    assert words.decode([START, 6, 4, PAD, STOP, 5]) == ["c", "a"]
    assert Vocabulary([["b", "a", "b"]], min_count=2).words[4:] == ("b",)
    assert Vocabulary(["ab"]).encode("ba") == [5, 4], "a string is its characters"


def test_sequences_of_unequal_length_in_one_array() -> None:
    np.testing.assert_array_equal(pad([[5, 6], [7], []]), [[5, 6], [7, PAD], [PAD, PAD]])
    assert pad([[5]], length=3).tolist() == [[5, PAD, PAD]]
    assert pad([]).shape == (0, 0)
    with pytest.raises(ValueError, match="of 2 does not fit into 1"):
        pad([[5], [6, 7]], length=1)
