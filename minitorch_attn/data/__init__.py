"""Real data, ready to train on."""

from inspect import ismodule as _ismodule

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .digits import digits, load_digits
from .reading import Reading, reading
from .tweets import Tweets, lexicon, tweets
from .vocabulary import PAD, START, STOP, UNKNOWN, Vocabulary, pad

__all__ = [n for n, x in vars().items() if not (n.startswith("_") or _ismodule(x))]
