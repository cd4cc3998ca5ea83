"""What `grade` and `export` ask of their arguments."""

from __future__ import annotations

import argparse
import re

from ..checks import exercises_of

SECRET_FILE = ("--secret-file", "--seed-file")  # the second is what earlier terms' scripts say


def chapter(text: str) -> int:
    """The number of a chapter that has exercises, for argparse."""
    if not re.fullmatch(r"\d{1,2}", text) or not exercises_of(int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a chapter with exercises, as in 06")
    return int(text)
