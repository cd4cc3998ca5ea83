"""Real data, ready to train on."""

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .digits import digits, load_digits
from .reading import Reading, reading
from .tweets import Tweets, lexicon, tweets

__all__ = [
    "CuedDigits",
    "Dataset",
    "Loader",
    "Reading",
    "Tweets",
    "cued_digits",
    "digits",
    "lexicon",
    "load_digits",
    "reading",
    "tweets",
]
