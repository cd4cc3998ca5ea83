"""nbgrader's feedback pages, without the script that they would load from a CDN.

They open without a network and tell nobody that they were opened. Formulas stand there as they are
written in the notebook.
"""

from __future__ import annotations

from typing import Any

from jinja2 import DictLoader
from nbconvert.exporters import HTMLExporter
from traitlets import default

NO_MATHJAX = {"mathjax.html.j2": "{% macro mathjax(url='') %}{% endmacro %}"}


class OfflineFeedback(HTMLExporter):
    """generate_feedback's exporter, in the course that we write."""

    @default("extra_loaders")
    def _without_mathjax(self) -> list[Any]:
        return [DictLoader(NO_MATHJAX)]
