"""The training loop: it learns, it can be killed, and it says when it went wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pytest
from helpers.small_run import EPOCHS, make_trainer, points

from minitorch_attn.files import FileError, load_arrays
from minitorch_attn.models import Classifier
from minitorch_attn.nn import Dense, Dropout, Module
from minitorch_attn.ops import mean
from minitorch_attn.optim import SGD, DivergedError, constant
from minitorch_attn.training import Trainer

HERE = Path(helpers.__file__).parent


def assert_equal_ends(one: Path, other: Path) -> None:
    """Bit for bit: parameters, optimiser, generators, and the history but for its seconds."""
    (a, notes_a), (b, notes_b) = (load_arrays(f / "checkpoint.safetensors") for f in (one, other))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], name, strict=True)
    assert notes_a["generators"] == notes_b["generators"]
    assert untimed(notes_a["history"]) == untimed(notes_b["history"])


def untimed(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    make_trainer(folder).fit(EPOCHS)
    return folder


def test_it_learns_and_repeats(unbroken: Path, tmp_path: Path) -> None:
    history = make_trainer(tmp_path).fit(EPOCHS)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]
    assert set(history[0]) == {
        "epoch",
        "train_loss",
        "train_accuracy",
        "learning_rate",
        "test_loss",
        "test_accuracy",
        "seconds",
    }
    assert_equal_ends(tmp_path, unbroken)


def test_the_history_is_json_lines(unbroken: Path) -> None:
    lines = (unbroken / "history.jsonl").read_text().splitlines()
    notes = load_arrays(unbroken / "checkpoint.safetensors")[1]
    assert [json.loads(line) for line in lines] == notes["history"]
    assert len(lines) == EPOCHS


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_killed_at_any_epoch_it_ends_where_an_unbroken_run_ends(
    epoch: int, unbroken: Path, tmp_path: Path
) -> None:
    """A process of its own, killed in the middle of an epoch without a chance to tidy up."""
    command = [sys.executable, HERE / "small_run.py", tmp_path, str(EPOCHS), "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while done(tmp_path) < epoch and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.03)  # into the next epoch, of 0.05 s a step
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    trainer = make_trainer(tmp_path)
    assert trainer.resume()
    assert epoch <= trainer.epoch < EPOCHS
    history = trainer.fit(EPOCHS)
    assert len(history) == EPOCHS
    assert_equal_ends(tmp_path, unbroken)


def done(folder: Path) -> int:
    """Finished epochs, or -1 before the first checkpoint."""
    path = folder / "checkpoint.safetensors"
    return int(load_arrays(path)[1]["epoch"]) if path.exists() else -1


def test_stopped_in_the_middle_of_an_epoch_again_and_again(unbroken: Path, tmp_path: Path) -> None:
    for stop in (1, 3, 6, 9):
        trainer = make_trainer(tmp_path)
        trainer.resume()
        steps = iter(range(stop))

        def step(trainer: Trainer = trainer, steps: Any = steps) -> None:
            if next(steps, None) is None:
                raise KeyboardInterrupt
            type(trainer.optimizer).step(trainer.optimizer)

        trainer.optimizer.step = step  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(EPOCHS)
    trainer = make_trainer(tmp_path)
    assert trainer.resume()
    assert 0 < trainer.epoch < EPOCHS
    trainer.fit(EPOCHS)
    assert_equal_ends(tmp_path, unbroken)


def test_a_crash_while_saving_leaves_the_last_checkpoint(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_trainer(tmp_path).fit(2)
    trainer = make_trainer(tmp_path)
    trainer.resume()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            trainer.fit(3)
    trainer = make_trainer(tmp_path)
    assert trainer.resume()
    assert trainer.epoch == 2
    trainer.fit(EPOCHS)
    assert_equal_ends(tmp_path, unbroken)


def test_a_resume_at_the_end_trains_no_more_and_mends_the_history(
    unbroken: Path, tmp_path: Path
) -> None:
    make_trainer(tmp_path).fit(EPOCHS)
    history = (tmp_path / "history.jsonl").read_text()
    # Killed after the last checkpoint and before the history that goes with it.
    (tmp_path / "history.jsonl").write_text(history[: history.index("\n") + 1])
    trainer = make_trainer(tmp_path)
    assert trainer.resume()
    assert len(trainer.fit(EPOCHS)) == EPOCHS
    assert (tmp_path / "history.jsonl").read_text() == history
    assert_equal_ends(tmp_path, unbroken)


def test_resuming_nothing_and_something_else(tmp_path: Path) -> None:
    assert not make_trainer(None).resume()
    trainer = make_trainer(tmp_path)
    assert not trainer.resume()
    trainer.fit(1)
    other = Dense(2, 2)
    wrong = Trainer(other, SGD(other.parameters(), 0.1), points(5, 0), folder=tmp_path)
    with pytest.raises(FileError, match="missing: weight") as caught:
        wrong.resume()
    assert "checkpoint.safetensors" in str(caught.value)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FileError, match="not a whole safetensors file"):
        make_trainer(tmp_path).resume()


def test_early_stopping_returns_the_best(tmp_path: Path) -> None:
    """A learning rate that is far too high after two epochs: the best is not the last."""
    trainer = make_trainer(tmp_path, patience=2)
    trainer.clip = None
    trainer.schedule = lambda step: 1.0 if step < 8 else 300.0
    history = trainer.fit(30)
    scores = [row["validation_accuracy"] for row in history]
    best = scores.index(max(scores))
    assert len(history) == best + 3 < 30
    assert trainer.evaluate(trainer.validation)["accuracy"] == max(scores) > scores[-1]
    assert trainer.evaluate(trainer.test)["accuracy"] == history[best]["test_accuracy"]
    # The checkpoint knows the best one too.
    again = make_trainer(tmp_path, patience=2)
    assert again.resume()
    assert again.fit(30) == history
    for a, b in zip(again.model.parameters(), trainer.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_early_stopping_watches_the_validation_set_and_not_the_test_set() -> None:
    """Here the test set is what is trained on, and the longer the better."""
    trainer = make_trainer(patience=20)
    trainer.test, trainer.schedule = points(50, 1), constant
    history = trainer.fit(12)
    scores = [[row[f"{name}_accuracy"] for row in history] for name in ("validation", "test")]
    best, misled = (found.index(max(found)) for found in scores)
    assert best != misled
    assert trainer.evaluate(trainer.validation)["accuracy"] == scores[0][best] > scores[0][misled]


def test_evaluation_switches_dropout_off_and_on_again() -> None:
    trainer = make_trainer()
    seen = []

    class Spy(Module):
        def __call__(self, x: Any) -> Any:
            seen.append((self.training, trainer.model.positions.training))
            return x

    model = trainer.model
    model.spy = Spy()
    norm = model.norm
    model.norm = lambda x: norm(model.spy(x))
    first, second = trainer.evaluate(trainer.test), trainer.evaluate(trainer.test)
    assert first == second
    assert set(seen) == {(False, False)}
    assert model.training
    assert model.spy.training
    seen.clear()
    trainer.fit(1)
    assert seen[0] == (True, True)
    assert seen[-1] == (False, False)
    model.eval()
    trainer.evaluate(trainer.test)
    assert not model.training


def test_evaluation_is_the_mean_over_examples_and_needs_no_record() -> None:
    trainer = make_trainer()
    whole = trainer.evaluate(trainer.test, batch_size=30)
    parts = trainer.evaluate(trainer.test, batch_size=7)
    assert parts["accuracy"] == whole["accuracy"]
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert all(p.grad is None for p in trainer.model.parameters())


class Breaks(Module):
    """Fine for two batches; then a gradient is infinite while the loss is not."""

    def __init__(self) -> None:
        self.layer, self.calls = Dense(4, 3, rng=np.random.default_rng(0)), 0
        self.drop = Dropout(0.0)

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        y = mean(self.layer(x), axis=1)
        return y + (0 * self.layer.bias).sqrt() if self.calls > 2 else y


@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_infinite_gradient_stops_and_names_the_step(tmp_path: Path, clip: float | None) -> None:
    model = Breaks()
    trainer = Trainer(
        model,
        SGD(model.named_parameters(), 0.1),
        points(40, 1),
        batch_size=10,
        clip=clip,
        folder=tmp_path,
        progress=False,
    )
    with pytest.raises(DivergedError, match=r"gradient of layer\.bias .* step 3"):
        trainer.fit(2)
    assert all(np.isfinite(p.data).all() for p in model.parameters())
    assert done(tmp_path) == 0


def test_the_schedule_and_the_progress_bar(capsys: pytest.CaptureFixture) -> None:
    trainer = make_trainer()
    trainer.progress, trainer.title = True, "a title"
    history = trainer.fit(2)
    assert history[0]["learning_rate"] == pytest.approx(0.02 * trainer.schedule(3))
    assert "a title" in capsys.readouterr().err


def plain_trainer(lr: float = 0.5, **options: Any) -> Trainer:
    """No dropout, no momentum: a step is the gradient times the rate."""
    model = Classifier(4, 3, model_dim=8, num_heads=2, seed=1)
    optimizer = SGD(model.named_parameters(), lr)
    options = {"batch_size": 16, "progress": False, **options}
    return Trainer(model, optimizer, points(50, 1), **options)


def flat(model: Module) -> np.ndarray:
    return np.concatenate([p.data.ravel() for p in model.parameters()])


def test_a_step_is_no_longer_than_the_clipped_gradient() -> None:
    moved = {}
    for clip in (None, 0.01):
        trainer = plain_trainer(batch_size=50, clip=clip)  # one batch an epoch
        before = flat(trainer.model)
        trainer.fit(1)
        moved[clip] = np.linalg.norm(flat(trainer.model) - before)
    assert moved[None] > 2 * 0.5 * 0.01
    assert moved[0.01] == pytest.approx(0.5 * 0.01, rel=1e-4)


def test_the_figures_of_training_are_means_over_all_examples() -> None:
    trainer = plain_trainer(lr=0.0)  # 50 examples in batches of 16: the last has two
    (row,) = trainer.fit(1)
    whole = trainer.evaluate(points(50, 1))
    assert row["train_loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert row["train_accuracy"] == whole["accuracy"]


def test_the_trainers_seed_decides_the_order() -> None:
    ends = []
    for seed in (1, 1, 2):
        trainer = plain_trainer(seed=seed)
        trainer.fit(1)
        ends.append(flat(trainer.model))
    np.testing.assert_array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_a_seed_decides_everything() -> None:
    def ends(seed: int) -> list[np.ndarray]:
        model = Classifier(4, 3, model_dim=8, num_heads=2, dropout=0.3, seed=seed)
        optimizer = SGD(model.named_parameters(), 0.1, momentum=0.9)
        Trainer(model, optimizer, points(30, 1), seed=seed, progress=False).fit(2)
        return list(model.state_dict().values())

    for a, b, c in zip(ends(1), ends(1), ends(2), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
