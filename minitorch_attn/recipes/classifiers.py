"""The classifier of chapter 10 and what it is compared with, for any data set of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..models import Classifier, DenseNet
from ..nn import Module

CLASSIFIERS = {
    "attention": "the classifier of chapter 10",
    "uniform": "the same with every attention weight 1/S",
    "none": "the same without attention between tokens",
    "dense": "two dense layers with as many parameters",
}


def make_classifier(options: Mapping[str, Any], model: str, train: Any, seed: int) -> Module:
    """A fresh model, one of CLASSIFIERS, for inputs as `train` has them."""
    inputs, _ = train.batch(np.arange(1))
    token_dim = options["patch"] ** 2 if "patch" in options else inputs.shape[-1]
    mixing = "attention" if model == "dense" else model
    classifier = Classifier(token_dim, train.num_classes, mixing=mixing, seed=seed, **options)
    if model == "dense":
        return DenseNet.matching(classifier, inputs.size, train.num_classes, seed=seed)
    return classifier
