"""The command line: `minitorch_attn COMMAND`, or `python -m minitorch_attn COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .errors import MinitorchError

# Each command is a module of this package with add_arguments(parser) and run(args), imported when
# it is called; and the extra of the installation that brings the packages which it needs.
COMMANDS = {
    "train": (
        ".commands.train",
        "run",
        "train the classifier and its baselines, and draw them",
    ),
    "info": (".commands.info", "run", "versions, array libraries, GPU"),
    "study": (".course.learner.study", "study", "open the book in JupyterLab"),
    "check": (".course.learner.handing_in", "study", "say whether a notebook can be marked"),
    "book": (".course.book.build", "course", "build the notebooks and the exercises"),
    "slides": (".course.slides.build", "course", "build the lectures"),
    "web": (".course.web.build", "web", "build the web edition"),
    "live": (
        ".course.web.live.fetch",
        "web",
        "fetch Python for the browser, for the web edition's cells",
    ),
    "one-file": (
        ".course.web.onefile",
        "web",
        "build a chapter with its exercises as one page that runs",
    ),
    "prove": (
        ".course.proving.prove",
        "course",
        "mutate the right answers, and see what the checks let pass",
    ),
    "grade": (".course.grading.grade", "course", "mark a folder of submissions"),
    "term": (
        ".course.grading.term",
        "course",
        "put the marks of several chapters into one table",
    ),
    "export": (".course.grading.export", "course", "write a course for nbgrader or Gradescope"),
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help shows what there is)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 2 for bad usage."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="minitorch_attn",
        description="A book in code: attention from scratch, in NumPy, with CuPy as a drop-in.",
        epilog="minitorch_attn COMMAND --help says more about each.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parsers = {
        name: commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for name, (_, _, text) in COMMANDS.items()
    }
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # ± on a terminal that has none
    called = next((word for word in argv if not word.startswith("-")), "")
    try:
        if called in COMMANDS:
            module = importlib.import_module(COMMANDS[called][0], __package__)
            module.add_arguments(parsers[called])
        args = parser.parse_args(argv)
        if args.command is None:
            parser.print_help()
            return 0
        return module.run(args)
    except BrokenPipeError:  # who read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (MinitorchError, OSError, ImportError) as error:
        # What the user can mend is one line; a defect of ours keeps its traceback.
        print(f"{parser.prog} {called}: {error}{_cure(error, called)}", file=sys.stderr)
        return error.status if isinstance(error, MinitorchError) else 2


def _cure(error: Exception, command: str) -> str:
    """What to install, where a package is missing and the error does not say so itself."""
    if not isinstance(error, ModuleNotFoundError) or "pip install" in str(error):
        return ""
    return f": pip install 'minitorch_attn[{COMMANDS[command][1]}]'"


if __name__ == "__main__":
    sys.exit(main())
