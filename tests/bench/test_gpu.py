"""The command for a GPU: what it does where there is none, and that no part stops another."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.libraries import why_no_gpu

from benchmarks import bars, gpu, worker
from benchmarks.contestant import CONTESTANTS
from benchmarks.job import Job
from benchmarks.workloads import ATTENTIONS, CLASSIFIERS, Workload

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU here")
def test_without_a_gpu_it_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu.main(["--out", str(tmp_path / "gpu.json")]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "needs an NVIDIA GPU" in said.err
    assert not list(tmp_path.iterdir())
    done = subprocess.run(["make", "-s", "gpu"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode
    assert "make gpu needs an NVIDIA GPU" in done.stdout


@pytest.fixture
def as_if_there_were_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "missing", lambda name: None)
    monkeypatch.setattr(gpu.peak, "missing_gpu", lambda name: None)
    monkeypatch.setattr(gpu, "facts", lambda: {"gpu": "none"})


def test_each_part_is_written_and_an_error_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_if_there_were_one: None
) -> None:
    def fails(seconds: float) -> dict[str, Any]:
        raise RuntimeError("planted")

    parts = {"one": (fails, 0.5), "two": (lambda seconds: {"seconds": seconds}, 0.25)}
    monkeypatch.setattr(gpu, "PARTS", parts)
    out = tmp_path / "new" / "gpu.json"
    assert gpu.main(["--out", str(out)]) == 1
    found = json.loads(out.read_text())
    assert found["one"] == {"error": "RuntimeError: planted"}
    assert found["two"] == {"seconds": gpu.LIMIT / 4}
    monkeypatch.setattr(gpu, "PARTS", {"two": parts["two"]})
    assert gpu.main(["--out", str(out)]) == 0


def test_when_the_time_is_up_nothing_more_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_if_there_were_one: None
) -> None:
    def slow(seconds: float) -> dict[str, Any]:
        time.sleep(0.06)
        return {}

    monkeypatch.setattr(gpu, "LIMIT", 0.05)
    monkeypatch.setattr(gpu, "PARTS", {"one": (slow, 0.5), "two": (slow, 0.5)})
    assert gpu.main(["--out", str(tmp_path / "gpu.json")]) == 1
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["one"] == {}
    assert "no time was left" in found["two"]["error"]


def test_the_shares_make_at_most_the_whole() -> None:
    assert sum(share for _, share in gpu.PARTS.values()) <= 1
    assert gpu.LIMIT <= 360
    assert set(gpu.CONTESTANTS.split(",")) <= set(CONTESTANTS)
    for name in gpu.TESTS:
        assert (ROOT / "tests" / "engine" / f"{name}.py").exists()


def test_a_device_is_warm_before_it_is_timed() -> None:
    """As many repetitions as fill the time, however short one is; the host runs ahead of them."""
    waits, runs = [], []
    job = Job(lambda: runs.append(time.perf_counter()), dict, wait=lambda: waits.append(len(runs)))
    worker.timed(job, 0.02, most=10)
    assert runs[-1] - runs[0] > 0.02
    assert waits[-1] - waits[-2] > 10, "more than on a processor, and nothing is waited for between"


def test_attention_on_a_gpu_has_a_bar() -> None:
    long, short = Workload("attention", ATTENTIONS[1]), Workload("attention", ATTENTIONS[0])
    assert bars.bar("torch-gpu", long) == bars.GPU
    assert bars.bar("torch-gpu", short) is None
    assert bars.bar("torch-gpu-reading", Workload("classifier", CLASSIFIERS[3])) == bars.GPU


def test_reading_the_loss_is_all_that_the_second_contestant_does() -> None:
    pytest.importorskip("torch")
    from benchmarks.contestants import torch_eager

    workload = Workload("classifier", CLASSIFIERS[0])
    silent, reading = (torch_eager.prepare(workload, reads_loss=reads) for reads in (False, True))
    found, wanted = reading.results(), silent.results()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
    assert isinstance(reading.run(), float)
    assert not isinstance(silent.run(), float)
