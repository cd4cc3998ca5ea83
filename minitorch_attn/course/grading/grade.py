"""The command `grade`: mark every student's submission of one chapter."""

from __future__ import annotations

import argparse
import functools
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from ... import current_folder
from ...arguments import positive
from ...errors import MinitorchError
from ...threads import cores
from ..checks import folders
from . import likeness, records
from .arguments import SECRET_FILE, add_checks, chapter, settle
from .marking import box
from .marking import mark as marking
from .marking.cleaning import one_line
from .marking.marks import Mark
from .pages import summary
from .pages.feedback import write_feedback
from .pool import GivenUp, spread, spread_cluster
from .records import Record
from .scheme import choose
from .secret import FILE, exposed, keep_secret, long_enough, read_secret
from .submissions.finding import Submission, find_submissions

SECRET = "MINITORCH_ATTN_SECRET"
UNPROTECTED = (
    "--unsafe: STUDENTS' CODE RUNS WITHOUT A SANDBOX. It can read and change what you can, the "
    "marks and the secret among it, use the network, and leave processes behind. "
)


class GradeError(MinitorchError, ValueError):
    """A wish that cannot be granted; the message says why in one line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "submissions",
        type=Path,
        help="a folder or zip, as nbgrader, Moodle, Canvas or Gradescope export it, or a folder "
        "of notebooks, .py files, or zips, one a student; never changed",
    )
    parser.add_argument("--chapter", type=chapter, required=True, help="the chapter, as in 06")
    add_checks(parser)
    parser.add_argument(
        "--exercises",
        type=lambda text: text.replace(" ", "").split(","),
        default=[],
        metavar="06.1,06.3",
        help="these alone count (default: all of the chapter)",
    )
    parser.add_argument(
        "--points",
        type=Path,
        metavar="FILE",
        help='TOML with points of your own: a table [points] with lines "06.1" = 10',
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for all that is written")
    parser.add_argument(
        *SECRET_FILE,
        type=Path,
        metavar="FILE",
        help=f"text file with your secret, at least 16 characters (or set {SECRET}; without "
        "either, one is drawn and kept in the folder)",
    )
    parser.add_argument(
        "--due",
        type=_due,
        metavar="TIME",
        help="when it was due, as in 2026-11-20T23:59, here if no zone is said: grades.csv then "
        "has a column with the hours that a file is late",
    )
    parser.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    parser.add_argument(
        "--scheduler",
        type=_scheduler,
        metavar="ADDRESS",
        help="use the Dask cluster at ADDRESS, as in tcp://HOST:8786",
    )
    parser.add_argument(
        "--unsafe", action="store_true", help="go on where there is no sandbox for students' code"
    )
    parser.add_argument("--regrade", action="store_true", help="mark all anew")
    parser.add_argument(
        "--names",
        type=_encoding,
        metavar="ENCODING",
        help="how file names are written that are not UTF-8, as in gbk, big5, shift_jis "
        "(default: whichever gives letters)",
    )
    parser.add_argument(
        "--book",
        type=_address,
        help="web address of the book's files, for links in the feedback (default: links that "
        "lead from a folder of the reader's working copy)",
    )


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s\"'<>]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a web address")
    return text.rstrip("/")


def _scheduler(text: str) -> str:
    if not re.fullmatch(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.]+\]|[^\s/:]+):\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address, as in tcp://HOST:8786")
    return text


def _due(text: str) -> float:
    try:
        if not re.match(r"[\d-]+[T ]\d", text):  # a day alone: its beginning, or its end?
            raise ValueError(text)
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no day and time, as in 2026-11-20T23:59"
        ) from None


def _encoding(text: str) -> str:
    try:
        b"a".decode(text)
    except (LookupError, UnicodeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no encoding") from None
    return text


def run(args: argparse.Namespace) -> int:
    current_folder.leave(str(args.submissions))
    import_module("jupytext")  # the worked answers are read with it: without, no mark would stand
    _check_isolation(args)
    if args.out.resolve().is_relative_to(args.submissions.resolve()):
        raise GradeError(
            f"--out {args.out} lies in {args.submissions}: its folders would be students of the "
            "next run; name one elsewhere"
        )
    if args.checks and _share(args.checks, args.submissions):
        raise GradeError(
            f"--checks {args.checks} and {args.submissions} lie one in the other: what students "
            "hand in would be run as checks; move one"
        )
    args.checks = settle(args.checks, [args.chapter])
    scheme = choose(args.chapter, args.exercises, args.points)
    found, warnings = find_submissions(args.submissions, args.chapter, args.names or "")
    for warning in warnings:
        print(f"Note: {warning}", file=sys.stderr)
    with records.claimed(args.out):
        secret = find_secret(args)
        secret_mark = records.settle(args.out, args.chapter, secret, args.regrade, scheme.points)
        todo = _todo(found, args, secret_mark)
        print(f"{_count(found)} of chapter {args.chapter:02d}, {len(todo)} to mark")
        stopped = 0
        try:
            with _signals():
                _mark_all(todo, args, secret, secret_mark)
        except _Stopped as stop:
            stopped = 128 + stop.number
        present = {submission.key for submission in found}
        marked = {
            key: replace(record, mark=scheme.seen(record.mark))
            for key, record in records.read_all(args.out, args.chapter).items()
        }
        write_feedback(args.out, marked, args.book or "")
        late = None if args.due is None else _late(found, args.due)
        lines = summary.write_summary(
            args.out, marked, present, args.chapter, warnings, scheme, late
        )
    print(lines)
    failed = [record for record in marked.values() if not record.final]
    if failed and not stopped:
        print(
            f"{len(failed)} could not be marked, for reasons of this machine or of the grader, and "
            f"have no points ({failed[0].student}: {failed[0].mark.review[0]}). Give the same "
            "command again; if that does not help, look at them.",
            file=sys.stderr,
        )
    if stopped:
        left = sum(submission.key not in marked for submission in found)
        print(
            f"Stopped; {left} are not marked yet. Give the same command again to go on.",
            file=sys.stderr,
        )
    return stopped


def _share(one: Path, other: Path) -> bool:
    """Whether one of two folders lies in the other."""
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _late(found: Sequence[Submission], due: float) -> dict[str, float]:
    """By key, how many hours after that time each was handed in; those whose time is known."""
    return {one.key: max(0.0, one.time - due) / 3600 for one in found if one.time is not None}


def _count(found: Sequence[Submission]) -> str:
    return f"{len(found)} submission{'s' if len(found) != 1 else ''}"


def _check_isolation(args: argparse.Namespace) -> None:
    if args.scheduler:
        if args.unsafe:
            print(UNPROTECTED, file=sys.stderr)
        return  # asked of each worker, where the code runs
    isolation = box.find_isolation()
    if isolation.level == "sandbox":
        return
    if not args.unsafe:
        raise GradeError(
            f"no sandbox for students' code: {isolation.words} (--unsafe goes on without)"
        )
    print(UNPROTECTED + isolation.words, file=sys.stderr)


def find_secret(args: argparse.Namespace) -> str:
    """The instructor's secret: from their file, the environment, or the folder of results."""
    kept = args.out / FILE
    if args.secret_file:
        secret = read_secret(args.secret_file)
        if warning := exposed(args.secret_file):
            print(f"Note: {warning}", file=sys.stderr)
        return secret
    if given := os.environ.get(SECRET):
        return long_enough(given.strip(), SECRET)
    if kept.exists():
        return read_secret(kept)
    if (args.out / "settings.json").exists() and not args.regrade:
        raise GradeError(f"{args.out} was graded with a secret of yours: give --secret-file")
    secret = keep_secret(kept)
    print(f"A secret was drawn and is kept in {kept}; show it to nobody who hands in.")
    return secret


