"""A deck in one file: style sheets, scripts and the fonts that it uses, inside the page."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

_SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_RANGE = re.compile(r"unicode-range:\s*([^;}]+)")
_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
_OTHERS = re.compile(r",\s*url\([^)]*\)\s*format\([\"'](?:woff|truetype)[\"']\)")


def inlined(page: str, folder: Path) -> str:
    """The page with all that it loads from `folder` in it."""
    letters = set(map(ord, html.unescape(page)))
    page = _SHEET.sub(lambda found: f"<style>{_sheet(folder / found[1], letters)}</style>", page)
    return _SCRIPT.sub(lambda found: f"<script>{_script(folder / found[1])}</script>", page)


def _script(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("</script", r"<\/script")


def _sheet(path: Path, letters: set[int]) -> str:
    """A style sheet with its fonts in it, but for those that set none of the letters."""

    def face(found: re.Match[str]) -> str:
        covered = _RANGE.search(found[0])
        return found[0] if not covered or _covers(covered[1], letters) else ""

    def file(found: re.Match[str]) -> str:
        if found[1].startswith("data:"):
            return found[0]
        data = base64.b64encode((path.parent / found[1]).read_bytes()).decode()
        return f"url(data:font/woff2;base64,{data})"

    text = _FACE.sub(face, path.read_text(encoding="utf-8"))
    return _URL.sub(file, _OTHERS.sub("", text))


def _covers(ranges: str, letters: set[int]) -> bool:
    for part in ranges.split(","):
        first, _, last = part.strip().removeprefix("U+").partition("-")
        low = int(first.replace("?", "0"), 16)
        high = int(last or first.replace("?", "F"), 16)
        if any(low <= letter <= high for letter in letters):
            return True
    return False
