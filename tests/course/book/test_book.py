"""Building the book: what is inserted, executed, cached, compared, and what is refused."""

from __future__ import annotations

import argparse
import copy
import functools
import importlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import from_dict, v4

from minitorch_attn.__main__ import main
from minitorch_attn.course.book import build as book
from minitorch_attn.course.book import compare, execute, footer, introduced, pictures
from minitorch_attn.course.book.notebook import markdown, to_text, turn_links
from minitorch_attn.course.sources import contents
from minitorch_attn.course.sources.text import (
    ROOT,
    SourceError,
    headings_in,
    headings_of,
    notebook_anchor,
    read,
    sources,
)

CHAPTER = "chapters/05_softmax.md"
BUILT = "notebooks/05_softmax.ipynb"


def quiet(_: str) -> None:
    pass


def build(root: Path, out: Path | None = None) -> dict[str, Any]:
    return book.build(out or root, root=root, say=quiet)


def change(root: Path, old: str, new: str) -> None:
    path = root / CHAPTER
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The cache of one executed build of the small chapter, to start from."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def root(small_root: Path, executed: Path) -> Any:
    shutil.copytree(executed, small_root / ".cache", dirs_exist_ok=True)
    yield small_root
    shutil.copytree(small_root / ".cache", executed, dirs_exist_ok=True)


# What is built


def test_a_chapter_is_built_and_executed(root: Path) -> None:
    built = build(root)
    assert list(built) == [BUILT]
    cells = built[BUILT].cells
    shares, failing, clock, total = [cell for cell in cells if cell.cell_type == "code"]
    assert shares.metadata.name == "shares"
    assert shares.outputs[0].text == "shares [0.09003057 0.24472847 0.66524096] of 3\n"
    assert failing.outputs[0].ename == "ValueError"
    assert "matmul" in failing.outputs[0].traceback[0]
    assert "File" not in failing.outputs[0].traceback[0], "no folder of this machine"
    assert clock.metadata.tags == ["times"]
    assert "1" in total.outputs[0].data["text/plain"]
    assert [shares.execution_count, total.execution_count] == [1, 4]
    prose = cells[0].source
    assert "[the end](#The-end-of-it)" in prose
    assert "one query and\nthe exercises." in prose, "of what is not written, the name alone"
    quoted = cells[2].source
    assert quoted.startswith("[`minitorch_attn.ops.tiny:double`](../minitorch_attn/ops/tiny.py)")
    assert "```python\n@functools.cache\ndef double(x):" in quoted
    nbformat.validate(built[BUILT])
    assert str(root) not in to_text(built[BUILT])


def test_each_section_is_a_cell_that_a_link_can_lead_to(root: Path) -> None:
    change(
        root, "Words, and", "### Within\n\n```\n# no heading\n```\n\n## The end of it\n\nWords, and"
    )
    cells = [cell for cell in build(root)[BUILT].cells if cell.cell_type == "markdown"]
    found = {cell.id: cell.source.partition("\n")[0] for cell in cells}
    assert {id: first for id, first in found.items() if "section" in id} == {
        "05-section-softmax": "# Softmax",
        "05-section-within": "### Within",
        "05-section-the-end-of-it": "## The end of it",
        "05-section-the-end-of-it-2": "## The end of it",
    }
    assert len({cell.id for cell in cells}) == len(cells)


def test_what_is_folded_away_is_not_cut(root: Path) -> None:
    folded = "<details><summary>More</summary>\n\n## Inside\n\n</details>\n\nWords, and"
    change(root, "Words, and", folded)
    assert folded in build(root)[BUILT].cells[0].source


