"""Exercises: points, messages, diagnosis, and what a learner's function may do."""

from __future__ import annotations

import contextlib
import copy
import enum
import re
import sys
import time
from typing import Any

import numpy as np
import pytest

import minitorch_attn.course as course
from minitorch_attn.course import checks
from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.expecting import (
    CheckFailed,
    LearnerError,
    Text,
    expect,
    expect_close,
    expect_error,
    expect_shape,
    frozen,
    same,
    show,
)
from minitorch_attn.course.checking.running import Recorder, run

mean = Exercise(
    "06.9",
    "The mean of the rows",
    function="mean",
    signature="mean(x: (N, d)) -> (d,)",
    difficulty=1,
    importance=2,
    minutes=5,
    read="06_one_query.md#the-loop",
)


@mean.check(2, "it is the mean")
def is_the_mean(mean: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 3))
    got = mean(x)
    expect_shape(got, (3,), "one number for each column")
    expect_close(got, x.sum(axis=0) / 4, "the mean of each column")


@mean.check(1, "no rows are refused")
def refuses(mean: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=(0, 3))
    expect_error(lambda: mean(x), ValueError, "no rows, no mean", mentions="row")


@mean.wrong("the wrong axis", "It takes the mean of each row.")
def wrong_axis(x: Any) -> Any:
    return _right(x.T)


@mean.wrong("the sum", "It forgets to divide.")
def total(x: Any) -> Any:
    return _right(x) * len(x)


@mean.wrong("no rows give NaN", "It divides by zero.")
def nan(x: Any) -> Any:
    return x.sum(axis=0) / len(x)


def _right(x: Any) -> Any:
    if len(x) == 0:
        raise ValueError("no rows, no mean")
    return x.mean(axis=0)


def test_a_right_answer_gets_full_marks() -> None:
    report = run(mean, _right)
    assert report.points == report.total == mean.points == 3
    assert "3 of 3 points" in repr(report)
    assert "Read again" not in repr(report)


@pytest.mark.parametrize("wrong", mean.wrong_answers, ids=lambda w: w.name)
def test_a_wrong_answer_is_named_and_explained_once(wrong: Any) -> None:
    text = repr(run(mean, wrong.function))
    assert f"“{wrong.name}”" in text
    assert text.count(wrong.explanation) == 1


def test_the_diagnosis_knows_the_mistake_in_other_words() -> None:
    def mine(matrix: Any) -> Any:
        if not matrix.size:
            raise ValueError("give me a row")
        return np.add.reduce(matrix)

    report = run(mean, mine)
    assert [r.misconception for r in report.results] == ["the sum", "the sum"]
    assert report.points == 0


@pytest.mark.parametrize(
    "said", [0, 1.5, np.nan, np.inf, None, "mean", np.array("mean"), (), {"mean": [0, 0]}]
)
def test_one_answer_to_every_question_earns_nothing_not_even_for_refusing(said: Any) -> None:
    def guarded(x: Any) -> Any:
        _right(x)
        return np.full(x.shape[1], said) if isinstance(said, float) else said

    pair = Exercise("06.8", "Twice", "mean", "mean(x)", 1, 1, 1, "06_one_query.md")
    pair.check(2, "it is the mean")(is_the_mean)
    pair.check(2, "also of more rows")(lambda mean, rng: mean(rng.normal(size=(7, 5))))
    pair.check(1, "no rows are refused")(refuses)
    report = run(pair, guarded)
    assert report.points == 0, report
    assert "the same answer, whatever it is given" in repr(report)
    assert run(pair, _right).points == 5


def test_refusing_counts_once_something_is_answered_rightly() -> None:
    noise = np.random.default_rng(0)

    def guesses(x: Any) -> Any:
        return noise.normal(size=_right(x).shape)

    report = run(mean, guesses)
    assert report.points == 0
    assert "refusing bad input counts once a check of good input passes" in repr(report)
    half = two_sided()
    assert [r.points for r in run(half, lambda x: np.abs(_right(x))).results] == [0, 1, 1]


