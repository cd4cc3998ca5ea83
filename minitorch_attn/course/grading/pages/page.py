"""One plain page: a style for screen, phone and paper, and how strangers' text gets into it."""

from __future__ import annotations

import html
import re

from ..marking.cleaning import lines, one_line

CUT = 2_000  # characters of a stranger's text

STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.points { font-size: 1.15rem; }
section { border-left: 4px solid var(--line); padding: 0 0 0 1rem; margin: 1.5rem 0; }
section h2 { margin-top: 0; }
.full { border-color: #009E73; } .some { border-color: #E69F00; } .none { border-color: #D55E00; }
ul { list-style: none; padding: 0; margin: .5rem 0; } li { margin: .5rem 0; }
ol, ul.plain { padding-left: 1.4rem; } ul.plain { list-style: disc; }
li > b { display: inline-block; min-width: 3.2em; }
.passed > b { color: #00805d; } .failed > b { color: #D55E00; } .open > b { color: #808080; }
dl { margin: .2rem 0 .8rem 3.2em; } dt { font-style: italic; } dd { margin: 0 0 .3rem; }
pre { margin: 0; padding: .4rem .6rem; background: var(--soft); overflow-x: auto; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: break-word; }
.look td { overflow-wrap: anywhere; min-width: 4.5em; }
td.n, th.n { text-align: right; white-space: nowrap; }
svg { max-width: 100%; height: auto; } svg text { fill: currentColor; font-size: 12px; }
.note { background: var(--soft); padding: .5rem .8rem; } a { color: inherit; }
@media (max-width: 30rem) { dl { margin-left: 0; } svg text { font-size: 15px; }
  .odd { display: none; } }
@media print { :root { color-scheme: light; } body { font-size: 11pt; max-width: none; padding: 0; }
  section, li, tr { break-inside: avoid; } }
"""


def page(title: str, body: str) -> str:
    """A whole page that asks nothing of the network; `body` is HTML, `title` is text."""
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        # No script runs and nothing is fetched, even if some escaping were forgotten.
        "<meta http-equiv='Content-Security-Policy' "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{esc(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


def esc(text: str, limit: int = CUT) -> str:
    """Anybody's text, on one line, for HTML."""
    return html.escape(one_line(text, limit))


def block(text: str) -> str:
    """Anybody's text for HTML, its lines kept."""
    text = lines(text, CUT)
    return f"<pre>{html.escape(text)}</pre>"


def md(text: str, limit: int = CUT) -> str:
    """Anybody's text, on one line, for Markdown: nothing in it is markup, or HTML."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$&:@^=-])", r"\\\1", one_line(text, limit))


def fenced(text: str) -> str:
    """Anybody's text for Markdown, its lines kept, in a fence that it does not contain."""
    text = lines(text, CUT)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
