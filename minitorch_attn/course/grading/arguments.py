"""What `grade`, `export` and `term` ask of their arguments."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ...errors import MinitorchError
from ..checks import exercises_of, folders
from ..proving.named import hold

SECRET_FILE = ("--secret-file", "--seed-file")  # the second is what earlier terms' scripts say


class ArgumentError(MinitorchError, ValueError):
    """A wish that cannot be granted; the message says why in one line."""


def chapter(text: str) -> int:
    """The number of a chapter, for argparse; whether there is one, `settle` says."""
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise argparse.ArgumentTypeError(f"{text!r} is not a chapter with exercises, as in 06")
    return int(text)


def add_checks(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """The option for a folder of an instructor's own."""
    parser.add_argument(
        "--checks",
        type=Path,
        required=required,
        metavar="FOLDER",
        help="exercises of your own, laid out as the book's; what is in it runs with your rights",
    )


def settle(checks: Path | None, chapters: Iterable[int] = ()) -> Path | None:
    """Use the folder, and see that these chapters have exercises; returns the folder, resolved.

    Of the folder's, the named wrong answers are tried: who marks with a check that lets one pass,
    marks wrongly.

    Raises ArgumentError, FolderMistake or SourceError, a line.
    """
    root = folders.use_checks(checks) if checks else None
    for number in chapters:
        if not exercises_of(number):
            raise ArgumentError(
                f"argument --chapter: '{number:02d}' is not a chapter with exercises, as in 06"
            )
        if root and folders.root_of(number) == root:
            hold(number)
    return root
