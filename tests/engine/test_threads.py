"""Sharing work: the same numbers, no more threads than allowed, no hanging after a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minitorch_attn import Tensor, attention, grad, training
from minitorch_attn.fast import steps
from minitorch_attn.models import Classifier
from minitorch_attn.ops import dropout
from minitorch_attn.threads import parallel_map, set_threads, sharing, threads


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_parts_come_back_in_order_from_as_many_threads_as_allowed() -> None:
    seen = set()

    def part(i: int) -> int:
        seen.add(threading.get_ident())
        time.sleep(0.01)
        return i * i

    with sharing(3):
        assert parallel_map(part, range(10)) == [i * i for i in range(10)]
    assert 2 <= len(seen) <= 3
    seen.clear()
    assert parallel_map(part, range(3)) == [0, 1, 4]
    assert seen == {threading.get_ident()}, "outside a block nothing is shared"


def test_the_matrix_library_is_held_to_one_thread_and_let_go() -> None:
    with threadpool_limits(3, user_api="blas"):  # the tests themselves run with one
        assert blas_threads() == {3}
        with sharing(2):
            with sharing(2):
                assert blas_threads() == {1}
            assert blas_threads() == {1}, "the outer block still holds it"
        assert blas_threads() == {3}


ALONE = """
import threading
from threadpoolctl import threadpool_info
from minitorch_attn.threads import sharing
def blas(): return {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}
before, seen = blas(), []
def work():
    with sharing(2):
        seen.append(blas())
    seen.append(blas())
