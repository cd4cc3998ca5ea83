"""An nbgrader course whose marks come from this grader.

`python -m minitorch_attn export nbgrader FOLDER` writes it; in that folder nbgrader's own commands
work as its documentation says. Nothing that a student wrote runs in nbgrader's processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .... import current_folder
from ....files import write_if_changed
from ...book import exercises
from ...book.notebook import to_text
from ...sources.text import ROOT, SourceError, read, sources
from .. import secret

CONFIG = '''"""nbgrader for minitorch_attn. Written once: what you add below stays."""

from minitorch_attn.course.grading.nbgrader import configure

c = get_config()
c.CourseDirectory.course_id = "minitorch_attn"
configure(c)

# Where there is no sandbox (macOS, Windows), nbgrader's autograde refuses to run students' code.
# To run it with your own rights nevertheless, for students whom you trust:
# c.MarkedNotebook.unsafe = True
'''


def write(
    folder: Path,
    chapters: Iterable[int] = (),
    secret_file: Path | None = None,
    checks: Path | None = None,
) -> list[Path]:
    """Write `source/chNN/NN_name.ipynb`, nbgrader_config.py and the secret.

    What is there already is kept: the configuration and the secret always, a notebook unless its
    source has changed. Returns the files that were written.

    `checks` is an instructor's folder, in use; without `chapters` all of its are written, too.
    """
    wanted = set(chapters)
    roots = [ROOT, *([checks] if checks else [])]
    found = {int(path.name[:2]): path for root in roots for path in sources("solutions", root)}
    if missing := sorted(wanted - set(found)):
        raise SourceError(f"chapter {missing[0]:02d} has no exercises")
    written = []
    for chapter, path in found.items():
        if wanted and chapter not in wanted:
            continue
        source = read(path)
        target = folder / "source" / f"ch{chapter:02d}" / f"{source.name}.ipynb"
        if write_if_changed(target, to_text(exercises.build(source, answers=True))):
            written.append(target)
    config, kept = folder / "nbgrader_config.py", folder / secret.FILE
    line = f"c.MarkedNotebook.checks = {str(checks)!r}  # exercises of your own\n" if checks else ""
    if not config.exists() and write_if_changed(config, CONFIG + line):
        written.append(config)
    elif line and line not in config.read_text(encoding="utf-8"):
        raise SourceError(f"{config} is yours and stays as it is; add to it: {line.strip()}")
    if not kept.exists():
        written.append(kept)
    secret.keep_secret(kept, secret_file)
    return written


def configure(c: Any) -> None:
    """Set nbgrader's options, in nbgrader_config.py: students' code is read, never executed."""
    current_folder.leave()
    from nbconvert.preprocessors import ClearMetadataPreprocessor
    from nbgrader.preprocessors import (
        AssignLatePenalties,
        CheckCellMetadata,
        OverwriteCells,
        OverwriteKernelspec,
        SaveAutoGrades,
    )

    from .feedback import OfflineFeedback
    from .marks import MarkedNotebook

    c.ClearSolutions.code_stub = {"python": exercises.STUB}
    c.Autograde.exporter_class = MarkedNotebook
    c.Autograde.sanitize_preprocessors = [OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
    c.Autograde.autograde_preprocessors = [
        ClearMetadataPreprocessor,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    c.GenerateFeedback.exporter_class = OfflineFeedback
