"""Build the web edition: chapters, exercises and lectures as pages that open from the disk."""

from __future__ import annotations

import argparse
import io
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from ..book import cjk
from ..slides import assets, pdf
from ..slides import build as lectures
from ..sources.text import ROOT, SourceError, need_checkout
from . import paper
from .live import pages as live
from .prepare import lay_out

HERE = Path(__file__).parent
DONE = ".buildinfo"  # written by Sphinx: a folder that has it is ours


def build(out: Path, root: Path = ROOT, only: tuple[str, ...] = ()) -> Path:
    """Build the site into `out`, which is empty, or an earlier one; returns its first page.

    Raises
    ------
    SourceError
        If a page cannot be built, or warns; if Node or Sphinx is missing; the message says what.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / DONE).is_file():
        raise SourceError(f"{out} has files that are no web edition: name another with --out.")
    if out.is_dir():
        shutil.rmtree(out)
    write_pages("html", out, root, only)
    lectures.build(root, out / "lectures", only, site="..")
    if missing := live.add(out, root):
        print(f"{missing}; then build the pages again")
    return out / "index.html"


def print_pages(out: Path, root: Path = ROOT, only: tuple[str, ...] = ()) -> list[Path]:
    """Print the chapters of a site that was built, or without any named the whole book; the PDFs.

    Raises
    ------
    SourceError
        If no browser is found, or a chapter is not there.
    """
    with pdf.browser() as driven:
        if only:
            names = [path.stem for path in sorted((out / "notebooks").glob("[0-9]*.html"))]
            return [
                paper.export(
                    driven, out / "notebooks" / f"{name}.html", out / "pdf" / f"{name}.pdf"
                )
                for name in names
                if name[:2] in only
            ]
        with TemporaryDirectory(prefix="web-") as aside:
            page = Path(aside, "index.html")
            write_pages("singlehtml", page.parent, root, whole=True)
            page.write_text(paper.own_ids(page.read_text(encoding="utf-8")), encoding="utf-8")
            return [paper.export(driven, page, out / "pdf" / "attention_from_scratch.pdf")]


def bind(out: Path, root: Path = ROOT, only: tuple[str, ...] = ()) -> Path:
    """Build the book, or the chapters named, as an EPUB in the site's folder.

    Raises
    ------
    SourceError
        If a page cannot be built, or warns.
    """
    with TemporaryDirectory(prefix="web-") as aside:
        write_pages("epub", Path(aside), root, only, whole=True)
        (bound,) = Path(aside).glob("*.epub")
        return Path(shutil.copy(bound, out / bound.name))


def write_pages(
    builder: str, out: Path, root: Path, only: tuple[str, ...] = (), whole: bool = False
) -> None:
    """Run one of Sphinx's builders over the book, and put the fonts beside what it made."""
    assets.install(ROOT / "slides")
    with TemporaryDirectory(prefix="web-") as aside:
        lay_out(Path(aside, "sources"), root, only, whole)
        sphinx(builder, Path(aside, "sources"), Path(aside, "trees"), out)
    base = ROOT / "slides" / "node_modules" / "katex" / "dist"
    for file in (base / "katex.min.css", *base.glob("fonts/*.woff2")):
        target = out / "_static" / "katex" / file.relative_to(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    shown = "".join(page.read_text(encoding="utf-8") for page in out.rglob("*.html"))
    sheet = cjk.style_sheet(cjk.characters(shown))
    (out / "_static" / "cjk.css").write_text(sheet, encoding="utf-8")


def sphinx(builder: str, sources: Path, trees: Path, out: Path) -> None:
    """Run one of Sphinx's builders; its first warning is an error."""
    try:
        from sphinx.application import Sphinx
        from sphinx.errors import SphinxError
        from sphinx.util.console import strip_escape_sequences
        from sphinx.util.docutils import docutils_namespace, patch_docutils
    except ImportError as error:
        raise SourceError("Sphinx is missing: pip install 'minitorch_attn[web]'") from error
    warned = io.StringIO()
    try:
        with patch_docutils(str(HERE)), docutils_namespace():
            Sphinx(sources, HERE, out, trees, builder, status=None, warning=warned).build()
    except SphinxError as error:
        raise SourceError(f"Sphinx cannot build the {builder}: {error}") from error
    if said := strip_escape_sequences(warned.getvalue()).strip():
        raise SourceError(f"Sphinx warns about the {builder}:\n{said}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m minitorch_attn web`."""
    parser.add_argument("chapter", nargs="*", help="two digits, as in 06; the book if left out")
    parser.add_argument("--out", type=Path, default=ROOT / "site", metavar="DIR")
    parser.add_argument("--epub", action="store_true", help="also make an EPUB of the same")
    parser.add_argument(
        "--pdf", action="store_true", help="also print the chapters named, or else the whole book"
    )


def run(args: argparse.Namespace) -> int:
    """Build the site; returns 0.

    Raises
    ------
    SourceError
        If it cannot be built; the message says why, and what helps.
    """
    need_checkout("web")
    first = build(args.out, only=tuple(args.chapter))
    if args.epub:
        print(os.path.relpath(bind(args.out, only=tuple(args.chapter))))
    for printed in print_pages(args.out, only=tuple(args.chapter)) if args.pdf else ():
        print(os.path.relpath(printed))
    print(f"open {os.path.relpath(first)}")
    return 0
