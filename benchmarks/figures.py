"""Two pictures: time and peak memory of attention against the number of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .contestant import CONTESTANTS
from .lengths import last_doubling, points, slope

WHAT = {"seconds": ("seconds", "time.svg"), "peak_mib": ("MiB beyond the inputs", "memory.svg")}
LONG = 1024  # below, fixed costs bend the line of time


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw what there is; returns the files. Needs at least two lengths, and Matplotlib."""
    found = results.get("length", [])
    if len({row["tokens"] for row in found}) < 2:
        return []
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        from minitorch_attn import viz
    except ImportError:
        print("No pictures: they need matplotlib.")
        return []
    viz.style()
    written = []
    names = list(dict.fromkeys(row["contestant"] for row in found))
    for what, (label, file) in WHAT.items():
        fig, ax = plt.subplots(figsize=(5.6, 4))
        for name, marker, color in zip(names, "osd", viz.COLORS, strict=False):
            line = [(x, y) for x, y in points(found, name, what) if y > 0]
            if not line:
                continue
            # Memory is exact; of times one alone is not, so all that are long are taken.
            is_memory = what == "peak_mib"
            long = last_doubling(line) if is_memory else [(x, y) for x, y in line if x >= LONG]
            steep = f", slope {slope(long):.2f}" if len(long) > 1 else ""
            title = CONTESTANTS[name].title + steep
            ax.plot(*zip(*line, strict=True), marker=marker, color=color, label=title)
        ax.set(xscale="log", yscale="log", xlabel="tokens", ylabel=label)
        ax.set_xscale("log", base=2)
        tokens = sorted({row["tokens"] for row in found})
        ax.set_xticks(tokens, [f"{n:,}" for n in tokens])
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1))  # above: inside, a line would cross it
        fig.savefig(folder / file, metadata={"Date": None}, bbox_inches="tight")
        plt.close(fig)
        written.append(folder / file)
    return written
