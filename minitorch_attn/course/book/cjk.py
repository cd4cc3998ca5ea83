"""Chinese on pages and slides: a font that has the characters in use, and no others.

npm's `@fontsource-variable/noto-sans-sc` has the font in slices, a range of characters each, under
the Open Font License. The slices in use are cut down to what is used, and all stand in one style
sheet, as data: nothing can be left behind, whether a page is moved or put into one file.
"""

from __future__ import annotations

import base64
import functools
import io
import logging
import re
from pathlib import Path
from typing import Any

from ..sources.text import ROOT, SourceError

FAMILY = "Noto Sans SC Variable"  # as a style sheet names it
PACKAGE = ROOT / "slides" / "node_modules" / "@fontsource-variable" / "noto-sans-sc"
CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+")

_NO_TEXT = re.compile(
    r"(<(?:script|style|title|math)\b.*?</(?:script|style|title|math)>|<!--.*?-->|<[^>]*>)",
    re.DOTALL,
)
_SLICE = re.compile(r"url\(\./(files/[^)]+\.woff2)\)[^}]*unicode-range: ([^;]+);")
_FACE = """\
@font-face {{
  font-family: "{family}"; font-weight: 100 900; font-display: block; unicode-range: {codes};
  src: url(data:font/woff2;base64,{data}) format("woff2");
}}
"""


def mark(html: str) -> str:
    """HTML with `lang="zh"` on each run of Chinese: for fonts, and for who reads it aloud.

    Formulas, scripts, styles and what stands inside a tag are left alone.
    """
    parts = _NO_TEXT.split(html)
    parts[::2] = [CHINESE.sub(r'<span lang="zh">\g<0></span>', text) for text in parts[::2]]
    return "".join(parts)


def characters(text: str) -> set[str]:
    """The Chinese characters of a text, with their punctuation."""
    return set("".join(CHINESE.findall(text)))


def style_sheet(used: set[str], package: Path = PACKAGE) -> str:
    """CSS that brings in FAMILY with these characters, and its licence; "" if there are none.

    Raises
    ------
    SourceError
        If npm has not installed the font, a package of Python is missing, or the font has no such
        character.
    """
    if not used:
        return ""
    try:
        slices = _SLICE.findall((package / "wght.css").read_text(encoding="utf-8"))
        licence = (package / "LICENSE").read_text(encoding="utf-8").replace("*/", "* /")
    except OSError as error:
        raise SourceError(f"the Chinese font is missing: npm ci in slides/ ({error})") from error
    left, faces = {ord(character) for character in used}, []
    for file, ranges in slices:
        if found := left & _codes(ranges):
            left -= found
            data = base64.b64encode(_cut(package / file, found)).decode()
            codes = ",".join(f"U+{code:x}" for code in sorted(found))
            faces.append(_FACE.format(family=FAMILY, codes=codes, data=data))
    if left:
        raise SourceError(f"{FAMILY} has no character {' '.join(map(chr, sorted(left)))}")
    return f"/*\n{licence.strip()}\n*/\n" + "".join(faces)


def _codes(ranges: str) -> set[int]:
    """U+4e00,U+4e10-4e12 as numbers."""
    found: set[int] = set()
    for part in ranges.replace("U+", "").split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


def _cut(file: Path, codes: set[int]) -> bytes:
    """A font with the glyphs of these characters alone, weights 400 to 700, as WOFF2."""
    try:
        import brotli  # noqa: F401  what WOFF2 is packed with
        from fontTools import subset
        from fontTools.varLib.instancer import instantiateVariableFont
    except ImportError as error:
        raise SourceError("pip install fonttools brotli: a font is cut with them") from error
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # where others turned logging on
    options = subset.Options(
        flavor="woff2", layout_features=[], hinting=False, bidi_closure=False, name_IDs=[0, 1, 13]
    )
    font = _read(file)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font = instantiateVariableFont(font, {"wght": (400, 700)})
    packed = io.BytesIO()
    subset.save_font(font, packed, options)
    return packed.getvalue()


def _read(file: Path) -> Any:
    """A font, read anew from what was unpacked once: that takes longer than cutting it."""
    from fontTools.ttLib import TTFont

    tables, header = _unpacked(file)
    font = TTFont(io.BytesIO(tables), recalcTimestamp=False)
    font.flavorData = header
    return font


@functools.cache
def _unpacked(file: Path) -> tuple[bytes, Any]:
    """The tables of a font in WOFF2, and what its header said."""
    from fontTools.ttLib import TTFont

    font, tables = TTFont(file, recalcTimestamp=False), io.BytesIO()
    font.flavor, header = None, font.flavorData
    font.save(tables, reorderTables=False)
    return tables.getvalue(), header
