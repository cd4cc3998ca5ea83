"""One submission's text, and what it is worth.

The checks run here; the student's code runs in a box of its own, in a fresh process for each check,
so that what it does to its own process costs and gains nothing elsewhere.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ....errors import MinitorchError
from ...checking.collect import (
    CollectError,
    Found,
    Unreadable,
    collect_text,
    notes_on,
)
from ...checking.exercise import Check, Exercise
from ...checking.report import NOT_DONE, Report, Result
from ...checking.running import run
from ...checking.statements import AVAILABLE
from ...checks import exercises_of, written_chapters
from ...checks.folders import is_own
from ...checks.worked import worked
from .box import Box, MachineFailed
from .cleaning import lines
from .isolating import Isolation
from .marks import ExerciseMark, Mark
from .standin import Allowance, Standin

# Seconds of all calls of one exercise, and of one submission before they are cut.
SECONDS, LIBRARY_SECONDS = 20.0, 120.0
ENOUGH = 2.0  # exercises' worth of time, and processes lost: from then on each gets little
TRIES = 2  # for a submission, where the machine fails
_SUSPECTS = frozenset(
    """os sys subprocess socket ctypes signal threading multiprocessing gc inspect importlib shutil
    pathlib builtins atexit pickle marshal mmap resource fcntl urllib http requests eval exec
    open __import__ globals minitorch_attn pytest unittest nbgrader otter posix _thread _signal
    asyncio concurrent runpy pkgutil zipimport __builtins__""".split()  # noqa: SIM905
)
# Reached through something else: another module's `os`, the frame of whoever called.
_REACHED = frozenset(
    """os sys posix ctypes gc inspect importlib subprocess socket threading multiprocessing _thread
    builtins __builtins__ __globals__ __subclasses__ __closure__ f_back f_globals tb_frame gi_frame
    """.split()  # noqa: SIM905
)

Given = Mapping[str, Standin]  # right answers, by the names that the student's code calls


class NotMarked(MinitorchError, RuntimeError):
    """The machine failed while a submission was marked; the message says how."""

    status = 1


@dataclass
class Sitting:
    """A submission while it is marked: its text, and what its code has used up."""

    text: str
    suffix: str
    secret: str
    isolation: Isolation
    deaths: int = 0
    spent: float = 0.0  # in exercises' worth of time
    review: list[str] = field(default_factory=list)
    boxes: dict[bool, Box] = field(default_factory=dict)

    def __enter__(self) -> Sitting:
        return self

    def __exit__(self, *error: object) -> None:
        for box in self.boxes.values():
            box.kill()

    def box(self, library: bool) -> Box:
        """One for the exercises that have the engine, one for the others."""
        return self.boxes.setdefault(library, Box(self.isolation, library=library))

    def allowance(self, seconds: float) -> Allowance:
        if self.deaths >= ENOUGH or self.spent >= ENOUGH:
            return Allowance(1, seconds / 4)
        return Allowance(2, seconds)

    def collect(self, exercise: Exercise, given: Iterable[str] = ()) -> Found:
        return collect_text(self.text, self.suffix, exercise.function, given=frozenset(given))

    def standin(
        self, exercise: Exercise, found: Found, allowance: Allowance, given: Given | None = None
    ) -> Standin:
        return Standin(
            found.source,
            found.name,
            self.box(exercise.library),
            allowance=allowance,
            given=given,
            place=found.place,
        )


def mark(text: str, suffix: str, chapter: int, secret: str, isolation: Isolation) -> Mark:
    """Mark a submission: its points and what was found. The same each time.

    Where the machine fails, it is tried once more.

    Parameters
    ----------
    text, suffix : the notebook (".ipynb") or Python file (".py"), read
    chapter : whose exercises
    secret : draws the inputs; never shown to the code that is marked
    isolation : in which the code runs, from `find_isolation()`

    Raises
    ------
    NotMarked
        If the machine failed each time: that is no mark, and nobody's fault.
    """
    for left in reversed(range(TRIES)):
        try:
            return _mark(text, suffix, chapter, secret, isolation)
        except MachineFailed as error:
            if not left:
                raise NotMarked(f"the machine failed: {error}") from None
    raise AssertionError


def _mark(text: str, suffix: str, chapter: int, secret: str, isolation: Isolation) -> Mark:
    try:
        notes = notes_on(text, suffix)
    except Unreadable as error:
        return unreadable(str(error), chapter)
    review = [lines(note, 200) for note in notes]
    with Sitting(text, suffix, secret, isolation, review=review) as sitting:
        exercises = tuple(_exercise(sitting, exercise) for exercise in exercises_of(chapter))
    return Mark(chapter, exercises, tuple(sitting.review))


def unreadable(reason: str, chapter: int) -> Mark:
    """The mark of what cannot be read: no points, and the reason, for a human eye."""
    reason = lines(reason, 400)
    exercises = tuple(_nothing(exercise, reason) for exercise in exercises_of(chapter))
    return Mark(chapter, exercises, (reason,))


def seed_for(secret: str, exercise_id: str, source: str) -> int:
    """What the checks of an exercise draw from, for this secret and this answer.

    Who hands in again gets other inputs: what one report shows of them, no table of answers can
    use in the next.
    """
    key = hashlib.blake2b(secret.encode()).digest()
    drawn = hashlib.blake2b(f"{exercise_id}\n{source}".encode(), key=key, digest_size=8)
    return int.from_bytes(drawn.digest())


def _exercise(sitting: Sitting, exercise: Exercise) -> ExerciseMark:
    try:
        found = sitting.collect(exercise)
    except CollectError as error:
        reason = lines(str(error), 400)
        if isinstance(error, Unreadable):
            sitting.review.append(f"{exercise.id}: {reason}")
        return _nothing(exercise, reason)
    if found.stub:
        return _nothing(exercise, "not done yet", found.where)
    seconds = LIBRARY_SECONDS if exercise.library else SECONDS
    allowance = sitting.allowance(seconds)
    try:
        report = _best(sitting, exercise, found, allowance)
    except Exception as error:  # a check that fails by itself: never the end of the others
        sitting.review.append(f"{exercise.id}: the check failed: {lines(str(error), 200)}")
        return _nothing(exercise, "could not be marked; a human will look", found.where)
    finally:
        sitting.deaths += allowance.deaths
        sitting.spent += allowance.spent / seconds
    note = ""
    if allowance.deaths:
        note = f"stopped: {allowance.reason}"
        sitting.review.append(f"{exercise.id}: {note}")
    for result in report.results:
        if result.stumbled and is_own(exercise.chapter):  # the book's checks are proved
            told = lines(f"the check “{result.claim}” stopped by itself: {result.stumbled}", 400)
            sitting.review.append(f"{exercise.id}: {told}")
    allowed = {"minitorch_attn"} if exercise.library else set()
    tree = ast.parse(found.source)
    suspects = sorted(_suspects(tree) - allowed)
    if suspects:
        sitting.review.append(f"{exercise.id}: uses {', '.join(suspects)}")
    absent = sorted(_imported(tree) - AVAILABLE - {"minitorch_attn"})
    if absent and report.points < report.total:  # a module of their own, say, handed in beside it
        sitting.review.append(f"{exercise.id}: imports {', '.join(absent)}, which is not there")
    return _cleaned(exercise, report.results, found.where, note)


def _best(sitting: Sitting, exercise: Exercise, found: Found, allowance: Allowance) -> Report:
    """The report on the function as it stands or, if that is better, on the function with right
    answers in place of the student's own for the exercises before: one slip costs one mark."""
    seed = seed_for(sitting.secret, exercise.id, found.source)
    with sitting.standin(exercise, found, allowance) as own:
        report = _run(exercise, own, seed)
    if report.points == report.total:
        return report
    earlier = _earlier(exercise)
    used = {
        name: earlier[name] for name in sorted(set(_walk(ast.parse(found.source))) & set(earlier))
    }
    if not used:
        return report
    if not allowance.lives:
        allowance.lives = 1  # the process may have died of the earlier function
    try:
        found = sitting.collect(exercise, given=used)
    except CollectError:
        return report
    with (
        _right_answers(used, sitting.isolation) as given,
        sitting.standin(exercise, found, allowance, given) as helped,
    ):
        again = _run(exercise, helped, seed)
    return again if again.points > report.points else report


