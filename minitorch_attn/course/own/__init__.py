"""Train the classifier on your own answers: `own.train("exercises")`.

The functions that you wrote in the exercises are found by name in your notebooks, checked, and
put in the library's place: dense layers, first weights, Adam, softmax, attention, masks, heads,
layer norm. Then the classifier of chapter 10 is trained with them, and beside it the library's,
from the same seed. With `data="dates"` it is chapter 11's translator, with the gradient of its
embeddings and what its decoder is told; with "scenes" and "drawing" chapter 12's detector, with
overlap, matching and the loss of the classes, and its painter, with bits a pixel; with "vowels"
chapter 13's classifier of sounds, with pooling in time and the weight of noise. The engine of
chapter 03, GELU and the schedule stay the library's.

Your code runs in this process, with your rights, as it does in your notebook. This is for your
own answers on your own machine, not for marking those of others.
"""

from .judge import OwnError
from .running import Outcome, train

__all__ = ["Outcome", "OwnError", "train"]
