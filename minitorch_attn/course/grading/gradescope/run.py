"""What runs in Gradescope's container: one submission in, `results/results.json` out.

The results are written by this process alone, in which no student's code runs, and always: where
the grader fails, they say so, and instructors see why.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from ....files import write_atomic
from ...checking.report import PASSED
from ...checks import exercises_of
from ..marking import box
from ..marking import mark as marking
from ..marking.cleaning import lines, one_line
from ..marking.marks import ExerciseMark, Mark
from ..pages import wording
from ..secret import FILE, read_secret
from ..submissions.archives import folder as files_in
from ..submissions.finding import Submission, submission_of
from ..submissions.layouts import Owner

FAILED = "The grader failed. This is not your fault: tell your instructor, who sees the reason."


def main(arguments: list[str]) -> int:
    """Mark the submission below the autograder's root, or with --try only see that it works."""
    root = Path(arguments[0])
    source = root / "source"
    if arguments[1:] == ["--try"]:
        return _try(source)
    try:
        settings = json.loads((source / "settings.json").read_text(encoding="utf-8"))
        found, status = results(root / "submission", settings, _secret(source)), 0
    except BaseException:
        found, status = failure(traceback.format_exc()), 1
    write(root / "results" / "results.json", found)
    return status


def results(submission: Path, settings: dict[str, Any], secret: str) -> dict[str, Any]:
    """Gradescope's JSON for the files in a folder."""
    chapter, isolation = settings["chapter"], _isolation()
    one = find(submission, chapter)
    if one.problem:
        mark = marking.unreadable(one.problem, chapter)
    else:
        mark = marking.mark(one.text, one.suffix, chapter, secret, isolation)
    return to_json(mark, settings["visibility"], isolation.words, one)


def _isolation() -> box.Isolation:
    """What there is in this container: a sandbox, or at least another user."""
    found = box.find_isolation()
    if found.level != "sandbox" and found.user is None:
        raise RuntimeError(f"students' code would run as root here, and is not run. {found.words}")
    return found


def find(submission: Path, chapter: int) -> Submission:
    """The student's file for this chapter; its `problem` says why there is none."""
    files = [(item.parts, item) for item in files_in(submission)]
    one = submission_of(Owner("submission"), "submission", files, True, chapter)
    if one is None:
        problem = f"there is no notebook and no .py file for chapter {chapter:02d}"
        return Submission("submission", "", "submission", problem=problem)
    return one


def to_json(mark: Mark, visibility: str, isolation: str, one: Submission) -> dict[str, Any]:
    """A mark in the form that Gradescope documents; what students wrote is plain text in it."""
    said = f"{mark.points:g} of {mark.total:g} points"
    if one.file:
        said += f", for {one_line(one.file, 120)}"
    if one.problem:
        said += f".\nIt could not be marked: {one_line(one.problem, 500)}"
    tests = [test for exercise in mark.exercises for test in _tests(exercise)]
    eye = [one_line(line, 500) for line in dict.fromkeys([*one.notes, *mark.eye])]
    tests.append(
        {
            "name": "For the instructor",
            "score": 0,
            "max_score": 0,
            "status": "passed",
            "visibility": "hidden",
            "output_format": "text",
            "output": "\n".join([f"Isolation: {isolation}", *(f"Look at: {x}" for x in eye)]),
        }
    )
    return {
        "score": mark.points,
        "output": said,
        "output_format": "text",
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _tests(exercise: ExerciseMark) -> list[dict[str, Any]]:
    """A test for each check."""
    number = exercise.id.partition(".")[2]
    tests: list[dict[str, Any]] = []
    for place, result in enumerate(exercise.shown, start=1):
        passed = result.status == PASSED
        told = [exercise.note, wording.result_text(result), exercise.read_again]
        said = [] if passed else told
        tests.append(
            {
                "name": f"{exercise.id} {exercise.title}: {result.claim}",
                "number": f"{number}.{place}",
                "score": result.points,
                "max_score": result.total,
                "status": "passed" if passed else "failed",
                "output": lines("\n".join(line for line in said if line)),
                "output_format": "text",
            }
        )
    return tests


def failure(reason: str) -> dict[str, Any]:
    """Results where the grader itself failed."""
    return {
        "score": 0,
        "output": FAILED,
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": "For the instructor",
                "score": 0,
                "max_score": 0,
                "status": "failed",
                "visibility": "hidden",
                "output_format": "text",
                "output": reason[-4_000:],
            }
        ],
    }


def write(path: Path, found: dict[str, Any]) -> None:
    """Whole or not at all."""
    write_atomic(path, json.dumps(found, ensure_ascii=False, indent=1).encode())


def _secret(source: Path) -> str:
    return read_secret(source / FILE)


def _try(source: Path) -> int:
    """Mark answers that are wrong on purpose: every part of the grader has to run for that."""
    chapter = json.loads((source / "settings.json").read_text(encoding="utf-8"))["chapter"]
    functions = [exercise.function for exercise in exercises_of(chapter)]
    text = "\n\n".join(f"def {f}(*args, **kwargs):\n    return 0.25" for f in functions)
    isolation = _isolation()
    print(f"Isolation: {isolation.level}. {isolation.words}")
    mark = marking.mark(text, ".py", chapter, _secret(source), isolation)
    ran = [r for e in mark.exercises for r in e.results if "0.25" in r.got]
    if not ran:
        print(json.dumps(mark.to_json(), indent=1), file=sys.stderr)
        print("The grader does not work here; the lines above say why.", file=sys.stderr)
        return 1
    print(f"The grader works: chapter {chapter:02d}, {mark.total:g} points.")
    return 0
