"""Build the lectures: `slides/NN_name.md` into decks that open from the disk, with no network.

`render` makes HTML of a lecture's Markdown; here it becomes files, and a command.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from ...files import write_if_changed
from ..sources import contents, text
from ..sources.text import ROOT, SourceError
from . import assets, include, single
from .ending import leads
from .lecture import plan
from .page import page
from .render import read, typeset


def build(
    root: Path = ROOT,
    out: Path | None = None,
    only: tuple[str, ...] = (),
    *,
    site: str | None = None,
    dark: bool = False,
    alone: bool = False,
) -> list[Path]:
    """Build the decks and what they need; returns the HTML files.

    Parameters
    ----------
    root, out : the book, and where its decks are written: `slides/built` if None
    only : two digits of each lecture wanted, as in ("06",); all if empty
    site : address of the web edition, to which the last slide leads; book.toml's if None
    dark : light letters on dark paper
    alone : each deck is one file, which needs no other

    Raises
    ------
    SourceError
        If a lecture cannot be built, or Node is missing; the message says where, and what helps.
    """
    out = out or root / "slides" / "built" / ("single" if alone else "")
    paths = [path for path in text.sources("slides", root) if not only or path.stem[:2] in only]
    if not paths:
        contents.chapters(root)  # says so if the book is not here
        raise SourceError(f"there is no lecture {' or '.join(only) or 'NN_name.md'} in slides/.")
    modules = ROOT / "slides"
    assets.install(modules)
    includes = include.Includes(root)
    decks = []
    with TemporaryDirectory() as aside:
        shared = Path(aside) if alone else out
        assets.copy(modules / "node_modules", shared / "assets")
        for path in paths:
            slides = read(path, includes)
            try:
                parts = plan(slides)
            except SourceError as error:
                raise SourceError(f"slides/{path.name}, {error}") from error
            typeset(slides, path.stem, modules)
            whole = page(slides, parts, path.stem, leads(path.stem, site, root), dark)
            deck = out / f"{path.stem}.html"
            write_if_changed(deck, single.inlined(whole, shared) if alone else whole)
            decks.append(deck)
            print(f"{_short(deck)}: {len(slides)} slides")
    return decks


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m minitorch_attn slides`."""
    parser.add_argument("chapter", nargs="*", help="two digits, as in 06; all lectures if left out")
    parser.add_argument(
        "--single", action="store_true", help="each deck as one file, in slides/built/single"
    )
    parser.add_argument("--dark", action="store_true", help="light letters on dark paper")
    parser.add_argument("--pdf", action="store_true", help="also write a PDF beside each deck")


def run(args: argparse.Namespace) -> int:
    """Build the decks, and with `--pdf` print them; returns 0.

    Raises
    ------
    SourceError
        If a lecture cannot be built or printed; the message says where, and what helps.
    """
    text.need_checkout("slides")
    decks = build(only=tuple(args.chapter), dark=args.dark, alone=args.single)
    if args.pdf:
        from . import pdf

        for deck in decks:
            printed, pages = pdf.export(deck)
            print(f"{_short(printed)}: {pages} pages")
    return 0
