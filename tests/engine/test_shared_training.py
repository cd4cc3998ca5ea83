"""Several processes train as one does: here among threads, and under mpiexec where there is one."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.among_threads import Thread, among
from helpers.mpi import NEEDED, no_mpi, start

from minitorch_attn import mpi
from minitorch_attn.commands.train import UsageError
from minitorch_attn.data import Dataset
from minitorch_attn.files import load_arrays
from minitorch_attn.models import Classifier
from minitorch_attn.optim import SGD, warmup_cosine
from minitorch_attn.shared_training import SharedTrainer, SharingError
from minitorch_attn.training import CHECKPOINT, Trainer


def points(count: int, seed: int) -> Dataset:
    inputs = np.random.default_rng(seed).normal(size=(count, 3, 4))
    return Dataset(inputs, inputs.sum(-1).argmax(-1), 3)


def make(
    comm: Thread | None = None,
    *,
    width: int = 8,
    dropout: float = 0.0,
    start: int = 1,
    count: int = 22,
    lr: float = 0.2,
    **changed: Any,
) -> Trainer:
    """SGD, since Adam hides a gradient that is twice too long; batches of 7, the last of 1."""
    options = {"dropout": dropout, "num_positions": 3, "seed": start, "dtype": np.float64}
    model = Classifier(4, 3, width, 2, **options)
    parts = (model, SGD(model.named_parameters(), lr, 0.9), points(count, 1), points(10, 2))
    given = {"seed": 5, "batch_size": 7, "clip": 1.0, "progress": False, **changed}
    given["schedule"] = warmup_cosine(12, 2)
    return Trainer(*parts, **given) if comm is None else SharedTrainer(comm, *parts, **given)


def arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    return trainer._state()[0]


def told(trainer: Trainer) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history]


def assert_alike(ours: Trainer, theirs: Trainer, tolerance: float = 1e-12) -> None:
    for name, array in arrays(theirs).items():
        np.testing.assert_allclose(arrays(ours)[name], array, atol=tolerance, err_msg=name)
    for mine, other in zip(told(ours), told(theirs), strict=True):
        assert mine == pytest.approx(other, abs=tolerance)


def fitted(comm: Thread, epochs: int = 2, **changed: Any) -> Trainer:
    trainer = make(comm, **changed)
    trainer.fit(epochs)
    return trainer


@pytest.mark.parametrize("size", [1, 2, 3])
def test_together_they_take_the_steps_of_one(size: int) -> None:
    """The last batch has one example: with two or three, some have nothing to do."""
    alone = make()
    alone.fit(2)
    found = among(size, fitted)
    for trainer in found:
        assert_alike(trainer, alone)
        for name, array in arrays(trainer).items():
            np.testing.assert_array_equal(array, arrays(found[0])[name])


def test_each_has_its_part_and_nothing_else() -> None:
    def seen(comm: Thread) -> list[int]:
        trainer = make(comm)
        return [len(targets) for _, targets in trainer.loader.epoch(0)]

    one, two = among(2, seen)
    assert [one, two] == [[3, 3, 3, 0], [4, 4, 4, 1]]


def test_early_stopping_is_the_same_everywhere() -> None:
    options = {"validation": points(9, 3), "patience": 1, "lr": 3.0}
    alone = make(**options)
    alone.fit(8)
    assert 1 < len(alone.history) < 8
    for trainer in among(2, lambda comm: fitted(comm, 8, **options)):
        assert_alike(trainer, alone, 1e-6)


def test_the_first_alone_writes_and_all_resume_what_it_has(tmp_path: Path) -> None:
    whole = among(2, lambda comm: fitted(comm, 3, dropout=0.3))

    def in_parts(comm: Thread) -> Trainer:
        own = tmp_path / f"machine{comm.rank}"  # each machine has its own disk
        make(comm, dropout=0.3, folder=own).fit(1)
        again = make(comm, dropout=0.3, folder=own, start=7)
        assert again.resume() == (comm.rank == 0)
        again.fit(3)
        return again

    for ours, theirs in zip(among(2, in_parts), whole, strict=True):
        assert_alike(ours, theirs, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["machine0"]


def test_two_go_on_with_what_one_began(tmp_path: Path) -> None:
    alone = make()
    alone.fit(3)
    make(folder=tmp_path).fit(1)

    def go_on(comm: Thread) -> Trainer:
        trainer = make(comm, folder=tmp_path)
        trainer.resume()
        trainer.fit(3)
        return trainer

    for trainer in among(2, go_on):
        assert_alike(trainer, alone)


def test_dropout_drops_something_else_in_each() -> None:
    def masks(comm: Thread) -> Any:
        trainer = make(comm, dropout=0.5)
        (rng,) = trainer.model.generators()
        drawn = []
        trainer._compute_gradients = lambda x, t: (
            drawn.append(rng.random(4)) or (np.zeros(()), t[:, None])
        )  # type: ignore[method-assign, func-returns-value]
        trainer._step = lambda rate, norm: None  # type: ignore[method-assign]
        trainer.fit(2)
        return np.array(drawn), rng.random()

    (first, after), (second, after_too) = among(2, masks)
    assert not np.isin(first, second).any()
    assert len(np.unique(first)) == first.size, "no epoch has the numbers of another"
    assert after == after_too, "between epochs all stand where the first stands"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"width": 4}, "parameter"),
        ({"seed": 6}, "seed is 5 in process 0, and 6 in process 1"),
        ({"count": 21}, "examples"),
        ({"batch_size": 8}, "batch_size"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_what_differs_is_told_before_anything_is_added(changed: dict[str, Any], what: str) -> None:
    """Another number of batches would be added up wrongly, or waited for, without a word."""

    def work(comm: Thread) -> None:
        own = dict(changed) if comm.rank else {}
        comm.Allreduce = None  # type: ignore[method-assign, assignment]
        fitted(comm, own.pop("epochs", 2), **own)

    first, second = among(2, work)
    assert isinstance(first, SharingError)
    assert isinstance(second, SharingError)
    assert what in str(first)


def test_another_order_of_parameters_is_told() -> None:
    def work(comm: Thread) -> None:
        trainer = make(comm)
        if comm.rank:
            trainer.optimizer.names.reverse()
            trainer.optimizer.parameters.reverse()
        trainer.fit(1)

    assert all("order" in str(error) for error in among(2, work))


def test_a_loss_that_may_count_otherwise_is_refused() -> None:
    found = among(2, lambda comm: make(comm, loss=lambda logits, targets: logits.sum()))
    assert all("train in one process" in str(error) for error in found)


def test_alone_nothing_of_mpi_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    for name in (*mpi.RANKS, *mpi.SIZES):
        monkeypatch.delenv(name, raising=False)
    assert mpi.world() is None
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "1")
    assert mpi.world() is None
    monkeypatch.delenv("PMI_RANK")
    monkeypatch.delenv("PMI_SIZE")
    monkeypatch.setenv("PMIX_RANK", "0")  # of a batch system, which does not say how many
    assert mpi.world() is None


def test_without_mpi4py_the_first_says_so_and_the_others_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "0")
    with pytest.raises(mpi.MPIError, match="mpi4py"):
        mpi.world()
    monkeypatch.setenv("PMI_RANK", "1")
    with pytest.raises(SystemExit):
        mpi.world()


def test_an_error_of_the_first_is_raised_there_and_ends_the_others() -> None:
    def refuse() -> None:
        raise UsageError("no")

    def work(comm: Thread) -> Any:
        try:
            return mpi.from_first(comm, refuse)
        except SystemExit as stop:
            return stop.code

    first, second = among(2, work)
    assert isinstance(first, UsageError)
    assert second == 2
    assert among(3, lambda comm: mpi.from_first(comm, lambda: comm.rank)) == [0, 0, 0]


# ---- under mpiexec

with_mpi = [pytest.mark.slow, pytest.mark.skipif(no_mpi(), reason=NEEDED)]
DIGITS = ("train", "--data", "digits", "--seeds", "1", "--no-pictures")
ONE_MODEL = (*DIGITS, "--model", "attention")


def assert_runs_alike(ours: Path, theirs: Path) -> None:
    """AdamW's parameters where a gradient is but rounding may differ: what they say does not."""
    rows = [load_arrays(folder / CHECKPOINT)[1]["history"] for folder in (ours, theirs)]
    for one, other in zip(*rows, strict=True):
        del one["seconds"], other["seconds"]
        assert one == pytest.approx(other, rel=2e-3, abs=3e-3)


