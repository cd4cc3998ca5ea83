"""Predictions: committed before reading on, and scored when the answer is revealed."""

from __future__ import annotations

import re
from typing import Any

from ..checking.oneline import OneLine
from ..sources.questions import questions
from .store import UNKEPT, change, say_unkept


class PredictionError(OneLine, ValueError):
    """A bet on what is not offered; the message says what is. Nothing is kept."""


def predict(id: str, choice: str | None) -> None:
    """Commit yourself before you read on: `predict("06.1", "b")`.

    You may change your mind until the answer is revealed. `None` only says what to do.

    Raises
    ------
    PredictionError
        If there is no such question, or it does not offer the choice.
    """
    letters = _letters(id)
    if choice is None:
        print(f'Your turn: put your letter in place of None, as in predict("{id}", "a").')
        return
    letter = letter_of(choice, letters)
    if not letter:
        said = ", ".join(letters) if letters else "a, b, …"
        raise PredictionError(
            f'predict("{id}", …) takes one letter in quotes, of those offered: {said}; '
            f"not {choice!r}"
        )
    try:
        with change() as state:
            old = state["predictions"].get(id, {})
            if "answer" in old and (stays := letter_of(old.get("choice"), letters)):
                print(f"The answer to {id} is revealed; your prediction stays {stays}.")
                return
            state["predictions"][id] = {"choice": letter}
    except UNKEPT as error:
        say_unkept("Your prediction", error)
        return
    print(f"Kept: your prediction for {id} is {letter}. The end of the chapter tells.")


def reveal(id: str, answer: str, because: str) -> None:
    """Say what the answer is, and whether the reader's prediction was right.

    Raises PredictionError if there is no such question.
    """
    letters = _letters(id)
    answer, because = answer.strip().lower(), because.strip()
    choice = ""
    try:
        with change() as state:
            prediction = state["predictions"].get(id, {})
            if choice := letter_of(prediction.get("choice"), letters):
                prediction["answer"] = answer
    except UNKEPT as error:
        say_unkept("The score of your prediction", error)
        print(f"The answer to {id} is {answer}: {because}")
        return
    if not choice:
        said = f"You made no prediction for {id}. The answer is {answer}"
    elif choice == answer:
        said = f"You said {choice}, and {answer} it is"
    else:
        said = f"You said {choice}; it is {answer}"
    print(f"{said}: {because}")


def letter_of(choice: Any, letters: str) -> str:
    """The letter that is meant by "b", "B" or "(b)", if it is offered; else nothing.

    Where the book is not at hand nobody knows what is offered, and any letter is taken.
    """
    if not isinstance(choice, str):
        return ""
    found = re.fullmatch(r"[\s(\[*]*([a-z])[\s)\].:,;*]*", choice.lower())
    return found[1] if found and (not letters or found[1] in letters) else ""


def _letters(id: Any) -> str:
    """What the question offers. Raises PredictionError where it is not in the book."""
    if not isinstance(id, str) or not re.fullmatch(r"\d\d\.\d+", id):
        raise PredictionError(f"a prediction's id is like 06.1, in quotes, not {id!r}")
    asked = questions(int(id[:2]))
    if asked and id not in asked:
        raise PredictionError(
            f"there is no question {id}; chapter {id[:2]} asks {', '.join(asked)}"
        )
    if not asked and questions(0):  # the book is here, and has no such chapter
        raise PredictionError(f"there is no question {id}: chapter {id[:2]} asks none")
    return asked.get(id, "")
