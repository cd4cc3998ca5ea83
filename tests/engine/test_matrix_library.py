"""The matrix library has one thread for small products, and gets its own back, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minitorch_attn import Tensor, attention, einsum
from minitorch_attn.matrix_library import LARGE, OneThread, multiply, one_thread
from minitorch_attn.ops import linalg

TESTS = Path(__file__).parents[1]


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    """A library with threads to lose: the tests themselves run with one."""
    with threadpool_limits(3, user_api="blas"):
        yield
        assert blas_threads() == {3}


class Seen(np.ndarray):
    """An array that notes how many threads its products had."""

    counts: list[set[int]]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.matmul:
            Seen.counts.append(blas_threads())
        plain = [x.view(np.ndarray) if isinstance(x, Seen) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)


def seen(a: np.ndarray, b: np.ndarray) -> list[set[int]]:
    Seen.counts = []
    found = multiply(a.view(Seen), b.view(Seen))
    np.testing.assert_array_equal(found, a @ b)
    return Seen.counts


def test_small_products_have_one_thread_and_large_ones_all() -> None:
    size = round(LARGE ** (1 / 3)) + 1
    large = np.ones((size, size), np.float32)
    assert seen(large, large) == [{3}]
    assert seen(large[:-2], large) == [{1}]
    small = np.ones((50, 8, 16, 16), np.float32)  # of a batch each product counts by itself
    assert seen(small, small) == [{1}]
    with OneThread():
        assert seen(large, large) == [{1}], "inside a block all have one"


def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks that are opened from now on."""
    opened: list[int] = []
    begin = OneThread._begin

    def noted(self: OneThread) -> None:
        opened.append(self.number)
        begin(self)

    monkeypatch.setattr(OneThread, "_begin", noted)
    return opened


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x @ x,
        lambda x: linalg.linear(x, x[0, 0], x[0, 0, 0]),
        lambda x: attention(x, x, x),
        lambda x: attention(x, x, x, causal=True),
        lambda x: einsum("...ij,...jk->...ik", x, x),
    ],
    ids=["matmul", "linear", "attention", "causal", "einsum"],
)
def test_ops_hold_it_forward_and_backward(
    work: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = held(monkeypatch)
    y = work(Tensor(np.ones((2, 3, 8, 8)), requires_grad=True)).sum()
    assert opened, "forward"
    opened.clear()
    y.backward()
    assert opened, "backward"


def test_a_large_contraction_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = held(monkeypatch)
    size = round(LARGE ** (1 / 3)) + 1
    x = np.ones((size, size), np.float32)
    einsum("ij,jk->ik", x, x)
    assert not opened
    einsum("ij,jk->ik", x[:-2], x)
    assert opened


def test_arrays_that_are_not_numpys_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = held(monkeypatch)
    assert one_thread(len)([1, 2]) == 2
    assert not opened


def test_it_is_given_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="matmul"):
        multiply(np.ones((2, 3)), np.ones((2, 3)))


def test_two_threads_may_open_and_close_in_any_order() -> None:
    first, second = OneThread(), OneThread()

    def elsewhere(function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function)
        thread.start()
        thread.join()

    first.__enter__()
    elsewhere(second.__enter__)
    first.__exit__()
    assert blas_threads() == {1}
    elsewhere(second.__exit__)
    assert blas_threads() == {3}


def test_ctrl_c_anywhere_leaves_nothing_held() -> None:
    """In a process of its own, for it is traced."""
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    command = [sys.executable, "-m", "helpers.ctrl_c"]
    done = subprocess.run(
        command, env=env, cwd=TESTS, capture_output=True, text=True, check=True, timeout=120
    )
    places = done.stdout.splitlines()
    assert len(places) > 40, done.stdout + done.stderr
    assert not [place for place in places if not place.endswith(" given back")]


IN_A_CHILD = """
import os
from threadpoolctl import threadpool_info
from minitorch_attn.matrix_library import OneThread
def blas(): return {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}
before = blas()
block = OneThread()
block.__enter__()
if os.fork() == 0:
    with OneThread():
        held = blas()
    print(held == {1}, blas() == before, flush=True)
    os._exit(0)
os.wait()
block.__exit__()
print(blas() == before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_gets_it_back() -> None:
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", IN_A_CHILD]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3, done.stdout + done.stderr


DEEP = """
import time
import numpy as np
from minitorch_attn.matrix_library import OneThread
from minitorch_attn.threads import parallel_map, sharing
rng = np.random.default_rng(0)
x, g = (rng.standard_normal((1024, width), np.float32) for width in (64, 256))
def seconds(_):
    times = []
    for _ in range(25):
        start = time.perf_counter()
        x.T @ g
        times.append(time.perf_counter() - start)
    return min(times)
with OneThread():
    first = seconds(0)
with sharing(2):
    shared = max(parallel_map(seconds, range(2)))
rng.standard_normal((1024, 1024), np.float32) @ rng.standard_normal((1024, 1024), np.float32)
print(first / seconds(0), shared / seconds(0))
"""


def test_a_product_over_many_rows_is_as_fast_at_once_as_after_a_large_one() -> None:
    """Where the library has never written to its working memory, it takes up to three times as
    long. In a process that has made no product yet; two cores may slow each other a little."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DEEP]
    for _ in range(3):  # another program may have had the core
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        first, shared = map(float, done.stdout.split())
        if first < 1.4 and shared < 1.6:
            return
    pytest.fail(f"{first:.2f} and, in two threads, {shared:.2f} times as long")
