"""Sounds as data: frames, bands, bursts; vowels and prompts."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_attn.data import (
    Utterances,
    frames,
    insert_burst,
    japanese_vowels,
    log_mel,
    pad_frames,
    prompts,
)


@pytest.mark.parametrize(
    ("length", "size", "hop", "count"),
    [(10, 4, 3, 3), (9, 4, 3, 2), (4, 4, 9, 1), (10, 4, 1, 7), (11, 2, 5, 2), (12, 2, 5, 3)],
)
def test_frames(length: int, size: int, hop: int, count: int) -> None:
    found = frames(np.arange(length), size, hop)
    want = [np.arange(i * hop, i * hop + size) for i in range(count)]
    np.testing.assert_array_equal(found, want)
    assert found.flags.writeable


@pytest.mark.parametrize(("size", "hop", "words"), [(0, 1, "at least 1"), (2, 0, "at least 1")])
def test_frames_of_nothing_are_refused(size: int, hop: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        frames(np.ones(9), size, hop)
    with pytest.raises(ValueError, match="less than one frame"):
        frames(np.ones(3), 4, 1)


def test_a_tone_is_loudest_in_its_band() -> None:
    time = np.arange(4000) / 8000
    found = [
        log_mel(np.sin(2 * np.pi * f * time), 8000, 256, 128, 20).mean(axis=0).argmax()
        for f in (200, 500, 1000, 2000, 3000)
    ]
    assert found == sorted(found)
    assert len(set(found)) == 5
    mel = 2595 * np.log10(1 + np.array([200, 500, 1000, 2000, 3000]) / 700)
    top = 2595 * np.log10(1 + 4000 / 700)
    assert np.abs(np.array(found) + 1 - mel / top * 21).max() < 1
    loud, soft = (log_mel(a * np.sin(4000 * time), 8000, 256, 128, 20) for a in (1.0, 0.1))
    band = loud[0].argmax()
    np.testing.assert_allclose((loud - soft)[:, band], 2 * np.log(10), atol=1e-3)
    assert loud.dtype == np.float32


def test_padding() -> None:
    x, mask = pad_frames([np.ones((2, 3)), np.full((4, 3), 2.0)])
    assert (x.shape, mask.sum(axis=1).tolist()) == ((2, 4, 3), [2, 4])
    assert (x[~mask] == 0).all()
    assert (x[0, :2] == 1).all()
    assert pad_frames([np.ones((2, 3))], 5)[0].shape == (1, 5, 3)
    with pytest.raises(ValueError, match="does not fit into 1"):
        pad_frames([np.ones((2, 3))], 1)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_burst_is_where_the_marks_are(place: int) -> None:
    x, burst = np.arange(10.0).reshape(5, 2), np.full((3, 2), -1.0)
    longer, marks = insert_burst(x, place, burst)
    np.testing.assert_array_equal(np.flatnonzero(marks), place + np.arange(3))
    np.testing.assert_array_equal(longer[marks], burst)
    np.testing.assert_array_equal(longer[~marks], x)


def test_a_burst_outside_is_refused() -> None:
    for place in (-1, 6):
        with pytest.raises(ValueError, match="from 0 to 5"):
            insert_burst(np.ones((5, 2)), place, np.ones((1, 2)))


def everything(part: Utterances) -> set[bytes]:
    return {x.tobytes() for x in part.frames}


def test_the_vowels_and_their_official_split() -> None:
    train, validation, test = japanese_vowels(3)
    assert [len(part) for part in (train, validation, test)] == [216, 54, 370]
    assert np.bincount(train.targets).tolist() == 9 * [24]
    assert np.bincount(validation.targets).tolist() == 9 * [6]
    assert np.bincount(test.targets).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = [len(x) for part in (train, validation, test) for x in part.frames]
    assert (min(lengths), max(lengths)) == (7, 29)
    known = np.concatenate(train.frames + validation.frames)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-4)
    parts = [everything(part) for part in (train, validation, test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 640


def test_the_seed_moves_the_validation_part_alone() -> None:
    one, same, other = japanese_vowels(1), japanese_vowels(1), japanese_vowels(2)
    assert everything(one[1]) == everything(same[1]) != everything(other[1])
    assert everything(one[0]) | everything(one[1]) == everything(other[0]) | everything(other[1])
    assert everything(one[2]) == everything(other[2])


def test_batches_of_vowels() -> None:
    (train, _, _) = japanese_vowels()
    (x, mask), y = train.batch(np.array([5, 0, 9]))
    assert x.shape == (3, max(len(train.frames[i]) for i in (5, 0, 9)), 12)
    np.testing.assert_array_equal(x[0][mask[0]], train.frames[5])
    np.testing.assert_array_equal(y, train.targets[[5, 0, 9]])
    assert (x.dtype, mask.dtype) == (np.float32, bool)
    silent = train.with_frames([0 * frame for frame in train.frames])
    assert silent.targets is train.targets
    assert (silent.batch(np.arange(3))[0][0] == 0).all()


def test_the_prompts() -> None:
    found = prompts()
    assert len(found.recordings) == len(found.prompts) == 960
    # Every prompt is there once in each language.
    assert len(found.names) == len(set(found.names)) == 480
    pairs = {(int(p), int(c)) for p, c in zip(found.prompts, found.recordings.targets, strict=True)}
    assert pairs == {(p, c) for p in range(480) for c in (0, 1)}
    # What is stored is what `log_mel` makes of the recording, rounded to a fifth of a nat.
    for language, wave in enumerate(found.waves):
        (i,) = np.flatnonzero(
            (found.prompts == found.shown) & (found.recordings.targets == language)
        )
        np.testing.assert_allclose(
            found.recordings.frames[i], log_mel(wave, 8000, 256, 128, 10), atol=0.11
        )
