"""What Sphinx is taught: formulas by KaTeX, cells that can be found, and Chinese that says so."""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes

from ..book import cjk
from ..slides.render import katex
from ..sources.text import ROOT, SourceError
from .epub import Epub


def note(app: Any, doctree: Any) -> None:
    """Keep what the page needs when it is written: its formulas, and what its cells are."""
    kept = app.env.metadata[app.env.docname]
    formulas = [
        node for node in doctree.findall() if isinstance(node, nodes.math | nodes.math_block)
    ]
    kept["formulas"] = [_key(node) for node in formulas]
    kept["cells"] = []
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            cell = dict(node["cell_metadata"]["cell"], tags=node["cell_metadata"].get("tags", []))
            node["ids"].append(f"cell-{cell['id']}")
            kept["cells"].append(cell)


def typeset(app: Any, env: Any) -> None:
    """Set every formula of the site, in one call of Node."""
    keys = sorted(
        {tuple(key) for kept in env.metadata.values() for key in kept.get("formulas", ())}
    )
    plain = app.builder.name == "epub"
    asked = [{"latex": latex, "display": display, "plain": plain} for latex, display in keys]
    app.builder.formulas = {}
    for key, done in zip(keys, katex(asked, ROOT / "slides"), strict=True):
        if "error" in done:
            raise SourceError(f"KaTeX cannot set ${key[0]}$: {done['error']}")
        app.builder.formulas[key] = done["html"]


def _key(node: Any) -> tuple[str, bool]:
    return node.astext().strip(), isinstance(node, nodes.math_block)


def _inline(translator: Any, node: Any) -> None:
    translator.body.append(translator.builder.formulas[_key(node)])
    raise nodes.SkipNode


def _block(translator: Any, node: Any) -> None:
    translator.body.append(f'<div class="math">{translator.builder.formulas[_key(node)]}</div>')
    raise nodes.SkipNode


def finish(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The last touches on a page: Chinese, and for scripts what its cells are."""
    tree = context.get("furo_navigation_tree", "")  # its captions lack their level
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )
    body = context.get("body", "").replace(' aria-label="Toggle hidden content"', "")
    context["body"] = body.replace('<th class="head"><p></p></th>', "<td></td>")  # heads nothing
    for part in ("body", "toc"):
        if context.get(part):
            context[part] = cjk.mark(context[part])
    if (
        app.builder.name == "epub"
        or doctree is None
        or not (cells := app.env.metadata[name].get("cells"))
    ):
        return
    kind, _, file = name.partition("/")
    told = {"chapter": int(file[:2]), "file": file, "kind": kind, "cells": cells}
    context["body"] += f'<script type="application/json" id="cells">{json.dumps(told)}</script>\n'


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_builder(Epub, override=True)
    app.add_html_math_renderer("katex", (_inline, None), (_block, None))
    app.connect("doctree-read", note)
    app.connect("env-check-consistency", lambda app, env: typeset(app, env))
    app.connect("html-page-context", finish, priority=900)  # after the theme
    return {"parallel_read_safe": False, "parallel_write_safe": False}
