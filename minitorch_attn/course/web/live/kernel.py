"""What a notebook's kernel does, inside the page: run a cell, and hand over what it shows.

Runs on WebAssembly, in a worker of the browser; `worker.js` calls `start` and `run`. What is shown
goes to the page as messages like the outputs of a notebook, see nbformat.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import linecache
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable
from typing import Any

from ...sources.text import ROOT
from . import stand_ins, widgets

LIBRARY_FRAMES = 3  # as many of an error's lines in the library are told
MOST = 100_000  # characters that one cell may print
AT_ONCE = 200  # pieces of it that are sent as they come; then one message has
PAUSE, FULL = 0.1, 8_000  # those of so many seconds, or so many characters
# What a browser does not have, by the error that tells: a word for it, for one line.
_LACKING = (
    (OSError, "does not support processes", "other processes"),
    (RuntimeError, "can't start new thread", "threads"),
    (OSError, "coder jpeg not available", "JPEG pictures"),
)

Message = dict[str, Any]
_send: Callable[[Message], None]
_main = types.ModuleType("__main__")
_given: dict[str, str] = {}  # notebooks of exercises, as the book has them
_written: dict[str, dict[str, str]] = {}  # and the learner's code that was last written into them


def start(send: Callable[[Message], None]) -> None:
    """Make ready to run cells; `send` takes each message to the page."""
    global _send
    _send = send
    sys.modules["__main__"] = _main
    stand_ins.install(display, lambda what: _show({"doing": what}))
    widgets.Widget.send = _show
    warnings.formatwarning = _warning
    # This Python is newer than the book's: what it means to drop one day is no news for a reader.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.filterwarnings("ignore", "tqdm:disabling monitor support")  # it asks for a thread
    sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")


class _Printed:
    """What a cell prints, on its way to the page.

    A page that gets a message for each line of a loop shows lines and hears nobody, not even who
    presses stop.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """For a cell that has printed nothing."""
        self.name, self.text, self.left, self.pieces, self.sent = "", "", MOST, 0, 0.0

    def add(self, name: str, text: str) -> None:
        """Take a piece, and send what there is if it is time."""
        if self.left < 0 or not text:
            return
        if name != self.name:
            self.flush()
        self.name = name
        self.text += text[: self.left]
        self.left -= len(text)
        self.pieces += 1
        if self.left < 0:
            self.text += f"\n… output cut at {MOST:,} characters\n"
        if (
            self.pieces <= AT_ONCE
            or self.left < 0
            or len(self.text) >= FULL
            or time.monotonic() - self.sent >= PAUSE
        ):
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self.text:
            _send({"output_type": "stream", "name": self.name, "text": self.text})
            self.text, self.sent = "", time.monotonic()


_printed = _Printed()


def _show(message: Message) -> None:
    """Send a message, after what was printed before it."""
    _printed.flush()
    _send(message)


class _Stream(io.TextIOBase):
    """Sends what is printed, as it is printed."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        _printed.add(self.name, text)
        return len(text)

    def flush(self) -> None:
        _printed.flush()


def run(source: str, name: str) -> None:
    """Run a cell in the page's one namespace. What it raises is shown, not raised."""
    _printed.begin()
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        tree = ast.parse(source, file)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, file, "exec"), _main.__dict__)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), file, "eval"), _main.__dict__)
            if value is not None and not source.rstrip().endswith(";"):
                _main.__dict__["_"] = value
                _show({"output_type": "execute_result", "data": bundle(value)})
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        _show(told(error, file))
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].show()
        _printed.flush()


def keep_exercises(written: dict[str, dict[str, str]]) -> None:
    """Write a learner's code into the notebooks of exercises: cells' texts by name and by id."""
    for name, texts in written.items():
        path = ROOT / f"{name}.ipynb"
        if not path.is_file() or _written.get(name) == texts:
            continue
        _written[name] = texts
        given = _given.setdefault(name, path.read_text(encoding="utf-8"))
        notebook = json.loads(given)
        for cell in notebook["cells"]:
            cell["source"] = texts.get(cell["id"], cell["source"])
        path.write_text(json.dumps(notebook), encoding="utf-8")


def display(*values: Any) -> None:
    """Show values, as IPython's function of this name does."""
    for value in values:
        _show({"output_type": "display_data", "data": bundle(value)})


def change(number: int, values: Message) -> None:
    """Take what the page says of a widget that it shows."""
    widgets.Widget.shown[number].change(values, told=True)
    _printed.flush()


def bundle(value: Any) -> dict[str, Any]:
    """A value in the forms in which it can be shown, by their media type."""
    if hasattr(value, "_repr_mimebundle_"):
        return value._repr_mimebundle_()
    data = {"text/plain": repr(value)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_()
    if hasattr(value, "_repr_png_"):
        data["image/png"] = base64.b64encode(value._repr_png_()).decode()
    return data


def told(error: BaseException, file: str) -> Message:
    """An error as a notebook keeps it: the reader's own lines, few of the library's, the message.

    Where the browser lacks something, one line says what.
    """
    kind, message = type(error).__name__, str(error)
    if what := _lacking(error):
        message = f"this cell needs {what}; a page has none: run it in the book on your computer"
        return _error("NotInThePage", message, [f"NotInThePage: {message}"])
    frames = traceback.extract_tb(error.__traceback__)
    at = next((i for i, frame in enumerate(frames) if frame.filename == file), len(frames))
    shown, library = [], 0
    for frame in frames[at:]:
        own = frame.filename.startswith("<")
        library += not own
        if own:
            where = "this cell" if frame.filename == file else frame.filename.strip("<>")
            shown.append(f"line {frame.lineno} of {where}: {frame.line}")
        elif library <= LIBRARY_FRAMES:
            path = frame.filename.removeprefix("/app/")
            shown.append(f"  {path}, line {frame.lineno}, in {frame.name}")
    if isinstance(error, SyntaxError):
        shown, message = [], f"{error.msg} (line {error.lineno} of this cell)"
    text = f"{kind}: {message}".removesuffix(": ")
    return _error(kind, message, [*shown, text, *getattr(error, "__notes__", ())])


def _error(kind: str, message: str, lines: list[str]) -> Message:
    return {"output_type": "error", "ename": kind, "evalue": message, "traceback": lines}


def _lacking(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return "" if top == "minitorch_attn" else f"the package {top}"
    return next((w for k, said, w in _LACKING if isinstance(error, k) and said in str(error)), "")


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    where = f"line {lineno} of this cell" if filename[0] == "<" else f"{filename}:{lineno}"
    return f"{where}: {category.__name__}: {message}\n"


def serve(call: Callable[[bytes], bytes]) -> None:
    """Start, with messages going through a function of the browser's that takes bytes."""

    def send(message: Message) -> None:
        call(json.dumps(message).encode())

    start(send)
