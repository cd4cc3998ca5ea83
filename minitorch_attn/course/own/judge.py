"""Find the learner's answers in a folder, and check each before it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...errors import MinitorchError
from ..checking.bounded import NoEnd, load_bounded, run_bounded
from ..checking.collect import CollectError, Found, NoFunction, collect_text, read_submission
from ..checking.exercise import Exercise
from ..checking.expecting import LearnerError
from ..checking.reading import read_blocks
from ..checking.report import FAILED, PASSED, Report, where_to_read
from ..checks import find
from ..sources.contents import chapters
from .parts import Job, Part, jobs

SEED = 0  # of the checks: the same answer gets the same verdict each time


class OwnError(MinitorchError, ValueError):
    """A folder that cannot be used; the message says why in one line."""


@dataclass(frozen=True)
class Verdict:
    """What is known about one part: the learner's, not done, or wrong (`problem` says how).

    `waits` says for which other function of the learner's it waits, one that is not done yet;
    `file` in which one it was found, where that is not the chapter's own.
    """

    job: Job
    exercise: Exercise
    part: Part | None = None
    problem: str = ""
    misconception: str = ""
    waits: str = ""
    file: str = ""

    @property
    def whose(self) -> str:
        if self.part is not None:
            return "yours"
        if not self.problem:
            return f"the library's: {self.waits or 'not done yet'}"
        if self.misconception:
            return f"fails: “{self.misconception}”"
        return "fails its checks" if self.problem.startswith("fails") else "does not run"

    @property
    def line(self) -> str:
        """The problem, by name, in one line."""
        where = f", in {self.file}," if self.file else ""
        return f"{self.job.id} {self.exercise.function}{where} {self.problem}"


def judge(folder: str | Path, data: str) -> list[Verdict]:
    """A verdict for every part that training on these data has.

    Raises OwnError where the folder or one of its files cannot be read.
    """
    texts = read_folder(Path(folder))
    return [_verdict(job, texts) for job in jobs(data)]


def read_folder(folder: Path) -> dict[Path, str]:
    """The texts of the notebooks and Python files of a folder."""
    if not folder.exists():
        raise OwnError(f"there is no folder {folder}: name the one that holds your exercises")
    if not folder.is_dir():
        raise OwnError(f"{folder} is a file: name the folder that holds your exercises")
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".ipynb", ".py") and path.is_file()
        if not path.name.startswith((".", "_", "conftest"))
    ]
    if not paths:
        raise OwnError(f"{folder} holds no notebook and no Python file: is it the right folder?")
    return {path: _text(path) for path in paths}


def _text(path: Path) -> str:
    try:
        text = read_submission(path)
    except CollectError as error:
        raise OwnError(f"{path.parent}: {error}") from error
    try:
        read_blocks(text, path.suffix)
    except CollectError as error:
        raise OwnError(f"{path}: {error}") from error
    return text


def _verdict(job: Job, texts: dict[Path, str]) -> Verdict:
    exercise = find(job.id)
    try:
        path, found = _found(exercise, texts)
    except CollectError as error:
        return Verdict(job, exercise, problem=f"cannot be used: {error}.")
    if found is None or found.stub:
        return Verdict(job, exercise)
    tell = partial(Verdict, job, exercise, file="" if path.stem == _file(exercise) else path.name)
    try:
        function = load_bounded(exercise, found)
        report = run_bounded(exercise, function, SEED)
    except CollectError as error:
        return tell(problem=f"cannot be used: {error}.")
    except LearnerError as error:
        at = f" in line {error.line}: {error.code}" if error.line else ""
        return tell(problem=f"does not run: {error}{at}.")
    except NoEnd as error:
        return tell(problem=f"does not end. {error}")
    if not report.done:
        return tell(waits=report.results[0].got)
    if report.points < report.total:
        problem, misconception = _problem(report)
        return tell(problem=problem, misconception=misconception)
    return tell(Part(job.id, exercise.function, function))


def _file(exercise: Exercise) -> str:
    """The name, without its ending, that the book gives to the file with this exercise."""
    return chapters()[exercise.chapter].file


def _found(exercise: Exercise, texts: dict[Path, str]) -> tuple[Path, Found | None]:
    """The function in its chapter's file; only where that lacks it, in one of no chapter.

    A helper of the same name in another chapter's notebook answers another question.
    """
    own = [path for path in texts if path.name.startswith(f"{exercise.chapter:02d}_")]
    own.sort(key=lambda path: path.stem != _file(exercise))  # the book's own name before copies
    rest = [path for path in texts if not re.match(r"\d\d_", path.name)]
    for paths in (own, rest):
        found = [(p, f) for p in paths if (f := _collected(p, texts[p], exercise.function))]
        if found:
            return next((pair for pair in found if not pair[1].stub), found[0])
    return Path(), None


def _collected(path: Path, text: str, name: str) -> Found | None:
    if name not in text:
        return None
    try:
        return collect_text(text, path.suffix, name)
    except NoFunction:
        return None
    except CollectError as error:
        raise CollectError(f"{path.name}, {error}") from error


def _problem(report: Report) -> tuple[str, str]:
    """Which check fails, what that looks like, and where to read again, in one line."""
    wrong = [result for result in report.results if result.status != PASSED]
    named = [result for result in wrong if result.misconception]
    result = (named or [r for r in wrong if r.status == FAILED] or wrong)[0]
    file, heading, _ = where_to_read(report.read)
    again = f"Read again: notebooks/{file}" + (f", “{heading}”" if heading else "")
    if result.misconception:
        explained = next((r.explanation for r in named if r.explanation), "")
        found = f"this looks like “{result.misconception}”. {explained}"
    elif result.status != FAILED:
        found = "not done yet"
    else:
        lines = result.lines()
        found = "; ".join(f"{head}: {_short(text)}" for head, text in lines) or "it does not hold"
        found += "."
    return f"fails “{result.claim}”: {_flat(found)} {again}.", result.misconception


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _short(text: str, limit: int = 160) -> str:
    text = _flat(text)
    return text if len(text) <= limit else f"{text[:limit]}…"


def parts_of(verdicts: list[Verdict]) -> dict[str, Part]:
    """The learner's parts, by the exercise's id."""
    return {v.job.id: v.part for v in verdicts if v.part is not None}
