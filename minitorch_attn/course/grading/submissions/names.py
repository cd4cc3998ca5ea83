"""File names whose encoding nobody wrote down: as a zip made by Windows in China has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# The tighter first: what is valid GB 2312 (common simplified characters) is seldom Big5, and what
# is neither is seldom anything but Shift-JIS, or rare characters of GBK.
_CODECS = ("gb2312", "big5", "shift_jis", "gbk")


def decode_names(
    raw: Iterable[bytes], codec: str = "", *, of_zip: bool = False
) -> dict[bytes, str]:
    """Names by their bytes; no two alike.

    codec : how they are written, if the instructor says so; else UTF-8, or what gives letters
    of_zip : whether what is left is code page 437, a zip's own
    """
    names: dict[bytes, str] = {}
    foreign: list[bytes] = []
    for name in dict.fromkeys(raw):
        try:
            names[name] = name.decode("utf-8")
        except UnicodeDecodeError:
            foreign.append(name)
    codecs = [codec] if codec else [c for c in _CODECS if all(_letters(n, c) for n in foreign)]
    taken = set(names.values())
    for name in foreign:
        shown = name.decode("ascii", "backslashreplace")
        found = _decoded(name, codecs[:1] or _CODECS, of_zip and not codec, bool(codec))
        names[name] = found if found and found not in taken else shown
        taken.add(names[name])
    return names


def _decoded(name: bytes, codecs: Iterable[str], of_zip: bool, surely: bool) -> str:
    for codec in codecs:
        found = _text(name, codec) if surely else _letters(name, codec)
        if found:
            return found
    latin = name.decode("cp437") if of_zip else ""
    others = [c for c in latin if not c.isascii()]
    return latin if all(unicodedata.name(c, "").startswith("LATIN") for c in others) else ""


def _text(name: bytes, codec: str) -> str:
    try:
        return name.decode(codec)
    except (UnicodeError, LookupError):
        return ""


def _letters(name: bytes, codec: str) -> str:
    """The name in this encoding, if it looks like one: letters, and none beside an ASCII letter."""
    text = _text(name, codec)
    for before, c in zip(" " + text, text + " ", strict=True):
        if not c.isascii() and unicodedata.category(c)[0] != "L":
            return ""
        if (
            before.isascii() != c.isascii()
            and (before + c).strip()
            and any(x.isascii() and x.isalpha() for x in (before, c))
        ):
            return ""
    return text