def two_sided() -> Exercise:
    """The mean, of small numbers and of large ones; and no rows are refused."""
    both = Exercise("06.8", "Twice", "mean", "mean(x: (N, d)) -> (d,)", 1, 1, 1, "06_one_query.md")

    @both.check(1, "also below 0")
    def below(mean: Any, rng: np.random.Generator) -> None:
        x = -rng.uniform(1, 2, size=(4, 3))
        expect_close(mean(x), x.mean(axis=0), "the mean of each column")

    @both.check(1, "above 0")
    def above(mean: Any, rng: np.random.Generator) -> None:
        x = rng.uniform(1, 2, size=(5, 2))
        expect_close(mean(x), x.mean(axis=0), "the mean of each column")

    both.check(1, "no rows are refused")(refuses)
    return both


def test_a_mistake_is_named_only_where_it_explains_every_failure() -> None:
    both = two_sided()

    @both.wrong("the size of the mean", "It forgets the sign.")
    def size(x: Any) -> Any:
        return np.abs(_right(x))

    @both.wrong("half of it", "It divides by two.")
    def halved(x: Any) -> Any:
        return _right(x) / 2

    def named(function: Any) -> set[str]:
        return {r.misconception for r in run(both, function).results if r.status == "failed"}

    assert named(lambda x: np.sign(_right(x)) * _right(x)) == {"the size of the mean"}
    # Right where the mistake is wrong: it fails a check that this answer passes.
    assert named(lambda x: _right(x) / 2 if len(x) == 4 else _right(x)) == {""}
    # Two slips at once: no name, for neither explains the other's failure.
    assert named(lambda x: np.abs(_right(x)) if len(x) == 4 else _right(x) / 2) == {""}
    # Two names that fit alike: none.
    both.wrong("the size again", "The same.")(size)
    assert named(lambda x: np.abs(_right(x))) == {""}


def test_each_argument_is_an_array_of_its_own() -> None:
    pair = Exercise("06.8", "Twice", "add", "add(a: (N,), b: (N,)) -> (N,)", 1, 1, 1, "06_a.md")

    @pair.check(1, "the sum")
    def total(add: Any, rng: np.random.Generator) -> None:
        x = rng.normal(size=3)
        for a, b in ((x, x), (x, x[::-1])):
            expect_close(add(a, b), a + b, "a + b")
        expect_close(add((x, x), [x, x]), 2 * x, "and in trees")

    def in_place(a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            a[0][:] += b[1]
            return a[0] if np.array_equal(a[1], b[0]) else None
        a += b
        return a

    report = run(pair, in_place)
    assert report.points == 1, report


def test_a_frozen_input_cannot_be_changed() -> None:
    kept = Exercise("06.8", "Kept", "twice", "twice(x: (N,)) -> (N,)", 1, 1, 1, "06_a.md")

    @kept.check(1, "twice x, and x is left alone")
    def left_alone(twice: Any, rng: np.random.Generator) -> None:
        x = rng.normal(size=3)
        expect_close(twice(frozen(x)), 2 * x, "twice x")

    def changes(x: Any) -> Any:
        x *= 2
        return x

    assert run(kept, lambda x: 2 * x).points == 1
    assert "read-only" in repr(run(kept, changes))


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__imul__(0),
        lambda x: x.__setitem__(0, 1),
        lambda x: x.sort(),
        lambda x: np.negative(x, out=x),
        lambda x: np.random.default_rng().shuffle(x),
    ],
)
def test_what_numpy_says_of_an_array_to_be_left_alone_is_no_refusal(write: Any) -> None:
    refusing = Exercise("06.8", "Refused", "twice", "twice(x: (N,)) -> (N,)", 1, 1, 1, "06_a.md")

    @refusing.check(1, "twice x")
    def right(twice: Any, rng: np.random.Generator) -> None:
        x = rng.uniform(1, 2, 3)
        expect_close(twice(x), 2 * x, "twice x")

    @refusing.check(1, "a negative number is refused, and left as it is")
    def refuses(twice: Any, rng: np.random.Generator) -> None:
        x = frozen(-rng.uniform(1, 2, 3))
        expect_error(lambda: twice(x), ValueError, "a negative number")

    def overwrites(x: Any) -> Any:
        two = 2 * x
        write(x)
        return two

    def checks(x: Any) -> Any:
        if (x < 0).any():
            raise ValueError("x is below 0, and is left as it was")
        return overwrites(x)

    report = run(refusing, overwrites, seed=1)
    assert report.points == 1
    assert "read-only" in report.results[1].got
    assert run(refusing, checks, seed=1).points == 2


