"""The later chapters, where dicts, states and answers to several calls come back: no attack earns a
point or costs the grader's time, and no honest form loses one."""

from __future__ import annotations

import time
from itertools import zip_longest

import pytest
from helpers import attacks_later as attacks
from helpers import honest_later as honest
from helpers.worked_answers import worked

from minitorch_attn.course.checking.collect import collect_text
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checking.reading import to_text
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import exercises_of, find
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark

CHAPTERS = (11, 12, 14, 16, 17)
pytestmark = pytest.mark.skipif(
    box.find_isolation().level != "sandbox",
    reason=f"needs bubblewrap: {box.find_isolation().words}",
)
# One of each kind runs always, the others with the slow tests.
ALWAYS = (
    "a dict that has every key",
    "keys that cannot be keys",
    "an array of many axes",
    "p by the number of the call",
    "the first queries",
    "products in place of shares",
    "a second answer in the pipe",
)


def marked(text: str, suffix: str, chapter: int) -> Mark:
    return marking.mark(text, suffix, chapter, "a secret of the teacher's", box.find_isolation())


def attacked(name: str) -> tuple[Mark, ExerciseMark]:
    id, text = attacks.ALL[name]
    mark = marked(attacks.source_of(id, text), ".py", find(id).chapter)
    return mark, next(exercise for exercise in mark.exercises if exercise.id == id)


def lost(mark: Mark) -> list[tuple[str, str, str, str]]:
    return [
        (exercise.id, exercise.note, result.claim, result.got)
        for exercise in mark.exercises
        for result in exercise.results
        if result.points < result.total
    ]


def test_there_are_more_than_sixty() -> None:
    assert len({text for _, text in attacks.ALL.values()}) == len(attacks.ALL) > 60
    assert {id[:2] for id, _ in attacks.ALL.values()} == {str(chapter) for chapter in CHAPTERS}
    assert sum(map(len, attacks.KINDS.values())) == len(attacks.ALL), "each name is used once"


@pytest.mark.parametrize(
    "name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in attacks.ALL]
)
def test_an_attack_earns_nothing(name: str) -> None:
    mark, exercise = attacked(name)
    assert mark.points == 0, exercise
    assert not any(": found" in result.got for result in exercise.results)


@pytest.mark.parametrize("name", ["an array of many axes", "keys that cannot be keys"])
def test_what_cannot_be_sent_is_named_and_nobody_is_accused(name: str) -> None:
    mark, exercise = attacked(name)
    assert not mark.review
    assert {"an array of 40 axes", "a dict whose keys are containers"} >= {
        result.got for result in exercise.results
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.NO_ANSWERS)
def test_what_computes_nothing_is_found_out_with_any_seed(name: str) -> None:
    """Here, too, where a function may keep what it likes: but not the number of the call."""
    id, text = attacks.NO_ANSWERS[name]
    if "number of the call" in name or "turn" in name:
        return
    exercise = find(id)
    function = load(collect_text(attacks.source_of(id, text), ".py", exercise.function))
    assert [run(exercise, function, seed).points for seed in range(4)] == [0] * 4


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.HEAVY)
def test_what_comes_back_costs_the_grader_little(name: str) -> None:
    before = time.process_time()
    attacked(name)
    assert time.process_time() - before < 6


# What is right.


def notebooks() -> list[tuple[int, dict[str, list[str]]]]:
    """Each variant once, one for each function to a notebook."""
    made = []
    for chapter in CHAPTERS:
        names = [exercise.function for exercise in exercises_of(chapter)]
        columns = [[v[1] for c, name, v in honest.LATER if name == wanted] for wanted in names]
        rows = [zip(names, row, strict=True) for row in zip_longest(*columns)]
        made += [(chapter, {name: cells for name, cells in row if cells}) for row in rows]
    return made


NOTEBOOKS = notebooks()
FORMS = list(honest.forms(CHAPTERS[0]))


def test_no_variant_is_left_out() -> None:
    placed = sum(len(cells) for _, cells in NOTEBOOKS)
    assert placed == len(honest.LATER) >= 25
    for chapter in CHAPTERS:
        names = {exercise.function for exercise in exercises_of(chapter)}
        assert names == {name for c, name, _ in honest.LATER if c == chapter}


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=[pytest.mark.slow] if n else []) for n in range(len(NOTEBOOKS))],
)
def test_full_marks_from_the_box(number: int) -> None:
    chapter, cells = NOTEBOOKS[number]
    mark = marked(honest.later_answers(chapter, **cells), ".ipynb", chapter)
    assert not lost(mark)
    assert not mark.review


@pytest.mark.parametrize(
    "form", [FORMS[0], *(pytest.param(f, marks=pytest.mark.slow) for f in FORMS[1:])]
)
def test_notebooks_as_tools_save_them(form: str) -> None:
    text, suffix = honest.forms(16)[form]
    read = to_text(text.encode(), suffix)
    assert not lost(marked(read, suffix, 16))


def test_the_worked_answers_keep_their_points() -> None:
    for id in ("11.2", "11.3", "12.2", "14.5"):
        report = run(find(id), worked(find(id)), seed=3)
        assert report.points == report.total, report
