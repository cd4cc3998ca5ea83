"""Real data, ready to train on."""

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .digits import digits, load_digits
from .vocabulary import PAD, START, STOP, UNKNOWN, Vocabulary, pad

__all__ = [
    "PAD",
    "START",
    "STOP",
    "UNKNOWN",
    "CuedDigits",
    "Dataset",
    "Loader",
    "Vocabulary",
    "cued_digits",
    "digits",
    "load_digits",
    "pad",
]
