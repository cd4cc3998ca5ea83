"""What `train` trains: for each data set its loader, models, optimiser, length and pictures."""

from .classifiers import CLASSIFIERS
from .comparing import Comparison, compare
from .making import RECIPES, make_model, make_trainer
from .recipe import Baseline, Look, Picture, Recipe
from .storing import StoredSeeds

__all__ = [
    "CLASSIFIERS",
    "RECIPES",
    "Baseline",
    "Comparison",
    "Look",
    "Picture",
    "Recipe",
    "StoredSeeds",
    "compare",
    "make_model",
    "make_trainer",
]
