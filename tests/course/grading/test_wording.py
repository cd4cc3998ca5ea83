"""What a mark says as plain text, and that nothing of a stranger's gets through as it came."""

from __future__ import annotations

import pytest

from minitorch_attn.course.checking.report import FAILED, NOT_DONE, PASSED, Report, Result
from minitorch_attn.course.grading.marking import cleaning
from minitorch_attn.course.grading.marking.marks import ExerciseMark
from minitorch_attn.course.grading.pages import wording

HOSTILE = "</pre><script>alert(1)</script>\x1b[31m\u202e" + "x" * 9_000
READ = "06_one_query.md#the-formulas-mended"

SAID = """\
06.2 The loop: 2 of 7 points
  stopped: no answer within 5 s
  ✓ 2  agrees with the definition
  ✗ 3  refuses what does not fit
       must hold: z is a sum
       expected:
         [1, 2]
         [3, 4]
       got: None
       this looks like: “one weight for all”. All weights are alike.
  ○ 2  works in batches
  Read again: notebooks/06_one_query.ipynb, “The formulas, mended”"""


def results() -> tuple[Result, ...]:
    wrong = "one weight for all", "All weights are alike."
    return (
        Result("a", "agrees with the definition", 2, PASSED),
        Result("b", "refuses what does not fit", 3, FAILED, "z is a sum", "[1, 2]\n[3, 4]", "None",
               *wrong),
        Result("c", "works in batches", 2, NOT_DONE),
    )  # fmt: skip


def test_the_whole_report_on_an_exercise() -> None:
    note = "stopped: no answer within 5 s"
    mark = ExerciseMark("06.2", "The loop", READ, results(), "cell 3", note)
    assert wording.exercise_text(mark) == SAID


def test_the_learner_reads_the_same() -> None:
    report = Report("06.2", "The loop", READ, results(), 5)
    lines = [line for line in SAID.split("\n") if "stopped" not in line]
    assert repr(report).split("\n") == [*lines, "  The same inputs again: seed=5"]


def test_what_has_full_points_is_not_read_again() -> None:
    mark = ExerciseMark("06.2", "The loop", READ, results()[:1])
    assert wording.exercise_text(mark).split("\n") == [
        "06.2 The loop: 2 of 2 points",
        "  ✓ 2  agrees with the definition",
    ]


@pytest.mark.parametrize("field", ["problem", "expected", "got"])
def test_what_a_student_wrote_is_cut_and_cleaned(field: str) -> None:
    result = Result("agrees", "agrees", 2, FAILED, **{field: HOSTILE})
    mark = ExerciseMark("06.2", "The loop", READ, (result,), "cell 7", HOSTILE)
    text = wording.exercise_text(mark)
    assert len(text) < 2 * cleaning.LIMIT + 500
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "✗ 2  agrees" in text