def test_the_last_line_leads_back_and_on(root: Path) -> None:
    """To chapters that are written, and to exercises that there are."""
    text = (root / "chapters/05_softmax.md").read_text(encoding="utf-8")
    assert build(root)[BUILT].cells[-1].source == "---\n\n[contents](../chapters/README.md)"
    for name, title in (("03_the_engine", "The engine"), ("06_one_query", "One query")):
        copy = text.replace("# Softmax", f"# {title}").replace("](05_softmax", f"]({name}")
        (root / f"chapters/{name}.md").write_text(copy, encoding="utf-8")
    shutil.copy(ROOT / "solutions/05_softmax.md", root / "solutions")
    source = read(root / CHAPTER)
    assert footer.of_chapter(source, root).source == (
        "---\n\n[← 03 The engine](03_the_engine.ipynb) · [exercises](../exercises/05_softmax.ipynb)"
        " · [contents](../chapters/README.md) · [06 One query →](06_one_query.ipynb)"
    )
    prose = markdown(source.cells[0].text, source, "", root)
    assert "[one query](06_one_query.ipynb)" in prose
    assert "[the exercises](../exercises/05_softmax.ipynb)" in prose
    last = footer.of_exercises(read(root / "solutions/05_softmax.md"), root).source
    assert 'check_file("05_softmax.ipynb")' in last
    assert last.endswith(
        "[← 05 Softmax](../notebooks/05_softmax.ipynb) · [contents](../chapters/README.md) · "
        "[06 One query →](../notebooks/06_one_query.ipynb)"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("**b** no.", "**c** no.", r'predict\("05\.1", …\) needs the letters .* it has c'),
        ("**a** yes, **b** no.", "Yes or no.", "it has none"),
        ('reveal("05.1", "b"', 'reveal("05.1", "c"', "the question offers ab"),
        ('reveal("05.1"', 'reveal("05.2"', "the question offers nothing"),
    ],
)
def test_a_question_offers_letters_and_its_answer_is_one_of_them(
    root: Path, old: str, new: str, message: str
) -> None:
    question = 'Is it? **a** yes, **b** no.\n\n```{code-cell} ipython3\npredict("05.1", None)\n'
    question += 'reveal("05.1", "b", "it is.")\n```\n\n'
    change(root, "## The end of it", question.replace(old, new) + "## The end of it")
    with pytest.raises(SourceError, match=message):
        build(root)


