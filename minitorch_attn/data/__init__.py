"""Real data, ready to train on."""

from inspect import ismodule as _ismodule

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .digits import digits, load_digits
from .emoji import Emoji, emoji
from .fashion import split_fashion
from .mnist import mnist8
from .prompts import Prompts, prompts
from .reading import Reading, reading
from .signals import frames, insert_burst, log_mel, pad_frames
from .tweets import Tweets, lexicon, tweets
from .vocabulary import PAD, START, STOP, UNKNOWN, Vocabulary, pad
from .vowels import Utterances, japanese_vowels

__all__ = [n for n, x in vars().items() if not (n.startswith("_") or _ismodule(x))]
