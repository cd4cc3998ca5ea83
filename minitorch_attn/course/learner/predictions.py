"""Predictions: committed before reading on, and scored when the answer is revealed."""

from __future__ import annotations

import re

from .store import UNKEPT, change, say_unkept


def predict(id: str, choice: str | None) -> None:
    """Commit yourself before you read on: `predict("06.1", "b")`.

    You may change your mind until the answer is revealed. `None` only says what to do.

    Raises
    ------
    ValueError
        If the id is not like 06.1, or the choice is no letter.
    """
    if not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"a prediction's id is like 06.1, not {id!r}")
    if choice is None:
        print(f'Your turn: put your letter in place of None, as in predict("{id}", "a").')
        return
    if not isinstance(choice, str) or not choice.strip() or len(choice) > 40:
        raise ValueError(f'predict("{id}", …) takes one letter in quotes, as in "a"')
    choice = choice.strip().lower()
    try:
        with change() as state:
            old = state["predictions"].get(id, {})
            if "answer" in old:
                print(f"The answer to {id} is revealed; your prediction stays {old['choice']}.")
                return
            state["predictions"][id] = {"choice": choice}
    except UNKEPT as error:
        say_unkept("Your prediction", error)
        return
    print(f"Kept: your prediction for {id} is {choice}. The end of the chapter tells.")


def reveal(id: str, answer: str, because: str) -> None:
    """Say what the answer is, and whether the reader's prediction was right."""
    answer, because = answer.strip().lower(), because.strip()
    try:
        with change() as state:
            prediction = state["predictions"].get(id)
            if prediction is not None:
                prediction["answer"] = answer
    except UNKEPT as error:
        say_unkept("The score of your prediction", error)
        print(f"The answer to {id} is {answer}: {because}")
        return
    if prediction is None:
        said = f"You made no prediction for {id}. The answer is {answer}"
    elif prediction["choice"] == answer:
        said = f"You said {prediction['choice']}, and {answer} it is"
    else:
        said = f"You said {prediction['choice']}; it is {answer}"
    print(f"{said}: {because}")
