"""The later chapters, where dicts, states and answers to several calls come back: no attack earns a
point or costs the grader's time, and no honest form loses one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

import pytest
from helpers import attacks_later as attacks
from helpers import attacks_maps, honest_maps
from helpers import honest_later as honest
from helpers.worked_answers import worked

from minitorch_attn.course.checking.collect import collect_text
from minitorch_attn.course.checking.loading import load
from minitorch_attn.course.checking.reading import to_text
from minitorch_attn.course.checking.running import Recorder, run
from minitorch_attn.course.checks import exercises_of, find
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark

CHAPTERS = (11, 12, 13, 14, 15, 16, 17)
ATTACKS = {**attacks.ALL, **attacks_maps.ALL}
HONEST = honest.LATER + honest_maps.MAPS
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
    "an array that agrees with all",
    "nothing moves",
    "as it came, or refused",
    "frames, for what is wanted",
    "15.5: borders, by counting",
    "15.5: borders, by what the stream has",
    "13.3: bad_questions, by what came before",
)


def marked(text: str, suffix: str, chapter: int) -> Mark:
    return marking.mark(text, suffix, chapter, "a secret of the teacher's", box.find_isolation())


def attacked(name: str) -> tuple[Mark, ExerciseMark]:
    id, text = ({**ATTACKS, **attacks_maps.CHEATS})[name]
    mark = marked(attacks.source_of(id, text), ".py", find(id).chapter)
    return mark, next(exercise for exercise in mark.exercises if exercise.id == id)


def lost(mark: Mark) -> list[tuple[str, str, str, str]]:
    return [
        (exercise.id, exercise.note, result.claim, result.got)
        for exercise in mark.exercises
        for result in exercise.results
        if result.points < result.total
    ]


def ordered(names: Iterable[str]) -> list[Any]:
    return [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in names]


def test_there_are_more_than_a_hundred() -> None:
    assert len({text for _, text in ATTACKS.values()}) == len(ATTACKS) > 120
    assert {id[:2] for id, _ in ATTACKS.values()} == {str(chapter) for chapter in CHAPTERS}
    kinds = [*attacks.KINDS.values(), *attacks_maps.KINDS.values()]
    assert sum(map(len, kinds)) == len(ATTACKS), "each name is used once"


@pytest.mark.parametrize("name", ordered(ATTACKS))
def test_an_attack_earns_nothing(name: str) -> None:
    mark, exercise = attacked(name)
    assert mark.points == 0, exercise
    assert not any(": found" in result.got for result in exercise.results)


@pytest.mark.parametrize("name", ordered(attacks_maps.CHEATS))
def test_what_is_guessed_earns_nothing_beside_what_is_right(name: str) -> None:
    check = name.partition(": ")[2].partition(",")[0]
    _, exercise = attacked(name)
    [result] = [result for result in exercise.results if result.check == check]
    assert result.points == 0, exercise


@pytest.mark.parametrize(
    "name",
    [n for n in attacks_maps.CHEATS if any(way in n for way in attacks_maps.NEED_THE_ORDER)],
)
def test_counting_would_be_believed_in_one_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacks are real: asked in one order only, each has its point."""
    monkeypatch.setattr(Recorder, "again", lambda self, rng: False)
    check = name.partition(": ")[2].partition(",")[0]
    _, exercise = attacked(name)
    assert [result.check for result in exercise.results if result.points].count(check) == 1


def test_what_is_said_of_it() -> None:
    _, exercise = attacked("13.3: bad_questions, by what came before")
    [lost] = [result for result in exercise.results if not result.points]
    assert lost.problem.endswith(", also where the same is asked in another order")


@pytest.mark.parametrize("name", ["an array of many axes", "keys that cannot be keys"])
def test_what_cannot_be_sent_is_named_and_nobody_is_accused(name: str) -> None:
    mark, exercise = attacked(name)
    assert not mark.review
    assert {"an array of 40 axes", "a dict whose keys are containers"} >= {
        result.got for result in exercise.results
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", [*attacks.NO_ANSWERS, *attacks_maps.NO_ANSWERS])
def test_what_computes_nothing_is_found_out_with_any_seed(name: str) -> None:
    """Here, too, where a function may keep what it likes: but not the number of the call."""
    id, text = ATTACKS[name]
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
        columns = [[v[1] for c, name, v in HONEST if name == wanted] for wanted in names]
        rows = [zip(names, row, strict=True) for row in zip_longest(*columns)]
        made += [(chapter, {name: cells for name, cells in row if cells}) for row in rows]
    return made


NOTEBOOKS = notebooks()
FORMS = list(honest.forms(CHAPTERS[0]))


def test_no_variant_is_left_out() -> None:
    placed = sum(len(cells) for _, cells in NOTEBOOKS)
    assert placed == len(HONEST) >= 40
    for chapter in CHAPTERS:
        names = {exercise.function for exercise in exercises_of(chapter)}
        assert names == {name for c, name, _ in HONEST if c == chapter}


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
@pytest.mark.parametrize("chapter", [13, 15, 16])
def test_notebooks_as_tools_save_them(chapter: int, form: str) -> None:
    text, suffix = honest.forms(chapter)[form]
    read = to_text(text.encode(), suffix)
    mark = marked(read, suffix, chapter)
    assert not lost(mark)
    assert not mark.review


def test_the_worked_answers_keep_their_points() -> None:
    for id in ("11.2", "11.3", "12.2", "14.5"):
        report = run(find(id), worked(find(id)), seed=3)
        assert report.points == report.total, report
