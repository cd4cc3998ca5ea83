"""For nbgrader: a submission becomes the released notebook, with the student's functions and marks.

nbgrader reads what students handed in through its exporter. This one never hands it a student's
notebook: it takes the released one, puts each function, found by name, into its cell, has the
text marked by our grader (in a box), and writes points and report into the check cells as their
outputs. nbgrader's own step then saves these as scores. So a notebook that cannot be read, or whose
cells were deleted, doubled or retyped, stops nothing.
"""

from __future__ import annotations

import html
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import v4
from nbgrader.converters.base import NbGraderException
from traitlets import Bool, Unicode

from ...checking.collect import CollectError, collect_text, read_submission
from ...checks import exercises_of, folders
from ...checks.folders import FolderMistake
from ..marking import box
from ..marking import mark as marking
from ..marking.cleaning import lines, one_line
from ..marking.marks import Mark
from ..pages import wording
from ..secret import FILE, SecretError, read_secret


class MarkedNotebook(NotebookExporter):
    """Autograde's exporter, in the course that we write."""

    unsafe = Bool(False, help="Run students' code even where there is no sandbox.").tag(config=True)
    secret_file = Unicode(FILE, help="The secret, from the course's root.").tag(config=True)
    checks = Unicode(help="A folder of exercises of the instructor's own.").tag(config=True)
    seed_file = Unicode(help="The older name of secret_file.").tag(config=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.isolation = box.find_isolation()
        if self.isolation.level != "sandbox" and not self.unsafe:
            raise self._refused(
                f"{self.isolation.words} To run students' code without a sandbox, set "
                "c.MarkedNotebook.unsafe = True in nbgrader_config.py."
            )
        self.log.info("Isolation: %s", self.isolation.words)
        try:
            if self.checks:
                folders.use_checks(self.checks)
            self.secret = read_secret(Path(self.course.root, self.seed_file or self.secret_file))
        except (SecretError, FolderMistake) as error:
            raise self._refused(str(error)) from error
        # What lies beside a notebook is not needed, and may be a link to anything: nbgrader would
        # copy it into the feedback. It has no option for that.
        self.converter.init_assignment = partial(_without_extras, self.converter)

    @property
    def converter(self) -> Any:
        return self.parent

    @property
    def course(self) -> Any:
        return self.converter.coursedir

    def from_filename(
        self, filename: str, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """A notebook for nbgrader: what a student handed in is marked, our own is read as it is."""
        names = resources["nbgrader"]
        folder = self._folder(self.course.submitted_directory, names["student"], names)
        if os.path.abspath(os.path.dirname(filename)) != str(folder):
            return super().from_filename(filename, resources, **kw)
        resources["metadata"] = {"name": names["notebook"], "path": str(folder)}
        return self.from_notebook_node(self._marked(Path(filename), names), resources, **kw)

    def _marked(self, path: Path, names: dict[str, str]) -> Any:
        notebook = self._released(names)
        chapter = int(names["notebook"][:2])
        try:
            text = read_plain(path, Path(self.course.root, self.course.submitted_directory))
        except CollectError as error:
            text, mark = "", marking.unreadable(str(error), chapter)
        else:
            mark = marking.mark(text, ".ipynb", chapter, self.secret, self.isolation)
        for line in mark.eye:
            self.log.warning("%s, look at this: %s", names["student"], one_line(line))
        fill(notebook, text, mark, chapter)
        return notebook

    def _released(self, names: dict[str, str]) -> Any:
        path = self._folder(self.course.release_directory, ".", names)
        path = path / f"{names['notebook']}.ipynb"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; run `nbgrader generate_assignment {names['assignment']}`"
            )
        return nbformat.read(path, as_version=nbformat.NO_CONVERT)

    def _folder(self, step: str, student: str, names: dict[str, str]) -> Path:
        path = self.course.format_path(step, student, names["assignment"])
        return Path(os.path.abspath(os.path.join(self.course.root, path)))

    def _refused(self, why: str) -> NbGraderException:
        self.log.error(why)
        return NbGraderException(why)


def read_plain(path: Path, below: Path) -> str:
    """The text of a submission: a regular file, reached by no link below the given folder."""
    inner = Path(os.path.abspath(path)).relative_to(os.path.abspath(below))
    place = below
    for part in inner.parts:
        place = place / part
        if place.is_symlink():
            raise CollectError(f"{one_line(part, 80)} is a link; hand in the file itself")
    if not path.is_file():
        raise CollectError(f"{path.name} is not a file")
    return read_submission(path)


def fill(notebook: Any, text: str, mark: Mark, chapter: int) -> None:
    """Put the submitted functions and their marks into the released notebook."""
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    marks = {exercise.id: exercise for exercise in mark.exercises}
    for exercise in exercises_of(chapter):
        name, marked = exercise.id.replace(".", "-"), marks[exercise.id]
        answer, check = cells.get(f"solution-{name}"), cells.get(f"check-{name}")
        if answer is None or check is None:
            raise NbGraderException(f"the release of chapter {chapter:02d} has no {exercise.id}")
        try:
            found = collect_text(text, ".ipynb", exercise.function) if text else None
        except CollectError:
            found = None  # the note of the mark says why
        if found and not found.stub:
            answer.source = lines(found.source, 100_000)
        check.execution_count = 1
        said = html.escape(wording.exercise_text(marked))
        style = "white-space:pre-wrap;word-break:normal"
        check.outputs = [
            v4.new_output(
                "execute_result",
                {
                    "text/plain": f"{marked.points:g}",  # nbgrader reads it as the score
                    "text/html": f"<pre style='{style}'>{said}</pre>",
                },
                execution_count=1,
            )
        ]


# What nbgrader's own `submit` puts beside a notebook: when it came, and a word by which the student
# finds the feedback again.
_NBGRADERS_OWN = ("timestamp.txt", "submission_secret.txt")


def _without_extras(converter: Any, assignment: str, student: str) -> None:
    """nbgrader's `init_assignment`, copying nothing but nbgrader's own two small files."""
    course = converter.coursedir
    ignored = course.ignore
    course.ignore = [*ignored, "*", ".*"]
    try:
        type(converter).init_assignment(converter, assignment, student)
    finally:
        course.ignore = ignored
    folder = Path(converter._format_dest(assignment, student))
    for name in _NBGRADERS_OWN:
        path = Path(converter._format_source(assignment, student), name)
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 200:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
