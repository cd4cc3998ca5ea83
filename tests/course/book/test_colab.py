"""The door to Colab: there where the address is known, and silent everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from minitorch_attn.course.book import colab
from minitorch_attn.course.book.notebook import new_cell, new_notebook, to_text
from minitorch_attn.course.checking.collect import collect_text
from minitorch_attn.course.sources.text import SourceError

ADDRESS = "https://github.com/somebody/the-book"
PATH = "exercises/06_one_query.ipynb"


def book(root: Path, address: str) -> Path:
    (root / "chapters").mkdir()
    (root / "chapters" / "book.toml").write_text(address + "\nchapter = []\n")
    return root


def notebook() -> Any:
    answer = "def attend(query, key, value):\n    return value"
    cells = [new_cell("markdown", "# One query", "a", {}), new_cell("code", answer, "b", {})]
    return new_notebook(cells)


def test_without_an_address_there_is_no_such_cell(tmp_path: Path) -> None:
    made = notebook()
    colab.put(made, PATH, book(tmp_path, ""))
    assert made == notebook()


def test_below_the_title_a_link_and_a_cell_that_does_nothing_here(tmp_path: Path) -> None:
    made = notebook()
    colab.put(made, PATH, book(tmp_path, f'address = "{ADDRESS}/"'))
    title, link, install, answer = made["cells"]
    assert [title, answer] == notebook()["cells"]
    assert (
        f"(https://colab.research.google.com/github/somebody/the-book/blob/main/{PATH})"
        in (link["source"])
    )
    python = TransformerManager().transform_cell(install["source"])
    names: dict[str, object] = {}
    exec(python, names)  # here get_ipython is not even defined
    assert f'minitorch_attn[study] @ git+{ADDRESS}"' in install["source"]
    assert python.count("get_ipython().") == 3
    assert python.index("run_line_magic('pip'") < python.index("'cd', '-q study/exercises'")
    assert to_text(made), "a notebook as nbformat wants it"


def test_an_answer_in_such_a_notebook_is_found(tmp_path: Path) -> None:
    made = notebook()
    colab.put(made, PATH, book(tmp_path, f'address = "{ADDRESS}"'))
    assert collect_text(to_text(made), ".ipynb", "attend").source.startswith("def attend")


def test_another_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Colab opens"):
        colab.put(notebook(), PATH, book(tmp_path, 'address = "https://example.org/a/b"'))
