"""The command line, as its user meets it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from minitorch_attn import __version__
from minitorch_attn.__main__ import COMMANDS, main
from minitorch_attn.arguments import this_program
from minitorch_attn.files import load_arrays
from minitorch_attn.models import Classifier

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def call(*words: object) -> Done:
    """Call the command line in this process: a new one would import everything again."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("runs") / "digits"
    done = call("train", "--data", "digits", "--epochs", 1, "--seeds", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.mark.parametrize("text", ["null", "[1, 2]", "{", ""])
def test_settings_that_are_none_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(text)
    done = call("train", "--data", "digits", "--out", tmp_path, "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "damaged" in done.stderr


def test_two_at_once_in_one_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"):
        done = call("train", "--data", "digits", "--out", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "another train is at work" in done.stderr


def test_how_to_go_on_can_be_pasted_whatever_the_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("minitorch_attn.commands.train.make_trainer", stop)
    out = tmp_path / "my runs"
    done = call("train", "--data", "digits", "--out", out)
    assert done.returncode == 130
    words = shlex.split(done.stderr.splitlines()[-1])
    assert str(out) in words
    monkeypatch.setattr("minitorch_attn.commands.train.make_trainer", full)
    done = call("train", "--data", "digits", "--out", out, "--resume")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert shlex.split(done.stderr.splitlines()[-1]) == words


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_threads_that_are_none_are_one_line(tmp_path: Path) -> None:
    env = {**os.environ, "MINITORCH_ATTN_THREADS": "two"}
    out = tmp_path / "out"
    command = [sys.executable, "-m", "minitorch_attn", "train", "--data", "digits", "--out", out]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "'two'" in done.stderr
    assert not out.exists()


def test_a_terminal_without_a_sign_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn.commands import info

    monkeypatch.setattr(info, "run", lambda args: print("97 ± 1") or 0)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["info"]) == 0
    sys.stdout.flush()
    assert written.getvalue() == b"97 ? 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_reader_that_has_gone_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "minitorch_attn", "info"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


def test_train_writes_what_it_says(one_epoch: tuple[Path, str]) -> None:
    out, printed = one_epoch
    written = printed.split("Written:\n")[1].splitlines()
    named = {Path(line.strip().split(": ")[0]) for line in written}
    assert {out / "metrics.json", out / "model.safetensors", out / "loss_curves.png"} <= named
    for path in named:
        assert path.stat().st_size > 100
        if path.suffix == ".png":
            assert path.read_bytes().startswith(PNG)
    for model in ("attention", "uniform", "none", "dense"):
        lines = (out / f"{model}-seed0" / "history.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1]


def test_train_without_pictures(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("train", "--data", "digits", "--model", "dense", "--epochs", 1, "--seeds", 1)
    done = call(*words, "--no-pictures", "--out", out)
    assert done.returncode == 0
    assert not list(out.rglob("*.png"))
    assert (out / "model.safetensors").stat().st_size > 100
    assert ".png" not in done.stdout


def test_train_prints_the_table(one_epoch: tuple[Path, str]) -> None:
    out, printed = one_epoch
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["version"] == __version__
    assert (metrics["data"], metrics["epochs"], metrics["seeds"]) == ("digits", 1, 1)
    table = printed.split("accuracy %")[1]
    for name, row in metrics["models"].items():
        assert 0.05 < row["mean"] <= 1
        assert row["accuracy"] == [row["mean"]]
        line = next(line for line in table.splitlines() if line.startswith(name))
        assert f"{100 * row['mean']:.1f}" in line
        assert f"{row['parameters']:,}" in line
    assert "\x1b" not in printed
    assert "\r" not in printed, "a progress bar where nobody watches"


def test_the_model_that_was_written_is_the_one_that_was_measured(
    one_epoch: tuple[Path, str],
) -> None:
    from minitorch_attn.recipes import make_trainer

    out, _ = one_epoch
    trainer = make_trainer("digits", "attention", 0, epochs=1, progress=False)
    assert isinstance(trainer.model, Classifier)
    trainer.model.load(out / "model.safetensors")
    metrics = json.loads((out / "metrics.json").read_text())
    found = trainer.evaluate(trainer.test)["accuracy"]
    assert found == metrics["models"]["attention"]["mean"]


def test_a_folder_with_a_run_is_not_touched_without_resume(one_epoch: tuple[Path, str]) -> None:
    out, _ = one_epoch
    words = ("train", "--data", "digits", "--epochs", 1, "--seeds", 1, "--out", out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    refused = call(*words)
    assert refused.returncode == 2
    assert one_line(refused.stderr).endswith(
        f"{out} already holds a run: add --resume to go on with it, or name another --out"
    )
    changed = call(*words[:4], 2, *words[5:], "--resume")
    assert changed.returncode == 2
    assert "was begun with epochs 1, not 2: ask for the same, or" in one_line(changed.stderr)
    other = call(*words[:4], 2, *words[5:])
    assert other.returncode == 2
    assert "was begun with epochs 1, not 2: ask for the same with --r" in one_line(other.stderr)
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    # A finished run, resumed, is what it was.
    metrics = json.loads((out / "metrics.json").read_text())
    assert call(*words, "--resume").returncode == 0
    assert json.loads((out / "metrics.json").read_text()) == metrics


def one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


BAD = {
    "no epochs": (("train", "--epochs", "0"), "'0' is not a whole number above 0"),
    "half a seed": (("train", "--seeds", "0.5"), "'0.5' is not a whole number above 0"),
    "other data": (("train", "--data", "mnist"), "invalid choice: 'mnist'"),
    "another model": (("train", "--model", "rnn"), "--model rnn: for --data cued there are"),
    "answers from nowhere": (("train", "--with", "nowhere"), "there is no folder nowhere"),
    "answers and seeds": (("train", "--with", ".", "--seeds", "3"), "leave out --seeds"),
    "another device": (("train", "--device", "tpu"), "invalid choice: 'tpu'"),
    "an option that is none": (("train", "--speed", "9"), "--speed"),
    "a command that is none": (("frobnicate",), "invalid choice: 'frobnicate'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_give_one_line_and_exit_2(name: str) -> None:
    words, message = BAD[name]
    done = call(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in one_line(done.stderr)


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = call("train", "--out", tmp_path / "file")
    assert done.returncode == 2
    assert "is a file, not a folder" in one_line(done.stderr)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    from helpers.libraries import why_no_gpu

    if not why_no_gpu():
        pytest.skip("a GPU is here")
    done = call("train", "--device", "cuda", "--epochs", 1, "--seeds", 1, "--out", tmp_path / "x")
    assert done.returncode == 2
    assert why_no_gpu() in one_line(done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT goes another way on Windows")
def test_ctrl_c_leaves_a_run_that_resumes(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "--data", "digits", "--model", "none", "--epochs", "8", "--seeds", "1"]
    words += ["--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "minitorch_attn", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts tests in the background has them ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    path, deadline = out / "none-seed0" / "history.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and not (path.exists() and path.stat().st_size):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert f"--out {out} --resume" in told
    epochs = load_arrays(out / "none-seed0" / "checkpoint.safetensors")[1]["epoch"]
    assert 1 <= epochs < 8
    assert not (out / "metrics.json").exists()
    # The words that it says to go on with, do.
    command = shlex.split(told.splitlines()[-1])
    command = command[command.index("train") :]
    assert call(*command).returncode == 0
    assert len(path.read_text().splitlines()) == 8
    assert (out / "metrics.json").exists()


def test_help_reads_well() -> None:
    for words in ((), ("train",), ("info",)):
        done = call(*words, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("usage: minitorch_attn")
        assert max(map(len, done.stdout.splitlines())) <= 100
    text = call("train", "--help").stdout
    for option in ("--data", "--model", "--epochs", "--seeds", "--device", "--out", "--resume"):
        assert option in text
    assert "--no-pictures" in text
    assert "--with DIR" in text


def test_without_arguments_it_helps() -> None:
    assert call() == call("--help")
    assert call().stdout.count("\n") > len(COMMANDS)


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        ("grade . --chapter 6 --out ../marks", "jupytext", "course"),
        ("study --layout-only", "nbformat", "study"),
    ],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    words: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    done = call(*words.split())
    assert done.returncode == 2
    assert package in one_line(done.stderr)
    assert done.stderr.endswith(f": pip install 'minitorch_attn[{extra}]'\n")


def test_a_program_is_named_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its environment activated, not activated, and not installed; below this folder."""
    python = tmp_path / "my env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    beside = python.with_name("minitorch_attn.exe" if os.name == "nt" else "minitorch_attn")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mark = '"' if os.name == "nt" else "'"
    quoted = f"{mark}{os.path.join('my env', 'bin')}{os.sep}{{}}{mark}"
    assert this_program() == f"{quoted.format('python')} -m minitorch_attn"
    beside.write_text("")
    beside.chmod(0o700)
    assert this_program() == quoted.format(beside.name)
    monkeypatch.setenv("PATH", str(python.parent))
    assert this_program() == "minitorch_attn"


def test_ctrl_c_while_own_answers_train(monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch_attn.course import own

    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(own, "train", stopped)
    done = call("train", "--with", "anywhere")
    assert done.returncode == 130
    assert done.stderr == "\nStopped. Nothing was written.\n"


def test_info() -> None:
    done = call("info")
    assert done.returncode == 0
    assert f"minitorch_attn  {__version__}" in done.stdout
    assert np.__version__ in done.stdout
    assert "GPU" in done.stdout


# The figures of the book, from whole runs, each in a process of its own as `make run` starts it.


def whole_run(out: Path, *words: str) -> tuple[dict, float]:
    """The metrics that a run wrote, and the seconds that it took."""
    command = [sys.executable, "-m", "minitorch_attn", "train", *words, "--out", str(out)]
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    assert f"{out / 'metrics.json'}: " in done.stdout
    return json.loads((out / "metrics.json").read_text()), seconds


@pytest.mark.slow
def test_cued_digits_to_the_books_figures(tmp_path: Path) -> None:
    metrics, seconds = whole_run(tmp_path, "--data", "cued", "--model", "all", "--seeds", "3")
    models = metrics["models"]
    assert all(len(row["accuracy"]) == 3 for row in models.values())
    assert models["attention"]["mean"] >= 0.970
    assert models["uniform"]["mean"] <= 0.35
    assert models["none"]["mean"] <= 0.15
    assert min(models["attention"]["largest_weight_on_asked_tile"]) >= 0.99
    for name in ("loss_curves.png", "where_it_looks.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)
    assert seconds < 180, f"{seconds:.0f} s, on a machine that had nothing else to do?"


@pytest.mark.slow
def test_digits_to_the_books_figure(tmp_path: Path) -> None:
    words = ("--data", "digits", "--model", "attention", "--seeds", "5")
    row = whole_run(tmp_path, *words)[0]["models"]["attention"]
    assert len(row["accuracy"]) == 5
    assert row["mean"] >= 0.975
