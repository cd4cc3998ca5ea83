"""Pages that ask nothing of the network, and how strangers' text gets into them, and Markdown."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..marking.cleaning import lines, one_line
from ..scheme import number

CUT = 2_000  # characters of a stranger's text


def render(template: str, **values: Any) -> bytes:
    """A page from a template of this folder, in UTF-8.

    Every text in it is anybody's: it is cleaned and put on one line, or by the filter `block` in
    lines of its own, before it is escaped.
    """
    return _TEMPLATES.get_template(template).render(values).encode("utf-8", "replace")


def _cleaned(value: Any) -> Any:
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return one_line(value, CUT) if is_text else value


def _block(text: str) -> Markup:
    return Markup("<pre>{}</pre>").format(lines(text, CUT))


_TEMPLATES = Environment(
    loader=PackageLoader(__name__.rpartition(".")[0], ""),
    autoescape=True,
    finalize=_cleaned,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters |= {"block": _block, "one_line": one_line, "g": number}


def md(text: str, limit: int = CUT) -> str:
    """Anybody's text, on one line, for Markdown: nothing in it is markup, or HTML."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$&:@^=-])", r"\\\1", one_line(text, limit))


def fenced(text: str) -> str:
    """Anybody's text for Markdown, its lines kept, in a fence that it does not contain."""
    text = lines(text, CUT)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
