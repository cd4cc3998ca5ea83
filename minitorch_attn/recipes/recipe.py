"""What a recipe says about its data set: all that differs from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..nn import Module
from ..ops import cross_entropy
from ..training import Trainer, accuracy
from .classifiers import CLASSIFIERS, make_classifier

Scores = Callable[[Module, Any, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Look:
    """A look at what a trained model does with its test set, beside its accuracy.

    Attributes
    ----------
    what : str
        What is looked at, in a few words: "where it looks".
    claim : str
        What is counted, in half a line: "of all tiles the asked one has most weight".
    scores : callable
        A model, the test set and a number n to scores (n, K) for its first n examples, and for
        each the column (n,) that ought to hold the largest.
    sentence : str
        For the table of `train`, with {share} in it. Empty: `train` does not look.
    """

    what: str
    claim: str
    scores: Scores
    sentence: str = ""

    def share(self, model: Module, test: Any) -> float:
        """The share of the test set in which the largest score is where it ought to be."""
        scores, right = self.scores(model, test, len(test))
        return float((scores.argmax(axis=1) == right).mean())


@dataclass(frozen=True)
class Picture:
    """A picture that `train` draws of a trained model.

    Attributes
    ----------
    file : str
        Its name in the folder of the run.
    what : str
        What it shows, in half a line.
    draw : callable
        A trainer that has done its work, and the path to write to.
    """

    file: str
    what: str
    draw: Callable[[Trainer, Path], None]


@dataclass(frozen=True)
class Baseline:
    """Something that answers without being trained as the models are.

    Attributes
    ----------
    what : str
        What it is, in half a line.
    score : callable
        The training set and the test set to its accuracy on the latter, in [0, 1].
    """

    what: str
    score: Callable[[Any, Any], float]


@dataclass(frozen=True)
class Recipe:
    """How one data set is trained on, and what there is to say and to see afterwards.

    Attributes
    ----------
    about : str
        The task, in a few words, for --help.
    load : callable
        A seed to the training set and the test set; it decides what is held out. Each has
        `__len__` and `batch(indices)`; for the classifiers also `num_classes`.
    what : str
        What the test set is, in a few words: "the held-out fifth".
    options : dict
        The model's; the Classifier's, if `make` says nothing else.
    epochs, seeds : int
        How long, and how often, if nobody says otherwise.
    lr, weight_decay : float
        AdamW's; the rate is the largest of `warmup_cosine`.
    batch_size : int
    clip : float, optional
        The longest joint gradient.
    models : dict of str
        What `train` compares, by name, and what each is in half a line. Looks and pictures are of
        the first.
    make : callable
        Options, a name of `models`, the training set and a seed to a fresh model.
    loss, accuracy : callable
        The Trainer's.
    counted : str
        What `accuracy` counts, in a word or two: "accuracy", "dates without a mistake".
    baselines : dict of Baseline
        What else stands in the table, by name.
    looks : dict of Look
        By the name that a figure has in metrics.json, and by which a learner's part asks for it
        (`course.own.parts`).
    pictures : tuple of Picture
        Beside the curves of loss and accuracy, which every run has.
    examples : str
        What the test set is made of, where looks are told: "test scenes".
    guess : str
        What a guess gets, in a sentence, for comparison with the looks.
    answers : str
        See `takes_answers`: "pairs" where a learner's answers train a Translator, "sets" a
        Detector, "pixels" a Painter, "frames" a FrameClassifier.
    """

    about: str
    load: Callable[[int], tuple[Any, Any]]
    what: str
    options: Mapping[str, Any]
    epochs: int
    seeds: int
    lr: float
    weight_decay: float
    batch_size: int = 64
    clip: float | None = None
    models: Mapping[str, str] = field(default_factory=lambda: CLASSIFIERS)
    make: Callable[[Mapping[str, Any], str, Any, int], Module] = make_classifier
    loss: Callable[..., Any] = cross_entropy
    accuracy: Callable[[Any, Any], float] = accuracy
    counted: str = "accuracy"
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    examples: str = "test examples"
    guess: str = ""
    answers: str = ""

    @property
    def main(self) -> str:
        """The first of the models: looks and pictures are of this one."""
        return next(iter(self.models))

    @property
    def takes_answers(self) -> str:
        """Which exercises have answers that can be put into its first model: those of "classes",
        where that is the Classifier, else those that `answers` names; "" if none."""
        return self.answers or ("classes" if self.make is make_classifier else "")
