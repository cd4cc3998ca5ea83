"""Run an exercise's checks on a learner's function, and say which misconception a failure shows."""

from __future__ import annotations

import contextlib
import copy
import inspect
import linecache
import secrets
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .expecting import CheckFailed, LearnerError, NotDone, Text, begin, returned, same, show
from .report import FAILED, NOT_DONE, PASSED, Report, Result

if TYPE_CHECKING:
    from .exercise import Check, Exercise, Wrong


@dataclass(frozen=True)
class Call:
    """One call that a check made: what went in, and what came back or was raised, see `call`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outcome: Any


class Recorder:
    """The learner's function as a check sees it: plain arrays in, plain arrays out, all noted.

    The function gets copies, so that changing its inputs cannot change the check, and each
    argument is a copy of its own: an array that a check hands over twice arrives as two.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[Call] = []
        self.known: list[Call] = []  # what was asked already, see `again`

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and note it; raises LearnerError, NotDone or CheckFailed."""
        args, kwargs = own(args), own(kwargs)
        known = self.known[len(self.calls) : len(self.calls) + 1]
        if known and same([known[0].args, known[0].kwargs], [args, kwargs], rtol=0, atol=0):
            outcome = known[0].outcome
        else:
            outcome = call(self.function, args, kwargs)
        self.calls.append(Call(args, kwargs, outcome))
        if isinstance(outcome, Exception):
            raise outcome
        return own(outcome)

    def again(self, rng: np.random.Generator) -> bool:
        """Ask what was asked once more, from the last call to the first, some left out; calls that
        come with the same inputs get what came now. Only where the grader runs the function.

        So the number of a call and what came before it are others: an answer comes from what goes
        in, and from nothing else.
        """
        anew = getattr(self.function, "again", None)
        if anew is None or len(self.calls) < 2:
            return False
        self.known, self.calls = self.calls, []
        with anew():
            for i, made in reversed(list(enumerate(self.known))):
                if made is self.known[-1] or rng.random() < 0.75:
                    outcome = call(self.function, made.args, made.kwargs)
                    self.known[i] = replace(made, outcome=outcome)
        return True

    def forget(self) -> None:
        """What is called from now on has seen no call before, where the grader runs it.

        A notebook's function stays as it is: there learners could deceive nobody but themselves.
        """
        renew = getattr(self.function, "renew", None)
        if renew is not None:
            renew()


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the function returns for copies of these inputs, or the error that it raises.

    The outcome is a plain tree of arrays, or one of LearnerError, NotDone and CheckFailed.
    A stand-in for a function in another process raises the first two itself.
    """
    args, kwargs = own(args), own(kwargs)
    try:
        with quiet():
            return plain(function(*args, **kwargs))
    except (LearnerError, NotDone, CheckFailed) as error:
        return error
    except NotImplementedError as error:
        return NotDone(_calls_a_stub(error, function))
    except (Exception, SystemExit) as error:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        return learner_error(error, file)


def _calls_a_stub(error: NotImplementedError, function: Callable[..., Any]) -> str:
    """Which other function the learner's calls that is not done yet; "" if it is the stub itself.

    The innermost frame of the learner's own code is the stub's.
    """
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if len(frames) < 2 or frames[-1].name == frames[0].name:
        return ""
    return f"it calls {frames[-1].name}, which is not done yet"


def own(tree: Any) -> Any:
    """A copy in which no two places are one array; what was read-only stays so, see `frozen`."""
    if isinstance(tree, list | tuple):
        return type(tree)(own(item) for item in tree)
    if isinstance(tree, dict):
        return {key: own(item) for key, item in tree.items()}
    copied = copy.deepcopy(tree)
    if isinstance(tree, np.ndarray) and tree.flags.owndata and not tree.flags.writeable:
        copied.flags.writeable = False  # not so a view: of np.broadcast_to nobody meant it
    return copied


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
    if isinstance(value, str):
        return Text(str.__str__(value))  # of an Enum of texts the text, not its name
    if value is None or isinstance(value, bool | int | float | complex):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.char in "gG":  # long doubles: other bits on every machine, and no float
            array = array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
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
    message = str(error)
    if "read-only" in message:  # NumPy's words for an array that must be left alone
        message += "; write into a new one, and leave alone what is given"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return LearnerError(kinds, message)
    line = frames[-1].lineno
    code = linecache.getline(frames[-1].filename, line or 0).strip()
    return LearnerError(kinds, message, line, code)


