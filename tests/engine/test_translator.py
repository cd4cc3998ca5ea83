"""The translator: what it may know of the source and of what is written, and greedy decoding."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from minitorch_attn import gradcheck
from minitorch_attn.data import PAD, START, STOP, shifted
from minitorch_attn.models import (
    NoAttention,
    Translator,
    UniformAttention,
    WordTable,
    greedy_decode,
    nearest_texts,
)

ENCODERS, MIXINGS = ("none", "window", "attention"), ("attention", "uniform", "none")
SOURCE = np.array([[5, 6, 7, 8, 4, 6, 5], [9, 4, 5, PAD, PAD, PAD, PAD]])
TARGET = np.array([[4, 5, 6, STOP], [7, STOP, PAD, PAD]])


def translator(**options: Any) -> Translator:
    return Translator(10, 9, 12, 6, model_dim=8, num_heads=2, seed=3, dtype=np.float64, **options)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("self_attention", [False, True])
def test_padding_and_later_words_tell_nothing(
    encoder: str, mixing: str, self_attention: bool
) -> None:
    model = translator(encoder=encoder, mixing=mixing, self_attention=self_attention)
    before = shifted(TARGET)
    logits = model(SOURCE, before).data
    assert logits.shape == (2, 4, 9)
    alone = model(SOURCE[1:, :3], before[1:, :2]).data
    np.testing.assert_allclose(alone, logits[1:, :2], atol=1e-12)
    longer = np.pad(SOURCE, ((0, 0), (0, 5)))
    np.testing.assert_allclose(model(longer, before).data, logits, atol=1e-12)
    other = before.copy()
    other[:, 2] = 8
    changed = model(SOURCE, other).data
    np.testing.assert_allclose(changed[:, :2], logits[:, :2], atol=1e-12)
    assert not np.allclose(changed[:, 2], logits[:, 2])
    later = np.abs(changed[:, 3] - logits[:, 3]).max()
    assert (later > 1e-6) == self_attention, "what is written before it, or the last word alone"


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("mixing", MIXINGS)
def test_who_reads_the_source(encoder: str, mixing: str) -> None:
    model, before = translator(encoder=encoder, mixing=mixing), shifted(TARGET)
    other = SOURCE.copy()
    other[0, 0] = 9
    moved = np.abs(model(other, before).data - model(SOURCE, before).data)
    assert (moved[0].max() > 1e-6) == (mixing != "none")
    assert moved[1].max() == 0
    memory, mask = model.encode(SOURCE)
    changed = np.abs(model.encode(other)[0].data - memory.data)[0].max(axis=1) > 1e-12
    reach = {"none": 1, "window": 3, "attention": 7}[encoder]
    assert changed.tolist() == [i < reach for i in range(7)]
    assert mask.shape == (2, 1, 1, 7)


@pytest.mark.parametrize("mixing", MIXINGS)
def test_the_weights(mixing: str) -> None:
    model, before = translator(mixing=mixing), shifted(TARGET)
    logits, weights = model(SOURCE, before, return_weights=True)
    np.testing.assert_allclose(logits.data, model(SOURCE, before).data, atol=1e-12)
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1)
    if mixing == "attention":
        assert weights.shape == (2, 2, 4, 7)
        assert (weights.data[1, :, :, 3:] == 0).all()
    if mixing == "uniform":
        np.testing.assert_allclose(weights.data[1, 0, 0], [1 / 3] * 3 + [0] * 4)
    if mixing == "none":
        np.testing.assert_array_equal(weights.data[0, 0], np.eye(4))
    kinds = {"uniform": UniformAttention, "none": NoAttention}
    assert isinstance(model.decoder.block.attention, kinds.get(mixing, object))


def test_a_mask_says_where_it_may_look() -> None:
    model = translator()
    memory, _ = model.encode(SOURCE)
    where = np.zeros((2, 1, 4, 7), bool)
    where[:, 0, :, 2] = True
    _, weights = model.decode(memory, where, shifted(TARGET), return_weights=True)
    np.testing.assert_allclose(weights.data[..., 2], 1)


def test_gradients_reach_every_parameter() -> None:
    model, before = translator(self_attention=True), shifted(TARGET)
    model(SOURCE, before).sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert silent == []
    memory = model.encode(SOURCE)[0].data
    mask = (SOURCE > 0)[:, None, None, :]
    assert gradcheck(lambda m: model.decode(m, mask, before)[:, :, :3], [memory])


def test_a_seed_decides_the_first_weights() -> None:
    one, same = (dict(translator().named_parameters()) for _ in range(2))
    assert all(np.array_equal(one[name].data, same[name].data) for name in one)


@pytest.mark.parametrize("wrong", [{"encoder": "rnn"}, {"mixing": "dense"}])
def test_kinds_that_there_are_not(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Translator"):
        translator(**wrong)


# Greedy decoding.


class Script:
    """A model that writes what stands in a table: for each text the words in turn."""

    def __init__(self, *texts: list[int]) -> None:
        self.texts, self.seen = texts, []  # type: ignore[var-annotated]

    def encode(self, source: Any) -> tuple[Any, Any]:
        return source, source > 0

    def decode(self, memory: Any, mask: Any, before: Any) -> Any:
        self.seen.append(before.copy())
        scores = np.zeros((*before.shape, 9))
        for row, text in enumerate(self.texts):
            for place in range(before.shape[1]):
                scores[row, place, text[min(place, len(text) - 1)]] = 1
        return scores


def test_it_stops_and_pads_behind_the_stop() -> None:
    script: Any = Script([4, STOP, 5, 5], [6, 7, 8, STOP])
    out = greedy_decode(script, np.ones((2, 3), int), START, STOP, 9)
    assert out.tolist() == [[4, STOP, PAD, PAD], [6, 7, 8, STOP]]
    assert script.seen[0].tolist() == [[START], [START]]
    for shorter, longer in pairwise(script.seen):
        np.testing.assert_array_equal(longer[:, :-1], shorter)
    assert script.seen[3].tolist() == [[START, 4, STOP, PAD], [START, 6, 7, 8]]


def test_it_writes_no_more_than_it_may() -> None:
    script: Any = Script([4, 5, 6, 7])
    for most in (1, 3):
        assert greedy_decode(script, np.ones((1, 2), int), START, STOP, most).shape == (1, most)


def test_it_writes_what_the_model_says_of_its_own_words() -> None:
    model = translator(self_attention=True)
    out = greedy_decode(model, SOURCE, START, STOP, 5)
    said = model(SOURCE, shifted(out)).data.argmax(axis=-1)
    for row, own in zip(said, out, strict=True):
        end = own.tolist().index(STOP) + 1 if STOP in own else len(own)
        np.testing.assert_array_equal(row[:end], own[:end])


# Translators that count.


def words(*texts: str) -> list[list[str]]:
    return [text.split() for text in texts]


def test_a_table_of_words_learned_from_pairs() -> None:
    sources = words("open the file", "close the file", "open")
    targets = words("ouvrir le fichier", "fermer le fichier", "ouvrir")
    assert WordTable(sources, targets)(["close", "open", "new"]) == ["fermer", "ouvrir", "new"]


def test_the_nearest_text() -> None:
    pytest.importorskip("sklearn")
    known = words("open the file", "delete all", "a new window")
    assert nearest_texts(known, words("windows", "open file")).tolist() == [2, 0]
