"""What `train` trains: for each data set its loader, models, optimiser, length and pictures."""

from .comparing import Comparison, compare
from .making import MODELS, RECIPES, make_model, make_trainer
from .recipe import Look, Picture, Recipe

__all__ = [
    "MODELS",
    "RECIPES",
    "Comparison",
    "Look",
    "Picture",
    "Recipe",
    "compare",
    "make_model",
    "make_trainer",
]
