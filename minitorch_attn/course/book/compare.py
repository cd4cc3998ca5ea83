"""Are two notebooks the same book? Cells exactly, printed numbers to a tolerance.

Numbers agree if they differ by at most one unit in the last place printed, or by one part in a
million, or if both are below 1e-9: rounding differs between processors, and must not count.
Pictures agree if hardly a point of them has another colour. Cells tagged `times` are left out.
"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

RELATIVE = 1e-6
NOTHING = 1e-9

_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def differences(committed: Any, built: Any) -> list[str]:
    """What differs, one line for each cell; empty where the notebooks agree."""
    old, new = committed["cells"], built["cells"]
    for number, (a, b) in enumerate(zip(old, new, strict=False), start=1):
        if _face(a) != _face(b):
            return [f"{_where(number, b)}: its source has changed"]
    if len(old) != len(new):
        return [f"{len(old)} cells, and {len(new)} are built"]
    if committed["metadata"] != built["metadata"]:
        return ["the notebook's metadata has changed"]
    found = []
    for number, (a, b) in enumerate(zip(old, new, strict=True), start=1):
        if a["cell_type"] != "code" or timed(b):
            continue
        if what := outputs_differ(a["outputs"], b["outputs"]):
            found.append(f"{_where(number, b)}: {what}")
    return found


def keep_what_agrees(committed: Any, built: Any) -> None:
    """Give the built notebook the committed outputs of all cells that agree.

    So a build on another processor, where the last digit differs, changes no file; nor do cells
    that print times, which keep all their outputs or none: a figure shows the run of its table.
    """
    table = {cell["id"]: cell for cell in committed["cells"]}
    unchanged = {cell["id"] for cell in built["cells"] if _same_face(table.get(cell["id"]), cell)}
    one_run = all(cell["id"] in unchanged for cell in built["cells"] if timed(cell))
    for cell in built["cells"]:
        if cell["cell_type"] != "code" or cell["id"] not in unchanged:
            continue
        old = table[cell["id"]]
        differ = outputs_differ(old["outputs"], cell["outputs"], strict=True)
        if one_run if timed(cell) else not differ:
            cell["outputs"] = old["outputs"]


def outputs_differ(old: list[Any], new: list[Any], strict: bool = False) -> str:
    """How the outputs of one cell differ, in words; empty where they agree."""
    if [o["output_type"] for o in old] != [o["output_type"] for o in new]:
        return "it gives outputs of another kind"
    for a, b in zip(old, new, strict=True):
        texts = (("text", "text"), ("traceback", "error"))
        for key, word in texts:
            if what := _text_differs(_joined(a.get(key, "")), _joined(b.get(key, ""))):
                return f"{word}: {what}"
        first, second = a.get("data", {}), b.get("data", {})
        if set(first) != set(second):
            return f"it shows {', '.join(sorted(second))}, not {', '.join(sorted(first))}"
        for kind in first:
            one, two = _joined(first[kind]), _joined(second[kind])
            if kind == "image/png":
                what = _picture_differs(one, two, strict)
            else:
                what = _text_differs(one, two)
            if what:
                return f"{kind}: {what}"
    return ""


def timed(cell: Any) -> bool:
    """Whether the cell prints times, which are never twice the same."""
    return "times" in cell["metadata"].get("tags", ())


def _where(number: int, cell: Any) -> str:
    name = cell["metadata"].get("name")
    first = _joined(cell["source"]).strip().split("\n")[0][:50]
    return f"cell {number} ({name or first})"


def _face(cell: Any) -> tuple[Any, ...]:
    return cell["cell_type"], cell["id"], _joined(cell["source"]), cell["metadata"]


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)


def _same_face(old: Any, cell: Any) -> bool:
    return old is not None and _face(old) == _face(cell)


def _text_differs(old: str, new: str) -> str:
    if old == new:
        return ""
    # Padding depends on a minus sign that rounding may move: blanks count as one.
    a_words, b_words = (re.sub(r"\s+", " ", _NUMBER.sub("#", t)) for t in (old, new))
    if re.sub(r" ?# ?", "#", a_words) != re.sub(r" ?# ?", "#", b_words):
        pairs = zip(old.split("\n"), new.split("\n"), strict=False)
        a, b = next(((x, y) for x, y in pairs if x != y), (old[-60:], new[-60:]))
        return f"it says {b.strip()[:80]!r}, and committed is {a.strip()[:80]!r}"
    for a, b in zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True):
        if not _number_agrees(a, b):
            return f"it says {b}, and committed is {a}"
    return ""


def _number_agrees(a: str, b: str) -> bool:
    x, y = (float(t.replace(",", "").replace("−", "-").rstrip(".") or 0) for t in (a, b))
    if x == y or max(abs(x), abs(y)) < NOTHING:
        return True
    places = [_last_place(t) for t in (a, b)]
    if max(places) == min(places) == 1:  # counts are exact
        return False
    return abs(x - y) <= max(1.01 * min(places), RELATIVE * max(abs(x), abs(y)))


def _last_place(number: str) -> float:
    """The value of one unit in the last place printed: 0.01 for 3.14."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals) if "." in mantissa or exponent else 1.0


def _picture_differs(old: str, new: str, strict: bool) -> str:
    if old == new:
        return ""
    import numpy as np
    from PIL import Image

    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(t))).convert("RGB"), dtype=int)
        for t in (old, new)
    )
    if first.shape != second.shape:
        return f"the picture is {second.shape[1]} × {second.shape[0]} points, not as committed"
    off = np.abs(first - second).max(axis=-1)
    if strict:  # only what rounding may move is let pass
        return "the picture differs" if (off > 24).any() else ""
    share = float((off > 48).mean())
    return f"{share:.1%} of the picture's points differ" if share > 0.005 else ""
