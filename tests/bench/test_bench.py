"""The benchmarks: the form of what they write, and that they notice other numbers. Not times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bars, lengths, report
from benchmarks.contestant import CONTESTANTS
from benchmarks.referee import TOLERANCE, BenchError, Plan, Timing, disagreement, race
from benchmarks.workloads import (
    ATTENTIONS,
    CLASSIFIERS,
    DENSE,
    MAIN,
    OPS,
    Workload,
    product_flops,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
BIG = Workload("classifier", CLASSIFIERS[3])
LONG = Workload("attention", ATTENTIONS[2])
SHORT = Workload("attention", ATTENTIONS[0])


def bench(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=check,
        cwd=ROOT,
    )


@pytest.mark.slow
def test_quick_prints_a_table_and_writes_it(tmp_path: Path) -> None:
    done = bench(
        "--quick", "--threads", "1", "--contestants", "ours,numpy,hips,torch,torch-plain",
        "--out", str(tmp_path),
    )  # fmt: skip
    results = json.loads((tmp_path / "results.json").read_text())
    rows = results["rows"]
    names = {row["workload"] for row in rows}
    assert {"ops", DENSE.name, "start (import)"} < names
    assert {"classifier", "attention"} < {name.split()[0] for name in names}
    for row in rows:
        assert row["ours"] > 0
        if row["theirs"] is not None:
            assert row["low"] <= row["ratio"] <= row["high"]
            assert row["met"] == (row["at_most"] and row["ratio"] <= row["at_most"])
    assert all(len(t["seconds"]) == 3 and min(t["seconds"]) > 0 for t in results["timings"])
    assert all(t["disagreement"] <= TOLERANCE for t in results["timings"])
    # The contestants are not one and the same: their roundings differ.
    assert any(t["disagreement"] > 0 for t in results["timings"])
    assert results["machine"]["threads"] == 1
    assert results["machine"]["processor"]
    assert results["versions"]["numpy"] == np.__version__
    assert results["peak"]["NumPy"]["gflops"] > 0
    assert results["length"][0]["peak_mib"] is None or results["length"][0]["peak_mib"] > 0

    busy = [row for row in rows if "busy programs" in row["workload"]]
    assert {row["against"] for row in busy} >= {"minitorch_attn, quiet"}
    assert all(row["theirs"] > 0 for row in busy)
    assert set(results["busy"]) == {DENSE.name, Workload("classifier", CLASSIFIERS[0]).name}

    head = next(line for line in done.stdout.splitlines() if line.startswith("workload"))
    assert head.split()[:3] == ["workload", "ours", "against"]
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {len(report.HEADS) + 1}
    if "torch" not in results["versions"]:
        assert "torch is not installed: without PyTorch eager" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "everything"], "invalid choice: 'everything'"),
        (["--rounds", "0"], "not a whole number above 0"),
        (["--contestants", "ours,nobody"], "no contestant 'nobody'"),
        (["--quick", "--publish"], "--publish wants one whole run"),
    ],
)
def test_a_wrong_wish_is_one_line(words: list[str], said: str) -> None:
    done = bench(*words, check=False)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_other_numbers_are_noticed() -> None:
    ours = {"losses": np.array([2.0, 1.0]), "gradient of a": np.array([1.0, -3.0])}
    assert disagreement(ours, ours) == 0
    near = {**ours, "gradient of a": ours["gradient of a"] * (1 + 1e-6)}
    assert 0 < disagreement(near, ours) < TOLERANCE
    for wrong in (
        {**ours, "gradient of a": np.array([1.0, -3.01])},
        {**ours, "gradient of a": np.array([np.nan, -3.0])},
        {**ours, "losses": np.array([2.0])},
        {"losses": ours["losses"]},
    ):
        assert disagreement(wrong, ours) > TOLERANCE


def test_a_contestant_that_fails_is_named() -> None:
    broken = Workload("dense", (784, 256, 10))  # no batch
    with pytest.raises(BenchError, match=r"NumPy by hand stopped with status 1: ValueError"):
        race([broken], ["numpy"], Plan(rounds=1, seconds=0.01, most=1, threads=1))


def times(contestant: str, workload: Workload, *rounds: float) -> Timing:
    return Timing(contestant, workload, list(rounds), {"epochs": [1] * len(rounds)})


def test_ratios_are_taken_round_by_round() -> None:
    ours, theirs = times("ours", BIG, 1.0, 2.0, 9.0), times("torch", BIG, 2.0, 2.0, 3.0)
    (row,) = bars.rows([ours, theirs], None)
    assert (row.ours, row.theirs) == (2.0, 2.0)
    assert (row.ratio, row.low, row.high) == (1.0, 0.5, 3.0)
    assert row.at_most == 1.15
    assert row.is_met


def test_bars_are_those_of_the_issue() -> None:
    causal = Workload("attention", LONG.size, causal=True)
    timings = [times(n, OPS, x) for n, x in (("ours", 1.0), ("torch", 0.9), ("hips", 5.0))]
    timings += [times(n, LONG, x) for n, x in (("ours", 1.0), ("torch", 0.9), ("torch-plain", 2))]
    timings += [times("ours", causal, 0.7)]
    timings += [times("ours", w, 0.96) for w in (SHORT, DENSE, MAIN)]
    timings += [times("torch", w, 0.96 * ratio) for w, ratio in ((SHORT, 1.04), (DENSE, 0.5))]
    timings += [times("torch-default-adam", DENSE, 0.97), times("torch", MAIN, 0.95)]
    for size, ratio in zip(CLASSIFIERS, (2.0, 0.5, 2.0, 0.5), strict=True):
        w = Workload("classifier", size)
        timings += [times("ours", w, ratio), times("torch", w, 1.0), times("numpy", w, ratio)]
    found = {(row.workload, row.against): row for row in bars.rows(timings, 100.0)}

    def verdict(workload: str, contestant: str) -> tuple[float | None, bool | None]:
        row = found[workload, CONTESTANTS[contestant].title]
        return row.at_most, row.is_met

    assert verdict("ops", "torch") == (1.0, False)
    assert verdict("ops", "hips") == (0.25, True)
    assert verdict(LONG.name, "torch") == (1.15, True)
    assert verdict(SHORT.name, "torch") == (0.95, False)
    assert verdict(DENSE.name, "torch") == (None, None)
    assert verdict(DENSE.name, "torch-default-adam") == (1.0, True)
    assert verdict(MAIN.name, "torch") == (1.0, False)
    assert verdict(LONG.name, "torch-plain") == (0.8, True)
    assert verdict(Workload("classifier", CLASSIFIERS[0]).name, "torch") == (1.15, False)
    assert verdict(BIG.name, "numpy") == (1.1, True)
    mean = found["classifier, geometric mean of the four", CONTESTANTS["torch"].title]
    assert mean.ratio == pytest.approx(1.0)
    less = found[causal.name, "minitorch_attn without the causal rule"]
    assert (less.ratio, less.at_most, less.is_met) == (0.7, 0.65, False)


def test_an_epoch_of_the_main_job_is_each_seeds_own() -> None:
    ours, theirs = times("ours", MAIN, 6.0, 4.0), times("torch", MAIN, 4.0, 8.0)
    ours.notes, theirs.notes = {"epochs": [3, 2]}, {"epochs": [2, 4]}
    row = next(row for row in bars.rows([ours, theirs], None) if "epoch" in row.workload)
    assert (row.ours, row.theirs, row.low, row.high) == (2.0, 2.0, 1.0, 1.0)


def test_memory_that_grows_with_the_square_misses_its_bar() -> None:
    square = [
        {"contestant": "ours", "tokens": n, "peak_mib": (n / 1024) ** 2} for n in (1024, 8192)
    ]
    (row,) = lengths.rows(square)
    assert row.ratio == pytest.approx(2)
    assert not row.is_met


def test_work_in_products_is_counted() -> None:
    assert product_flops(LONG) == 6 * 2 * 8 * 1024 * 1024 * 64
    assert product_flops(Workload("attention", LONG.size, causal=True)) == product_flops(LONG) / 2
    assert product_flops(DENSE) == 2 * 64 * (2 * 784 * 256 + 3 * 256 * 10)


def test_the_table_goes_between_its_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.insert(readme, "| new |\n")
    report.insert(readme, "| new |\n")
    assert readme.read_text() == f"before\n{report.BEGIN}\n\n| new |\n\n{report.END}\nafter\n"
    readme.write_text("no markers\n")
    with pytest.raises(BenchError, match="once each"):
        report.insert(readme, "| new |\n")


def test_the_committed_readme_has_its_markers() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert (text.count(report.BEGIN), text.count(report.END)) == (1, 1)
