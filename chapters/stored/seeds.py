"""Every seed of a chapter's comparisons; its notebook trains the first, and reads the others here.

    python chapters/stored/seeds.py 11 [12] [17]

runs the cells of each chapter as the book is built, but with all seeds, and writes
chapters/stored/NN_seeds.json: the rows of figures, the command, the date and the machine.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path

from minitorch_attn.course.book import execute
from minitorch_attn.course.sources.text import ROOT, read
from minitorch_attn.files import write_atomic
from minitorch_attn.recipes.storing import ANEW

STORED = Path(__file__).resolve().parent  # of a checkout, or of a working copy


def as_text(about: dict[str, str], rows: dict[str, list]) -> str:
    """JSON with a line for each seed."""
    said = functools.partial(json.dumps, ensure_ascii=False)
    named = [
        f"  {said(name)}: [\n   " + ",\n   ".join(map(said, found)) + "\n  ]"
        for name, found in rows.items()
    ]
    return f'{{\n "about": {said(about)},\n "rows": {{\n' + ",\n".join(named) + "\n }\n}\n"


def make(chapter: Path) -> Path:
    """Run a chapter with every seed, and write its rows; where to."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "rows.json")
        os.environ[ANEW] = str(made)
        execute.run(execute.job(read(chapter), STORED.parents[1] / "notebooks"))
        if not made.is_file():
            sys.exit(f"{chapter.name} stores no seeds")
        rows = json.loads(made.read_text(encoding="utf-8"))["rows"]
    number = chapter.name[:2]
    about = {
        "command": f"python chapters/stored/seeds.py {number}",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    path = STORED / f"{number}_seeds.json"
    write_atomic(path, as_text(about, rows).encode())
    return path


def main() -> None:
    execute.CELL_SECONDS = 1800  # a cell that waits for three trainings takes as long as they do
    for number in sys.argv[1:]:
        found = list((ROOT / "chapters").glob(f"{number}_*.md"))
        if len(found) != 1:
            sys.exit(f"chapters have two digits, as in 11: there is no {number}")
        print("written:", make(found[0]), flush=True)


if __name__ == "__main__":
    main()
