"""What is stored of a chapter's other seeds: as the command writes it, and as its cells give it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import scripts
from helpers.sources import HEADER

from minitorch_attn.course.book import execute
from minitorch_attn.course.sources.text import ROOT, read
from minitorch_attn.recipes.storing import ANEW, SEEDS

STORED = ROOT / "chapters" / "stored"
FILES = sorted(STORED.glob("*_seeds.json"))


@pytest.fixture(scope="module")
def seeds() -> Any:
    """The command, as a module."""
    return scripts.stored("seeds")


def chapter_of(path: Path) -> Path:
    (chapter,) = ROOT.glob(f"chapters/{path.name[:2]}_*.md")
    return chapter


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_as_the_command_writes_it(seeds: Any, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    assert seeds.as_text(found["about"], found["rows"]) == text
    assert found["about"]["command"] == f"python chapters/stored/seeds.py {path.name[:2]}"
    assert len(found["rows"]) > 2
    assert all(len(rows) >= SEEDS for rows in found["rows"].values())
    assert f"chapters/stored/{path.name}" in chapter_of(path).read_text(encoding="utf-8")


def test_a_chapter_is_run_again_when_what_it_reads_has_changed(small_root: Path) -> None:
    source = read(small_root / "chapters/05_softmax.md")
    key = lambda: execute.job(source, small_root / "notebooks", small_root).key  # noqa: E731
    before = key()
    (small_root / "chapters" / "stored").mkdir()
    (small_root / "chapters/stored/06_seeds.json").write_text("{}")
    assert key() == before
    (small_root / "chapters/stored/05_seeds.json").write_text("{}")
    assert key() != before


CHAPTER = (
    HEADER
    + """# Softmax

```{code-cell} ipython3
from minitorch_attn.recipes import StoredSeeds

kept = StoredSeeds("../chapters/stored/05_seeds.json")
trained = [(seed + 1) ** 2 for seed in kept.here()]
print(len(trained), kept.add("squares", trained))
```
"""
)


@pytest.mark.slow
def test_the_command_trains_every_seed_and_the_notebook_reads_all_but_one(
    seeds: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = tmp_path / "chapters" / "05_softmax.md"
    monkeypatch.setattr(seeds, "STORED", chapter.parent / "stored")
    monkeypatch.setenv(ANEW, "")  # so that it is as before when this test is over
    seeds.STORED.mkdir(parents=True)
    chapter.write_text(CHAPTER, encoding="utf-8")
    path = seeds.make(chapter)
    assert json.loads(path.read_text(encoding="utf-8"))["rows"] == {
        "squares": [1, 4, 9, 16, 25, 36]
    }
    monkeypatch.delenv(ANEW)
    ((output,),) = execute.run(execute.job(read(chapter), tmp_path / "notebooks"))
    assert output["text"] == "1 [1, 4, 9, 16, 25, 36]\n"
    chapter.write_text(CHAPTER.partition("kept")[0] + "```\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="stores no seeds"):
        seeds.make(chapter)


def printed(number: str, names: list[str], last: str, first: str = "") -> Any:
    """What `last` prints, as JSON, after the imports of a chapter, `first`, and cells by name."""
    source = read(next(ROOT.glob(f"chapters/{number}_*.md")))
    code = [cell for cell in source.cells if cell.kind == "code"]
    own = [next(cell for cell in code if cell.name == name).text for name in names]
    texts = [code[0].text, first, *own, f"import json\n{last}"]
    cells = tuple((f"cell {i}", text, False) for i, text in enumerate(texts))
    job = execute.Job(source.name, cells, str(ROOT / "notebooks"), "")
    return json.loads(execute.run(job)[-1][-1]["text"])


def stored(number: str, name: str) -> Any:
    """The row of seed 1."""
    found = json.loads((STORED / f"{number}_seeds.json").read_text(encoding="utf-8"))
    return found["rows"][name][1]


# Rows of seed 1 as the chapter's own cells give them: exactly so on the machine that stored them,
# and about so on another, whose sums round differently.


@pytest.mark.slow
def test_months_of_another_seed() -> None:
    names = ["dates", "buffer", "masks", "reader", "learn", "compare"]
    attend = "lambda q, k, v, m: masked_softmax(q @ k.mT / math.sqrt(q.shape[-1]), m) @ v"
    found = printed("07", names, f"print(json.dumps(accuracies({attend}, 1)))")
    assert found == about(stored("07", "scale and mask"))


@pytest.mark.slow
def test_six_blocks_of_another_seed() -> None:
    names = ["pieces", "block", "reader", "fit", "accuracy"]
    pre = "ways = {'pre': lambda x, f: x + f(layer_norm(x))}"
    found = printed("09", names, "print(json.dumps(float(six_blocks(1, 'pre'))))", pre)
    assert found == about(stored("09", "six blocks: pre"))


@pytest.mark.slow
def test_three_tiles_of_another_seed() -> None:
    last = "history = three_tiles(1, 'attention', 2, 1).history\n"
    last += "print(json.dumps([100 * row['test_accuracy'] for row in history]))"
    assert printed("10", ["plain", "three"], last) == about(stored("10", "attention, one block"))


@pytest.mark.slow
def test_sentiment_of_another_seed() -> None:
    kept = "class kept:\n    here = lambda: [1]\n    add = lambda _, rows: rows\n"
    found = printed(
        "11",
        ["reader", "tweets", "sentiment"],
        "print(json.dumps(found[0]))",
        f"{kept}row = lambda *_: None",
    )
    assert found == [about(figures) for figures in stored("11", "sentiment")]


@pytest.mark.slow
def test_a_detector_of_another_seed() -> None:
    train = 'run = make_trainer("scenes", "attention", 1, epochs=3, progress=False)\nrun.fit(3);'
    found = printed("12", ["collect", "told"], f"{train}\nprint(json.dumps(told(run)))")
    assert found == about(stored("12", "attention"))


@pytest.mark.slow
def test_equal_weights_of_another_seed() -> None:
    last = "right, places, there = learned('equal', 4, 1, 2, 1)\n"
    last += "print(json.dumps([float(right), list(map(float, places)), there.tolist()]))"
    right, places, there = printed("16", ["models"], last)
    right_there, places_there, weights = stored("16", "('equal', 4, 1, 2)")
    assert right == about(right_there)
    assert places == pytest.approx(places_there, abs=8)  # a place has some 120 scenes
    assert there == about(weights)


@pytest.mark.slow
def test_a_reader_of_another_seed() -> None:
    names = ["weighing", "unit", "asking", "reader", "fit", "several"]
    found = printed("17", names, "print(json.dumps(list(map(float, several(1)))))")
    assert found == about(stored("17", "four heads: alone"))


def about(figures: Any) -> Any:
    return pytest.approx(figures, abs=2)
