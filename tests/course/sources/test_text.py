"""Reading the sources: cells, labels, symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from minitorch_attn.course.sources.text import (
    SourceError,
    headings_of,
    notebook_anchor,
    quote,
    read,
    slug,
)


def _write(path: Path, body: str) -> Path:
    path.write_text(f"# Title\n\n{body}", encoding="utf-8")
    return path


def test_cells_have_names_tags_and_order(small_root: Path) -> None:
    source = read(small_root / "chapters/05_softmax.md")
    assert source.chapter == 5
    assert source.title == "Softmax"
    assert [cell.kind for cell in source.cells].count("code") == 4
    assert source.cell("clock").tags == ("times",)
    assert source.cell("shares").text.startswith("import numpy")
    with pytest.raises(SourceError, match=r"no cell named 'loop'.*shares, clock"):
        source.cell("loop")


def test_ids_are_stable_and_a_change_stays_local(small_root: Path) -> None:
    path = small_root / "chapters/05_softmax.md"
    before = [cell.id for cell in read(path).cells]
    assert before == [cell.id for cell in read(path).cells]
    assert len(set(before)) == len(before)
    path.write_text(path.read_text().replace("Words, and", "Other words, and"), encoding="utf-8")
    after = [cell.id for cell in read(path).cells]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False] + [True] * 6


def test_formulas_by_label(small_root: Path) -> None:
    source = read(small_root / "chapters/05_softmax.md")
    assert source.formula("shares") == r"p_i = e^{s_i} / \sum_j e^{s_j}"
    with pytest.raises(SourceError, match=r"no formula labelled 'weights'.*shares"):
        source.formula("weights")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<!-- label: a -->\n\nwords", "label a is not directly followed"),
        ("<!-- label: a -->\n$$x$$\n\n<!-- label: a -->\n$$y$$", "two formulas have the label 'a'"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(_write(tmp_path / "03_the_engine.md", body)).formulas()


def test_unreadable_sources_say_why(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"03_x\.md.*must not begin with \+\+\+"):
        read(_write(tmp_path / "03_x.md", "words\n\n+++ plus\n"))
    with pytest.raises(SourceError, match=r"notes\.md: a source is called NN_name\.md"):
        read(_write(tmp_path / "notes.md", "words"))
    twice = "```{code-cell} ipython3\n:name: a\n\n1\n```\n\n" * 2
    with pytest.raises(SourceError, match="two cells are named 'a'"):
        read(_write(tmp_path / "03_y.md", twice))


def test_quote_by_symbol(small_root: Path) -> None:
    found = quote("minitorch_attn.ops.tiny:double", small_root)
    assert found.source.startswith("@functools.cache\ndef double(x):")
    assert found.path.as_posix() == "minitorch_attn/ops/tiny.py"
    assert found.line == 6
    method = quote("minitorch_attn.ops.tiny:Box.open", small_root)
    assert method.source == 'def open(self):\n    return "empty"'
    assert quote("minitorch_attn.ops.tiny:LIMIT", small_root).source == "LIMIT = 3"


@pytest.mark.parametrize(
    "symbol",
    [
        "minitorch_attn.ops.tiny:triple",
        "minitorch_attn.ops.tiny:Box.close",
        "minitorch_attn.nowhere:double",
        "minitorch_attn.ops.tiny",
    ],
)
def test_a_missing_symbol_is_named(small_root: Path, symbol: str) -> None:
    with pytest.raises(SourceError, match=symbol):
        quote(symbol, small_root)


def test_headings_and_anchors(tmp_path: Path) -> None:
    path = _write(tmp_path / "03_z.md", "## The loop, again\n\n```python\n# no heading\n```\n")
    assert headings_of(path) == {"title": "Title", "the-loop-again": "The loop, again"}
    assert slug("What `softmax` does: a test") == "what-softmax-does-a-test"
    assert notebook_anchor("The loop, again") == "The-loop,-again"
