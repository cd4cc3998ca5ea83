"""Chinese: where it is marked, and a font that has exactly what is used."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from helpers.browsing import npm_packages

from minitorch_attn.course.book import cjk
from minitorch_attn.course.sources.text import SourceError


def test_runs_of_chinese_say_so_and_nothing_else_does() -> None:
    shown = (
        '<p title="查询">a query, 查询（query）。</p><script>"键"</script><math>值</math><!--头-->'
    )
    assert cjk.mark(shown) == (
        '<p title="查询">a query, <span lang="zh">查询（</span>query<span lang="zh">）。</span></p>'
        '<script>"键"</script><math>值</math><!--头-->'
    )
    assert cjk.mark("<pre>αβ · ± → é</pre>") == "<pre>αβ · ± → é</pre>"


def test_the_characters_of_a_text() -> None:
    assert cjk.characters("one 查询, one 查询。") == set("查询。")


@pytest.mark.slow
def test_the_font_has_exactly_what_is_used_and_carries_its_licence() -> None:
    pytest.importorskip("brotli")
    font_tools = pytest.importorskip("fontTools.ttLib")
    npm_packages()
    used = set("查询与键值的相似度（，。")
    sheet = cjk.style_sheet(used)
    assert "SIL OPEN FONT LICENSE Version 1.1" in sheet[: sheet.index("*/")]
    drawn: set[int] = set()
    for data in re.findall(r"base64,([^)]+)\)", sheet):
        font = font_tools.TTFont(io.BytesIO(base64.b64decode(data)))
        drawn |= set(font.getBestCmap())
        assert [(axis.minValue, axis.maxValue) for axis in font["fvar"].axes] == [(400, 700)]
    assert drawn == set(map(ord, used))
    told = re.findall(r"unicode-range: ([^;]+);", sheet)
    assert {int(code[2:], 16) for codes in told for code in codes.split(",")} == drawn
    unpacked = cjk._unpacked.cache_info().misses
    assert cjk.style_sheet(used) == sheet
    assert cjk.style_sheet(used - {"查"}) != sheet
    assert cjk._unpacked.cache_info().misses == unpacked  # once for all decks
    assert cjk.style_sheet(set()) == ""


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="npm ci"):
        cjk.style_sheet(set("键"), tmp_path)
    (tmp_path / "wght.css").write_text("src: url(./files/a.woff2); unicode-range: U+4e00-4e0f;")
    (tmp_path / "LICENSE").write_text("free")
    with pytest.raises(SourceError, match="has no character 键"):
        cjk.style_sheet(set("键"), tmp_path)
