"""Run the code of a chapter in a kernel of its own, and keep what it printed and drew."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...errors import MinitorchError
from ...files import write_atomic
from ..sources.text import ROOT, Source

CELL_SECONDS = 180
MAX_OUTPUT = 400_000  # characters a cell, pictures included
# Outputs depend on these; a new version runs the chapters again.
PACKAGES = (
    "ipykernel", "ipython", "matplotlib", "matplotlib-inline", "nbclient", "numpy",
    "scikit-image", "scikit-learn", "scipy",
)  # fmt: skip
# Of the course, only these rooms can show in a chapter's output.
ROOMS = ("checking", "checks", "learner", "sources")
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "MINITORCH_ATTN_THREADS",
)  # fmt: skip


class ChapterFailed(MinitorchError):
    """A cell of a chapter raised, or ran too long, or printed what a book cannot keep."""

    status = 1


@dataclass(frozen=True)
class Job:
    """One chapter to run: its code cells, and what else its outputs depend on."""

    name: str
    cells: tuple[tuple[str, str, bool], ...]  # where, source, whether it may raise
    folder: str  # the kernel's working folder
    key: str


Outputs = list[list[dict[str, Any]]]


def job(source: Source, folder: Path, root: Path = ROOT) -> Job:
    """What is to be run for a chapter; `key` changes whenever the outputs might."""
    cells = tuple(
        (cell.where, cell.text, "raises-exception" in cell.tags)
        for cell in source.cells
        if cell.kind == "code"
    )
    content = [list(cells), library_digest(root), _versions(), _stored(source.name, root)]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return Job(source.name, cells, str(folder), key)


def library_digest(root: Path = ROOT) -> str:
    """A digest of all library code that can show in a chapter's output."""
    package = root / "minitorch_attn"
    course = package / "course"
    files = [p for p in package.rglob("*.py") if course not in p.parents]
    files += [p for room in ROOMS for p in (course / room).rglob("*.py")]
    files += [course / "__init__.py", root / "chapters" / "book.toml"]
    digest = hashlib.sha256()
    for path in sorted(files):
        if path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _stored(name: str, root: Path) -> list[str]:
    """A digest of each file that the chapter reads: their names begin with its number."""
    files = sorted((root / "chapters" / "stored").glob(f"{name[:2]}_*"))
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def _versions() -> list[str]:
    found = [f"python {sys.version_info[0]}.{sys.version_info[1]}", sys.platform]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    return found


def outputs_of(job: Job, cache: Path) -> Outputs:
    """The outputs of each code cell, from the cache or else by running the chapter."""
    path = cache / f"{job.name}-{job.key[:20]}.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    outputs = run(job)
    write_atomic(path, json.dumps(outputs).encode())
    kept = sorted(cache.glob(f"{job.name}-*.json"), key=lambda p: p.stat().st_mtime)
    for old in kept[:-4]:
        old.unlink(missing_ok=True)
    return outputs


def run(job: Job) -> Outputs:
    """Run the cells one after another in a fresh kernel with an empty learner's folder."""
    import nbformat.v4 as v4
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    cells = []
    for _, text, may_raise in job.cells:
        cells.append(v4.new_code_cell(text))
        if may_raise:
            cells[-1].metadata["tags"] = ["raises-exception"]
    notebook = v4.new_notebook(cells=cells)
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        config = Config()
        if os.name == "posix":
            # Sockets spare a warning about unencrypted TCP. Their names must be absolute: the
            # kernel works in another folder than we do.
            config.KernelManager.transport = "ipc"
            config.KernelManager.ip = str(Path(home, "kernel"))
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            record_timing=False,
            # Short errors: a traceback names this machine's folders.
            extra_arguments=[
                "--InteractiveShell.xmode=Minimal",
                "--InteractiveShell.colors=NoColor",
            ],
            resources={"metadata": {"path": job.folder}},
            config=config,
        )
        try:
            client.execute(env=_environment(str(Path(home, "data"))))
        except CellExecutionError as error:
            raise ChapterFailed(_failure(job, cells, f"{error.ename}: {error.evalue}")) from None
        except CellTimeoutError:
            raise ChapterFailed(_failure(job, cells, f"no end after {CELL_SECONDS} s")) from None
        except DeadKernelError:
            raise ChapterFailed(_failure(job, cells, "the kernel died")) from None
    outputs = []
    for (where, _, may_raise), cell in zip(job.cells, cells, strict=True):
        length = len(json.dumps(cell.outputs))
        if length > MAX_OUTPUT:
            raise ChapterFailed(f"{job.name}, {where}: its output is too long ({length:,} bytes)")
        outputs.append([_clean(output) for output in _joined(cell.outputs)])
        _lint(job.name, where, outputs[-1], may_raise)
    return outputs


