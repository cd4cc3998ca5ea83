"""The exercises of every chapter, proved; and how an exercise is built from its source."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.sources import HEADER
from helpers.worked_answers import ALL, SOURCES, code, source_of, worked

from minitorch_attn.course.book import exercises
from minitorch_attn.course.checking import collect
from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.expecting import expect_close
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checking.report import where_to_read
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.proving import named
from minitorch_attn.course.sources import contents
from minitorch_attn.course.sources.text import ROOT, SourceError, read

SEEDS = (1, 2, 3)
# One draw each time, the others with the slow tests.
by_seed = pytest.mark.parametrize(
    "seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in SEEDS[1:])]
)

by_id = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.id)


# Every exercise of the book


def test_every_chapter_with_checks_has_exercises_and_the_other_way_round() -> None:
    assert {exercise.chapter for exercise in ALL} == {int(path.name[:2]) for path in SOURCES}


@by_id
@pytest.mark.parametrize("draws", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_the_worked_answer_gets_full_marks(exercise: Exercise, draws: int) -> None:
    for seed in range(draws // 5 if exercise.library else draws):  # those train a model
        report = run(exercise, worked(exercise), seed)
        assert report.points == exercise.points, report


@by_id
def test_the_untouched_exercise_gets_nothing(exercise: Exercise) -> None:
    text = code(exercises.build(source_of(exercise.chapter)))
    found = collect.collect_text(text, ".py", exercise.function)
    assert found.stub
    report = run(exercise, load(found))
    assert (report.points, report.done) == (0, False)


@by_id
@by_seed
def test_an_answer_that_does_not_try_gets_nothing(exercise: Exercise, seed: int) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("no")

    assert run(exercise, refuse, seed).points == 0
    assert run(exercise, lambda *args, **kwargs: None, seed).points == 0
    assert run(exercise, lambda *args, **kwargs: np.zeros(3), seed).points == 0


@by_id
@pytest.mark.parametrize("seeds", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_what_an_exercise_must_hold(exercise: Exercise, seeds: int) -> None:
    """Its wrong answers are rejected by name, for what they return, in the same checks whatever is
    drawn, and every check rejects one."""
    assert named.faults(exercise, named.SEEDS[:seeds]) == []


@by_id
def test_the_facts_of_an_exercise(exercise: Exercise) -> None:
    assert exercise.checks
    assert exercise.signature.startswith(f"{exercise.function}(")
    names = [check.name for check in exercise.checks]
    assert len(set(names)) == len(names)
    labels = [wrong.name for wrong in exercise.wrong_answers]
    assert len(set(labels)) == len(labels)
    assert all(wrong.explanation.strip() for wrong in exercise.wrong_answers)
    _, heading, _ = where_to_read(exercise.read)
    assert heading, f"{exercise.read} leads to no heading of the chapter"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_points_sum_to_what_the_table_of_contents_says(path: Path) -> None:
    chapter = contents.chapters()[int(path.name[:2])]
    assert sum(exercise.points for exercise in exercises_of(chapter.number)) == chapter.points


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_answer_and_no_fragment_survives(path: Path) -> None:
    source = read(path)
    answers = exercises.answers_of(source)
    assert len(answers) >= len(exercises_of(source.chapter))
    assert exercises.leaks(source, exercises.build(source)) == []
    full = exercises.build(source, answers=True)
    assert len(exercises.leaks(source, full)) > len(answers), "the test can see an answer"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_three_hints_below_each_exercise(path: Path) -> None:
    source = read(path)
    text = "\n".join(cell.text for cell in source.cells if cell.kind == "markdown")
    assert text.count("<details><summary>") == 3 * len(exercises_of(source.chapter))


def test_the_whole_course_is_400_points() -> None:
    assert sum(chapter.points for chapter in contents.chapters()) == 400


# Building, on a small exercise

double = Exercise(
    "05.1", "Twice", "double", "double(x: (N,)) -> (N,)", 2, 3, 5, "05_softmax.md#the-end-of-it"
)


@double.check(3, "every number is doubled")
def doubled(double: Any, rng: np.random.Generator) -> None:
    x = rng.normal(size=4)
    expect_close(double(x), 2 * x, "twice x")


SMALL = """# Exercises