def test_two_builds_from_nothing_are_byte_identical(root: Path, tmp_path: Path) -> None:
    # Only what is tagged `times` may differ, so it goes; and the second build has no cache.
    change(root, "print(time.perf_counter())", "print(7)")
    book.write(build(root), tmp_path / "one")
    shutil.rmtree(root / ".cache")
    book.write(build(root), tmp_path / "two")
    one, two = ((tmp_path / name / BUILT).read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.endswith(b"\n")
    assert not one.endswith(b"\n\n")


def test_a_second_build_changes_no_file_though_times_differ(root: Path) -> None:
    assert BUILT in book.write(build(root), root)
    shutil.rmtree(root / ".cache")
    assert book.write(build(root), root) == []


def test_outputs_are_kept_until_something_changes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def pretend(job: execute.Job) -> execute.Outputs:
        runs.append(job.key)
        return []

    monkeypatch.setattr(execute, "run", pretend)

    def again() -> int:
        execute.outputs_of(execute.job(read(root / CHAPTER), root, root), tmp_path / "cache")
        return len(runs)

    assert (again(), again()) == (1, 1)
    change(root, "Words, and", "Other words, and")
    assert again() == 1, "prose changes no output"
    change(root, "p.sum()", "p.sum() * 2")
    assert (again(), again()) == (2, 2)
    library = root / "minitorch_attn/ops/tiny.py"
    library.write_text(library.read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    assert (again(), again()) == (3, 3)
    monkeypatch.setattr(execute, "version", lambda package: "99")
    assert (again(), again()) == (4, 4)


def test_the_kernel_starts_with_an_empty_learners_folder(root: Path, tmp_path: Path) -> None:
    code = (
        'from minitorch_attn.course import predict, reveal\npredict("05.1", None)\n'
        'reveal("05.1", "b", "so.")'
    )
    job = execute.Job("05_x", (("cell 1", code, False),), str(tmp_path), "key")
    text = execute.run(job)[0][0]["text"]
    assert "You made no prediction for 05.1. The answer is b: so." in text
    assert not (tmp_path / "home").exists()


def test_each_kernel_has_one_thread_whatever_the_machine_has(tmp_path: Path) -> None:
    """Else a sum would be split by the cores of who builds, and two chapters crowd two cores."""
    code = "from minitorch_attn.threads import threads\nthreads()"
    job = execute.Job("05_x", (("cell 1", code, False),), str(tmp_path), "key")
    assert execute.run(job)[0][0]["data"]["text/plain"] == "1"


def test_the_last_chapter_begins_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def pretend(job: execute.Job, cache: Path) -> execute.Outputs:
        begun.append(job.name)
        return []

    monkeypatch.setattr(execute, "outputs_of", pretend)
    monkeypatch.setattr(book, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(book, "WORKERS", 1)
    texts = [read(path) for path in sources("chapters")[-3:]]
    assert len(list(book._executed(texts, tmp_path, ROOT, quiet))) == 3
    assert begun == [source.name for source in reversed(texts)]


# What is refused


@pytest.mark.parametrize(
    ("code", "tags", "message"),
    [
        ("1 / 0", False, r"05_x, cell 1 \(bad\): ZeroDivisionError: division by zero"),
        ("1", True, r"05_x, cell 1 \(bad\): is tagged raises-exception and raises nothing"),
        ("object()", False, r"cell 1 \(bad\): prints a memory address \(at 0x"),
        ("import os; print(os.getcwd())", False, r"cell 1 \(bad\): prints a path of this machine"),
        ("print('x' * 500_000)", False, r"cell 1 \(bad\): its output is too long"),
        ("import os; os._exit(1)", False, r"05_x, cell 1 \(bad\): the kernel died"),
        ("import time; time.sleep(60)", False, r"05_x, cell 1 \(bad\): no end after 2 s"),
    ],
)
def test_a_cell_that_fails_is_named(
    code: str, tags: bool, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "CELL_SECONDS", 2 if "sleep" in code else 60)
    monkeypatch.setattr(execute.Path, "home", lambda: tmp_path)
    job = execute.Job("05_x", (("cell 1 (bad)", code, tags),), str(tmp_path / "nb"), "key")
    with pytest.raises(execute.ChapterFailed, match=message):
        execute.run(job)


def test_the_command_says_which_cell_of_which_chapter_failed(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(root, "p.sum()", "p.summ()")
    monkeypatch.setattr(book.build, "__defaults__", (root,))
    monkeypatch.setitem(book.build.__kwdefaults__, "root", root)
    assert main(["book"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "05_softmax, cell 7 (p.summ()): Attr" in said
    assert main(["book", "--only", "06"]) == 1
    assert "no chapter's name contains '06'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tiny:double`", "tiny:triple`", r"05_softmax\.md, cell 3 .*tiny\.py defines no triple"),
        ("../minitorch_attn/ops/tiny.py", "../minitorch_attn/ops/big.py", "its link goes to"),
        ("#the-end-of-it", "#the-start", "#the-start leads nowhere: no such heading"),
        ("06_one_query.md", "06_two_queries.md", "book.toml has no chapter 06_two_queries"),
        ("../exercises/05_softmax", "../exercises/05_hardmax", "leads nowhere"),
    ],
)
def test_a_source_that_cannot_be_built(root: Path, old: str, new: str, message: str) -> None:
    change(root, old, new)
    with pytest.raises(SourceError, match=message):
        build(root)


def test_a_file_that_is_no_chapter(root: Path) -> None:
    shutil.copy(root / CHAPTER, root / "chapters/05_draft.md")
    with pytest.raises(SourceError, match=r"chapters/05_draft\.md: .*no chapter 05_draft"):
        build(root)


# Comparing


def test_check_finds_what_was_changed_by_hand(root: Path) -> None:
    built = build(root)
    assert book.check(built, root) == [
        f"{BUILT} is missing",
        "exercises/conftest.py has changed, or is missing",
        "chapters/README.md has changed, or is missing",
    ]
    book.write(built, root)
    assert book.check(build(root), root) == []
    clean = (root / BUILT).read_text(encoding="utf-8")

    def after(old: str, new: str) -> list[str]:
        assert old in clean
        (root / BUILT).write_text(clean.replace(old, new), encoding="utf-8")
        return book.check(build(root), root)

    assert after("0.24472847", "0.24472848") == [], "one unit in the last place"
    assert "cell 2 (shares): text: it says 0.24472847" in after("0.24472847", "0.2447299")[0]
    assert "cell 2 (shares): text: it says 'shares" in after("shares [", "parts [")[0]
    assert "its source has changed" in after("np.exp(s).sum()", "np.exp(s).max()")[0]
    assert "its source has changed" in after("Words, and", "Words or")[0]
    (root / "notebooks/04_old.ipynb").write_text(clean, encoding="utf-8")
    assert book.leftovers(built, root) == ["notebooks/04_old.ipynb"]


def stream(text: str) -> list[Any]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss 0.1234", "loss 0.1235"),
        ("1.0000000000000002", "1.0"),
        ("error 3e-16", "error 8.1e-17"),
        ("[ 0.5 -0. ]", "[0.5 0. ]"),
        ("97.2 ± 0.5 %", "97.1 ± 0.5 %"),
        ("−3.14", "−3.15"),
    ],
)
def test_rounding_does_not_count(old: str, new: str) -> None:
    assert compare.outputs_differ(stream(old), stream(new)) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("442 patients", "443 patients"),
        ("loss 0.1234", "loss 0.1236"),
        ("97.2", "-97.2"),
        ("1,024 keys", "1,025 keys"),
        ("shape (3, 4)", "shape (4, 3)"),
        ("1e-5", "1e-6"),
        ("yes", "no"),
        ("1 2", "1 2 3"),
        ("0.5", "nan"),
    ],
)
def test_a_real_difference_counts(old: str, new: str) -> None:
    assert compare.outputs_differ(stream(old), stream(new))


