"""What importing the library brings in, and that its types and style are in order."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import minitorch_attn

ROOT = Path(minitorch_attn.__file__).parents[1]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def test_importing_brings_numpy_and_little_else() -> None:
    names = python("import minitorch_attn, sys; print(*sys.modules)").split()
    roots = {name.partition(".")[0] for name in names}
    heavy = {"cupy", "matplotlib", "sklearn", "scipy", "tqdm", "safetensors", "torch", "IPython"}
    assert not roots & heavy
    others = {r for r in roots - set(sys.stdlib_module_names) if not r.startswith("_")}
    assert others <= {"numpy", "minitorch_attn", "cython_runtime", "sitecustomize"}


@pytest.mark.parametrize("module", ["nn", "optim", "data", "models", "training"])
def test_the_other_floors_import_no_more(module: str) -> None:
    names = python(f"import minitorch_attn.{module}, sys; print(*sys.modules)").split()
    roots = {name.partition(".")[0] for name in names}
    assert not roots & {"cupy", "matplotlib", "sklearn", "scipy", "tqdm", "torch"}


def test_every_public_name_is_there() -> None:
    wanted = (
        "Tensor grad no_grad gradcheck gradgradcheck exp log sqrt tanh sigmoid relu gelu maximum "
        "where concatenate stack split matmul einsum sum mean max reshape transpose broadcast_to "
        "take softmax log_softmax logsumexp cross_entropy layer_norm embedding dropout attention "
        "checkpoint"
    )
    assert set(wanted.split()) <= set(minitorch_attn.__all__)
    assert all(hasattr(minitorch_attn, name) for name in minitorch_attn.__all__)


def run_tool(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lint_imports(settings: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--config", str(settings), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_a_file_imports_only_from_lower_floors() -> None:
    """The floors and rooms are in pyproject.toml; imports inside functions count as well."""
    done = lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_arrow_upward_is_found(tmp_path: Path) -> None:
    settings = tmp_path / "upward.toml"
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    below = text.replace('    "tensor",\n', "").replace("    # lowest\n", '    "tensor",\n')
    assert below != text
    settings.write_text(below, encoding="utf-8")
    done = lint_imports(settings)
    assert done.returncode == 1
    assert "minitorch_attn.tensor -> minitorch_attn.arrays" in done.stdout


CORE = ("arrays.py", "tensor.py", "backward.py", "gradcheck.py", "optim.py", "ops", "nn")


# How many lines the core may have, and what for.
ROOM = {
    "the ideas of chapters 02 to 10": 1500,
    "mixed dtypes and whole numbers, forbidden NaN, warnings made errors, missing axes": 211,
    "a block that asks a context, and targets that do not count (11, 12)": 39,
    "the key-value cache (16)": 47,
    "window and linear attention: other functions, not faster forms (16)": 80,
    "pooling over time, and the three baselines beside it (13)": 51,
    "what CuPy would answer otherwise, or not at all": 11,
    "small products by one thread, for a busy machine": 5,
    "freed memory kept from the first optimiser on": 2,
    "weights that can be 0, sparsemax and entmax with their rules (17)": 40,
    "records let go of in a loop: a browser's stack does not hold a long chain": 12,
    "ones that are kept, to sum rows by them": 3,
}


def lines_of_code(path: Path) -> int:
    """Lines with code on them: no blanks, comments, docstrings."""
    source = path.read_text(encoding="utf-8")
    strings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            text = node.body[0]
            strings |= set(range(text.lineno, (text.end_lineno or 0) + 1))
    blank = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in blank:
            found |= set(range(token.start[0], token.end[0] + 1))
    return len(found - strings)


def test_the_core_can_be_read_in_a_sitting() -> None:
    package = ROOT / "minitorch_attn"
    files = [f for name in CORE for f in [package / name, *(package / name).glob("*.py")]]
    files = [file for file in files if file.is_file()]
    assert sum(map(lines_of_code, files)) <= sum(ROOM.values())
    assert len((package / "tensor.py").read_text(encoding="utf-8").splitlines()) <= 300


def test_style() -> None:
    run_tool("ruff", "check", ".")
    run_tool("ruff", "format", "--check", ".")


def test_tests_say_the_types_of_what_they_take_and_give() -> None:
    run_tool("ruff", "check", "--select", "ANN001,ANN002,ANN003,ANN201,ANN202,ANN204", "tests")


def test_no_test_imports_another() -> None:
    """What two of them need is a helper, and stands in tests/helpers/."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    names = {name for path in files for name in imported(path)}
    assert "helpers.small_run" in names, "the test can see an import"
    assert not names & {path.stem for path in files}
    assert "conftest" not in names


def imported(path: Path) -> set[str]:
    """The modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.slow
def test_types() -> None:
    run_tool("mypy")
