"""The book on paper: one page, or all in one, printed by a browser as a tagged PDF with outline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...files import write_atomic

_BEGINS = re.compile(r'<span id="document-([^"]+)">')
_FOOT = (
    '<div style="width:100%; font:8px sans-serif; text-align:center; color:#555">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)


def own_ids(html: str) -> str:
    """A book in one page, as Sphinx's singlehtml writes it, in which no two places share an id.

    Each chapter has its "summary": what has an id gets the name of its page before it.
    """
    parts = _BEGINS.split(html)
    for at in range(1, len(parts), 2):
        name = parts[at]
        parts[at] = f'<span id="document-{name}">'
        parts[at + 1] = re.sub(r' id="([^"]+)"', rf' id="{name}/\1"', parts[at + 1])
    joined = re.sub(r'href="#document-([^"#]+)#([^"]+)"', r'href="#\1/\2"', "".join(parts))
    return joined.replace('href="#document-index"', 'href="#"')


def export(driven: Any, page: Path, target: Path) -> Path:
    """Print a page of the site to a PDF; `driven` is a browser as `slides.pdf` starts it."""
    shown = driven.new_page(color_scheme="light")
    shown.set_default_timeout(600_000)  # the whole book takes a while
    shown.goto(page.resolve().as_uri())
    shown.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    shown.emulate_media(media="print", color_scheme="light")
    shown.evaluate("document.fonts.ready.then(() => true)")
    printed: bytes = shown.pdf(
        format="A4",
        margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
        tagged=True,
        outline=True,
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=_FOOT,
    )
    shown.close()
    write_atomic(target, printed)
    return target
