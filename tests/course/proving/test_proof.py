"""The proof finds holes that were planted: in the checks, in the list, in what loops for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.expecting import expect, expect_close, expect_error
from minitorch_attn.course.proving import prove as command
from minitorch_attn.course.proving import survivors, trials
from minitorch_attn.course.proving.answers import Answer, others
from minitorch_attn.course.proving.proof import prove
from minitorch_attn.course.proving.rewriting import rewritings
from minitorch_attn.course.proving.wrapping import WRAPPED
from minitorch_attn.course.sources.text import SourceError

SHARES = """
import numpy as np


def shares(x):
    if (x < 0).any():
        raise ValueError("a negative number has no share")
    total = x.sum()
    return x / total
"""


def exercise(*, lax: bool = False, lists: bool = True) -> Exercise:
    """Shares of a whole: its checks let a hole where they are lax, and may refuse lists."""
    made = Exercise("06.9", "Shares", "shares", "shares(x)", 1, 1, 5, "06_one_query.md")

    @made.check(1, "each number divided by the sum of all")
    def divided(shares: Any, rng: np.random.Generator) -> None:
        x = rng.uniform(1, 2, 5)
        got = shares(x)
        if lax:
            expect_close(got[0], x[0] / x.sum(), "the first one is")
        else:
            expect_close(got, x / x.sum(), "each is x / sum")
        expect(lists or not isinstance(got, list), "an array")
        expect(len(shares(x[:1])) == 1, "one number, one share")

    @made.check(1, "a negative number raises ValueError")
    def refused(shares: Any, rng: np.random.Generator) -> None:
        x = rng.uniform(1, 2, 5)
        x[rng.integers(5)] = -0.01
        expect_error(lambda: shares(x), ValueError, "refused")
        x = rng.uniform(1, 2, 5)
        x[rng.integers(5)] = 0
        shares(x)

    return made


ANSWER = Answer("worked", SHARES)


def lines(found: Any) -> set[str]:
    return {survivor.mutant.after for survivor in found.new}


def test_sound_checks_let_only_what_is_equivalent_pass() -> None:
    found = prove(exercise(), [ANSWER])
    assert not found.new
    assert not found.refused
    assert found.made == found.rejected >= 20
    assert found.complaints == [f"06.9: {found.made} mutants made, fewer than 40"]


def test_a_hole_in_the_checks_is_found() -> None:
    found = prove(exercise(lax=True), [ANSWER], seeds=range(5))
    assert lines(found) == {"return last_off(x / total)"}
    assert all(survivor.seeds == (0, 1, 2, 3, 4) for survivor in found.new)
    assert any("kept their points" in line for line in found.complaints)
    assert found.share < 0.98


def test_the_list_says_what_may_survive() -> None:
    lax = exercise(lax=True)
    new = prove(lax, [ANSWER], seeds=range(2)).new
    listed = [survivors.Listed(survivor.key, "as good", True) for survivor in new]
    found = prove(lax, [ANSWER], listed, seeds=range(2))
    assert (found.new, found.equivalent, found.share) == ([], len(listed), 1.0)
    outside = [survivors.Listed(s.key, "not asked", False) for s in new]
    assert prove(lax, [ANSWER], outside, seeds=range(2)).share < 0.98


def test_what_is_listed_and_rejected_or_not_made_is_stale() -> None:
    gone = survivors.Listed(("06.9", "worked", "y = 1", "y = 2"), "none", True)
    no_answer = survivors.Listed(("06.9", "loops", "y = 1", "y = 2"), "none", True)
    rejected = survivors.Listed(
        ("06.9", "worked", "return x / total", "return x * total"), "none", True
    )
    listed = [gone, rejected, no_answer]
    assert prove(exercise(), [ANSWER], listed).stale == listed
    # With few seeds none that is listed is tried: what these reject another might keep.
    few = prove(exercise(), [ANSWER], listed, seeds=range(2))
    assert few.stale == [gone, no_answer]
    assert (few.equivalent, few.rejected) == (1, few.made - 1)
    more = [replace(rejected, times=2)]
    assert prove(exercise(), [ANSWER], more, seeds=range(2)).stale == more, "one is made, not two"


def test_a_right_answer_that_loses_points_is_told() -> None:
    found = prove(exercise(lists=False), [Answer("worked", SHARES + "shares(np.ones(2))\n")])
    assert found.refused == []
    as_list = SHARES.replace("return x / total", "return (x / total).tolist()")
    found = prove(exercise(lists=False), [Answer("lists", as_list)], seeds=range(1))
    assert "the answer 'lists', as it stands: fails 'divided' with seed 0" in found.refused


def test_a_function_without_end_is_stopped_and_the_next_is_tried() -> None:
    def sources(body: str) -> str:
        return f"def shares(x):\n    {body}\n"

    endless = sources("while True: pass")
    dead = "import os\n" + sources("os._exit(3)")
    huge = "import numpy as np\n" + sources("return np.ones(10**10)")
    found = trials.in_processes(
        exercise(), [endless, dead, SHARES, huge, SHARES], range(2), seconds=1
    )
    assert [trial.killed for trial in found] == [True, True, False, False, False]
    assert [trial.kept for trial in found] == [(), (), (0, 1), (), (0, 1)]


def test_what_the_checks_raise_themselves_is_not_taken_for_a_mutant() -> None:
    made = exercise()

    @made.check(1, "calls nothing")
    def idle(shares: Any, rng: np.random.Generator) -> None:
        pass

    with pytest.raises(RuntimeError, match="never calls the function"):
        trials.in_processes(made, [SHARES], range(1), seconds=5)


def test_refusals_alone_keep_no_points() -> None:
    made = exercise()
    made.checks[:] = made.checks[1:]
    silent = "def shares(x):\n    raise ValueError('no')\n"
    assert trials.attempt(made, silent, range(3)).kept == ()


# Rewritings


def test_a_rewriting_answers_what_the_answer_does() -> None:
    source = """