def run(
    exercise: Exercise,
    function: Callable[..., Any],
    seed: int | None = None,
    order: Sequence[int] = (),
) -> Report:
    """Run every check; each draws from a generator of its own, so that none disturbs another.

    With the same seed the checks draw the same inputs; without one, it is drawn. What the function
    raises is part of the report. Raises what a check itself raises before it called the function.
    `order` is that in which they are run, by their numbers; the report is in their own.
    """
    seed = secrets.randbits(32) if seed is None else seed
    runs = run_checks(exercise, function, seed, order)
    results = [result for result, _ in runs]
    mistake = find_mistake(exercise, runs, seed)
    if mistake is not None:
        told = mistake.explanation  # once is enough
        for i, result in enumerate(results):
            if result.status == FAILED:
                results[i] = replace(result, misconception=mistake.name, explanation=told)
                told = ""
    return Report(exercise.id, exercise.title, exercise.read, tuple(results), seed)


def run_checks(
    exercise: Exercise, function: Callable[..., Any], seed: int, order: Sequence[int] = ()
) -> list[tuple[Result, list[Call]]]:
    """The result of every check, without a diagnosis, and the calls that it made."""
    numbers = range(len(exercise.checks))
    done = {number: run_check(exercise, number, function, seed) for number in order or numbers}
    return together(exercise, [done[number] for number in numbers])


def together(
    exercise: Exercise, runs: list[tuple[Result, list[Call]]]
) -> list[tuple[Result, list[Call]]]:
    """What each check comes to beside the others.

    Refusing bad input is worth nothing by itself: it counts once some good input is answered
    rightly, and not where every answer is the same (zeros or NaN, say). Where nothing is answered
    and a stub is the cause, the exercise is not done yet; if the stub is another function, it is
    named.
    """
    outcomes = [call.outcome for _, calls in runs for call in calls]
    answers = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    idle = ""
    waits = [str(outcome) for outcome in outcomes if isinstance(outcome, NotDone)]
    if not answers and waits:
        return [(replace(result, status=NOT_DONE, got=waits[0]), made) for result, made in runs]
    if not answers:
        idle = "raises, whatever it is given"
    elif constant(answers):
        idle = "gives the same answer, whatever it is given"
    runs = list(runs)
    right = any(result.status == PASSED and not refused(calls) for result, calls in runs)
    for i, (result, calls) in enumerate(runs):
        if result.status != PASSED or (right and not idle):
            continue
        if idle:
            result = replace(result, status=FAILED, got=f"{exercise.function} {idle}")
        elif refused(calls):
            claim = "refusing bad input counts once a check of good input passes"
            result = replace(result, status=FAILED, problem=claim)
        runs[i] = result, calls
    return runs


def refused(calls: list[Call]) -> bool:
    """Whether each call raised."""
    return all(isinstance(call.outcome, Exception) for call in calls)


