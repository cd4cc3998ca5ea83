"""Real data, ready to train on."""

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .digits import digits, load_digits

__all__ = ["CuedDigits", "Dataset", "Loader", "cued_digits", "digits", "load_digits"]
