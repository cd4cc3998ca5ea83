"""The training loop: it learns, it can be killed, and it says when it went wrong."""

from __future__ import annotations

import contextlib
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

from minitorch_attn.files import FileError, load_arrays, save_arrays
from minitorch_attn.models import Classifier
from minitorch_attn.nn import Dense, Dropout, Module
from minitorch_attn.ops import cross_entropy, mean
from minitorch_attn.optim import SGD, DivergedError, constant
from minitorch_attn.training import Trainer, compute_gradients

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
    with pytest.raises(FileError, match="begun with examples 50, not 5") as caught:
        wrong.resume()
    wrong = make_trainer(tmp_path)
    wrong.model = other
    with pytest.raises(FileError, match="random generators"):
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
    again.clip = None
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


@pytest.mark.parametrize("step", [1, 3, 4, 6, 9, 15])
@pytest.mark.parametrize("where", ["forward", "update", "evaluate"])
def test_stopped_anywhere_and_fitted_again_it_ends_as_one_call_does(
    unbroken: Path, where: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in a notebook, and the same cell once more: the same object goes on."""
    trainer = make_trainer()
    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt

    optimizer: Any = trainer.optimizer
    if where == "forward":
        inner = trainer.loss
        trainer.loss = lambda *args: (stop(), inner(*args))[1]
    elif where == "update":  # half of the parameters have moved
        update = type(optimizer).update
        count = 0

        def half(self: Any, *args: Any) -> None:
            nonlocal count
            update(self, *args)
            count += 1
            stop()

        monkeypatch.setattr(type(optimizer), "update", half)
    else:
        evaluate = trainer.evaluate
        monkeypatch.setattr(trainer, "evaluate", lambda data: (stop(), evaluate(data))[1])
    with contextlib.suppress(KeyboardInterrupt):
        trainer.fit(EPOCHS)
    assert trainer.epoch == len(trainer.history)
    trainer.fit(EPOCHS)
    arrays, notes = load_arrays(unbroken / "checkpoint.safetensors")
    ours, _ = trainer._state()
    for name, array in arrays.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    for row, other in zip(trainer.history, notes["history"], strict=True):
        assert {**row, "seconds": 0} == {**other, "seconds": 0}


def test_another_runs_folder_is_left_alone(tmp_path: Path) -> None:
    make_trainer(tmp_path).fit(2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(FileError, match=r"another run's: call resume\(\)"):
        make_trainer(tmp_path).fit(1)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_without_a_folder_there_is_nothing_to_save_to_or_to_resume() -> None:
    trainer = make_trainer(None)
    assert not trainer.resume()
    with pytest.raises(ValueError, match="no folder to write to: give it one, folder="):
        trainer.save()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: setattr(t.loader, "batch_size", 8), "begun with batch_size 16, not 8"),
        (lambda t: setattr(t.loader, "seed", 6), "begun with seed 5, not 6"),
        (lambda t: setattr(t.optimizer, "lr", 0.5), "begun with lr 0.02, not 0.5"),
        (lambda t: setattr(t, "clip", None), "begun with clip 1.0, not None"),
        (lambda t: setattr(t, "patience", 3), "begun with patience None, not 3"),
        (lambda t: t.model.blocks.pop(), "random generators|unexpected"),
    ],
)
def test_another_setting_is_told_and_changes_nothing(
    change: Any, says: str, tmp_path: Path
) -> None:
    make_trainer(tmp_path).fit(1)
    trainer = make_trainer(tmp_path)
    before = trainer.model.state_dict()
    change(trainer)
    with pytest.raises(FileError, match=says):
        trainer.resume()
    for name, array in trainer.model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_file_that_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    save_arrays(tmp_path / "checkpoint.safetensors", trainer.model.state_dict())
    with pytest.raises(FileError, match="no Trainer's checkpoint: it has no epoch"):
        trainer.resume()


def test_evaluation_that_fails_leaves_each_part_as_it_was() -> None:
    trainer = make_trainer()
    trainer.model.train()
    frozen = next(m for _, m in trainer.model.named_modules() if isinstance(m, Dropout))
    frozen.eval()
    with pytest.raises(RuntimeError, match="no batch"):
        trainer.evaluate(Broken())
    modes = [m.training for _, m in trainer.model.named_modules() if m is not frozen]
    assert all(modes)
    assert not frozen.training
    trainer.evaluate(trainer.test)
    assert not frozen.training


class Broken:
    def __len__(self) -> int:
        return 3

    def batch(self, indices: Any) -> Any:
        raise RuntimeError("no batch")


@pytest.mark.parametrize("name", ["test", "validation"])
def test_an_empty_set_is_told_before_it_trains(name: str) -> None:
    model = Dense(2, 2)
    with pytest.raises(ValueError, match=f"the {name} set is empty"):
        Trainer(model, SGD(model.parameters(), 0.1), points(5, 0), **{name: points(0, 0)})


def test_the_rate_is_the_optimisers_own_between_steps() -> None:
    trainer = make_trainer()
    trainer.fit(EPOCHS)
    assert trainer.optimizer.lr == 0.02
    assert trainer.optimizer.max_norm is None
    rates = [row["learning_rate"] for row in trainer.history]
    assert rates[0] > rates[-1] > 0
    # A second trainer with the same optimiser begins its own schedule, at the whole rate.
    again = Trainer(
        trainer.model,
        trainer.optimizer,
        points(50, 1),
        batch_size=16,
        progress=False,
        schedule=lambda step: 1.0 if step < 4 else 0.5,
    )
    assert [row["learning_rate"] for row in again.fit(2)] == [0.02, 0.01]
    again.optimizer.lr = 0.0
    before = again.model.state_dict()
    again.optimizer = SGD(again.model.parameters(), 0.0)
    again.fit(3)
    for key, array in again.model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_any_generator_is_kept(bits: str, tmp_path: Path) -> None:
    def run(folder: Path, *epochs: int) -> dict[str, np.ndarray]:
        for until in epochs:
            rng = np.random.Generator(getattr(np.random, bits)(0))
            model = Classifier(4, 3, model_dim=8, num_heads=2, num_positions=3, seed=1)
            model.drop = [Dropout(0.5, rng=rng)]  # type: ignore[attr-defined]
            loss = lambda y, t: cross_entropy(model.drop[0](y), t)  # type: ignore[attr-defined] # noqa: B023, E731
            trainer = Trainer(
                model,
                SGD(model.parameters(), 0.1),
                points(20, 1),
                folder=folder,
                progress=False,
                loss=loss,
            )
            trainer.resume()
            trainer.fit(until)
        return trainer.model.state_dict()

    cut, whole = run(tmp_path / "cut", 1, 3), run(tmp_path / "whole", 3)
    for name, array in whole.items():
        np.testing.assert_array_equal(cut[name], array)


# Batches that are not one array.


class Pairs:
    """Two inputs and two targets an example: the sum of the inputs, and its sign."""

    def __init__(self, count: int, seed: int) -> None:
        self.a, self.b = np.random.default_rng(seed).normal(size=(2, count, 3)).astype("f")

    def __len__(self) -> int:
        return len(self.a)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        a, b = self.a[indices], self.b[indices]
        wanted = (a + b).sum(axis=1)
        return (a, b), (wanted, (wanted > 0).astype(int))


class Both(Module):
    """A number and two logits."""

    def __init__(self) -> None:
        self.number, self.sign = Dense(3, 1, rng=0), Dense(3, 2, rng=1)

    def __call__(self, a: Any, b: Any) -> Any:
        return self.number(a + b)[:, 0], self.sign(a + b)


def both_losses(outputs: Any, targets: Any) -> Any:
    (number, sign), (wanted, positive) = outputs, targets
    return mean((number - wanted) ** 2) + cross_entropy(sign, positive)


def right_signs(outputs: Any, targets: Any) -> float:
    assert all(isinstance(part, np.ndarray) for part in outputs)
    return float((outputs[1].argmax(axis=1) == targets[1]).mean())


def test_inputs_targets_and_outputs_may_be_tuples(tmp_path: Path) -> None:
    def trainer() -> Trainer:
        model = Both()
        return Trainer(
            model, SGD(model.parameters(), 0.1), Pairs(200, 0), Pairs(50, 1), batch_size=32,
            loss=both_losses, accuracy=right_signs, folder=tmp_path, progress=False,
        )  # fmt: skip

    history = trainer().fit(3)
    assert history[-1]["test_loss"] < 0.8 * history[0]["test_loss"]
    assert 0.9 < history[-1]["test_accuracy"] <= 1
    again = trainer()
    assert again.resume()
    assert untimed(again.fit(3)) == untimed(history)


def test_what_a_step_gives_of_several_outputs() -> None:
    model, (inputs, targets) = Both(), Pairs(5, 0).batch(np.arange(5))
    value, outputs = compute_gradients(model, inputs, targets, both_losses)
    assert value == both_losses(model(*inputs), targets).item()
    assert [part.shape for part in outputs] == [(5,), (5, 2)]
    assert all(p.grad is not None for p in model.parameters())
