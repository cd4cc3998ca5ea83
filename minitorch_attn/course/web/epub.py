"""The book as EPUB 3: Sphinx's own builder, its formulas as MathML."""

from __future__ import annotations

import re
from typing import Any

from sphinx.builders.epub3 import Epub3Builder

_PAGE = re.compile(r'(href="([^"]+\.xhtml)" media-type="application/xhtml\+xml") />')


class Epub(Epub3Builder):
    """Sphinx's does not say which pages have MathML in them, which EPUB 3 asks for."""

    def add_css_file(self, filename: str, **kwargs: Any) -> None:
        """Link to a style sheet, but not to myst-nb's, which it puts into sites alone."""
        if not filename.startswith("mystnb."):
            super().add_css_file(filename, **kwargs)

    def build_content(self) -> None:
        """Write the list of what is in the book."""
        super().build_content()

        def tell(item: re.Match[str]) -> str:
            has = "<math" in (self.outdir / item[2]).read_text(encoding="utf-8")
            return f'{item[1]} properties="mathml" />' if has else item[0]

        listed = self.outdir / "content.opf"
        told = _PAGE.sub(tell, listed.read_text(encoding="utf-8"))
        listed.write_text(told, encoding="utf-8")
