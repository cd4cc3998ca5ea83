"""Where the last slide leads: the chapter, its exercises, the next lecture; as links or codes."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from ..sources import contents
from ..sources.text import ROOT

WAYS = (("the chapter", "notebooks"), ("the exercises", "exercises"))


@dataclass(frozen=True)
class Leads:
    """What a lecture leads to.

    Parameters
    ----------
    file : the name that chapter, exercises and lecture share, as in "06_one_query"
    site : address of the web edition without a slash at its end, or "" where there is none; one
        that begins with "http" is also drawn as a code for a telephone
    following : file and title of the next lecture, or None
    """

    file: str
    site: str = ""
    following: tuple[str, str] | None = None


def leads(file: str, site: str | None = None, root: Path = ROOT) -> Leads:
    """What the lecture of this name leads to; the site is the one in book.toml if None is given."""
    if not (root / "chapters" / "book.toml").is_file():
        return Leads(file, site or "")
    book = contents.chapters(root)
    site = contents.site(root) if site is None else site
    number = int(file[:2])
    if number + 1 < len(book) and (root / "slides" / f"{book[number + 1].file}.md").is_file():
        return Leads(file, site, (book[number + 1].file, book[number + 1].title))
    return Leads(file, site)


def block(leads: Leads) -> str:
    """HTML at the foot of the last slide: with a site links and codes, without one the paths."""
    parts = []
    for words, folder in WAYS:
        if leads.site:
            address = f"{leads.site}/{folder}/{leads.file}.html"
            label = f"{_code(address)}<span>{words}</span>"
            parts.append(f'<a href="{html.escape(address, quote=True)}">{label}</a>')
        else:
            path = f"{folder}/{leads.file}.ipynb"
            parts.append(f"<span>{words}: <code>{html.escape(path)}</code></span>")
    if leads.following:
        file, title = leads.following
        parts.append(f'<a class="next" href="{file}.html">next: {html.escape(title)}</a>')
    kind = "leads coded" if leads.site.startswith("http") else "leads"
    return f'<nav class="{kind}">{"".join(parts)}</nav>'


def _code(address: str) -> str:
    """A QR code of an address, as a drawing; nothing for one that only the site itself knows."""
    if not address.startswith("http"):
        return ""
    import segno

    drawn: str = segno.make(address, error="m", micro=False).svg_inline(
        border=2, dark="#000", light="#fff", omitsize=True
    )
    return drawn
