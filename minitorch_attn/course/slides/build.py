"""Build the lectures: `slides/NN_name.md` into decks that open from the disk, with no network.

`render` makes HTML of a lecture's Markdown; here it becomes files, and a command.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ...files import write_if_changed
from ..sources import contents, text
from ..sources.text import ROOT, SourceError
from . import assets, include
from .render import page, read, typeset


def build(root: Path = ROOT, out: Path | None = None, only: tuple[str, ...] = ()) -> list[Path]:
    """Build the decks and what they need; returns the HTML files.

    Raises
    ------
    SourceError
        If a lecture cannot be built, or Node is missing; the message says where, and what helps.
    """
    out = out or root / "slides" / "built"
    paths = [path for path in text.sources("slides", root) if not only or path.stem[:2] in only]
    if not paths:
        contents.chapters(root)  # says so if the book is not here
        raise SourceError(f"there is no lecture {' or '.join(only) or 'NN_name.md'} in slides/.")
    modules = ROOT / "slides"
    assets.install(modules)
    assets.copy(modules / "node_modules", out / "assets")
    includes = include.Includes(root)
    decks = []
    for path in paths:
        slides = read(path, includes)
        typeset(slides, path.stem, modules)
        deck = out / f"{path.stem}.html"
        write_if_changed(deck, page(slides, path.stem))
        decks.append(deck)
        print(f"{_short(deck)}: {len(slides)} slides")
    return decks


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m minitorch_attn slides`."""
    parser.add_argument("chapter", nargs="*", help="two digits, as in 06; all lectures if left out")
    parser.add_argument("--pdf", action="store_true", help="also write a PDF beside each deck")


def run(args: argparse.Namespace) -> int:
    """Build the decks, and with `--pdf` print them; returns 0.

    Raises
    ------
    SourceError
        If a lecture cannot be built or printed; the message says where, and what helps.
    """
    text.need_checkout("slides")
    decks = build(only=tuple(args.chapter))
    if args.pdf:
        from . import pdf

        for deck in decks:
            printed, pages = pdf.export(deck)
            print(f"{_short(printed)}: {pages} pages")
    return 0