import numpy as np


def f(x, y, flag=False):
    def inner(z):
        return z**2 * 3

    total = inner(x)
    total += 1 if flag else 2
    if y.ndim < 2:
        raise ValueError("no")
    return total @ y, total.sum(axis=0)
"""
    x, y = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    space: dict[str, Any] = {}
    exec(source, space)
    wanted = space["f"](x, y, flag=True)
    found = rewritings(source, "f", keywords=["flag"])
    names = [rewriting.name for rewriting in found]
    assert len(set(names)) == len(names) == 12 + len(WRAPPED)
    for rewriting in found:
        space = {}
        exec(rewriting.source, space)
        got = space["f"](x.copy(), y.copy(), flag=True)
        assert len(got) == 2
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b)
        with pytest.raises(ValueError, match="no"):
            space["f"](x, np.ones(3), flag=True)


# The files


def test_the_list_is_read_and_written(tmp_path: Path) -> None:
    key = ("06.9", "worked", 'x = "a"', "x = 'b'\ny = \"c\"")
    path = tmp_path / "06_x.toml"
    path.write_text(survivors.entries([key, key]), encoding="utf-8")
    with pytest.raises(SourceError, match=r"06_x\.toml: 06\.9, worked.*give a reason"):
        survivors.read(path)
    text = path.read_text(encoding="utf-8").replace('equivalent = ""', 'equivalent = "so it is"')
    path.write_text(text, encoding="utf-8")
    assert survivors.read(path) == [survivors.Listed(key, "so it is", True, 2)]
    assert survivors.read(tmp_path / "07_y.toml") == []


def test_other_answers_are_found_by_their_line(tmp_path: Path) -> None:
    (tmp_path / "solutions" / "other").mkdir(parents=True)
    (tmp_path / "solutions" / "06_x.md").touch()
    path = tmp_path / "solutions" / "other" / "06_x.py"
    cell = "# %% 06.9 halves\n\n\ndef shares(x):\n    return np.divide(x, x.sum())\n"
    path.write_text(
        "import numpy as np\n\n" + cell + cell.replace("06.9", "06.8"), encoding="utf-8"
    )
    (answer,) = others(exercise(), tmp_path)
    assert answer.name == "halves"
    assert answer.source.startswith("import numpy as np\n\ndef shares")
    path.write_text("import numpy as np\n\n" + cell + cell, encoding="utf-8")
    with pytest.raises(SourceError, match="named 'halves'"):
        others(exercise(), tmp_path)


def test_the_command_tells_all_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from minitorch_attn.__main__ import main

    monkeypatch.setattr(command, "answers_of", lambda e: [ANSWER])
    monkeypatch.setattr(command, "find", lambda id: exercise(lax=True))
    monkeypatch.setattr(command.named, "faults", lambda e: [])  # it is in no source of the book
    assert main(["prove", "06.9", "--seeds", "2"]) == 1
    told = capsys.readouterr().out
    assert "2 more right answers, built differently, would make it stronger" in told
    assert "kept its points: 06.9 worked, line 9, result changed, 2 seeds: 0, 1" in told
    assert "    + return last_off(x / total)\n" in told
    assert "fewer than 40" in told
    assert main(["prove", "06.9", "--seeds", "1", "--toml"]) == 1
    assert "after = 'return last_off(x / total)'\nequivalent = \"\"" in capsys.readouterr().out


def test_an_unknown_chapter_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from minitorch_attn.__main__ import main

    assert main(["prove", "77"]) != 0
    assert "there is no chapter '77' with exercises" in capsys.readouterr().err
    assert main(["prove", "06.77"]) != 0
    assert "there is no exercise '06.77'" in capsys.readouterr().err
