"""Run an exercise's checks on a learner's function, and say which misconception a failure shows."""

from __future__ import annotations

import contextlib
import copy
import linecache
import secrets
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .expecting import CheckFailed, LearnerError, NotDone, same, show
from .report import FAILED, NOT_DONE, PASSED, Report, Result

if TYPE_CHECKING:
    from .exercise import Exercise, Wrong


@dataclass(frozen=True)
class Call:
    """One call that a check made: what went in, and what came back or was raised, see `call`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outcome: Any


class Recorder:
    """The learner's function as a check sees it: plain arrays in, plain arrays out, all noted.

    The function gets copies, so that changing its inputs cannot change the check.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[Call] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and note it; raises LearnerError, NotDone or CheckFailed."""
        args, kwargs = copy.deepcopy((args, kwargs))
        outcome = call(self.function, args, kwargs)
        self.calls.append(Call(args, kwargs, outcome))
        if isinstance(outcome, Exception):
            raise outcome
        return copy.deepcopy(outcome)


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the function returns for copies of these inputs, or the error that it raises.

    The outcome is a plain tree of arrays, or one of LearnerError, NotDone and CheckFailed.
    A stand-in for a function in another process raises the first two itself.
    """
    args, kwargs = copy.deepcopy((args, kwargs))
    try:
        with quiet():
            return plain(function(*args, **kwargs))
    except (LearnerError, NotDone, CheckFailed) as error:
        return error
    except NotImplementedError as error:
        return NotDone(str(error))
    except (Exception, SystemExit) as error:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        return learner_error(error, file)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings (the checks look at the numbers), and what is printed to stderr goes to stdout:
    nbgrader gives 0 points to a cell that writes to stderr."""
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stderr(sys.stdout),
    ):
        warnings.simplefilter("ignore")
        yield


def plain(value: Any) -> Any:
    """A tree of plain arrays, numbers, strings and None.

    Raises
    ------
    CheckFailed
        If there is anything else in it: a Tensor, an array of objects.
    """
    if value is None or isinstance(value, str | bool | int | float | complex):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "biufcUS":
            return array if isinstance(value, np.ndarray) else array[()]
        kind = f"an array of dtype {array.dtype}"
    elif isinstance(value, tuple | list):
        items = [plain(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    elif isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    elif hasattr(value, "requires_grad") and hasattr(value, "data"):
        kind = "a Tensor; return its array, .data"
    else:
        kind = f"an object of type {type(value).__name__}"
    raise CheckFailed(
        "the function returns arrays", "an array, or numbers, or a tuple of them", kind
    )


def learner_error(error: BaseException, file: str) -> LearnerError:
    """The error with the line of the learner's own code, in `file`, in which it happened."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return LearnerError(kinds, str(error))
    line = frames[-1].lineno
    code = linecache.getline(frames[-1].filename, line or 0).strip()
    return LearnerError(kinds, str(error), line, code)


def run(exercise: Exercise, function: Callable[..., Any], seed: int | None = None) -> Report:
    """Run every check; each draws from a generator of its own, so that none disturbs another.

    With the same seed the checks draw the same inputs; without one, it is drawn. What the function
    raises is part of the report. Raises what a check itself raises before it called the function.
    """
    seed = secrets.randbits(32) if seed is None else seed
    runs = [run_check(exercise, number, function, seed) for number in range(len(exercise.checks))]
    everything = [calls for _, calls in runs]
    results: list[Result] = []
    explained: set[str] = set()  # once is enough
    outcomes = [call.outcome for calls in everything for call in calls]
    answers = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    # Refusing bad input is worth nothing where good input is refused as well, or gets one answer
    # whatever it is: zeros or NaN, say. An attempt that is wrong otherwise keeps what it refuses.
    idle = ""
    if not answers:
        idle = "raises, whatever it is given"
    elif constant(answers):
        idle = "gives the same answer, whatever it is given"
    for result, calls in runs:
        if result.status == PASSED and idle:
            result = replace(result, status=FAILED, got=f"{exercise.function} {idle}")
        result = _diagnosed(exercise, result, calls, everything)
        if result.misconception in explained:
            result = replace(result, explanation="")
        explained.add(result.misconception)
        results.append(result)
    return Report(exercise.id, exercise.title, exercise.read, tuple(results), seed)