```{code-cell} ipython3
import numpy as np
from minitorch_attn.course import check
```

<!-- card: 05.1 -->

Return twice x. A link: [chapter](../chapters/05_softmax.md#the-end-of-it).

```{code-cell} ipython3
:name: double

def double(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION
    added_to_itself = x + x
    return added_to_itself
    ### END SOLUTION
```

```{code-cell} ipython3
check("05.1", double)
```
"""


def small(root: Path, text: str = SMALL, **kwargs: Any) -> Any:
    path = root / "solutions/05_softmax.md"
    path.write_text(HEADER + text, encoding="utf-8")
    return exercises.build(read(path), exercises=[double], root=root, **kwargs)


def test_what_a_student_opens(small_root: Path) -> None:
    notebook = small(small_root)
    solution, check = notebook.cells[3], notebook.cells[4]
    assert solution.source == (
        'def double(x):\n    """Twice x."""\n'
        "    # Your code here, in place of the next line.\n"
        '    raise NotImplementedError("not done yet")'
    )
    assert solution.metadata.nbgrader == {
        "grade": False,
        "grade_id": "solution-05-1",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert check.metadata.nbgrader["points"] == 3
    assert (check.metadata.editable, check.metadata.deletable) == (False, False)
    card = notebook.cells[2].source
    assert "## 05.1 Twice" in card
    assert "**3 points** · difficulty ●●○○○ · importance ●●●○○ · about 5 minutes" in card
    assert "(../notebooks/05_softmax.ipynb#The-end-of-it)" in card
    assert card.count("(../notebooks/05_softmax.ipynb#The-end-of-it)") == 2
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_instructors_version_keeps_the_answers(small_root: Path) -> None:
    full = small(small_root, answers=True)
    assert "added_to_itself" in full.cells[3].source
    plain = small(small_root)
    assert [cell.metadata for cell in full.cells] == [cell.metadata for cell in plain.cells]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<!-- card: 05.1 -->", "", r"05\.1 needs one line <!-- card: 05\.1 -->"),
        ("card: 05.1", "card: 05.7", r"there is no exercise 05\.7"),
        ('check("05.1", double)', "1", r"05\.1 needs a cell check\(.05\.1., …\) once, it has 0"),
        ("    ### END SOLUTION\n", "", "### BEGIN SOLUTION has no partner"),
        ("def double", "def triple", "must define the function of one exercise; it defines triple"),
        ("Return twice x.", "Try x + x: added_to_itself = x + x.", "an answer stands outside"),
        ("    ### BEGIN", "    y = x\n    ### BEGIN", "everything in double but its docstring"),
        ("Return twice x.", "### BEGIN SOLUTION", "a worked part must be in code"),
        ("#the-end-of-it)", "#the-start)", "no such heading in 05_softmax.md"),
        ("../chapters/05_softmax.md#the-end-of-it", "../chapters/99.md", "leads nowhere"),
    ],
)
def test_a_source_that_cannot_be_built_says_why(
    small_root: Path, old: str, new: str, message: str
) -> None:
    assert old in SMALL
    with pytest.raises(SourceError, match=message):
        small(small_root, SMALL.replace(old, new))


def test_a_leak_is_seen_wherever_it_hides(small_root: Path) -> None:
    path = small_root / "solutions/05_softmax.md"
    clean = small(small_root)
    source = read(path)
    for place in ("source", "metadata", "outputs"):
        leaky = copy.deepcopy(clean)
        cell = leaky.cells[4]
        if place == "source":
            cell.source += "\n#   added_to_itself   =  x+x"
        elif place == "metadata":
            cell.metadata["note"] = "added_to_itself = x + x"
        else:
            cell.outputs = [{"output_type": "stream", "text": ["added_to_itself = x + x"]}]
        assert exercises.leaks(source, leaky) == ["added_to_itself = x + x"]


def test_nothing_of_the_machine_is_in_a_built_exercise() -> None:
    for path in SOURCES:
        assert str(ROOT) not in str(exercises.build(read(path)))
