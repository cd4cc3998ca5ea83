"""Check a folder of submissions with plain pytest, one test for each check::

    pytest -p minitorch_attn.course.learner.pytest_plugin my_exercises
    pytest -p minitorch_attn.course.learner.pytest_plugin my_exercises -m exercise_06_2
    pytest -p minitorch_attn.course.learner.pytest_plugin my_exercises --checks FOLDER

A submission is `NN_name.ipynb` or `NN_name.py`; functions are found in it by name. The code runs
in this process, as your own tests would: this is for your own work, not for marking that of others.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ..checking.bounded import NoEnd, load_bounded, run_bounded
from ..checking.collect import CollectError, collect
from ..checking.exercise import Exercise
from ..checking.expecting import LearnerError
from ..checking.report import NOT_DONE, PASSED, Report, Result
from ..checks import exercises_of, written_chapters
from ..checks.folders import FolderMistake, chapters, use_checks
from ..sources.text import SourceError

_SEED = pytest.StashKey[int]()
MORE = "--check-seconds 3600"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--check-seed N`, `--check-seconds S` and `--checks FOLDER`."""
    parser.addoption(
        "--check-seed", type=int, metavar="N", help="draw the same inputs as a run that said seed N"
    )
    parser.addoption(
        "--check-seconds",
        type=float,
        metavar="S",
        help="how long a check may take: 60, or 600 where a model is trained",
    )
    parser.addoption(
        "--checks",
        type=Path,
        metavar="FOLDER",
        help="your instructor's exercises, beside the book's",
    )


def pytest_configure(config: pytest.Config) -> None:
    """A marker for each chapter and each exercise; one seed for the whole run."""
    if folder := config.getoption("--checks"):
        try:
            use_checks(folder)
        except FolderMistake as error:
            raise pytest.UsageError(str(error)) from None
    try:
        titles = {chapter.number: f"“{chapter.title}”" for chapter in chapters()}
    except SourceError:  # the package alone, without the book
        titles = {}
    for number in written_chapters():
        title = titles.get(number, f"{number:02d}")
        config.addinivalue_line("markers", f"chapter_{number:02d}: checks of chapter {title}")
        for exercise in exercises_of(number):
            name = f"exercise_{exercise.id.replace('.', '_')}"
            config.addinivalue_line("markers", f"{name}: checks of “{exercise.title}”")
    seed = config.getoption("--check-seed")
    config.stash[_SEED] = secrets.randbits(32) if seed is None else seed


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A submission, if the file is named like a chapter that has exercises."""
    if file_path.suffix not in (".ipynb", ".py") or not re.match(r"\d\d_", file_path.name):
        return None
    if not exercises_of(int(file_path.name[:2])):
        return None
    return Submission.from_parent(parent, path=file_path)


class Submission(pytest.File):
    """One file of a learner's work."""

    def collect(self) -> Iterator[pytest.Collector]:
        """An answer for each exercise of the chapter, whether it is there or not."""
        for exercise in exercises_of(int(self.path.name[:2])):
            name = f"{exercise.id} {exercise.title}"
            yield Answer.from_parent(self, name=name, exercise=exercise)


class Answer(pytest.Collector):
    """A learner's answer to one exercise."""

    def __init__(self, *, exercise: Exercise, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.exercise = exercise
        self.endless: NoEnd | None = None  # once is enough
        self.add_marker(f"chapter_{exercise.chapter:02d}")
        self.add_marker(f"exercise_{exercise.id.replace('.', '_')}")

    @cached_property
    def report(self) -> Report:
        """All checks, run once: what one of them shows can depend on the others."""
        seed, seconds = self.config.stash[_SEED], self.config.getoption("--check-seconds")
        if self.endless is None:
            try:
                return run_bounded(self.exercise, self.function, seed, seconds, MORE)
            except NoEnd as error:
                self.endless = error
        raise self.endless

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The learner's function, or one that raises what loading it raised."""
        try:
            found = collect(self.path, self.exercise.function)
            seconds = self.config.getoption("--check-seconds")
            return load_bounded(self.exercise, found, seconds, MORE)
        except CollectError as error:
            failure = LearnerError(["CollectError"], str(error))
        except LearnerError as error:
            failure = error

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise failure

        return broken

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each check."""
        for number, check in enumerate(self.exercise.checks):
            yield CheckItem.from_parent(self, name=check.name, number=number, claim=check.claim)


class CheckFailedItem(Exception):
    """Carries a result to the report."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.claim)
        self.result = result


class CheckItem(pytest.Item):
    """One check of one exercise."""

    parent: Answer

    def __init__(self, *, number: int, claim: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number, self.claim = number, claim

    def runtest(self) -> None:
        """Passes if the check did; its points go into the report of the test."""
        result = self.parent.report.results[self.number]
        self.user_properties += [("points", result.points), ("total", result.total)]
        if result.status != PASSED:
            raise CheckFailedItem(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What `check` says in a notebook, and how to draw the same inputs again."""
        if isinstance(excinfo.value, NoEnd):
            return str(excinfo.value)
        if not isinstance(excinfo.value, CheckFailedItem):
            return super().repr_failure(excinfo)
        result, exercise = excinfo.value.result, self.parent.exercise
        if result.status == NOT_DONE:
            return f"{exercise.id} {exercise.title}: {exercise.function} is not done yet"
        lines = [f"{head}: {text}" for head, text in result.lines()]
        seed = self.parent.report.seed
        return "\n".join([*lines, f"read again: {exercise.read}", f"again: --check-seed {seed}"])

    def reportinfo(self) -> tuple[Path, int, str]:
        """The line above a failure: the exercise and the claim."""
        return self.path, 0, f"{self.parent.exercise.id} {self.claim}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The points of all checks that ran."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.getreports(key)]
    pairs = [dict(r.user_properties) for r in reports if r.when == "call"]
    total = sum(pair.get("total", 0) for pair in pairs)
    if total:
        points = sum(pair.get("points", 0) for pair in pairs)
        terminalreporter.write_line(f"{points:g} of {total:g} points")