def test_an_enum_of_texts_is_its_text() -> None:
    """As it is where the grader takes it from another process."""

    class Verdict(str, enum.Enum):  # noqa: UP042
        GAIN = "gain"

    told = Exercise("06.8", "Told", "tell", "tell(x: (N,)) -> text", 1, 1, 1, "06_a.md")

    @told.check(1, "gain")
    def gain(tell: Any, rng: np.random.Generator) -> None:
        expect_close(tell(rng.normal(size=3)), "gain", "the verdict")

    assert run(told, lambda x: Verdict.GAIN).points == 1


def test_what_is_compared_at_once_agrees_with_one_by_one() -> None:
    one = {"a": [1.0, (np.arange(3), "x")], "b": None, "c": np.array(True)}
    for other, alike in (
        ({"a": ([1.0 + 1e-9, [[0, 1, 2], "x"]]), "b": None, "c": 1}, True),
        ({"a": [1.0, (np.arange(3), "y")], "b": None, "c": True}, False),
        ({"a": [1.0, (np.arange(3) + 1e-3, "x")], "b": None, "c": True}, False),
        ({"a": [1.0, (np.arange(3), "x")], "b": 0, "c": True}, False),
        ({"a": [1.0, (np.arange(4), "x")], "b": None, "c": True}, False),
        ({"a": [1.0 + 1e-3j, (np.arange(3), "x")], "b": None, "c": True}, False),
    ):
        assert same(other, one) == alike
    assert same([], [])
    assert same([np.nan, "a"], (np.nan, "a"))


def test_a_large_container_is_shown_by_its_first_parts() -> None:
    tree: object = 0.5
    for _ in range(12):
        tree = [tree] * 12
    for large in (tree, {str(k): tree for k in range(2000)}, ("x" * 150,) * 99):
        began = time.process_time()
        text = show(large)
        assert len(text) < 20_000
        assert "in all" in text
        assert time.process_time() - began < 1
    assert show({"a": 1, "b": [2, None]}) == "{'a': 1, 'b': [2, None]}"


def test_the_evidence_shows_the_input_that_failed() -> None:
    def mine(x: Any) -> Any:
        return _right(x) + 1

    text = repr(run(mean, mine, seed=3))
    assert re.search(r"given:\s+x = \[\[", text)
    wide = Exercise("06.8", "Wide", "f", "f(x: (N, d), p=1) -> (d,)", 1, 1, 1, "06_a.md")
    wide.check(1, "c")(lambda f, rng: expect_close(f(rng.normal(size=(9, 9)), p=2), 1.0, "one"))
    text = repr(run(wide, lambda x, p: 0.0))
    assert "x = an array of shape (9, 9)" in text
    assert "p = 2" in text
    assert wide.parameters == ["x", "p"]
    forms = "g(x: (N, d)) -> (first: (N,), second: (d,)); g(x, y: (N,), z: (d,)) -> (a, b)"
    two = Exercise("06.8", "Two forms", "g", forms, 1, 1, 1, "06_a.md")
    assert two.parameters == ["x", "y", "z"]


def test_a_result_of_another_form_is_told_without_pythons_error() -> None:
    pair = Exercise("06.8", "Two", "pair", "pair(x) -> (a, b)", 1, 1, 1, "06_one_query.md")

    @pair.check(1, "two results come back")
    def two(pair: Any, rng: np.random.Generator) -> None:
        a, b = pair(rng.normal(size=3))
        expect_close(a["key"] + b, 0, "they sum to 0")

    for answer in (lambda x: 5.0, lambda x: [[1.0], 2.0], lambda x: (1.0, 2.0, 3.0)):
        text = repr(run(pair, answer))
        assert "indices" not in text
        assert "unpack" not in text
        assert "what pair(x) -> (a, b) says" in text


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (np.array([1.0, 2.0]), (1.0, 2.0)),
        ([np.zeros(2), np.ones(2)], (np.zeros(2), np.ones(2))),
        (np.stack([np.zeros(2), np.ones(2)]), [np.zeros(2), np.ones(2)]),
        ((1, 2), np.array([1.0, 2.0])),
        (np.True_, True),
        (np.array(True), True),
        (1, True),
        ([True, False], np.array([True, False])),
        (np.str_("yes"), "yes"),
        (np.array("yes"), "yes"),
        (["a", "b"], np.array(["a", "b"])),
        (np.float32(2), 2),
    ],
)
def test_a_container_that_holds_the_right_numbers_is_right(got: Any, want: Any) -> None:
    expect_close(got, want, "claim")