def test_pictures() -> None:
    import base64
    import io

    import numpy as np
    from PIL import Image

    def picture(pixels: Any) -> list[Any]:
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png")
        data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
        return [{"output_type": "display_data", "data": data, "metadata": {}}]

    white = np.full((100, 100, 3), 255)
    nearly, other = white.copy(), white.copy()
    nearly[0, 0] = 250
    other[:20, :20] = 0
    assert compare.outputs_differ(picture(white), picture(nearly), strict=True) == ""
    assert "4.0%" in compare.outputs_differ(picture(white), picture(other))
    assert "90 × 100" in compare.outputs_differ(picture(white), picture(white[:, :90]))


def test_a_stale_picture_is_replaced_and_rounding_is_not() -> None:
    cell: dict[str, Any] = {
        "cell_type": "code", "id": "a", "source": "f()", "metadata": {}, "outputs": stream("0.11"),
    }  # fmt: skip
    old = {"cells": [cell]}
    for text, kept in (("0.12", "0.11"), ("0.21", "0.21")):
        new = copy.deepcopy(old)
        new["cells"][0]["outputs"] = stream(text)
        compare.keep_what_agrees(old, new)
        assert new["cells"][0]["outputs"] == stream(kept)
    new = copy.deepcopy(old)
    new["cells"][0] |= {"source": "g()", "outputs": stream("0.12")}
    compare.keep_what_agrees(old, new)
    assert new["cells"][0]["outputs"] == stream("0.12"), "a changed cell keeps nothing"


def test_cells_that_print_times_keep_all_or_none() -> None:
    def timed(id: str, text: str) -> dict[str, Any]:
        face = {"cell_type": "code", "id": id, "source": "f()", "metadata": {"tags": ["times"]}}
        return face | {"outputs": stream(text)}

    old = {"cells": [timed("table", "1 s"), timed("figure", "1 s")]}
    new = {"cells": [timed("table", "2 s"), timed("figure", "2 s")]}
    compare.keep_what_agrees(old, new)
    assert [cell["outputs"] for cell in new["cells"]] == [stream("1 s"), stream("1 s")]
    new = {"cells": [timed("table", "2 s"), timed("figure", "2 s")]}
    new["cells"][0]["source"] = "g()"
    compare.keep_what_agrees(old, new)
    assert new["cells"][1]["outputs"] == stream("2 s"), "a figure shows the run of its table"


def test_a_picture_is_told_by_its_caption() -> None:
    def cells(caption: str) -> list[Any]:
        data = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}
        picture = {"output_type": "display_data", "data": data, "metadata": {}}
        drawn = {"outputs": [*stream("printed"), picture], "source": "draw()"}
        code = {"cell_type": "code", "metadata": {}, "execution_count": 1, **drawn}
        below = {"cell_type": "markdown", "metadata": {}, "source": caption}
        made = enumerate(copy.deepcopy([code, code, below]))
        return [{**cell, "id": f"cell{number}"} for number, cell in made]

    told = from_dict(v4.new_notebook(cells=cells("*One bar <of three> is **long**.* And more.\n")))
    pictures.describe(told)
    assert "Figure size" in told.cells[1].outputs[1].data["text/plain"], "no caption, no words"
    told = from_dict(
        v4.new_notebook(cells=cells("*One bar <of three> is **long**.*\n\nAnd more.\n"))
    )
    pictures.describe(told)
    for cell, words in zip(told.cells, ("<Figure", "One bar <of three> is long."), strict=False):
        assert cell.outputs[1].data["text/plain"].startswith(words)
    assert told.cells[1].outputs[0] == stream("printed")[0]
    before = copy.deepcopy(told)
    pictures.describe(told)
    assert told == before


