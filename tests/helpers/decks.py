"""Decks to test: a small book with its lecture, the lectures of the book, and one in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from minitorch_attn.course.slides import build as slides
from minitorch_attn.course.sources import text
from minitorch_attn.course.sources.text import ROOT

from .browsing import npm_packages

CHAPTER = r"""---
kernelspec:
  name: python3
  display_name: Python 3
---

# A sample

<!-- label: weights -->
$$\alpha_i = \frac{\exp(q \cdot k_i)}{\sum_{j=1}^{S} \exp(q \cdot k_j)}$$

```{code-cell} ipython3
:name: loop
for query, key in zip(queries, keys):
    print(dot(query, key))
```

```{code-cell} ipython3
:name: steps
draw(steps)
```

```{code-cell} ipython3
:name: silent
scores = []
```
"""

LECTURE = r"""# A sample

With $x^2$ in it, and 中文.

Note:
Say **hello**, and $\alpha_i$.

---

## A formula

{{ formula weights }}

Note: The denominator first.

---

## Code

{{ cell loop }}

{{ output loop }}

{{ code sample.parts:softmax }}

---

## A figure

Under one line of text.

{{ figure steps }}

- and above a list
"""

LIBRARY = '''
def softmax(scores):
    """Weights that sum to one."""
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
'''

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="150pt" viewBox="0 0 300 150">'
    '<rect width="300" height="150" fill="#56B4E9"/></svg>'
)


def write_book(root: Path) -> Path:
    for folder in ("chapters", "notebooks", "slides", "sample"):
        (root / folder).mkdir()
    (root / "sample" / "parts.py").write_text(LIBRARY)
    (root / "chapters" / "06_sample.md").write_text(CHAPTER)
    (root / "slides" / "06_sample.md").write_text(LECTURE)
    new = nbformat.v4.new_output
    outputs = {
        "loop": [new("stream", text="0.5\n\x1b[31m0.25\x1b[0m\n")],
        "steps": [new("display_data", {"image/svg+xml": SVG, "text/plain": "<Figure>"})],
        "silent": [],
    }
    notebook = nbformat.v4.new_notebook()
    for cell in text.read(root / "chapters" / "06_sample.md").cells:
        if cell.kind == "code":
            assert cell.name
            built = nbformat.v4.new_code_cell(cell.text, metadata={"name": cell.name})
            built.outputs = outputs[cell.name]
            notebook.cells.append(built)
    nbformat.write(notebook, root / "notebooks" / "06_sample.ipynb")
    return root


LECTURES = text.sources("slides")


class Decks(dict):
    """Decks by name, each built when first asked for: the sample, and the lectures of the book."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self.factory = factory

    def __missing__(self, name: str) -> Path:
        npm_packages()
        out = self.factory.mktemp(name)
        if name == "06_sample":
            root, only = write_book(self.factory.mktemp("book")), "06"
        else:
            root, only = ROOT, name[:2]
        self[name] = slides.build(root, out, (only,))[0]
        return self[name]


NAMES = ["06_sample", *(path.stem for path in LECTURES)]

MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


class Opened:
    """A deck in a browser with no network, and what it asked for or complained about."""

    def __init__(self, driven: Any, deck: Path) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        context = driven.new_context(viewport={"width": 1280, "height": 720}, offline=True)
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda said: said.type == "error" and self.complaints.append(said.text)
        )
        self.page.goto(deck.as_uri())
        self.page.wait_for_function("window.Reveal && Reveal.isReady()")
        self.total = self.page.evaluate("Reveal.getTotalSlides()")

    def show(self, number: int) -> None:
        """Go to a slide, counted from 1, with all its steps taken."""
        self.page.evaluate(
            "n => { const { h, v } = Reveal.getIndices(Reveal.getSlides()[n - 1]);"
            " Reveal.slide(h, v, 99); }",
            number,
        )
        self.page.evaluate(
            "() => Promise.all([document.fonts.ready,"
            " ...[...document.images].map(image => image.decode().catch(() => 0))])"
        )
