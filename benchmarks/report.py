"""The table, as text and as Markdown, and its place in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .bars import Row
from .referee import BenchError

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
HEADS = (
    "workload", "ours", "against", "theirs", "ours / theirs", "rounds", "at most", "",
    "products at peak",
)  # fmt: skip


def quantity(value: float | None, unit: str) -> str:
    """A time in fitting units, or mebibytes; nothing for nothing."""
    if value is None:
        return ""
    if unit == "MiB":
        return f"{value:,.0f} MiB" if value >= 10 else f"{value:.1f} MiB"
    if unit == "slope":
        return f"slope {value:.2f}"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1 or name == "µs":
            number = value * factor
            return f"{number:.3g} {name}" if number < 1000 else f"{number:,.0f} {name}"
    raise AssertionError("unreachable")


def cells(row: Row) -> tuple[str, ...]:
    """One row as words."""
    alone = row.low is None or row.high is None or row.low == row.high
    spread = "" if alone else f"{row.low:.2f}–{row.high:.2f}"
    met = {None: "", True: "met", False: "missed"}[row.is_met]
    at_most = "" if row.at_most is None else f"{row.at_most:.2f}"
    return (
        row.workload,
        quantity(row.ours, row.unit),
        row.against,
        quantity(row.theirs, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        spread,
        at_most,
        met,
        "" if row.products is None else quantity(row.products, "s"),
    )


def text_table(rows: list[Row]) -> str:
    """The table for a terminal; a workload is named once."""
    lines: list[tuple[str, ...]] = [HEADS]
    before = ""
    for row in rows:
        first, *rest = cells(row)
        lines.append(("" if first == before else first, *rest))
        before = first
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    right = {1, 3, 4, 6, 8}
    return "\n".join(
        "  ".join(
            word.rjust(w) if i in right else word.ljust(w)
            for i, (word, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown(results: dict[str, Any], rows: list[Row]) -> str:
    """The machine, then the table, in Markdown."""
    lines = [machine_line(results), "", "| " + " | ".join(HEADS) + " |"]
    lines.append("|---|--:|---|--:|--:|---|--:|---|--:|")
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def machine_line(results: dict[str, Any]) -> str:
    """Where and with what it was measured, in a sentence or two."""
    m, versions = results["machine"], results["versions"]
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    line = (
        f"Measured {results['date']} on {m['processor']}, {m['threads']} threads a contestant, "
        f"{m['cores']} cores, {m['memory_gib']:.0f} GiB; {libraries}. "
        f"{results['plan']['rounds']} rounds."
    )
    for name, peak in results.get("peak", {}).items():
        line += (
            f" {name} reaches {peak['gflops']:.0f} GFLOP/s in float32 matrix products and copies "
            f"{peak['copy_gbs']:.1f} GB/s."
        )
    return line


def insert(readme: Path, table: str) -> None:
    """Put the table between its markers.

    Raises
    ------
    BenchError
        If the markers are not there, once each.
    """
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise BenchError(f"{readme} needs the lines {BEGIN} and {END}, once each")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{after}", encoding="utf-8")
