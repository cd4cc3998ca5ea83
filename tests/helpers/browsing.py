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


def screenshot(page: Any, name: str) -> Path:
    """Keep a picture of the page in `.cache/screenshots`, or where SCREENSHOTS says."""
    folder = Path(os.environ.get("SCREENSHOTS", ROOT / ".cache" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
    return folder / f"{name}.png"
