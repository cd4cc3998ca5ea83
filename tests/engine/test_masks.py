"""Masks of attention: what one may look like, and that nothing passes where it forbids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.libraries import STRICT, on
from numpy.testing import assert_allclose, assert_array_equal

from minitorch_attn import Tensor, grad, gradcheck, gradgradcheck, ops, packed_attention, plain
from minitorch_attn.fast import attention as choice
from minitorch_attn.nn import MultiHeadAttention
from minitorch_attn.ops.pairs import weighed

RNG = np.random.default_rng(0)


def attend(q: Any, k: Any, v: Any, mask: Any = None, **options: Any) -> Any:
    y = ops.attention(q, k, v, mask, **options)
    return y[0] if isinstance(y, tuple) else y


def scores(*shape: int) -> list[np.ndarray]:
    """query, key and value with scores of this shape."""
    *lead, n, s = shape
    return [RNG.normal(size=(*lead, m, 4)) for m in (n, s, s)]


# Which mask means what.

FITS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "all axes": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "padding, with heads": ((2, 3, 4, 5), (2, 1, 1, 5)),
    "padding": ((4, 4, 5), (4, 1, 5)),
    "(N, S), and no other axis has N": ((2, 3, 4, 5), (4, 5)),
    "(N, S), and there are as many heads": ((2, 4, 4, 5), (4, 5)),
    "(N, S), and there is nothing else": ((4, 4), (4, 4)),
    "(H, N, S), and B is another number": ((2, 3, 4, 5), (3, 4, 5)),
    "(S,)": ((4, 4, 4), (4,)),
    "(1, S)": ((4, 4, 5), (1, 5)),
    "(N, 1)": ((3, 4, 5), (4, 1)),
    "one for everything": ((3, 4, 5), ()),
    "(N, S) written with all axes": ((4, 4, 4), (1, 4, 4)),
    "(B, N, S) written with all axes": ((3, 3, 4, 4), (3, 1, 4, 4)),
}


@pytest.mark.parametrize("name", FITS)
def test_a_mask_that_can_mean_one_thing(name: str) -> None:
    shape, mask_shape = FITS[name]
    qkv = scores(*shape)
    mask = RNG.random(mask_shape) < 0.7
    wide = np.broadcast_to(mask, shape)
    assert_allclose(attend(*qkv, mask), attend(*qkv, wide), rtol=1e-12)


MEANS_TWO: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "(B, S) or (N, S)": ((4, 4, 5), (4, 5)),
    "(B, S) or (N, S), with heads": ((4, 2, 4, 5), (4, 5)),
    "(B, N, S) or (H, N, S)": ((3, 3, 4, 5), (3, 4, 5)),
    "(B, 1, S) or (H, 1, S)": ((3, 3, 4, 5), (3, 1, 5)),
    "(B, 1) or (N, 1)": ((4, 4, 5), (4, 1)),
    "(N, N) with as many texts": ((4, 4, 4), (4, 4)),
}


@pytest.mark.parametrize("name", MEANS_TWO)
def test_a_mask_that_could_mean_two_things_is_refused(name: str) -> None:
    shape, mask_shape = MEANS_TWO[name]
    with pytest.raises(ValueError, match=r"can mean several things.*give it all \d axes"):
        attend(*scores(*shape), np.ones(mask_shape, bool))


def test_masks_of_wrong_rank_are_refused_with_heads_too() -> None:
    mha, x = MultiHeadAttention(4, 2, rng=0), RNG.normal(size=(2, 3, 4)).astype(np.float32)
    for call in (
        lambda mask: mha(x, mask=mask),
        lambda mask: mha(x, mask=mask, return_weights=True),
        lambda mask: packed_attention(np.tile(x, 3), 2, mask=mask),
    ):
        with pytest.raises(ValueError, match=r"\(B, N, S\) with heads is mask\[:, None\]"):
            call(np.ones((2, 3, 3), bool))
        call(np.ones((2, 1, 3, 3), bool))


@pytest.mark.parametrize("mask", [np.ones((3, 3), int), np.zeros((3, 3)), [[True]], "all"])
def test_a_mask_that_is_not_boolean_is_told_how_to_be(mask: Any) -> None:
    with pytest.raises(TypeError, match=r"mask > 0 .* mask == 0 .* numpy.array\(mask\)"):
        attend(*scores(2, 3, 3), mask)


# What is forbidden stays forbidden, be it NaN or infinity.

BAD = (np.nan, np.inf, -np.inf)
N, S = 5, 6
SOME = RNG.random((2, N, S)) < 0.6
SOME[:, 3] = False  # a query with nothing to attend to
SOME[:, :, 4] = False  # a key that nobody may attend to
SOME[0, 0], SOME[0, 1, 2] = [True, True, False, True, False, True], False


def forms() -> dict[str, Callable]:
    return {
        "whole": attend,
        "with weights": lambda *x, **o: attend(*x, **o, return_weights=True),
        "plain": plain()(attend),
    }


@pytest.fixture(params=["whole", "blockwise", "plain", "with weights"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable:
    if request.param == "blockwise":
        monkeypatch.setattr(choice, "BLOCKWISE_FROM", 1)
    return forms().get(request.param, attend)


def check_hidden(call: Callable, allowed: np.ndarray, bad: float, dtype: Any) -> None:
    """What is bad in one key, one value or one query changes nothing that may not see it."""
    arrays = [RNG.normal(size=(2, m, 4)).astype(dtype) for m in (N, S, S)]
    seed = RNG.normal(size=(2, N, 4)).astype(dtype)

    def run(arrays: list[np.ndarray], seed: np.ndarray) -> list[np.ndarray]:
        xs = [Tensor(a, requires_grad=True) for a in arrays]
        y = call(*xs)
        again = grad(call(*xs), xs, Tensor(seed), create_graph=True)
        found = grad(y, xs, seed)
        for a, b in zip(found, again, strict=True):
            assert_allclose(a, b.data, rtol=1e-4, atol=1e-5)
        return [y.data, *found]

    for which in range(3):
        for place in range(arrays[which].shape[1]):
            spoilt = [a.copy() for a in arrays]
            spoilt[which][:, place, 1] = bad
            if which == 0:
                hit = np.arange(N)[None] == place
                hit = np.broadcast_to(hit & allowed.any(-1), (2, N))
            else:
                hit = allowed[:, :, place]
            # Of what a bad number reaches, nothing is asked: its gradient is 0 from the start.
            quiet = np.where(hit[..., None], 0, seed)
            with np.errstate(all="ignore" if hit.any() else "raise"):
                y, *gradients = run(spoilt, quiet)
            wanted, *others = run(arrays, quiet)
            assert_allclose(y[~hit], wanted[~hit], rtol=1e-4, atol=1e-5)
            # A query that saw it has no gradient to speak of; nor has what such a query saw.
            seen = [~hit, ~(hit[..., None] & allowed).any(1), ~(hit[..., None] & allowed).any(1)]
            for g, other, keep in zip(gradients, others, seen, strict=True):
                assert_allclose(g[keep], other[keep], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", BAD)
def test_nothing_passes_where_the_mask_forbids(form: Callable, bad: float, dtype: Any) -> None:
    check_hidden(lambda *x: form(*x, mask=SOME), SOME, bad, dtype)


@pytest.mark.parametrize("bad", BAD)
def test_nothing_comes_from_later_tokens(form: Callable, bad: float) -> None:
    order = np.broadcast_to(np.tri(N, S, S - N, bool), (2, N, S))
    check_hidden(lambda *x: form(*x, causal=True), order, bad, np.float64)
    check_hidden(lambda *x: form(*x, mask=SOME, causal=True), order & SOME, bad, np.float64)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("return_weights", [False, True])
def test_padding_that_is_not_a_number(bad: float, dropout: float, return_weights: bool) -> None:
    """The tokens of a text do not depend on what its padding is, in any path of the layer."""
    x = RNG.normal(size=(2, 5, 6))
    mask = np.arange(5) < np.array([3, 5])[:, None, None, None]

    def run(fill: float) -> list[np.ndarray]:
        mha = MultiHeadAttention(6, 3, dropout=dropout, rng=0, dtype=np.float64)
        context = x.copy()
        context[0, 3:] = fill
        inputs, own = Tensor(x, requires_grad=True), Tensor(context, requires_grad=True)
        found = mha(inputs, own, mask=mask, return_weights=return_weights)
        y = found[0] if return_weights else found
        g, g_own = grad(y, [inputs, own], np.cos(np.arange(y.size)).reshape(y.shape))
        return [y.data, g, g_own]

    with np.errstate(invalid="ignore"):  # the projections of what is bad
        found = run(bad)
    for a, b in zip(found, run(1.0), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert not found[2][0, 3:].any()


@pytest.mark.parametrize("causal", [False, True])
def test_packed_attention_hides_too(causal: bool) -> None:
    x = RNG.normal(size=(2, 5, 12))
    mask = np.arange(5) < np.array([3, 5])[:, None, None, None]

    def run(fill: float) -> tuple[np.ndarray, np.ndarray]:
        packed = x.copy()
        packed[0, 3:, 4:] = fill  # keys and values
        t = Tensor(packed, requires_grad=True)
        y = packed_attention(t, 2, mask=mask, causal=causal)
        return y.data, grad(y, t, np.cos(np.arange(y.size)).reshape(y.shape))[0]

    for bad in BAD:
        for a, b in zip(run(bad), run(0.5), strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_what_is_not_hidden_is_not_hidden(form: Callable) -> None:
    """An infinite value that a query may attend to makes its output infinite, as without a mask."""
    q, k, v = scores(2, 4, 4)
    v[:, 1, 0], v[:, 2, 1] = np.inf, np.nan
    mask = np.ones((1, 4, 4), bool)
    with np.errstate(all="ignore"):
        found, wanted = form(q, k, v, mask=mask), form(q, k, v)
    assert_array_equal(np.isposinf(found), np.isposinf(wanted))
    assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert np.isposinf(found[..., 0]).all()
    assert np.isnan(found[..., 1]).all()


def test_the_careful_way_at_first_and_second_order() -> None:
    """A bad number that nobody may see: all that is seen is differentiated as ever."""
    q, k, v = (RNG.normal(size=(3, 2)) for _ in range(3))
    mask = np.array([[True, False, True], [False, False, True], [False, False, False]])
    bad = np.array([[0.0, 0.0], [np.nan, np.inf], [0.0, 0.0]])

    def call(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return ops.attention(q, k + bad, v - bad, mask)

    with np.errstate(invalid="ignore"):
        gradcheck(call, [q, k, v])
        gradgradcheck(call, [q, k, v])


def test_a_weight_of_0_lets_nothing_through() -> None:
    value = np.array([[1.0], [np.nan], [3.0]])
    assert_array_equal(
        weighed(np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]), value), [[2], [np.nan]]
    )


def test_another_library_hides_too() -> None:
    arrays = [*scores(2, N, S), SOME]
    arrays[2][:, 4] = np.nan
    arrays[1][:, 4] = np.inf
    found = attend(*on(STRICT, arrays))
    assert_allclose(Tensor(found).numpy(), attend(*arrays), rtol=1e-12)
