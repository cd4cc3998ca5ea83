"""For nbgrader: put a student's functions, found by name, into the notebook that was released.

nbgrader looks for its own cells in what a student hands in; where one was deleted, doubled or
turned into Markdown, it gives up or asks for grading by hand. So before it looks, this
preprocessor takes the released notebook and fills each answer's cell with the student's function
and what that function needs. All checks come from the release.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from .checking import exercises_of
from .collect import CollectError, collect_text


class RebuildByName(NbGraderPreprocessor):
    """The first of Autograde's sanitizing steps; the configuration that we write puts it there."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        course = self.parent.parent.coursedir
        folder = course.format_path(course.release_directory, ".", names["assignment"])
        path = Path(course.root, folder, f"{names['notebook']}.ipynb")
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; run `nbgrader generate_assignment {names['assignment']}`"
            )
        released = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        self.fill(released, nbformat.writes(nb), int(names["notebook"][:2]))
        return released, resources

    def fill(self, released: Any, submitted: str, chapter: int) -> None:
        """Put what was submitted for each exercise of the chapter into the released notebook."""
        for exercise in exercises_of(chapter):
            wanted = f"solution-{exercise.id.replace('.', '-')}"
            cell = next(
                cell
                for cell in released.cells
                if cell.metadata.get("nbgrader", {}).get("grade_id") == wanted
            )
            try:
                found = collect_text(submitted, ".ipynb", exercise.function)
            except CollectError as error:
                self.log.warning("%s: %s", exercise.id, error)
                # Shown in the student's feedback; the stub below it gives 0 points.
                cell.source = f"# {' '.join(str(error).split())}\n{cell.source}"
                continue
            if not found.stub:
                cell.source = found.source