# The order of the chapters


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import minitorch_attn as mt\n\nmt.attention(1)", ["attention"]),
        ("import minitorch_attn as mt\n\nmt.nn.MultiHeadAttention(8)", ["MultiHeadAttention"]),
        ("from minitorch_attn import Tensor, softmax, attention as a", ["attention"]),
        (
            "from minitorch_attn.ops.attention import attention_reference",
            ["attention", "attention_reference"],
        ),
        ("import minitorch_attn\n\nminitorch_attn.nn.Dense", []),
        ("from minitorch_attn import Tensor\n\nTensor.attention", []),
        ("attention = 3\nnp.attention(attention)", []),
        ("from minitorch_attn.course.checking import attention", []),
    ],
)
def test_a_name_of_a_later_chapter_is_named(root: Path, code: str, names: list[str]) -> None:
    change(root, "import time\n", f"{code}\n\nimport time\n")
    found = introduced.too_early(read(root / CHAPTER), root)
    assert len(found) == len(names)
    for line, name in zip(found, names, strict=True):
        assert line.startswith("chapters/05_softmax.md, cell 6 (clock): uses minitorch_attn")
        assert line.endswith(f" is the first to introduce {name}")


def test_a_name_of_a_later_chapter_stops_the_build_before_anything_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "outputs_of", None)
    code = "import minitorch_attn as mt\nmt.attention\nmt.nn.MultiHeadAttention"
    change(root, "import time\n", f"{code}\n")
    early = r"cell 6 \(clock\): uses minitorch_attn.attention.* to introduce attention \(and 1 more"
    with pytest.raises(SourceError, match=early):
        build(root)


@pytest.mark.parametrize(
    "path", [*sources("chapters"), *sources("solutions")], ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_no_chapter_uses_what_a_later_one_introduces(path: Path) -> None:
    assert introduced.too_early(read(path)) == []


def test_the_table_of_contents() -> None:
    chapters = contents.chapters()
    assert [chapter.number for chapter in chapters] == list(range(18))
    assert [c.number for c in chapters if c.points == 30] == [8, 10, 14, 15]
    assert all(c.title and c.question and c.part and c.minutes for c in chapters)


def test_every_public_name_of_the_library_is_introduced_somewhere() -> None:
    names: set[str] = set()
    for module in ("", ".nn", ".optim", ".data", ".models", ".training"):
        found = importlib.import_module(f"minitorch_attn{module}")
        defined = [
            name
            for name, value in vars(found).items()
            if getattr(value, "__module__", "") == found.__name__ and not name.startswith("_")
        ]
        names |= set(getattr(found, "__all__", defined))
    known = {name for chapter in contents.chapters() for name in chapter.introduces}
    assert names - known == set(), "say in chapters/book.toml which chapter introduces these"


@pytest.mark.parametrize("folder", ["notebooks", "exercises"])
def test_every_link_of_a_committed_notebook_leads_somewhere(folder: str) -> None:
    """To a file that is there, and where it names a heading, to one that the file has."""
    seen, dead = 0, []
    for path in sorted((ROOT / folder).glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for link in links_of(cell.source) if cell.cell_type == "markdown" else ():
                name, _, anchor = link.partition("#")
                file, seen = path.parent / name if name else path, seen + 1
                if not file.is_file() or (anchor and anchor not in anchors_of(file)):
                    dead.append(f"{path.name}: {link}")
    assert seen > 100
    assert dead == []


def links_of(text: str) -> list[str]:
    """Where the links of a text lead, but for those to the web."""
    found: list[str] = []

    def keep(target: str) -> str:
        found.append(target)
        return target

    turn_links(text, keep)
    return [target for target in found if not target.startswith("https:")]


@functools.cache
def anchors_of(path: Path) -> set[str]:
    """What a link can name in a page, or as Jupyter does in a notebook."""
    if path.suffix == ".md":
        return set(headings_of(path))
    texts = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
    ]
    return {notebook_anchor(heading) for text in texts for _, heading in headings_in(text)}


@pytest.mark.slow
def test_the_committed_notebooks_are_what_their_sources_build(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    book.add_arguments(parser)
    status = book.run(parser.parse_args(["--check"]))
    assert status == 0, capsys.readouterr().err
    assert sources("chapters"), ROOT
