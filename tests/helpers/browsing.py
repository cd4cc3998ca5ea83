"""What the browser tests share: skip where a tool is missing, fail where it must be there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from minitorch_attn.course.slides import assets, pdf
from minitorch_attn.course.sources.text import ROOT, SourceError

WIDTHS = 1280, 390  # of a screen and of a phone, in pixels of style sheets
SCHEMES = "light", "dark"
_CUT = (
    "[...document.querySelectorAll('.traceback pre')]"
    ".filter(shown => shown.scrollWidth > shown.clientWidth).length"
)


def lacking(what: object) -> NoReturn:
    """Skip with a line that says what is missing; in CI, where it must be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(str(what))
    pytest.skip(str(what))


def npm_packages() -> None:
    """Bring in what `slides/package-lock.json` pins, as the commands do; else `lacking`."""
    try:
        assets.tool("node")
        assets.install(ROOT / "slides")
    except SourceError as error:
        lacking(error)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless browser, closed at the end; an error inside the block is told to it."""
    with ExitStack() as stack:
        try:
            driven = stack.enter_context(pdf.browser())
        except SourceError as error:
            lacking(error)
        yield driven


class Chromium:
    """A tab of Chromium without a network, with what a `firefox.Firefox` has."""

    def __init__(self, driven: Any) -> None:
        self.page, self.said = driven.new_context(offline=True).new_page(), list[str]()
        self.page.on("console", lambda told: self.said.append(f"{told.type}: {told.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda asked: self._keep(asked.url))

    def _keep(self, url: str) -> None:
        self.said += [] if url.startswith(("file:", "data:", "blob:")) else [url]

    def open(self, page: Path, query: str = "") -> None:
        """Load a page of the disk, to the end."""
        self.page.goto(page.as_uri() + query)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page this much room, in pixels of style sheets."""
        self.page.set_viewport_size({"width": width, "height": height})

    def evaluate(self, script: str) -> Any:
        """What an expression is, or what it promises."""
        return self.page.evaluate(script)


def too_wide(tab: Any) -> list[str]:
    """How the open page overflows at both widths, light and dark."""
    faults = []
    for width in WIDTHS:
        tab.resize(width)
        for scheme in SCHEMES:
            tab.evaluate(f"(document.body.dataset.theme = '{scheme}', 0)")
            shown = tab.evaluate("document.documentElement.scrollWidth")
            if shown > width:
                faults.append(f"{shown} pixels wide at {width}, {scheme}")
        if cut := tab.evaluate(_CUT):
            faults.append(f"{cut} errors are cut off at {width}")
    return faults


def screenshot(page: Any, name: str) -> Path:
    """Keep a picture of the page in `.cache/screenshots`, or where SCREENSHOTS says."""
    folder = Path(os.environ.get("SCREENSHOTS", ROOT / ".cache" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
    return folder / f"{name}.png"
