"""`minitorch_attn export nbgrader|gradescope|notebooks`: this grader behind other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...files import write_if_changed
from ..book import exercises
from ..book.notebook import to_text
from ..proving.named import hold
from ..sources.contents import chapters
from ..sources.text import read, sources
from . import secret
from .arguments import SECRET_FILE, add_checks, chapter, settle

VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m minitorch_attn export`."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    course = kinds.add_parser("nbgrader", help="a course directory for nbgrader")
    course.add_argument("folder", type=Path, metavar="COURSE_DIR")
    course.add_argument(
        "--chapter",
        type=chapter,
        nargs="+",
        default=[],
        metavar="NN",
        help="these chapters' exercises (default: all)",
    )
    course.add_argument(
        *SECRET_FILE,
        type=Path,
        metavar="FILE",
        help="the secret to use (default: one made by chance, in COURSE_DIR)",
    )
    add_checks(course)
    zipped = kinds.add_parser("gradescope", help="an autograder zip for Gradescope")
    zipped.add_argument("--chapter", type=chapter, required=True, metavar="NN")
    add_checks(zipped)
    zipped.add_argument("--out", type=Path, metavar="FILE.zip", help="(default: gradescope_NN.zip)")
    zipped.add_argument(
        *SECRET_FILE,
        type=Path,
        default=Path(secret.FILE),
        metavar="FILE",
        help=f"the secret, made if there is none (default: {secret.FILE})",
    )
    zipped.add_argument(
        "--visibility",
        choices=VISIBILITY,
        default="visible",
        help="when students see their results (default: visible, at once)",
    )
    own = kinds.add_parser("notebooks", help="what students open of exercises of your own")
    add_checks(own, required=True)


def run(args: argparse.Namespace) -> int:
    """Write what was asked for; returns the exit status."""
    chapters()  # the package alone has no exercises to write: it says so
    if args.kind == "notebooks":
        _notebooks(args.checks)
    elif args.kind == "nbgrader":
        args.checks = settle(args.checks, args.chapter)
        _nbgrader(args)
    else:
        settle(args.checks, [args.chapter])
        _gradescope(args)
    return 0


def _notebooks(checks: Path) -> None:
    """Write FOLDER/exercises/NN_name.ipynb from each of its sources."""
    root = settle(checks)
    assert root is not None
    for path in sources("solutions", root):
        hold(int(path.name[:2]))
        target = root / "exercises" / f"{path.stem}.ipynb"
        new = write_if_changed(target, to_text(exercises.build(read(path))))
        print(f"{'wrote' if new else 'nothing has changed in'} {target}")


def _nbgrader(args: argparse.Namespace) -> None:
    from .nbgrader import course as nbgrader_course

    written = nbgrader_course.write(args.folder, args.chapter, args.secret_file, args.checks)
    for file in written:
        print(f"wrote {file}")
    if not written:
        print("Nothing has changed.")
    print(
        f"source/ holds the worked answers and {secret.FILE} the secret: keep {args.folder} "
        "where no student can read it."
    )


def _gradescope(args: argparse.Namespace) -> None:
    from .gradescope import bundle as gradescope_zip

    out = args.out or Path(f"gradescope_{args.chapter:02d}.zip")
    new = not args.secret_file.exists()
    kept = secret.keep_secret(args.secret_file)
    if new:
        print(f"wrote {args.secret_file}: keep it, the marks depend on it")
    gradescope_zip.write(out, args.chapter, kept, args.visibility)
    print(f"wrote {out}: it holds the secret and worked answers; no student may have it.")
