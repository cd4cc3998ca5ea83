"""Pooling over time: what each is, and that padding does not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minitorch_attn import gradcheck
from minitorch_attn.data import pad_frames
from minitorch_attn.models import FrameClassifier
from minitorch_attn.nn import AttentionPooling, LastFrame, MaxPooling, MeanPooling, Pooling

MAKERS: dict[str, Callable[[], Pooling]] = {
    "attention": lambda: AttentionPooling(6, rng=0, dtype=np.float64),
    "two heads": lambda: AttentionPooling(6, 2, rng=0, dtype=np.float64),
    "mean": MeanPooling,
    "max": MaxPooling,
    "last": LastFrame,
}
HEADS = {"attention": 1, "two heads": 2, "mean": 1, "max": 6, "last": 1}
LENGTHS = (4, 1, 7, 2)


@pytest.fixture
def utterances() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.normal(size=(length, 6)) for length in LENGTHS]


def padded(utterances: list[np.ndarray], length: int = 7) -> tuple[np.ndarray, np.ndarray]:
    x = np.zeros((len(utterances), length, 6))
    mask = np.arange(length) < np.array([len(u) for u in utterances])[:, None]
    x[mask] = np.concatenate(utterances)
    return x, mask


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_a_mean_under_its_weights(name: str, utterances: list[np.ndarray]) -> None:
    x, mask = padded(utterances)
    z, weights = MAKERS[name]()(x, mask, return_weights=True)
    heads = HEADS[name]
    assert z.shape == (4, 6)
    assert weights.shape == (4, heads, 7)
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1)
    assert (weights.data[np.broadcast_to(~mask[:, None], weights.shape)] == 0).all()
    want = np.einsum("bht,bthd->bhd", weights.data, x.reshape(4, 7, heads, -1)).reshape(4, 6)
    np.testing.assert_allclose(z.data, want)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("filling", [0.0, 50.0, np.nan, -np.inf])
def test_padding_and_neighbours_in_the_batch_do_not_count(
    name: str, filling: float, utterances: list[np.ndarray]
) -> None:
    pool = MAKERS[name]()
    x, mask = padded(utterances, 11)
    x[~mask] = filling
    z = pool(x, mask).data
    for utterance, row in zip(utterances, z, strict=True):
        np.testing.assert_allclose(pool(utterance[None]).data[0], row, rtol=1e-10)


def test_the_baselines_are_what_they_are_called(utterances: list[np.ndarray]) -> None:
    x, mask = padded(utterances)
    x[~mask] = 9.0
    wants = {
        MeanPooling: [u.mean(axis=0) for u in utterances],
        MaxPooling: [u.max(axis=0) for u in utterances],
        LastFrame: [u[-1] for u in utterances],
    }
    for kind, want in wants.items():
        np.testing.assert_allclose(kind()(x, mask).data, want)


def test_attention_is_softmax_of_each_heads_scores(utterances: list[np.ndarray]) -> None:
    pool = AttentionPooling(6, 2, rng=0, dtype=np.float64)
    (x,) = utterances[2:3]
    key = (x @ pool.key.weight.data + pool.key.bias.data).reshape(7, 2, 3)
    scores = np.einsum("hd,thd->ht", pool.query.data[:, 0], key) / np.sqrt(3)
    e = np.exp(scores)
    _, weights = pool(x[None], return_weights=True)
    np.testing.assert_allclose(weights.data[0], e / e.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", MAKERS)
def test_no_frames_give_nothing(name: str) -> None:
    x, mask = np.ones((2, 3, 6)), np.array([[True, True, False], [False] * 3])
    z, weights = MAKERS[name]()(x, mask, return_weights=True)
    assert (z.data[1] == 0).all()
    assert (weights.data[1] == 0).all()
    np.testing.assert_allclose(z.data[0], 1)


@pytest.mark.parametrize("name", MAKERS)
def test_gradients(name: str, utterances: list[np.ndarray]) -> None:
    pool = MAKERS[name]()
    x, mask = padded(utterances)
    assert gradcheck(lambda t: pool(t, mask), [x])
    if pool.parameters():
        (pool(x, mask) ** 2).sum().backward()
        assert all(np.abs(p.grad).max() > 0 for n, p in pool.named_parameters() if n != "key.bias")


def test_the_dtype_is_kept() -> None:
    x = np.ones((1, 3, 6), np.float32)
    for pool in (AttentionPooling(6, rng=0), MeanPooling(), MaxPooling(), LastFrame()):
        assert pool(x).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "mask", "kind", "words"),
    [
        (np.ones((3, 6)), None, ValueError, "three axes"),
        (np.ones((2, 3, 6)), np.ones((2, 3)), TypeError, "boolean"),
        (np.ones((2, 3, 6)), np.ones((3, 2), bool), ValueError, r"need a mask \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_said(
    x: np.ndarray, mask: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        MeanPooling()(x, mask)
    with pytest.raises(ValueError, match="do not divide"):
        AttentionPooling(6, 4)


# The classifier around it.


@pytest.mark.parametrize("pooling", ["attention", "mean", "max", "last"])
def test_an_utterance_gets_the_same_logits_alone_and_in_any_batch(
    pooling: str, utterances: list[np.ndarray]
) -> None:
    model = FrameClassifier(6, 5, 8, pooling, seed=1, dtype=np.float64)
    x, mask = padded(utterances, 12)
    x[~mask] = 30.0
    logits, weights = model(x, mask, return_weights=True)
    assert logits.shape == (4, 5)
    assert weights.shape[0::2] == (4, 12)
    for utterance, row in zip(utterances, logits.data, strict=True):
        np.testing.assert_allclose(model(utterance[None]).data[0], row, rtol=1e-10)
        ones = np.ones((1, len(utterance)), bool)
        np.testing.assert_allclose(model(utterance[None], ones).data[0], row, rtol=1e-10)


def test_a_frame_sees_its_two_neighbours() -> None:
    model = FrameClassifier(3, 4, pooling="last", seed=0)
    x = np.random.default_rng(0).normal(size=(1, 6, 3)).astype(np.float32)
    before = model(x).data
    for place, seen in ((3, False), (4, True), (5, True)):
        other = x.copy()
        other[0, place] += 1
        assert (np.abs(model(other).data - before).max() > 1e-4) == seen


def test_poolings_start_from_the_same_weights() -> None:
    states = [
        FrameClassifier(3, 4, pooling=name, seed=7).state_dict() for name in ("attention", "mean")
    ]
    assert set(states[0]) - set(states[1]) == {
        "pooling.query",
        "pooling.key.weight",
        "pooling.key.bias",
    }
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[1])
    with pytest.raises(ValueError, match="not 'sum'"):
        FrameClassifier(3, 4, pooling="sum")


def test_pairs_of_frames_and_mask_from_the_data() -> None:
    x, mask = pad_frames([np.ones((2, 6), np.float32), np.ones((5, 6), np.float32)])
    assert FrameClassifier(6, 3)(x, mask).shape == (2, 3)
