"""Print a deck to PDF with a browser that is already there; nothing is downloaded."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...files import write_atomic
from ..sources.text import SourceError

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "msedge",
    "chrome",
)
QUIET = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium, Chrome or Edge of this machine, driven by Playwright."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise SourceError(
            "a browser is driven by Playwright, which is missing: pip install playwright"
        ) from error
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        # Off the PATH, Playwright knows where Chrome and Edge install themselves.
        choices: list[dict[str, Any]] = [{"executable_path": found}]
        if not found:
            choices = [{"channel": "chrome"}, {"channel": "msedge"}]
        failures = []
        for choice in choices:
            try:
                driven = playwright.chromium.launch(args=list(QUIET), **choice)
            except Error as error:
                failures.append(str(error).strip().split("\n")[0])
                continue
            try:
                yield driven
            finally:
                driven.close()
            return
        if found:
            raise SourceError(f"{found} does not start: {failures[0]}")
        raise SourceError(
            "no Chromium, Chrome or Edge found: install one "
            "(on Debian and Ubuntu: apt-get install chromium)"
        )


def export(deck: Path) -> tuple[Path, int]:
    """Print the deck beside itself; returns the PDF and its number of pages, one a slide."""
    with browser() as driven:
        printed = print_deck(driven, deck)
    target = deck.with_suffix(".pdf")
    write_atomic(target, printed)
    return target, count_pages(printed)


def print_deck(driven: Any, deck: Path) -> bytes:
    """The deck as PDF. A slide that spills onto a second page is an error."""
    page = driven.new_page()
    page.goto(deck.resolve().as_uri() + "?print-pdf")
    page.wait_for_function("document.querySelectorAll('.pdf-page').length > 0")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    slides = page.locator(".slides .slide").count()
    printed: bytes = page.pdf(
        prefer_css_page_size=True, print_background=True, tagged=True, outline=True
    )
    page.close()
    if count_pages(printed) != slides:
        raise SourceError(
            f"{deck.name}: {slides} slides became {count_pages(printed)} pages: a slide overflows."
        )
    return printed


def count_pages(pdf: bytes) -> int:
    """Number of pages of a PDF as Chromium writes it, its page objects not compressed."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
