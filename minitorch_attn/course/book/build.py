"""Build the book: `chapters/` into executed `notebooks/`, `solutions/` into `exercises/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...files import write_if_changed
from ...processes import end_with_parent
from ..sources.contents import chapters, page
from ..sources.questions import check_questions
from ..sources.text import (
    ROOT,
    Source,
    SourceError,
    headings_in,
    need_checkout,
    read,
    section_id,
    sources,
)
from . import colab, compare, execute, exercises, footer, introduced, pictures
from .notebook import markdown, new_cell, new_notebook, to_text

WORKERS = 2
CONFTEST = '''"""`pytest exercises` checks every exercise here; `-m exercise_06_2` checks one."""

pytest_plugins = ["minitorch_attn.course.learner.pytest_plugin"]
'''


def build(
    out: Path = ROOT,
    *,
    root: Path = ROOT,
    only: str = "",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Build every notebook and exercise, and return them by path relative to `out`.

    Nothing is written. A notebook that agrees with the one already at `out` keeps its outputs, so
    that another processor's rounding changes no file.

    Parameters
    ----------
    out : where the notebooks are, or will be
    root : where `chapters/`, `solutions/` and the library's source are
    only : builds the chapters whose name contains it
    say : is given a line for each chapter that was executed

    Raises
    ------
    SourceError, execute.ChapterFailed
        They say which cell of which file cannot be built, and why.
    """
    texts = [read(path) for path in sources("chapters", root) if only in path.name]
    worked = [read(path) for path in sources("solutions", root) if only in path.name]
    if not texts and not worked:
        chapters(root)  # says so if the book is not here
        raise SourceError(f"no chapter's name contains {only!r}")
    _check_names([*texts, *worked], root)
    _check_order([*texts, *worked], root)
    built: dict[str, Any] = {}
    for source in worked:  # quick, so their errors come first
        path, notebook = f"exercises/{source.name}.ipynb", exercises.build(source, root=root)
        notebook["cells"].append(footer.of_exercises(source, root))
        colab.put(notebook, path, root)
        built[path] = notebook
    plain = {source.name: _notebook(source, root) for source in texts}
    for source, outputs in _executed(texts, out, root, say):
        notebook = _with_outputs(plain[source.name], outputs)
        pictures.describe(notebook)
        path = f"notebooks/{source.name}.ipynb"
        colab.put(notebook, path, root)
        if (out / path).is_file():
            compare.keep_what_agrees(_load(out / path), notebook)
            pictures.describe(notebook)  # a cell that prints times keeps what an older caption said
        built[path] = notebook
    return dict(sorted(built.items()))


def write(built: dict[str, Any], out: Path = ROOT) -> list[str]:
    """Write what was built; returns the paths of the files that changed."""
    texts = {path: to_text(notebook) for path, notebook in built.items()}
    texts |= _fixed_files(out)
    return [path for path, text in texts.items() if write_if_changed(out / path, text)]


def check(built: dict[str, Any], out: Path = ROOT) -> list[str]:
    """One line for each way in which the files at `out` differ from what was built."""
    found = []
    for path, notebook in built.items():
        if not (out / path).is_file():
            found.append(f"{path} is missing")
            continue
        found += [f"{path}, {line}" for line in compare.differences(_load(out / path), notebook)]
    for path, text in _fixed_files(out).items():
        if not (out / path).is_file() or (out / path).read_text(encoding="utf-8") != text:
            found.append(f"{path} has changed, or is missing")
    return found


def _fixed_files(out: Path) -> dict[str, str]:
    """What is built from no chapter in particular."""
    files = {"exercises/conftest.py": CONFTEST}
    if (out / "chapters" / "book.toml").is_file():
        files["chapters/README.md"] = page(out)
    return files


def leftovers(built: dict[str, Any], out: Path = ROOT) -> list[str]:
    """Notebooks at `out` that no source builds."""
    there = [p for folder in ("notebooks", "exercises") for p in (out / folder).glob("*.ipynb")]
    return sorted({p.relative_to(out).as_posix() for p in there} - built.keys())


def _check_names(found: list[Source], root: Path) -> None:
    planned = {chapter.file for chapter in chapters(root)}
    for source in found:
        if source.name not in planned:
            raise SourceError(
                f"{source.path.parent.name}/{source.path.name}: chapters/book.toml has no chapter "
                f"{source.name}"
            )