def _environment(home: str) -> dict[str, str]:
    fixed = {"SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "0", "MINITORCH_ATTN_HOME": home}
    fixed |= dict.fromkeys(THREADS, "1")  # how a sum is split over threads shows in its last digit
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, **fixed, "PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def _failure(job: Job, cells: list[Any], what: str) -> str:
    """Name the chapter and the cell: the last one that was begun."""
    begun = [number for number, cell in enumerate(cells) if cell.get("execution_count")]
    return f"{job.name}, {job.cells[begun[-1] if begun else 0][0]}: {what}"


def _joined(outputs: list[Any]) -> list[dict[str, Any]]:
    """The outputs with neighbouring pieces of one stream as one: a kernel sends them as they come.

    nbclient's own `coalesce_streams` takes minutes for a line of a hundred thousand characters.
    """
    joined: list[dict[str, Any]] = []
    for output in outputs:
        same = joined and output["output_type"] == joined[-1]["output_type"] == "stream"
        if same and output["name"] == joined[-1]["name"]:
            joined[-1]["text"] += output["text"]
        else:
            joined.append(dict(output))
    return joined


def _clean(output: dict[str, Any]) -> dict[str, Any]:
    """Take out what differs from one run or machine to the next and says nothing."""
    output.pop("execution_count", None)
    if output["output_type"] == "stream":
        output["text"] = _without_paths(output["text"])
    if output["output_type"] == "error":
        message = f"{output['ename']}: {output['evalue']}".rstrip(": ")
        notes = "\n".join(output["traceback"]).partition(message)[2]  # what add_note added
        output["traceback"] = [_without_paths(message + re.sub(r"\x1b\[[\d;]*m", "", notes))]
    return json.loads(json.dumps(output))


def _without_paths(text: str) -> str:
    # A warning names the temporary file that holds the cell.
    text = re.sub(r"(?<!\S)\S*ipykernel_\d+[/\\]\d+\.py:(\d+)", r"line \1 of this cell", text)
    text = re.sub(r"(?<!\S)\S*[/\\]site-packages[/\\]", "", text)
    return text.replace(str(ROOT) + os.sep, "")


def _lint(name: str, where: str, outputs: list[dict[str, Any]], may_raise: bool) -> None:
    shown = "\n".join(_readable(output) for output in outputs)
    if found := re.search(r"\bat 0x[0-9a-f]{6,}", shown):
        raise ChapterFailed(
            f"{name}, {where}: prints a memory address ({found[0]}): never twice the same"
        )
    for path in (str(ROOT), str(Path.home())):
        if len(path) > 1 and re.search(re.escape(path) + r"[/\\]", shown):
            raise ChapterFailed(f"{name}, {where}: prints a path of this machine")
    if may_raise and not any(output["output_type"] == "error" for output in outputs):
        raise ChapterFailed(f"{name}, {where}: is tagged raises-exception and raises nothing")


def _readable(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    parts = [data.get("text/plain", ""), data.get("text/html", ""), output.get("text", "")]
    return "\n".join([*map(str, parts), *output.get("traceback", [])])
