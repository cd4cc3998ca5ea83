"""Exercises: points, messages, diagnosis, and what a learner's function may do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import minitorch_attn.course as course
from minitorch_attn.course import checks
from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.expecting import (
    CheckFailed,
    LearnerError,
    expect,
    expect_close,
    expect_error,
    expect_shape,
    show,
)
from minitorch_attn.course.checking.running import run

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
    assert [r.misconception for r in report.results] == ["the sum", ""]
    assert report.points == 1


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


def test_what_is_wrong_otherwise_keeps_what_it_refuses() -> None:
    report = run(mean, lambda x: 2 * _right(x))
    assert [result.points for result in report.results] == [0, 1]


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
        if len(x):
            return x[0, 0]
        raise ValueError("no rows")

    assert [r.points for r in run(mean, mine).results] == [0, 1]


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
        (np.zeros((9, 9)), np.eye(9), r"9 of 81 numbers differ"),
        ([[1, 2], [3]], np.zeros((2, 2)), r"\[3\]"),
        ((1.0,), (1.0, 2.0), r"\(1\)"),
        ({"a": 1.0}, {"b": 1.0}, "a"),
        ({"a": (1.0, np.zeros(2))}, {"a": (1.0, np.ones(2))}, "0."),
        ("yes", 1.0, "yes"),
        (1.0, None, "1"),
        (1, True, "1"),
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
        "yes",
        "b'yes'",
        "True",
        "7",
        "0.333333",
        "(1+2j)",
    ]
    assert "yes" in repr(run(mean, lambda x: np.array("yes")))
    assert "yes" in repr(run(mean, lambda x: np.array(["yes"] * 3) if len(x) else np.zeros(3)))
    with pytest.raises(CheckFailed) as failure:
        expect_close(np.zeros(20, bool), np.ones(20, bool), "claim")
    assert failure.value.got == "False (20 of 20 numbers differ)"


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
