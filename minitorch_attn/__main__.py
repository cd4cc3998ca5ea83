"""The command line: python -m minitorch_attn COMMAND."""

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
# it is called.
COMMANDS = {
    "train": (
        ".commands.train",
        "train the classifier and its baselines, and draw them",
    ),
    "info": (".commands.info", "versions, array libraries, GPU"),
    "study": (".course.learner.study", "open the book in JupyterLab"),
    "check": (".course.learner.handing_in", "say whether a notebook can be marked"),
    "book": (".course.book.build", "build the notebooks and the exercises"),
    "slides": (".course.slides.build", "build the lectures"),
    "web": (".course.web.build", "build the web edition"),
    "live": (".course.web.live.fetch", "fetch Python for the browser, for the web edition's cells"),
    "one-file": (".course.web.onefile", "build a chapter with its exercises as one page that runs"),
    "prove": (
        ".course.proving.prove",
        "mutate the right answers, and see what the checks let pass",
    ),
    "grade": (".course.grading.grade", "mark a folder of submissions"),
    "term": (".course.grading.term", "put the marks of several chapters into one table"),
    "export": (".course.grading.export", "write a course for nbgrader or Gradescope"),
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help shows what there is)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 2 for bad usage."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(
        prog="python -m minitorch_attn",
        description="A book in code: attention from scratch, in NumPy, with CuPy as a drop-in.",
        epilog="python -m minitorch_attn COMMAND --help says more about each.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == called:
            loaded = importlib.import_module(module, __package__)
            loaded.add_arguments(command)
    args = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # ± on a terminal that has none
    try:
        return loaded.run(args)
    except BrokenPipeError:  # who read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (MinitorchError, OSError, ImportError) as error:
        # What the user can mend is one line; a defect of ours keeps its traceback.
        print(f"{parser.prog} {args.command}: {error}", file=sys.stderr)
        return error.status if isinstance(error, MinitorchError) else 2


if __name__ == "__main__":
    sys.exit(main())