def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()
work(); in_a_thread(work); work()
print(seen == [{1}, before] * 3)
outer, inner = sharing(2), sharing(2)
outer.__enter__()
in_a_thread(inner.__enter__)
outer.__exit__(None, None, None)
print(blas() == {1})
in_a_thread(lambda: inner.__exit__(None, None, None))
print(blas() == before, before)
"""


def test_it_is_held_and_let_go_from_every_thread() -> None:
    """In a process whose matrix library has threads to lose: these tests run with one."""
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == ["True", "True"], done.stdout
    assert done.stdout.splitlines()[2].startswith("True"), done.stdout


def test_after_an_error_no_other_part_is_begun() -> None:
    begun: list[int] = []

    def part(i: int) -> None:
        begun.append(i)
        if i == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)

    with sharing(2), pytest.raises(KeyboardInterrupt):
        parallel_map(part, range(40))
    assert len(begun) < 10


def test_in_every_thread_numpy_treats_errors_as_in_the_one_that_asks() -> None:
    together = threading.Barrier(2, timeout=30)  # so neither thread does both parts

    def part(_: int) -> str:
        together.wait()
        try:
            return str(np.exp(np.float32(1000)))
        except FloatingPointError:
            return "raised"

    with sharing(2):
        with np.errstate(over="raise"):
            assert parallel_map(part, range(2)) == ["raised"] * 2
        with np.errstate(over="ignore"):
            assert parallel_map(part, range(2)) == ["inf"] * 2


def test_nobody_waits_for_a_thread_that_is_needed_no_more() -> None:
    """The other thread is still at something else when this one has done all parts itself."""
    from minitorch_attn import threads as module

    let_go = threading.Event()
    with sharing(2):
        parallel_map(abs, range(2))  # now there is another thread
        for _ in range(module._state.pool._max_workers):
            module._state.pool.submit(let_go.wait, 30)
        started = time.perf_counter()
        assert parallel_map(abs, range(-3, 0)) == [3, 2, 1]
        assert time.perf_counter() - started < 10
        let_go.set()


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, float("inf")),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, float("inf")),
        ({"cpu.max": "nonsense"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_a_containers_quota_is_seen(files: dict[str, str], limit: float, tmp_path: Path) -> None:
    from minitorch_attn import threads as module

    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert module._quota(tmp_path) == limit


def test_a_quota_below_the_cores_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn import threads as module

    monkeypatch.delenv("PYTHON_CPU_COUNT", raising=False)
    monkeypatch.setattr(module, "_quota", lambda: 0.3)
    assert module.cores() == 1
    monkeypatch.setenv("PYTHON_CPU_COUNT", "7")
    assert module.cores() == 7


def test_threads_do_not_multiply() -> None:
    def inner(_: int) -> int:
        return threading.get_ident()

    with sharing(2):
        groups = parallel_map(lambda _: set(parallel_map(inner, range(4))), range(4))
    assert all(len(group) == 1 for group in groups)


def test_an_error_in_any_part_is_raised_and_the_next_call_works() -> None:
    def part(i: int) -> int:
        if i == 2:
            raise KeyError("part 2")
        return i

    with sharing(2):
        with pytest.raises(KeyError, match="part 2"):
            parallel_map(part, range(4))
        with pytest.raises(KeyError):
            parallel_map(part, [2, 0])
        assert parallel_map(part, [0, 1]) == [0, 1]


@pytest.mark.parametrize("count", [0, -1, "two", None])
def test_a_number_that_is_none_is_refused(count: object) -> None:
    with pytest.raises(ValueError, match="whole number above 0"):
        set_threads(count)  # type: ignore[arg-type]


def test_the_number_is_set_from_inside_and_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn import threads as module

    monkeypatch.setattr(module, "_default", 0)
    module._from_outside.cache_clear()
    monkeypatch.setenv("MINITORCH_ATTN_THREADS", "5")
    assert threads() == 5
    set_threads(2)
    assert threads() == 2
    monkeypatch.setattr(module, "_default", 0)
    monkeypatch.setenv("MINITORCH_ATTN_THREADS", "many")
    module._from_outside.cache_clear()
    with pytest.raises(ValueError, match="'many'"):
        threads()
    module._from_outside.cache_clear()


def long_attention(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    q, k, v = (
        Tensor(rng.normal(size=(1, 3, 600, 8)).astype("f"), requires_grad=True) for _ in range(3)
    )
    with sharing(count):
        y = attention(q, k, v, causal=True)
        return [y.data, *grad(y.sum(), [q, k, v])]


def test_long_attention_is_the_same_for_any_number_of_threads() -> None:
    one = long_attention(1)
    for count in (2, 3):
        for a, b in zip(one, long_attention(count), strict=True):
            np.testing.assert_array_equal(a, b)


def step(model: Classifier, count: int) -> tuple[float, list[np.ndarray]]:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(10, 5, 4)).astype("f"), rng.integers(0, 3, 10)
    model.zero_grad()
    with sharing(count):
        set_threads(count)
        loss, logits = training.compute_gradients(model, x, y)
    assert logits.shape == (10, 3)
    return loss, [p.grad for p in model.parameters()]


def test_a_shared_step_is_the_whole_batchs_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn import threads as module

    monkeypatch.setattr(module, "_default", 0)
    monkeypatch.setattr(steps, "MANY_ROWS", 0)
    monkeypatch.setattr(steps, "WORTH_SHARING", 0)
    model = Classifier(4, 3, model_dim=8, num_heads=2, num_blocks=2)
    loss, whole = step(model, 1)
    for count in (2, 3):  # 10 examples: 3 do not divide them
        shared, parts = step(model, count)
        again = step(model, count)
        assert again[0] == shared
        assert shared == pytest.approx(loss, rel=1e-6)
        for a, b, c in zip(whole, parts, again[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
            np.testing.assert_array_equal(b, c, "bit for bit, for one number of threads")


def test_with_dropout_the_batch_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn import threads as module

    monkeypatch.setattr(module, "_default", 0)
    monkeypatch.setattr(steps, "MANY_ROWS", 0)
    monkeypatch.setattr(steps, "WORTH_SHARING", 0)
    losses = [
        step(Classifier(4, 3, model_dim=8, num_heads=2, dropout=0.5), count)[0]
        for count in (1, 2, 2)
    ]
    assert len(set(losses)) == 1


class OwnDropout(Classifier):
    """A model that drops by itself, without a Dropout."""

    def __init__(self, p: float, *, says: bool = False) -> None:
        super().__init__(4, 3, model_dim=8, num_heads=2)
        self.p, self.source = p, np.random.default_rng(5)
        if says:
            self.is_random = p > 0

    def __call__(self, x: Any) -> Tensor:
        return super().__call__(dropout(x, self.p, self.source))


def test_so_it_does_for_a_model_that_draws_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn import threads as module

    monkeypatch.setattr(module, "_default", 0)
    monkeypatch.setattr(steps, "MANY_ROWS", 0)
    monkeypatch.setattr(steps, "WORTH_SHARING", 0)
    losses = [step(OwnDropout(0.5), count)[0] for count in (1, 2, 2)]
    assert len(set(losses)) == 1
    seen: list[int] = []

    def spied(*given: Any) -> Any:
        seen.append(1)
        return parallel_map(*given)

    monkeypatch.setattr(steps, "parallel_map", spied)
    for model, shared in (
        (OwnDropout(0.5, says=True), 0),
        (OwnDropout(0.0, says=True), 1),  # it holds a generator, and says that it draws nothing
        (Classifier(4, 3, model_dim=8, num_heads=2), 1),
    ):
        seen.clear()
        step(model, 2)
        assert len(seen) == shared


def test_gradients_taken_in_several_threads_add_up() -> None:
    weight = Tensor(np.zeros(3), requires_grad=True)
    found: list[np.ndarray] = []

    def work() -> None:
        found.extend(grad((weight * np.arange(3.0)).sum(), weight)[0] for _ in range(200))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    np.testing.assert_array_equal(sum(found), 800 * np.arange(3.0))
    assert weight.grad is None


def child(queue: multiprocessing.Queue) -> None:
    with sharing(2):
        queue.put(parallel_map(lambda i: i + 1, range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_threads_that_it_has_not() -> None:
    with sharing(2):
        parallel_map(lambda i: i, range(4))  # the pool is there
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    try:
        assert queue.get(timeout=20) == [1, 2, 3, 4]
    finally:
        process.join(5)
        process.kill()
