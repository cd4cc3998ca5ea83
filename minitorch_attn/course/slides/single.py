"""A page in one file: style sheets, scripts and the fonts that it uses, inside it."""

from __future__ import annotations

import base64
import html
import mimetypes
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
    page = _SHEET.sub(lambda found: f"<style>{sheet(folder / found[1], letters)}</style>", page)
    return _SCRIPT.sub(lambda found: f"<script>{script(folder / found[1])}</script>", page)


def script(path: Path) -> str:
    """A script as it can stand inside a page."""
    return closed(path.read_text(encoding="utf-8"))


def closed(text: str) -> str:
    """A text in which nothing ends the script around it."""
    return text.replace("</script", r"<\/script")


def sheet(path: Path, letters: set[int]) -> str:
    """A style sheet with its fonts in it, but for those that set none of the letters."""

    def face(found: re.Match[str]) -> str:
        covered = _RANGE.search(found[0])
        return found[0] if not covered or _covers(covered[1], letters) else ""

    def file(found: re.Match[str]) -> str:
        loaded = path.parent / found[1].partition("?")[0].partition("#")[0]
        is_file = not found[1].startswith("data:") and loaded.is_file()
        return f"url({data(loaded)})" if is_file else found[0]

    text = _FACE.sub(face, path.read_text(encoding="utf-8"))
    return _URL.sub(file, _OTHERS.sub("", text))


def data(path: Path) -> str:
    """A file as an address that holds it."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _covers(ranges: str, letters: set[int]) -> bool:
    for part in ranges.split(","):
        first, _, last = part.strip().removeprefix("U+").partition("-")
        low = int(first.replace("?", "0"), 16)
        high = int(last or first.replace("?", "F"), 16)
        if any(low <= letter <= high for letter in letters):
            return True
    return False
