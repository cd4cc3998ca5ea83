"""Real data, ready to train on."""

from inspect import ismodule as _ismodule

from .cued import CuedDigits, cued_digits
from .dataset import Dataset, Loader
from .dates import dates, spell
from .digits import digits, load_digits
from .docstrings import Docstring, docstrings
from .drawings import DigitDrawings, digit_drawings
from .emoji import Emoji, emoji
from .facts import Scene, fact_scenes, facts
from .fashion import split_fashion
from .interface import interface_strings, words_of
from .mnist import mnist8
from .pairs import Pairs, shifted
from .prompts import Prompts, prompts
from .reading import Reading, reading
from .scenes import DigitScenes, digit_scenes, window_centres, window_labels, windows
from .signals import frames, insert_burst, log_mel, pad_frames
from .splice import Splice, splice
from .tweets import Tweets, lexicon, tweets
from .vocabulary import PAD, START, STOP, UNKNOWN, Vocabulary, pad
from .vowels import Utterances, japanese_vowels

__all__ = [n for n, x in vars().items() if not (n.startswith("_") or _ismodule(x))]