def _todo(
    found: Sequence[Submission], args: argparse.Namespace, secret_mark: str
) -> list[Submission]:
    """Those whose mark is not there yet, or was made from something else."""
    todo = []
    for one in found:
        path = _path(args.out, one)
        old = records.read(path)
        # Where the mark stands, names and notes are made anew: they are cheap.
        new = old and make_record(one, args.chapter, secret_mark, old.mark, old.code, old.copied)
        if old and new and old.final and old.made_from == new.made_from and not args.regrade:
            records.write(path, new)
        else:
            todo.append(one)
    return todo


def _path(out: Path, one: Submission) -> Path:
    return out / "students" / f"{one.key}.json"


def make_record(
    one: Submission,
    chapter: int,
    secret_mark: str,
    mark: Mark,
    code: str = "",
    copied: tuple[str, ...] = (),
    final: bool = True,
) -> Record:
    """All that is kept of a student."""
    return Record(
        student=one.student,
        id=one.id,
        file=one.file,
        notes=one.notes,
        digest=one.digest,
        chapter=chapter,
        secret=secret_mark,
        grader=records.grader_version(chapter),
        mark=mark,
        code=code,
        final=final,
        copied=copied,
    )


@dataclass(frozen=True)
class Task:
    """One submission to mark, and how."""

    text: str
    suffix: str
    chapter: int
    secret: str
    unsafe: bool
    problem: str = ""  # why it could not be read any more
    checks: Path | None = None  # an instructor's folder


