"""The parts that a learner can bring, and a guard around each while it works."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import MinitorchError
from ...optim import DivergedError
from ...recipes import RECIPES
from ..checking.running import learner_error

# As `Recipe.takes_answers` has them: the classifier; pairs of sequences, where each attention has a
# mask; sets of boxes; pixels one after the other, each of which sees those before it; frames.
ALL = CLASSES, PAIRS, SETS, PIXELS, FRAMES = "classes", "pairs", "sets", "pixels", "frames"
BLOCKS = CLASSES, PAIRS, SETS, PIXELS  # they have transformer blocks
LOGITS = CLASSES, PAIRS, PIXELS, FRAMES  # their loss is cross-entropy, and nothing else
MASKED = PAIRS, PIXELS  # they look up words or levels, too
UNMASKED = CLASSES, SETS


@dataclass(frozen=True)
class Job:
    """What the answer to an exercise does in the training.

    `needs` names an option of the recipe (pictures come in patches) or a look that it takes
    afterwards, without which there is nothing to do. `of` says of which kinds of training it is a
    part.
    """

    id: str
    what: str
    needs: str = ""
    of: tuple[str, ...] = ALL


JOBS = (
    Job("01.3", "cuts the pictures into patches", "patch"),
    Job("04.1", "every dense layer, and its gradients"),
    Job("04.2", "the first weights"),
    Job("04.3", "every step of Adam"),
    Job("05.1", "the loss: logarithms of the shares", of=LOGITS),
    Job("05.2", "the gradient of the loss", of=LOGITS),
    Job("06.2", "attention, in each head", of=UNMASKED),
    Job("06.4", "the gradient of attention", of=UNMASKED),
    Job("07.1", "the scale of the scores", of=BLOCKS),
    Job("07.2", "afterwards: the asked tile is masked", "right_without_the_asked_tile"),
    Job("07.3", "afterwards: everything is masked", "right_without_anything"),
    Job("07.2", "the weights, under the mask", of=MASKED),
    Job("07.3", "the gradient of these weights", of=MASKED),
    Job("08.1", "splits and merges heads, both ways", of=BLOCKS),
    Job("08.5", "afterwards: where the query looks", "largest_weight_on_asked_tile"),
    Job("08.5", "afterwards: where it looks", "largest_weight_where_it_comes_from"),
    Job("09.1", "every layer norm, and its gradients", of=BLOCKS),
    Job("11.1", "the gradient of every embedding", of=MASKED),
    Job("11.2", "what is told before, and what counts", of=(PAIRS,)),
    Job("12.1", "how far two boxes overlap", of=(SETS,)),
    Job("12.2", "which query learns which object", of=(SETS,)),
    Job("12.3", "what queries are told; its loss", of=(SETS,)),
    Job("12.5", "the loss, out of bits a pixel", of=(PIXELS,)),
    Job("13.2", "the pooling in time", of=(FRAMES,)),
    Job("13.4", "afterwards: the weight of the noise", "more_than_its_share_on_noise"),
)


def jobs(data: str) -> list[Job]:
    """The parts that there are in training on these data."""
    recipe = RECIPES[data]
    there = {"", *recipe.options, *recipe.looks}
    return [job for job in JOBS if job.needs in there and recipe.takes_answers in job.of]


class PartError(MinitorchError, FloatingPointError):
    """A part that passed its checks and fails at work; the message names it."""

    status = 1


class Part:
    """A learner's function at work: what it returns is looked at each time.

    Parameters
    ----------
    id, name : the exercise, and the name of its function
    function : the learner's
    """

    def __init__(self, id: str, name: str, function: Callable[..., Any]) -> None:
        self.id, self.name, self.function = id, name, function

    @property
    def title(self) -> str:
        return f"{self.id} {self.name}"

    def __call__(self, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> np.ndarray:
        """Call the function, from which one array of this shape is expected."""
        with self.blamed():
            result = self.function(*map(locked, args), **kwargs)
        return self.checked(result, shape, "what it returns", args)

    def several(
        self, shapes: list[tuple[int, ...]], *args: Any, used: int | None = None
    ) -> list[np.ndarray]:
        """Call the function, from which a tuple of arrays of these shapes is expected.

        Of these only the first `used` are looked at and returned.
        """
        with self.blamed():
            result = self.function(*map(locked, args))
        self.expect_count(result, len(shapes))
        return [
            self.checked(item, shape, f"result {i}", args)
            for i, (item, shape) in enumerate(zip(result[:used], shapes, strict=False), start=1)
        ]

    def expect_count(self, result: Any, count: int) -> None:
        if not isinstance(result, tuple | list) or len(result) != count:
            given = f"{len(result)}" if isinstance(result, tuple | list) else _kind(result)
            raise PartError(f"{self.title} returned {given}, not {count} arrays")

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Whatever the learner's function raises is reported under its name."""
        try:
            yield
        except PartError:
            raise
        except (Exception, SystemExit) as error:
            file = getattr(getattr(self.function, "__code__", None), "co_filename", "")
            told = learner_error(error, file)
            at = f", in line {told.line}: {told.code}" if told.line else ""
            raise PartError(f"{self.title} raised {told}{at}") from error

    def checked(
        self, value: Any, shape: tuple[int, ...], what: str, given: Sequence[Any]
    ) -> np.ndarray:
        """The value as an array of the kind of numbers that was given."""
        array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | float) else None
        if array is None or array.dtype.kind != "f":
            noun = "" if isinstance(value, np.ndarray) else "an array "
            raise PartError(
                f"{self.title}: {what} is {_kind(value)}, not {noun}of floating-point numbers"
            )
        if array.shape != shape:
            raise PartError(f"{self.title}: {what} has shape {array.shape}, and {shape} is needed")
        # The sum of finite numbers may overflow, but one NaN or infinity always shows in it.
        if not math.isfinite(np.add.reduce(array, axis=None)) and not np.isfinite(array).all():
            if all(np.isfinite(x).all() for x in given if isinstance(x, np.ndarray)):
                raise PartError(f"{self.title}: {what} holds NaN or infinity")
            raise DivergedError(f"NaN or infinity had arisen before {self.title} was called")
        kind = next(x.dtype for x in given if isinstance(x, np.ndarray))
        return array if array.dtype == kind else array.astype(kind)


def locked(x: Any) -> Any:
    """An array through which nothing can be changed: in a check these are copies, here they are
    the model's own."""
    if not isinstance(x, np.ndarray):
        return x
    view = x.view()
    view.flags.writeable = False
    return view


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of dtype {value.dtype}"
    return "None" if value is None else f"a {type(value).__name__}"


Parts = dict[str, Part]  # the learner's, by the exercise's id


def needed_of(needed: list[bool], found: Any) -> list[Any]:
    """The gradients that the engine asked for; the exercises give all of them."""
    return [g if need else None for g, need in zip(found, needed, strict=True)]