@pytest.mark.parametrize(
    ("got", "want", "says", "wants"),
    [
        ("False", False, "'False'", "one number"),
        (1.00001, 1.0, "1.00001", "1"),
        (
            np.array([0.5, 1.0 + 1e-5]),
            np.array([0.5, 1.0]),
            "1.00001 there (1 of 2 differ)",
            "1 at [1]",
        ),
        (
            np.array([True, False]),
            np.array([True, True]),
            "False there (1 of 2 differ)",
            "True at [1]",
        ),
        (np.zeros(3), 1.0, "shape (3,)", "one number, shape ()"),
        ([np.int64(0)] * 8, [1] * 8, "0", "1"),
        (["no", "b"], np.array(["yes", "b"]), "'no' there", "'yes' at [0]"),
    ],
)
def test_the_evidence_tells_the_two_apart(got: Any, want: Any, says: str, wants: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        expect_close(got, want, "claim")
    assert says in failure.value.got
    assert wants in failure.value.expected
    assert failure.value.got != failure.value.expected
    assert "np." not in failure.value.got


def test_another_mistake_gets_no_name() -> None:
    report = run(mean, lambda x: x[0] * 7)
    assert report.points == 0
    assert not any(r.misconception for r in report.results)
    assert "the mean of each column" in repr(report)


def test_the_stub_is_not_done_and_scores_nothing() -> None:
    def stub(x: Any) -> Any:
        raise NotImplementedError("not done yet")

    report = run(mean, stub)
    assert report.points == 0
    assert "not done yet" in repr(report)
    assert not report.done


def test_an_error_names_the_learners_own_line() -> None:
    def helper(x: Any) -> Any:
        return x @ np.zeros(99)

    def mine(x: Any) -> Any:
        y = x + 1
        return helper(y)

    text = repr(run(mean, mine))
    assert "mean raised ValueError: matmul" in text
    assert "return x @ np.zeros(99)" in text


def test_one_failing_check_does_not_stop_the_next() -> None:
    def mine(x: Any) -> Any:
        return x[0, 0] if len(x) == 4 else _right(x)

    assert [r.points for r in run(two_sided(), mine).results] == [0, 1, 1]


def test_a_claim_that_goes_on_is_told_with_the_one_that_held() -> None:
    """“and so is z” alone says nothing to who reads it."""
    exercise = two_sided()

    @exercise.check(1, "both")
    def both(mean: Any, rng: np.random.Generator) -> None:
        got = mean(np.ones((2, 2)))
        expect_close(got, [1, 1], "the rows are ones")
        expect_close(got * 0, [0, 0], "and nothing of them is 0")
        expect_close(got, [2, 2], "and so is their mean")

    @exercise.check(1, "another")
    def another(mean: Any, rng: np.random.Generator) -> None:
        expect_close(mean(np.ones((2, 2))), [2, 2], "and here nothing was said")

    first, second = run(exercise, _right).results[-2:]
    assert first.problem == "the rows are ones, and so is their mean"
    assert second.problem == "and here nothing was said"


def test_fresh_inputs_each_time_and_the_same_with_the_same_seed() -> None:
    seen: list[Any] = []

    def spy(x: Any) -> Any:
        seen.append(x)
        return _right(x)

    first = run(mean, spy)
    run(mean, spy)
    run(mean, spy, seed=first.seed)
    assert not np.array_equal(seen[0], seen[2])
    assert np.array_equal(seen[0], seen[4])


def test_a_function_cannot_change_what_the_check_compares_with() -> None:
    def mine(x: Any) -> Any:
        x[:] = 0
        return np.zeros(x.shape[1])

    assert run(mean, mine).points == 0


def test_what_is_no_array_is_refused_in_words() -> None:
    class Tensor:
        data = np.zeros(3)
        requires_grad = False

    assert "a Tensor; return its array, .data" in repr(run(mean, lambda x: Tensor()))
    assert "an object of type set" in repr(run(mean, lambda x: {1}))
    assert "is a `return` missing?" in repr(run(mean, lambda x: None))


def test_an_input_that_is_none_is_no_forgotten_return() -> None:
    kept = Exercise("06.8", "Kept", "add", "add(state, x: (N,)) -> (N,)", 1, 1, 1, "06_a.md")

    @kept.check(1, "nothing is added to nothing")
    def nothing(add: Any, rng: np.random.Generator) -> None:
        expect_close(add(None, np.ones(2)), np.ones(2), "x itself")

    (result,) = run(kept, lambda state, x: None).results
    assert result.given.startswith("state = None\n")
    assert "is a `return` missing?" in result.got


def test_an_array_that_lies_is_made_plain() -> None:
    class Liar(np.ndarray):
        def __eq__(self, other: Any) -> Any:
            return True

    report = run(mean, lambda x: np.zeros(3).view(Liar))
    assert report.results[0].points == 0


def test_nothing_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def noisy(x: Any) -> Any:
        print("debugging", file=sys.stderr)
        return _right(x) + np.log(np.zeros(3)) * 0  # warns

    run(mean, noisy)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "debugging" in captured.out


def test_what_the_check_stumbles_over_is_the_learners_result() -> None:
    pair = Exercise("06.8", "Two results", "pair", "pair(x) -> (a, b)", 1, 1, 1, "06_one_query.md")

    @pair.check(1, "two results come back")
    def two(pair: Any, rng: np.random.Generator) -> None:
        a, b = pair(rng.normal(size=3))
        expect_close(a + b, 0, "they sum to 0")

    text = repr(run(pair, lambda x: 5.0))
    assert "what pair(x) -> (a, b) says" in text
    assert "5" in text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (5.0, "a float: 5"),
        ((1.0, 2.0, 3.0), "a tuple of 3: (1, 2, 3)"),
        ([[1.0], 2.0], "a list of 2: [[1], 2]"),
        (np.zeros(3, int), "an array of shape (3,) and dtype int64: [0, 0, 0]"),
        (np.zeros((9, 9)), "an array of shape (9, 9) and dtype float64"),
        (np.float32(1), "a float32: 1"),
        ({"a": 1}, "a dict of 1: {'a': 1}"),
        ("none", "a str: 'none'"),
        (None, "None (is a `return` missing?)"),
    ],
)
def test_what_a_check_stumbles_over_is_told_with_its_type_and_shape(answer: Any, says: str) -> None:
    pair = Exercise("06.8", "Two", "pair", "pair(x) -> (a, b)", 1, 1, 1, "06_one_query.md")

    @pair.check(1, "two results come back")
    def two(pair: Any, rng: np.random.Generator) -> None:
        (a,), (b,) = pair(rng.normal(size=3))
        expect_close(a + b, 0, "they sum to 0")

    (result,) = run(pair, lambda x: answer).results
    assert (result.expected, result.got) == ("what pair(x) -> (a, b) says", says)
    line = two.__code__.co_firstlineno + 2
    assert result.stumbled.startswith(f"test_checking.py, line {line}: ")
    assert result.stumbled not in repr(result.lines())