def _check_order(found: list[Source], root: Path) -> None:
    """A chapter, or a worked answer, that uses what only a later chapter introduces is refused."""
    if early := [line for source in found for line in introduced.too_early(source, root)]:
        more = f" (and {len(early) - 1} more of the kind)" if len(early) > 1 else ""
        raise SourceError(early[0] + more)


def _notebook(source: Source, root: Path) -> Any:
    """The notebook of a chapter, not executed."""
    check_questions(source.path.name, source.path.read_text(encoding="utf-8"))
    cells: list[Any] = []
    used: dict[str, int] = {}
    for cell in source.cells:
        metadata: dict[str, Any] = {"name": cell.name} if cell.name else {}
        if cell.tags:
            metadata["tags"] = list(cell.tags)
        if "hide-input" in cell.tags:
            metadata["jupyter"] = {"source_hidden": True}
        if cell.kind == "code":
            cells.append(new_cell("code", cell.text, cell.id, metadata))
            continue
        text = markdown(cell.text, source, cell.where, root)
        for part, id in _sections(text, source.chapter, cell.id):
            used[id] = used.get(id, 0) + 1
            again = f"-{used[id]}" if used[id] > 1 else ""
            cells.append(new_cell("markdown", part, id + again, metadata))
    cells.append(footer.of_chapter(source, root))
    return new_notebook(cells)


def _sections(text: str, chapter: int, id: str) -> list[tuple[str, str]]:
    """A Markdown cell cut at its headings, each part with its id: a link can lead to each."""
    starts = [0, *[at for at, _ in headings_in(text) if at > 0], len(text)]
    titles = dict(headings_in(text))
    return [
        (text[a:b].strip(), section_id(chapter, titles[a]) if a in titles else id)
        for a, b in pairwise(starts)
    ]


def _executed(
    texts: list[Source], out: Path, root: Path, say: Callable[[str], None]
) -> Iterator[tuple[Source, execute.Outputs]]:
    """Run the chapters, at most two at a time.

    The last begins first: later chapters train more, and none of them is to be left at the end
    with one core idle beside it.
    """
    if not texts:
        return
    cache = root / ".cache" / "book"
    jobs = [(execute.job(source, out / "notebooks", root), source) for source in texts]
    workers = min(WORKERS, len(jobs))
    with ProcessPoolExecutor(workers, initializer=end_with_parent) as pool:
        futures = {
            pool.submit(execute.outputs_of, job, cache): source for job, source in reversed(jobs)
        }
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                outputs = future.result()
                say(f"[{count}/{len(jobs)}] {futures[future].name}")
                yield futures[future], outputs
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _with_outputs(notebook: Any, outputs: execute.Outputs) -> Any:
    from nbformat.notebooknode import from_dict

    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, (cell, found) in enumerate(zip(code, outputs, strict=True), start=1):
        cell["execution_count"] = count
        cell["outputs"] = [
            from_dict(
                {**output, "execution_count": count}
                if output["output_type"] == "execute_result"
                else output
            )
            for output in found
        ]
    return notebook


def _load(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises several kinds
        raise SourceError(
            f"{path} is not a notebook ({error}); delete it and build anew"
        ) from error


# Command line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m minitorch_attn book`."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if the committed notebooks differ from what the sources build",
    )
    parser.add_argument(
        "--only", default="", metavar="NAME", help="build the chapters whose name contains NAME"
    )


def run(args: argparse.Namespace) -> int:
    """Build and write, or with `--check` compare: returns 0, or 1 where something differs.

    Raises
    ------
    SourceError, execute.ChapterFailed
        If the book cannot be built; the message says which cell of which file, and why.
    """
    need_checkout("book")
    built = build(only=args.only)
    stale = [] if args.only else [f"{path} has no source: delete it" for path in leftovers(built)]
    if args.check:
        found = check(built) + stale
        for line in found:
            print(line, file=sys.stderr)
        if found:
            print("The notebooks differ from their sources: run `make book`.", file=sys.stderr)
        else:
            print(f"{len(built)} notebooks are what their sources build.")
        return 1 if found else 0
    changed = write(built)
    for path in changed:
        print(f"wrote {path}")
    if not changed:
        print(f"{len(built)} notebooks: nothing has changed.")
    for line in stale:
        print(line, file=sys.stderr)
    return 0
