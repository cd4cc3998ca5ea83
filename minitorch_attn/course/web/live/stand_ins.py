"""What the book's cells use and a page lacks, done in the page's own way.

What is started as another process, a training or a job, is run when it is waited for. IPython's
`display` and `Image`, safetensors' two functions, anywidget and the pictures of scikit-image have
short forms here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import json
import os
import runpy
import subprocess
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import widgets

PHOTOGRAPHS = Path("/photographs")


def install(display: Callable[..., None], doing: Callable[[str], None]) -> None:
    """Put them where the cells will look for them; `doing` tells the page what runs just now."""
    Popen.doing = staticmethod(doing)
    os.access = lambda *_, **__: True  # files here have no rights
    subprocess.Popen = Popen  # type: ignore[misc, assignment]
    _module("IPython", get_ipython=lambda: None, version_info=(9, 0))
    _module("IPython.display", display=display, Image=Image)
    _module("anywidget", AnyWidget=widgets.Widget)
    _module("traitlets", observe=widgets.observe, **widgets.traits())
    _module("joblib.externals.loky", get_reusable_executor=Executor)
    _module("safetensors", safe_open=safe_open, SafetensorError=SafetensorError)
    _module("safetensors.numpy", save=save)
    if PHOTOGRAPHS.is_dir():
        pictures = {path.stem: _photograph(path) for path in PHOTOGRAPHS.glob("*.png")}
        _module("skimage", data=_module("skimage.data", **pictures))
        # Where scikit-learn looks for its photographs.
        place = PHOTOGRAPHS / "sklearn" / "__init__.py"
        spec = importlib.util.spec_from_file_location("sklearn.datasets.images", place)
        if spec:
            sys.modules[spec.name] = importlib.util.module_from_spec(spec)


def _module(name: str, **content: Any) -> types.ModuleType:
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(content)
    return module


class Popen:
    """`python -m minitorch_attn …` as part of this program: it runs when it is waited for."""

    doing: Callable[[str], None] = staticmethod(lambda _: None)

    def __init__(self, words: list[str], **_: Any) -> None:
        if words[:3] != [sys.executable, "-m", "minitorch_attn"]:
            raise OSError("a page does not support processes")
        self.words = words[3:]
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None before it has run."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Run it to its end; its exit status. What it prints is not shown."""
        if self.returncode is None:
            self.doing(f"minitorch_attn {' '.join(self.words)}")
            self.returncode = self._run()
        return self.returncode

    def _run(self) -> int:
        before, sys.argv = sys.argv, ["minitorch_attn", *self.words]
        quiet = io.StringIO()
        try:
            with (
                contextlib.redirect_stdout(quiet),
                contextlib.redirect_stderr(quiet),
                warnings.catch_warnings(),
            ):
                # runpy's: the cells have imported the package before.
                warnings.filterwarnings("ignore", "'minitorch_attn.__main__' found", RuntimeWarning)
                runpy.run_module("minitorch_attn", run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            sys.argv = before
        return 0


class Executor:
    """joblib's pool of processes, without any: a job runs when its result is asked for."""

    def __init__(self, **_: Any) -> None:
        pass

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Job:
        """A job that is still to run."""
        return Job(functools.partial(function, *args, **kwargs))


class Job:
    """What `Executor.submit` gives."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result = functools.cache(work)  # as a future's: the second time it is there


class Image:
    """A picture from a file, as IPython's class of this name shows it."""

    def __init__(self, filename: str | os.PathLike, **_: Any) -> None:
        self.content = Path(filename).read_bytes()

    def _repr_png_(self) -> bytes:
        return self.content

    def __repr__(self) -> str:
        return "<IPython.core.display.Image object>"


def _photograph(path: Path) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        from PIL import Image as Picture

        return np.asarray(Picture.open(path))

    return read


# safetensors: eight bytes that say how long the header is, the header as JSON, the numbers.
_DTYPES = {"F64": "f8", "F32": "f4", "I64": "i8", "I32": "i4", "I8": "i1", "U8": "u1", "BOOL": "?"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}


class SafetensorError(ValueError):
    """A file that is not whole."""


def save(arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    """Named arrays as the content of a safetensors file."""
    header: dict[str, Any] = {"__metadata__": metadata or {}}
    end = 0
    for name, array in arrays.items():
        place = [end, end := end + array.nbytes]
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": place,
        }
    text = json.dumps(header).encode()
    parts = [len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())]
    return b"".join(parts)


class _Open:
    def __init__(self, content: bytes) -> None:
        try:
            start = 8 + int.from_bytes(content[:8], "little")
            self.header = json.loads(content[8:start])
            self.notes = self.header.pop("__metadata__", None)
            self.arrays = {n: self._array(content[start:], **e) for n, e in self.header.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise SafetensorError(str(error)) from error

    @staticmethod
    def _array(content: bytes, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
        start, end = data_offsets
        return np.frombuffer(content[start:end], _DTYPES[dtype]).reshape(shape).copy()

    def keys(self) -> list[str]:
        """The names, as they are in the file."""
        return list(self.arrays)

    def get_tensor(self, name: str) -> np.ndarray:
        """One array."""
        return self.arrays[name]

    def metadata(self) -> dict[str, str] | None:
        """The notes."""
        return self.notes


@contextlib.contextmanager
def safe_open(path: str | os.PathLike, framework: str) -> Iterator[_Open]:
    """Open a safetensors file; raises SafetensorError if it is none."""
    yield _Open(Path(path).read_bytes())