def test_a_list_that_is_frozen_cannot_be_changed_and_its_copies_can() -> None:
    kept = Exercise("06.8", "Kept", "grow", "grow(x: list) -> list", 1, 1, 1, "06_a.md")

    @kept.check(1, "one more, and x is left alone")
    def left_alone(grow: Any, rng: np.random.Generator) -> None:
        x = [rng.normal(size=2), rng.normal(size=2)]
        expect_close(grow(frozen(x)), [*x, x[0]], "x, and its first again")

    def appended(x: Any) -> Any:
        x.append(x[0])
        return x

    def written(x: Any) -> Any:
        x[1] += 1
        return [*x, x[0]]

    for right in (lambda x: [*x, x[0]], lambda x: x + x[:1], lambda x: appended(copy.copy(x))):
        assert run(kept, right).points == 1
    assert run(kept, lambda x: appended(copy.deepcopy(x))).points == 1
    for wrong in (appended, written):
        assert "read-only; write into a new one" in repr(run(kept, wrong))


def test_a_check_that_never_calls_is_an_error() -> None:
    idle = Exercise("06.8", "Idle", "f", "f()", 1, 1, 1, "06_one_query.md")
    idle.check(1, "nothing")(lambda f, rng: None)
    with pytest.raises(RuntimeError, match="never calls"):
        run(idle, lambda: 1)


