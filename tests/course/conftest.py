"""A learner's folder of their own for every test, and a small book to try the machinery on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.sources import HEADER

from minitorch_attn.course.sources.text import ROOT


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINITORCH_ATTN_HOME", str(tmp_path / "home"))


@pytest.fixture
def small_root(tmp_path: Path) -> Path:
    """A root with the real table of contents, a small library, and one short chapter."""
    root = tmp_path / "root"
    for folder in ("chapters", "solutions", "minitorch_attn/ops"):
        (root / folder).mkdir(parents=True)
    shutil.copy(ROOT / "chapters" / "book.toml", root / "chapters")
    (root / "minitorch_attn/ops/tiny.py").write_text(
        "import functools\n\nLIMIT = 3\n\n\n@functools.cache\ndef double(x):\n"
        '    """Twice x."""\n    return 2 * x\n\n\nclass Box:\n    def open(self):\n'
        '        return "empty"\n',
        encoding="utf-8",
    )
    (root / "chapters/05_softmax.md").write_text(
        HEADER
        + """# Softmax

Words, and $x$. See [the end](#the-end-of-it), [one query](06_one_query.md) and
[the exercises](../exercises/05_softmax.ipynb).

<!-- label: shares -->
$$
p_i = e^{s_i} / \\sum_j e^{s_j}
$$

```{code-cell} ipython3
:name: shares

import numpy as np

s = np.array([1.0, 2.0, 3.0])
p = np.exp(s) / np.exp(s).sum()
print("shares", p, "of", len(p))
```

[`minitorch_attn.ops.tiny:double`](../minitorch_attn/ops/tiny.py)

```{code-cell} ipython3
:tags: [raises-exception]

np.zeros(2) @ np.zeros(3)
```

## The end of it

```{code-cell} ipython3
:name: clock
:tags: [times]

import time

print(time.perf_counter())
```

```{code-cell} ipython3
p.sum()
```
""",
        encoding="utf-8",
    )
    return root