class TestUnderMpiexec:
    pytestmark = with_mpi

    def test_train_says_and_writes_once_what_one_process_does(self, tmp_path: Path) -> None:
        two, one = tmp_path / "two", tmp_path / "one"
        """On cued digits, of whose scenes the first process alone says where the model looks."""
        words = ("train", "--seeds", 1, "--no-pictures", "--epochs", 1, "--model", "attention")
        done = start(2, "-m", "minitorch_attn", *words, "--out", tmp_path / "cued")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Of the query's weights") == 1
        done = start(2, "-m", "minitorch_attn", *DIGITS, "--epochs", 2, "--out", two)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("attention  seed 0") == 1
        alone = start(1, "-m", "minitorch_attn", *DIGITS, "--epochs", 2, "--out", one)
        assert alone.returncode == 0, alone.stderr
        for model in ("attention", "uniform", "none", "dense"):
            assert_runs_alike(two / f"{model}-seed0", one / f"{model}-seed0")

    @pytest.mark.parametrize(
        ("how", "word"), [("defect", "planted"), ("diverges", "NaN or infinite"), ("killed", "")]
    )
    def test_a_process_that_fails_ends_all_and_the_run_can_go_on(
        self, how: str, word: str, tmp_path: Path
    ) -> None:
        words = (*ONE_MODEL, "--epochs", 3, "--out", tmp_path / "run")
        started = time.monotonic()
        done = start(2, "-W", "ignore", "-m", "tests.helpers.failing_process", how, *words)
        assert time.monotonic() - started < 60
        assert done.returncode != 0
        assert done.stderr.count("of 2, and so all of them") == (how != "killed")
        assert word in done.stderr
        assert "If one dies, all end" in done.stdout
        folder = tmp_path / "run" / "attention-seed0"
        assert load_arrays(folder / CHECKPOINT)[1]["epoch"] == 1
        done = start(3, "-m", "minitorch_attn", *words, "--resume")
        assert done.returncode == 0, done.stderr
        whole = start(1, "-m", "minitorch_attn", *words[:-1], tmp_path / "whole")
        assert whole.returncode == 0, whole.stderr
        assert_runs_alike(folder, tmp_path / "whole" / "attention-seed0")

    def test_a_wish_that_cannot_be_granted_is_one_line(self, tmp_path: Path) -> None:
        words = ("-m", "minitorch_attn", "train", "--out", tmp_path / "run", "--data")
        done = start(2, *words, "dates")
        assert done.returncode == 2
        assert done.stderr.count("cross_entropy") == 1
        assert not (tmp_path / "run").exists()
        done = start(2, *words, "digits", "--device", "cuda")
        assert done.stderr.count("on the CPU only") == 1