def constant(answers: list[Any]) -> bool:
    """Whether all are one answer, or hold nothing but one number (0, say, or NaN)."""
    if len(answers) < 2:
        return False
    if all(same(answer, answers[0]) for answer in answers):
        return True
    numbers = [np.asarray(leaf) for leaf in leaves(answers)]
    if not numbers or any(array.dtype.kind not in "biufc" for array in numbers):
        return False
    flat = np.concatenate([array.ravel().astype(complex) for array in numbers])
    return bool(np.isclose(flat, flat[:1], rtol=0, atol=0, equal_nan=True).all())


def leaves(tree: Any) -> Iterator[Any]:
    """What a tree of tuples, lists and dicts holds."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for item in tree:
            yield from leaves(item)
    else:
        yield tree


def run_check(
    exercise: Exercise, number: int, function: Callable[..., Any], seed: int
) -> tuple[Result, list[Call]]:
    """One check: its result, without a diagnosis, and the calls that it made."""
    check, recorder = exercise.checks[number], Recorder(function)

    def result(status: str, problem: str = "", expected: str = "", got: str = "") -> Any:
        made = Result(check.name, check.claim, check.points, status, problem, expected, got)
        return made, recorder.calls

    try:
        check.body(recorder, np.random.default_rng([seed, number]))
    except NotDone:
        return result(NOT_DONE)
    except CheckFailed as failed:
        problem = "" if failed.claim == check.claim else failed.claim
        return result(FAILED, problem, failed.expected, failed.got)
    except LearnerError as error:
        line = f"\nline {error.line}: {error.code}" if error.line else ""
        return result(FAILED, got=f"{exercise.function} raised {error}{line}")
    except Exception as error:
        # The check stumbled over what came back: two results where one was asked for, say.
        if not recorder.calls:
            raise
        got = f"{show(recorder.calls[-1].outcome)}\nwhich could not be used: {error}"
        return result(FAILED, expected=f"what {exercise.signature} says", got=got)
    if not recorder.calls:
        raise RuntimeError(f"{exercise.id}: the check {check.name} never calls the function")
    return result(PASSED)


def _diagnosed(
    exercise: Exercise, result: Result, calls: list[Call], everything: list[list[Call]]
) -> Result:
    """Name the wrong answer that does just what the learner's function did, if there is one.

    Of several, the one that agrees with it in the most checks.
    """
    if result.status != FAILED:
        return result
    fits = [wrong for wrong in exercise.wrong_answers if _does_the_same(wrong, calls)]
    if not fits:
        return result
    best = fits[0]
    if len(fits) > 1:
        best = max(fits, key=lambda wrong: sum(_does_the_same(wrong, c) for c in everything))
    return replace(result, misconception=best.name, explanation=best.explanation)


def _does_the_same(wrong: Wrong, calls: list[Call]) -> bool:
    """Whether it gives the same on the same inputs: the same numbers, or the same kind of error.

    Where every call raised, the messages must agree too: two TypeErrors alone prove nothing.
    """
    pairs = [(call(wrong.function, made.args, made.kwargs), made.outcome) for made in calls]
    if not pairs or not all(_same_outcome(a, b) for a, b in pairs):
        return False
    errors = [(a, b) for a, b in pairs if isinstance(a, LearnerError)]
    return len(errors) < len(pairs) or all(a.message == b.message for a, b in errors)


def _same_outcome(a: Any, b: Any) -> bool:
    if isinstance(a, LearnerError) and isinstance(b, LearnerError):
        return a.kinds == b.kinds
    if isinstance(a, CheckFailed) and isinstance(b, CheckFailed):
        return a.got == b.got
    return not isinstance(a, Exception) and not isinstance(b, Exception) and same(a, b)
