"""Predictions: committed before reading on, and scored when the answer is revealed."""

from __future__ import annotations

import re

from .store import change


def predict(id: str, choice: str | None) -> None:
    """Commit yourself before you read on: `predict("06.1", "b")`.

    You may change your mind until the answer is revealed.
    """
    if not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"a prediction's id is like 06.1, not {id!r}")
    if choice is None:
        print(f'Your turn: put your letter in place of None, as in predict("{id}", "a").')
        return
    if not isinstance(choice, str) or not choice.strip() or len(choice) > 40:
        raise ValueError(f'predict("{id}", …) takes one letter in quotes, as in "a"')
    choice = choice.strip().lower()
    with change() as state:
        old = state["predictions"].get(id, {})
        if "answer" in old:
            print(f"The answer to {id} is revealed; your prediction stays {old['choice']}.")
            return
        state["predictions"][id] = {"choice": choice}
    print(f"Kept: your prediction for {id} is {choice}. The end of the chapter tells.")


def reveal(id: str, answer: str, because: str) -> None:
    """Say what the answer is, and whether the reader's prediction was right."""
    answer = answer.strip().lower()
    with change() as state:
        prediction = state["predictions"].get(id)
        if prediction is not None:
            prediction["answer"] = answer
    if prediction is None:
        said = f"You made no prediction for {id}. The answer is {answer}"
    elif prediction["choice"] == answer:
        said = f"You said {prediction['choice']}, and {answer} it is"
    else:
        said = f"You said {prediction['choice']}; it is {answer}"
    print(f"{said}: {because.strip()}")