def constant(answers: list[Any]) -> bool:
    """Whether all are one answer, or hold nothing but one number (0, say, or NaN)."""
    if len(answers) < 2:
        return False
    if all(same(answer, answers[0]) for answer in answers):
        return True
    numbers = [np.asarray(leaf) for leaf in leaves(answers)]
    if not numbers or any(array.dtype.kind not in "biufc" for array in numbers):
        return False
    filled = [array for array in numbers if array.size]
    first = filled[0].flat[0] if filled else 0
    if first == first:
        return all((array == first).all() for array in filled)
    return all((array != array).all() for array in filled)  # NaN


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
    """One check: its result, without a diagnosis, and the calls that it made.

    Where the grader runs the function, what passes is asked once more, see `Recorder.again`.
    """
    check, recorder = exercise.checks[number], Recorder(function)
    anew = ""

    def result(
        status: str, problem: str = "", expected: str = "", got: str = "", own: str = ""
    ) -> Any:
        given = shown_inputs(exercise, recorder.calls[-1]) if status == FAILED else ""
        said = (check.name, check.claim, check.points, status, problem, expected, got)
        return Result(*said, given=given, stumbled=own), recorder.calls

    begin()
    try:
        check.body(recorder, np.random.default_rng([seed, number]))
        if recorder.again(np.random.default_rng([seed, number, 1])):
            anew = ", also where the same is asked in another order"
            begin()
            check.body(recorder, np.random.default_rng([seed, number]))
    except NotDone as stub:
        return result(NOT_DONE, got=str(stub))
    except CheckFailed as failed:
        if not recorder.calls:
            raise
        problem = "" if failed.claim == check.claim and not anew else failed.claim + anew
        return result(FAILED, problem, failed.expected, failed.got)
    except LearnerError as error:
        line = f"\nline {error.line}: {error.code}" if error.line else ""
        problem = check.claim + anew if anew else ""
        return result(FAILED, problem, got=f"{exercise.function} raised {error}{line}")
    except Exception as error:
        # The check stumbled over what came back: two results where one was asked for, say. Or it
        # is at fault itself: who wrote it is to see that, see `Result.stumbled`.
        if not recorder.calls:
            raise
        got, own = returned(recorder.calls[-1].outcome), _own_error(check, error)
        return result(FAILED, expected=f"what {exercise.signature} says", got=got, own=own)
    if not recorder.calls:
        raise RuntimeError(f"{exercise.id}: the check {check.name} never calls the function")
    return result(PASSED)


def _own_error(check: Check, error: Exception) -> str:
    """An error of a check itself, and the last line of its file that led to it."""
    file = getattr(getattr(inspect.unwrap(check.body), "__code__", None), "co_filename", "")
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    at = f"{Path(file).name}, line {lines[-1]}: " if lines else ""
    return f"{at}{type(error).__name__}: {error}"


def shown_inputs(exercise: Exercise, call: Call) -> str:
    """The inputs of a call by their names: what is small in full, of the rest the shapes."""
    names = [*exercise.parameters[: len(call.args)]]
    names += [f"argument {i + 1}" for i in range(len(names), len(call.args))]
    pairs = [*zip(names, call.args, strict=True), *call.kwargs.items()]
    # An input that is None is no forgotten `return`, as `show` would ask.
    return "\n".join(f"{n} = {'None' if x is None else show(x, most=12)}" for n, x in pairs)


def find_mistake(
    exercise: Exercise, runs: list[tuple[Result, list[Call]]], seed: int
) -> Wrong | None:
    """The named wrong answer that explains these results, if one and only one does.

    It gives what the learner's function gave in every call of every check that failed, and of all
    the checks it fails those and no other. So each of its answers there is wrong, for it fails by
    itself; and a slip beside the named one leaves the evidence without a name, which misleads
    nobody.
    """
    failed = [i for i, (result, _) in enumerate(runs) if result.status == FAILED]
    calls = [call for i in failed for call in runs[i][1]]
    fits = [
        wrong
        for wrong in exercise.wrong_answers
        if failed
        and _does_the_same(wrong, calls)
        and [
            i
            for i, (result, _) in enumerate(run_checks(exercise, wrong.function, seed))
            if result.status != PASSED
        ]
        == failed
    ]
    return fits[0] if len(fits) == 1 else None


def _does_the_same(wrong: Wrong, calls: list[Call]) -> bool:
    """Whether it gives the same on the same inputs: the same numbers, or the same kind of error.

    Where every call raised, the messages must agree too: two TypeErrors alone prove nothing.
    """
    errors = []
    for made in calls:
        outcome = call(wrong.function, made.args, made.kwargs)
        if not _same_outcome(outcome, made.outcome):
            return False  # the others need not be asked: some train for a second
        if isinstance(outcome, LearnerError):
            errors.append(outcome.message == made.outcome.message)
    return bool(calls) and (len(errors) < len(calls) or all(errors))


def _same_outcome(a: Any, b: Any) -> bool:
    if isinstance(a, LearnerError) and isinstance(b, LearnerError):
        return a.kinds == b.kinds
    if isinstance(a, CheckFailed) and isinstance(b, CheckFailed):
        return a.got == b.got
    return not isinstance(a, Exception) and not isinstance(b, Exception) and same(a, b)