class _Tasks(Sequence[Task]):
    """The tasks of a class, each read when it is its turn."""

    def __init__(self, found: Sequence[Submission], args: argparse.Namespace, secret: str) -> None:
        self.found, self.args, self.secret = found, args, secret

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, number: Any) -> Any:
        one, args = self.found[number], self.args
        try:
            text, problem = one.text, ""
        except MinitorchError as error:
            text, problem = "", f"{one.file} {error}"
        return Task(text, one.suffix, args.chapter, self.secret, args.unsafe, problem, args.checks)


def work(task: Task) -> tuple[Mark, str, tuple[str, ...]]:
    """Mark one submission: what a process, or a worker of a cluster, does.

    Returns the mark, the fingerprint of the code, and which exercises are copies.
    """
    current_folder.leave()  # where a worker of a cluster was started
    if task.problem:
        raise GradeError(task.problem)
    if task.checks:
        folders.use_checks(task.checks)
    isolation = box.find_isolation()
    if isolation.level != "sandbox" and not task.unsafe:
        raise GradeError(f"no sandbox for students' code: {isolation.words}")
    mark = marking.mark(task.text, task.suffix, task.chapter, task.secret, isolation)
    code = task.text, task.suffix, task.chapter
    return mark, likeness.code_mark(*code), likeness.copied(*code)


def _why_not(chapter: int, version: str, unsafe: bool, checks: Path | None = None) -> str:
    """Asked on each worker of a cluster: why it cannot grade as we would, or nothing."""
    current_folder.leave()
    try:
        settle(checks)
    except MinitorchError as error:
        return str(error)
    if records.grader_version(chapter) != version:
        return "its version of the book, or of NumPy, is another"
    isolation = box.find_isolation()
    return "" if isolation.level == "sandbox" or unsafe else isolation.words


def _mark_all(
    todo: Sequence[Submission], args: argparse.Namespace, secret: str, secret_mark: str
) -> None:
    def keep(
        one: Submission,
        mark: Mark,
        code: str = "",
        copied: tuple[str, ...] = (),
        final: bool = True,
    ) -> None:
        record = make_record(one, args.chapter, secret_mark, mark, code, copied, final)
        records.write(_path(args.out, one), record)

    for one in todo:
        if one.problem:
            keep(one, marking.unreadable(one.problem, args.chapter))
    readable = [one for one in todo if not one.problem]
    if not readable:
        return
    tasks = _Tasks(readable, args, secret)
    if args.scheduler:
        version = records.grader_version(args.chapter)
        why_not = functools.partial(_why_not, args.chapter, version, args.unsafe, args.checks)
        done = spread_cluster(work, tasks, args.scheduler, why_not)
    else:
        done = spread(work, tasks, args.jobs or cores())
    with _progress(len(tasks)) as tell:
        for number, result in done:
            one = readable[number]
            if isinstance(result, GivenUp):
                reason = one_line(f"not marked yet: {result}")
                keep(one, marking.unreadable(reason, args.chapter), final=False)
            else:
                keep(one, *result)
            tell(one.student)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar with names and the time left; where nobody watches, a line now and then."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total, unit="submission", desc="marking") as bar:

            def step(name: str) -> None:
                bar.set_postfix_str(name[:30], refresh=False)
                bar.update()

            yield step
        return
    # The first few pay for what starts once: from them the rest would seem far longer than it is.
    start, count, every = time.monotonic(), 0, max(8, total // 10)

    def line(name: str) -> None:
        nonlocal count
        count += 1
        if count % every == 0 or count == total:
            seconds = time.monotonic() - start
            left = seconds / count * (total - count)
            more = f", about {left:.0f} s left" if count < total else f", {seconds:.0f} s"
            print(f"marked {count} of {total}{more}", file=sys.stderr, flush=True)

    yield line


class _Stopped(BaseException):
    """Ctrl-C, or a polite request to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the marking, not what is written after it."""

    def stop(number: int, frame: Any) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)  # once is enough
        raise _Stopped(number)

    wanted = [signal.SIGINT, signal.SIGTERM]
    try:
        before = {number: signal.signal(number, stop) for number in wanted}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
