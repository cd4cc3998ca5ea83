"""The proof of the book's own checks holds, chapter by chapter.

`python -m minitorch_attn prove 06` says what is missing, with twenty seeds. Here are fewer, to be
quick: a chapter's twenty are its author's.
"""

from __future__ import annotations

import pytest

from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.proving.prove import prove_book

# A chapter is added when its proof holds, and never taken out.
PROVED = range(18)
SEEDS = range(3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "exercise", [e for chapter in PROVED for e in exercises_of(chapter)], ids=lambda e: e.id
)
def test_the_proof_holds(exercise: Exercise) -> None:
    found = prove_book(exercise, SEEDS[:1] if exercise.library else SEEDS)  # those train a model
    assert not found.complaints, "\n".join(found.complaints)
