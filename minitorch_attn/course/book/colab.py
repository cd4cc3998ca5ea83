"""The door to Colab: a link and a cell that installs, where the book has a public address.

`address` in `chapters/book.toml` is that of the repository on GitHub, from where Colab opens
notebooks. Without it the notebooks have no such cells: there would be nothing to install from.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..sources.contents import address
from ..sources.text import ROOT, SourceError
from .notebook import new_cell

_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
INSTALL = """\
import sys

if "google.colab" in sys.modules:  # Colab gets the book first; elsewhere nothing happens
    %pip install --quiet "minitorch_attn[study] @ git+{address}"
    !minitorch_attn study --layout-only
    %cd -q study/{folder}"""


def put(notebook: Any, path: str, root: Path = ROOT) -> None:
    """Put the link and the cell below the title of the notebook that is built as `path`.

    Raises SourceError if the address is none that Colab opens.
    """
    if not (where := address(root)):
        return
    if not (found := re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", where)):
        raise SourceError(f"chapters/book.toml: Colab opens https://github.com/…/…, not {where}")
    folder, chapter = path.split("/")[0], Path(path).name[:2]
    opens = f"https://colab.research.google.com/github/{found[1]}/blob/main/{path}"
    link = f"[![Open in Colab]({_BADGE})]({opens})"
    code = INSTALL.format(address=where, folder=folder)
    notebook["cells"][1:1] = [
        new_cell("markdown", link, f"{chapter}-colab", {}),
        new_cell("code", code, f"{chapter}-colab-install", {}),
    ]