def _run(exercise: Exercise, function: Standin, seed: int) -> Report:
    """Run the checks, each on a fresh process, in an order that no answer can know.

    So a function cannot go by how often it was called, or by anything else that it kept; nor within
    a check, see `Recorder.again`.
    """

    @contextlib.contextmanager
    def alone(_: Check) -> Iterator[None]:
        function.begin()
        yield

    order = np.random.default_rng(seed).permutation(len(exercise.checks))
    return run(exercise.inside(alone), function, seed, order.tolist())


@contextlib.contextmanager
def _right_answers(used: Mapping[str, Exercise], isolation: Isolation) -> Iterator[Given]:
    """The worked answers to these exercises, each in a box of its own."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Standin(worked(before), name, isolation, library=before.library)
            )
            for name, before in used.items()
        }


def _earlier(exercise: Exercise) -> dict[str, Exercise]:
    """The exercises before this one, by their functions' names; of two, the later one."""
    known: dict[str, Exercise] = {}
    for chapter in (number for number in written_chapters() if number <= exercise.chapter):
        for before in exercises_of(chapter):
            if (before.chapter, before.number) < (exercise.chapter, exercise.number):
                known[before.function] = before
    known.pop(exercise.function, None)
    return known


def _suspects(tree: ast.AST) -> set[str]:
    """Names for a human eye. An argument of such a name, the `signal` of 13.1 say, is no module."""
    nodes = list(ast.walk(tree))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    reached = {node.attr for node in nodes if isinstance(node, ast.Attribute)} & _REACHED
    return (set(_walk(tree)) - arguments | _imported(tree)) & _SUSPECTS | reached


def _imported(tree: ast.AST) -> set[str]:
    """The modules that are imported, each by its first name."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name for node in imports for name in _walk(node)}


def _walk(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _nothing(exercise: Exercise, note: str, where: str = "") -> ExerciseMark:
    results = [Result(c.name, c.claim, c.points, NOT_DONE) for c in exercise.checks]
    return _cleaned(exercise, results, where, note)


def _cleaned(exercise: Exercise, results: Iterable[Result], where: str, note: str) -> ExerciseMark:
    """The mark, with all that may be a student's text made harmless."""
    harmless = tuple(
        replace(
            result,
            problem=lines(result.problem, 2000),
            expected=lines(result.expected, 2000),
            got=lines(result.got, 2000),
            given=lines(result.given, 2000),
            stumbled=lines(result.stumbled, 400),
        )
        for result in results
    )
    shown = lines(where, 40), lines(note, 400)
    return ExerciseMark(exercise.id, exercise.title, exercise.read, harmless, *shown)