def test_the_html_is_escaped_and_carries_the_points() -> None:
    report = run(mean, lambda x: "<script>alert(1)</script>")
    page = report._repr_html_()
    assert "<script>" not in page
    assert "data-points='0' data-total='3'" in page


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (None, np.zeros(2), "is a `return` missing"),
        (np.zeros((2, 1)), np.zeros(2), r"shape \(2, 1\)"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "nan"),
        (np.zeros((9, 9)), np.eye(9), r"9 of 81 differ"),
        ([[1, 2], [3]], np.zeros((2, 2)), r"\[3\]"),
        ((1.0,), (1.0, 2.0), r"\(1,\)"),
        ({"a": 1.0}, {"b": 1.0}, "a"),
        ({"a": (1.0, np.zeros(2))}, {"a": (1.0, np.ones(2))}, "0."),
        ("yes", 1.0, "yes"),
        (1.0, None, "1"),
        (2, True, "2"),
        (np.array("yes"), 1.0, "yes"),
        (np.zeros(1), np.array(["yes"]), "0"),
        (np.array(["no"]), np.array(["yes"]), "no"),
    ],
)
def test_expect_close_says_what_came(got: Any, want: Any, says: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        expect_close(got, want, "claim")
    assert failure.value.claim == "claim"
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(failure.value.got)


def test_expect_close_lets_equal_trees_pass() -> None:
    tree = {"a": [np.array([1.0, np.nan]), (2, None, "x", True)]}
    expect_close(tree, tree, "the same")
    expect_close([1, 2], np.array([1.0, 2.0 + 1e-12]), "a list for an array")


def test_expect_shape_takes_lists_of_numbers_for_arrays() -> None:
    expect_shape([[1, 2, 3], [4, 5, 6]], (2, 3), "claim")
    expect_shape(([1.5, True],), (1, 2), "claim")
    expect_shape(np.float32(1), (), "claim")
    others: list[Any] = [[1, 2, 3], [[1, 2], [3]], ["a", "b"], [None, 1], "ab", None, {}]
    for got in [*others, np.array("a")]:
        with pytest.raises(CheckFailed) as failure:
            expect_shape(got, (2,), "claim")
        assert failure.value.got


def test_show_takes_arrays_of_every_kind() -> None:
    zero_d = ["yes", b"yes", True, 7, 1 / 3, 1 + 2j]
    assert [show(np.array(x)) for x in zero_d] == [
        "'yes'",
        "b'yes'",
        "True",
        "7",
        "0.333333",
        "(1+2j)",
    ]
    long = np.clongdouble(1) / 3
    assert "0.333333" in show([long, long.real])
    assert "333333" in repr(run(mean, lambda x: [long.real] * 3)), "Python has no such number"
    assert "yes" in repr(run(mean, lambda x: np.array("yes")))
    assert "yes" in repr(run(mean, lambda x: np.array(["yes"] * 3) if len(x) else np.zeros(3)))
    parts = {Text("z"): (np.zeros(2), None), Text("many"): np.zeros((5, 9))}
    assert show(parts) == "{'z': ([0., 0.], None), 'many': an array of shape (5, 9)}"
    with pytest.raises(CheckFailed) as failure:
        expect_close(np.zeros(20, bool), np.ones(20, bool), "claim")
    assert failure.value.got == "False (20 of 20 differ)"


def test_expect_error_looks_at_kind_and_words() -> None:
    def fails() -> None:
        raise LearnerError(["AxisError", "ValueError", "Exception"], "axis 3 is out of bounds")

    expect_error(fails, ValueError, "refused", mentions=("axis", "bounds"))
    with pytest.raises(CheckFailed) as failure:
        expect_error(fails, TypeError, "refused")
    assert (failure.value.expected, failure.value.got) == (
        "a TypeError",
        "AxisError: axis 3 is out of bounds",
    )
    with pytest.raises(CheckFailed):
        expect_error(fails, ValueError, "refused", mentions="shape")
    with pytest.raises(CheckFailed):
        expect_error(lambda: np.zeros(2), ValueError, "refused")
    with pytest.raises(CheckFailed):
        expect(np.array([]).size, "not empty")


def test_an_exercise_says_what_is_wrong_with_its_facts() -> None:
    with pytest.raises(ValueError, match=r"like 06\.2"):
        Exercise("6.2", "t", "f", "f()", 1, 1, 1, "06_one_query.md")
    with pytest.raises(ValueError, match="from 1 to 5"):
        Exercise("06.2", "t", "f", "f()", 6, 1, 1, "06_one_query.md")
    with pytest.raises(ValueError, match="read is like"):
        Exercise("06.2", "t", "f", "f()", 1, 1, 1, "one_query")
    with pytest.raises(ValueError, match=r"there is no exercise '99\.1'"):
        checks.find("99.1")


def test_check_finds_the_function_by_name_and_keeps_the_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from minitorch_attn.course.learner import store as learner

    monkeypatch.setattr(checks, "exercises_of", lambda chapter: [mean])
    assert course.check("06.9", _right).points == 3
    assert learner.read()["exercises"]["06.9"]["points"] == 3
    space: dict[str, Any] = {"check": course.check, "mean": _right}
    assert eval('check("06.9")', space).points == 3
    with pytest.raises(NameError, match="no mean here yet"):
        eval('check("06.9")', {"check": course.check})
    with pytest.raises(TypeError, match="takes your function, not int"):
        course.check("06.9", 3)  # type: ignore[arg-type]


def test_importing_the_course_is_light() -> None:
    import subprocess

    code = (
        "import sys; from minitorch_attn.course import check, predict, reveal, progress;"
        "heavy = {'jupytext', 'nbformat', 'nbclient', 'IPython', 'matplotlib', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


class Boxed:
    """A function as the grader runs it: `again` makes a fresh process of it."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.function, self.asked = kind, kind(), []

    def __call__(self, *args: Any) -> Any:
        self.asked.append(args)
        return self.function(*args)

    @contextlib.contextmanager
    def again(self) -> Any:
        self.function = self.kind()
        yield


def test_what_passes_is_asked_again_from_the_last_call_to_the_first() -> None:
    boxed = Boxed(lambda: lambda x, again: x + again)
    recorder = Recorder(boxed)
    inputs = [(i, 0.5) for i in range(20)]
    for args in inputs:
        recorder(*args)
    assert recorder.again(np.random.default_rng(0))
    asked = boxed.asked[20:]
    assert asked[0] == inputs[-1]  # what had the most before it is never left out
    assert asked == [args for args in reversed(inputs) if args in asked]
    assert 10 < len(asked) < 20
    assert [recorder(*args) for args in inputs] == [x + y for x, y in inputs]
    assert recorder(7, 7) == 14  # other inputs: it is called
    assert len(boxed.asked) == 20 + len(asked) + 1


def test_who_counts_its_calls_is_found_out_and_who_keeps_what_is_right_is_not() -> None:
    class Counting:
        n = 0

        def __call__(self, x: Any) -> Any:
            self.n += 1
            if self.n == 3:
                raise ValueError("no rows")
            return x.sum(axis=0) / 4

    class Keeping(dict):
        def __call__(self, x: Any) -> Any:
            if not len(x):
                raise ValueError("no rows")
            return self.setdefault(x.tobytes(), x.sum(axis=0) / len(x))

    two = Exercise(**{f: getattr(mean, f) for f in ("id", "title", "function", "signature")},
                   difficulty=1, importance=1, minutes=1, read=mean.read)  # fmt: skip

    @two.check(1, "the mean, twice, and no rows are refused")
    def all_of_it(mean: Any, rng: np.random.Generator) -> None:
        is_the_mean(mean, rng)
        is_the_mean(mean, rng)
        refuses(mean, rng)

    assert run(two, Counting(), seed=0).points == 1  # a notebook's own: it deceives its owner
    report = run(two, Boxed(Counting), seed=0)
    assert report.points == 0
    assert "in another order" in report.results[0].problem
    assert run(two, Boxed(Keeping), seed=0).points == 1
