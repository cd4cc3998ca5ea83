"""One chapter and its exercises as one HTML file that needs nothing else: for a stick."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...files import write_atomic
from ..slides import single
from ..sources.text import ROOT, SourceError, need_checkout
from .build import write_pages
from .live import pages, runtime

_NAVIGATION = ".sidebar-drawer, .related-pages, label[for='__navigation']"
_OTHERS = "x-"  # begins the ids of what comes from the page of exercises
_TOP = f"{_OTHERS}top"
_UNUSED = ("search", "doctools", "sphinx_highlight", "documentation_options")  # one page


def one_file(chapter: str, out: Path, root: Path = ROOT) -> Path:
    """Build the page; returns where it is.

    Raises
    ------
    SourceError, NoRuntime
        If the pages cannot be built; if there is no Python for the browser.
    """
    content = runtime.payload(root)
    with TemporaryDirectory(prefix="one-file-") as aside:
        site = Path(aside, "site")
        write_pages("html", site, root, (chapter,))
        found = sorted((site / "notebooks").glob(f"{chapter}_*.html"))
        if not found:
            raise SourceError(f"there is no chapter {chapter}")
        text = _page(found[0], site, content, root)
    target = out / f"{found[0].stem}.html"
    write_atomic(target, text.encode())
    return target


def _page(chapter: Path, site: Path, content: dict[str, bytes], root: Path) -> str:
    soup, notebooks = _soup(chapter), [root / "notebooks" / f"{chapter.stem}.ipynb"]
    exercises = site / "exercises" / chapter.name
    if exercises.is_file():
        other = _soup(exercises)
        section, listed = other.select_one("article section"), other.select_one(".toc-tree li")
        for element in section.select("[id]"):  # both pages may have one of this name
            element["id"] = _OTHERS + element["id"]
        whole = ("#", f"#{section['id']}")
        for link in section.select("a[href^='#']") + listed.select("a[href^='#']"):
            link["href"] = f"#{_TOP}" if link["href"] in whole else f"#{_OTHERS}{link['href'][1:]}"
        section["id"] = _TOP
        soup.select_one(".toc-tree > ul").append(listed)
        soup.select_one("article section").insert_after(section)
        notebooks.append(root / "exercises" / f"{chapter.stem}.ipynb")
    for part in soup.select(_NAVIGATION):
        part.decompose()
    _turn_links(soup, chapter.stem)
    _inline(soup, chapter.parent)
    alone = soup.new_tag("style")
    alone.string = ".page { justify-content: center; } .content { margin-inline: auto; }"
    alone.string += (pages.HERE / "live.css").read_text(encoding="utf-8")
    soup.head.append(alone)
    licences = soup.new_tag("script", id="licences", type="text/plain")
    licences.string = single.closed(runtime.licences(root).decode())
    soup.body.append(licences)
    for script in _live(content, notebooks, root):
        tag = soup.new_tag("script")
        tag.string = script
        soup.body.append(tag)
    return str(soup)


def _soup(page: Path) -> Any:
    from bs4 import BeautifulSoup

    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def _turn_links(soup: Any, stem: str) -> None:
    """Links between the two pages, and to the contents, stay here; words that lead to others stand
    alone."""
    for link in soup.select("a[href]"):
        target = link["href"]
        if target.startswith("#") or re.match(r"[a-z]+:", target):
            continue
        path, _, mark = target.partition("#")
        if Path(path).stem == "index":
            link["href"] = "#"  # the contents are this page's own, at its top
        elif Path(path).stem != stem or path.startswith("../lectures"):
            link.unwrap()
        elif "exercises" in path:
            link["href"] = f"#{_OTHERS}{mark}" if mark else f"#{_TOP}"
        else:
            link["href"] = f"#{mark}"


def _inline(soup: Any, folder: Path) -> None:
    """Style sheets, scripts and pictures as part of the page."""
    letters = set(map(ord, soup.get_text()))
    for sheet in soup.select("link[href]"):
        path = folder / sheet["href"].partition("?")[0]
        if "stylesheet" in sheet.get("rel", ()) and path.is_file():
            style = soup.new_tag("style")
            style.string = single.sheet(path, letters)
            sheet.replace_with(style)
        elif "icon" in sheet.get("rel", ()) and path.is_file():
            sheet["href"] = single.data(path)
        else:
            sheet.decompose()
    for script in soup.select("script[src]"):
        path = folder / script["src"].partition("?")[0]
        if path.stem in _UNUSED or not path.is_file():
            script.decompose()
            continue
        del script["src"]
        script.string = single.script(path)
    for picture in soup.select("img[src]"):
        path = folder / picture["src"]
        if path.is_file():
            picture["src"] = single.data(path)


def _live(content: dict[str, bytes], notebooks: list[Path], root: Path) -> list[str]:
    """The scripts: Python, and the cells of both pages as those of one."""
    shown = {
        path.relative_to(root).with_suffix("").as_posix(): json.loads(
            path.read_text(encoding="utf-8")
        )
        for path in notebooks
    }
    size = sum(len(part) for part in content.values()) * 4 // 3
    parts = [
        runtime.as_script(name, part)
        for name, whole in content.items()
        for part in runtime.parts(whole)
    ]
    facts = {"payload": {name: [None] for name in content}, "size": size, "base": "", "read": ""}
    marked = {name: _OTHERS for name in shown if name.startswith("exercises/")}
    begin = pages.begin(shown, ids=marked, **facts)
    live = (pages.HERE / "live.js").read_text(encoding="utf-8")
    return [live, pages.worker_script(root), *parts, begin]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m minitorch_attn one-file`."""
    parser.add_argument("chapter", help="two digits, as in 06")
    parser.add_argument("--out", type=Path, default=ROOT / "site-one", metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Build it; returns 0. Raises SourceError or NoRuntime if it cannot be built."""
    need_checkout("one-file")
    path = one_file(args.chapter, args.out)
    print(f"open {os.path.relpath(path)} ({path.stat().st_size / 1e6:.0f} MB)")
    return 0
