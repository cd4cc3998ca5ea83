"""An nbgrader course: instructor's notebooks, and a configuration that grades by name.

`python -m minitorch_attn book --nbgrader FOLDER` writes it; then, in that folder, nbgrader's own
commands work: `nbgrader generate_assignment ch06`, `autograde`, `generate_feedback`.
"""

from __future__ import annotations

from pathlib import Path

from . import exercises
from .notebook import to_text, write_if_changed
from .text import ROOT, read, sources

CONFIG = '''"""nbgrader for minitorch_attn. Written once: what you add below stays."""

from nbgrader.preprocessors import (
    CheckCellMetadata, ClearOutput, DeduplicateIds, OverwriteCells, OverwriteKernelspec
)

from minitorch_attn.course.exercises import STUB
from minitorch_attn.course.nbgrader_rebuild import RebuildByName

c = get_config()
c.CourseDirectory.course_id = "minitorch_attn"
c.ClearSolutions.code_stub = {"python": STUB}

# A student's functions are found by name and put into the released notebook, so cells that were
# deleted, doubled, reordered or retyped do no harm.
c.Autograde.sanitize_preprocessors = [
    RebuildByName, ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells,
    CheckCellMetadata,
]
c.Execute.timeout = 120
'''


def write(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write `source/chNN/NN_name.ipynb` for every chapter, and nbgrader_config.py if there is none.

    Returns the files that were written.
    """
    written = []
    for path in sources("solutions", root):
        source = read(path)
        target = folder / "source" / f"ch{source.chapter:02d}" / f"{source.name}.ipynb"
        if write_if_changed(target, to_text(exercises.build(source, answers=True, root=root))):
            written.append(target)
    config = folder / "nbgrader_config.py"
    if not config.exists() and write_if_changed(config, CONFIG):
        written.append(config)
    return written
