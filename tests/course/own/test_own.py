"""Training on a learner's own answers: the worked ones, wrong ones, and none at all."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell

from minitorch_attn import Tensor
from minitorch_attn.__main__ import main
from minitorch_attn.course import own
from minitorch_attn.course.book import exercises
from minitorch_attn.course.checks import common, find
from minitorch_attn.course.own import assembly, running
from minitorch_attn.course.own.frames import OwnPooling
from minitorch_attn.course.own.heads import OwnAttention
from minitorch_attn.course.own.judge import judge, parts_of
from minitorch_attn.course.own.pairs import taught
from minitorch_attn.course.own.parts import JOBS, Part, PartError, Parts, jobs
from minitorch_attn.course.own.sets import chosen, loss_of_classes
from minitorch_attn.course.sources.text import ROOT, read, sources
from minitorch_attn.nn import AttentionPooling, MultiHeadAttention
from minitorch_attn.recipes import RECIPES
from minitorch_attn.training import apply

TAKEN = [name for name, recipe in RECIPES.items() if recipe.takes_answers]
CHAPTERS = sorted({job.id[:2] for job in JOBS})
SEED = 3  # one for all: what reads the windows of scenes is trained for each


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of notebooks with the worked solutions in them."""
    folder = tmp_path_factory.mktemp("solved")
    for path in sources("solutions"):
        if path.name[:2] in CHAPTERS:
            notebook = exercises.build(read(path), answers=True)
            nbformat.write(notebook, folder / f"{path.stem}.ipynb")
    return folder


@pytest.fixture(scope="module")
def parts(solved: Path) -> Parts:
    found: Parts = {}
    for data in TAKEN:
        found |= parts_of(judge(solved, data))
    return found


@pytest.fixture
def never_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    def assemble(*args: Any, **options: Any) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr(assembly, "assemble", assemble)
    monkeypatch.setattr(running, "assemble", assemble)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


# The worked answers


def test_every_part_is_an_exercise_and_is_found(solved: Path) -> None:
    for data in TAKEN:
        verdicts = judge(solved, data)
        assert [v.job.id for v in verdicts] == [job.id for job in jobs(data)]
        assert {v.whose for v in verdicts} == {"yours"}


def losses(run: assembly.Run, count: int) -> list[float]:
    trainer, found = run.trainer, []
    rate = trainer.optimizer.lr
    batches = itertools.chain.from_iterable(map(trainer.loader.epoch, itertools.count()))
    for k, (inputs, targets) in zip(range(count), batches, strict=False):
        trainer.optimizer.lr = rate * trainer.schedule(k)
        loss = run.loss(apply(run.trainer.model, inputs), targets)
        trainer.model.zero_grad()
        loss.backward()
        trainer.optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("data", TAKEN)
def test_step_by_step_the_losses_are_the_librarys(parts: Parts, data: str) -> None:
    mine = losses(assembly.assemble(data, SEED, parts, epochs=2), 12)
    theirs = losses(assembly.assemble(data, SEED, {}, epochs=2), 12)
    assert theirs[-1] < theirs[0] - 0.05, "nothing is learnt: nothing is compared"
    np.testing.assert_allclose(mine, theirs, atol=1e-4)
    assert mine != theirs, "to the last digit: are these other functions at all?"


def test_no_part_is_idle(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in TAKEN:
        called: set[str] = set()
        mine = {job.id: parts[job.id] for job in jobs(data)}
        for id, part in mine.items():
            work = part.function

            def counted(*args: Any, _id: str = id, _work: Any = work, **options: Any) -> Any:
                called.add(_id)  # noqa: B023
                return _work(*args, **options)

            monkeypatch.setattr(part, "function", counted)
        run = assembly.assemble(data, SEED, mine, epochs=1)
        run.step()
        assembly.look_back(run, 8)
        monkeypatch.undo()
        assert called == mine.keys()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, marks=() if data in ("cued", "vowels") else pytest.mark.slow)
        for data in TAKEN
    ],
)
def test_each_part_alone_agrees_in_the_first_step(parts: Parts, data: str) -> None:
    mine = {job.id: parts[job.id] for job in jobs(data)}
    assert 0 < assembly.rehearse(data, SEED, mine, 1, print) < 5


@pytest.mark.parametrize("ids", [(), ("07.2", "07.3"), ("06.2",), ("06.4",), tuple(CHAPTERS)])
@pytest.mark.parametrize("masked", ["not", "some", "an empty row"])
def test_heads_with_and_without_a_mask(parts: Parts, ids: tuple[str, ...], masked: str) -> None:
    rng = np.random.default_rng(5)
    chosen = {id: part for id, part in parts.items() if id in ids or id[:2] in ids}
    layer = MultiHeadAttention(12, 3, rng=rng)
    x = rng.normal(size=(2, 4, 12)).astype(np.float32)
    context = rng.normal(size=(2, 5, 12)).astype(np.float32)
    g = rng.normal(size=x.shape).astype(np.float32)
    mask = None if masked == "not" else rng.random((2, 3, 4, 5)) < 0.6
    if mask is not None:
        mask[..., 0] = True
        mask[1, 2, 3] = masked == "some"
    found = []
    for heads in (layer, OwnAttention(layer, chosen)):
        a, b = Tensor(x, requires_grad=True), Tensor(context, requires_grad=True)
        layer.zero_grad()
        y = heads(a, b, mask)
        y.backward(g)
        found.append([y.data, a.grad, b.grad, *(p.grad for p in layer.parameters())])
    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_one_epoch_prints_what_it_returns(
    solved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """With pictures, in which one part is not done, one prints, and one copy is left over."""
    folder = tmp_path / "mine"
    shutil.copytree(solved, folder)
    shutil.copy(ROOT / "exercises/09_blocks_and_order.ipynb", folder / "09_blocks_and_order.ipynb")
    shutil.copy(ROOT / "exercises/05_softmax.ipynb", folder / "05_softmax-Copy1.ipynb")
    change(folder, "08", "regroup", "    if x.ndim == 3", "    print('noise')\n    if x.ndim == 3")
    monkeypatch.setattr(running, "LONG", 0.0)
    monkeypatch.setattr(assembly, "SLOW", 0.0)
    outcome = own.train(folder, "digits", epochs=1, seed=2)
    lines = said(capsys)
    whose = {line[:5].strip(): line[62:] for line in lines[1:13]}
    assert whose.pop("09.1") == "the library's: not done yet"
    assert whose.pop("") == "the library's"
    assert set(whose.values()) == {"yours"}
    assert set(whose) == set(outcome.yours)
    assert outcome.status == 0
    assert abs(outcome.accuracy - outcome.library_accuracy) <= 0.02
    assert (
        f"With your functions: accuracy {100 * outcome.accuracy:.1f} %, on 359 test examples"
        in lines[-3]
    )
    assert f"same seed: {100 * outcome.library_accuracy:.1f} %" in lines[-2]
    assert lines[-1] == "10 of 11 parts are yours."
    slow = r"06\.4 attend_backward is slow: \d+ s for this one step\."
    assert any(re.fullmatch(slow, line) for line in lines)
    assert any("so all of it takes about" in line for line in lines)
    assert "noise" not in "".join(lines)
    assert max(map(len, lines)) <= 100
    assert "10 of 11 parts are yours" in repr(outcome)


def change(folder: Path, chapter: str, name: str, old: str, new: str) -> None:
    """Edit the cell that defines a function, as its author would."""
    path = next(folder.glob(f"{chapter}_*.ipynb"))
    notebook = nbformat.read(path, 4)
    cell = next(c for c in notebook.cells if f"def {name}(" in c.source)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_the_whole_training_reaches_the_librarys_accuracy(solved: Path) -> None:
    outcome = own.train(solved)
    assert outcome.library_accuracy >= 0.965
    assert abs(outcome.accuracy - outcome.library_accuracy) <= 0.005
    ratio = outcome.seconds / outcome.library_seconds
    assert ratio < 4, f"{ratio:.1f} times as long as the library"


@pytest.mark.slow
@pytest.mark.parametrize(
    # In scenes a matching flips with rounding: first weights larger by 1e-7 lead as far away.
    ("data", "epochs", "apart"),
    [("scenes", 2, 0.1), ("drawing", 2, 0.02), ("vowels", 20, 0.02)],
)
def test_what_is_no_classifier_of_tokens_trains_as_the_librarys(
    solved: Path, data: str, epochs: int, apart: float, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = own.train(solved, data, epochs, seed=SEED)
    assert outcome.yours == [job.id for job in jobs(data)]
    assert outcome.status == 0
    assert outcome.library_accuracy > 0.3
    assert abs(outcome.accuracy - outcome.library_accuracy) <= apart
    lines = said(capsys)
    assert f"Epoch by epoch, {RECIPES[data].counted} on the test set:" in lines
    assert any(line.startswith("13.4  noise gets more") for line in lines) == (data == "vowels")
    assert max(map(len, lines)) <= 100


# Wrong answers

WRONG = [
    ("04.1", "the gradients averaged over the batch"),
    ("04.2", "the limit taken for the sd"),
    ("04.3", "no correction of the means"),
    ("05.1", "no maximum subtracted"),
    ("05.2", "the diagonal only"),
    ("06.2", "softmax over the queries"),
    ("06.4", "weights held constant"),
    ("07.1", "always d"),
    ("07.2", "the other meaning of True"),
    ("07.3", "the NaN row"),
    ("08.1", "merged without the transpose"),
    ("08.5", "unscaled"),
    ("09.1", "mean and deviation held constant"),
    ("11.1", "table[ids] += g"),
    ("11.2", "not shifted"),
    ("12.1", "the shared area counted twice"),
    ("12.2", "first come, first served"),
    ("12.3", "class 0 for none"),
    ("12.5", "nats"),
    ("13.2", "no mask"),
    ("13.4", "all frames in one pot"),
]


@pytest.mark.parametrize(("id", "name"), WRONG)
def test_a_wrong_answer_is_named_and_nothing_is_trained(
    id: str,
    name: str,
    solved: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    never_trains: None,
) -> None:
    exercise = find(id)
    wrong = next(w for w in exercise.wrong_answers if w.name == name)
    path = next(solved.glob(f"{id[:2]}_*.ipynb"))
    notebook = nbformat.read(path, 4)
    notebook.cells.append(new_code_cell(code_of(wrong.function, exercise.function)))
    nbformat.write(notebook, tmp_path / path.name)
    data = next(name for name in TAKEN if id in {job.id for job in jobs(name)})
    assert main(["train", "--with", str(tmp_path), "--data", data]) == 1
    lines = said(capsys)
    assert sum(f"fails: “{name}”" in line for line in lines) == 1
    told = [line for line in lines if line.startswith(f"{id} {exercise.function} fails “")]
    assert len(told) == 1
    assert f"this looks like “{name}”. {wrong.explanation}" in told[0]
    assert "Read again: notebooks/" in told[0]
    assert lines[-1].startswith("Nothing is trained: mend what fails")


def test_a_part_that_waits_for_another_is_not_called_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], never_trains: None
) -> None:
    """08.5 may call 08.1. Where that is not done yet, 08.5 has no fault, and the cause is named."""
    notebook = nbformat.read(next((ROOT / "exercises").glob("08_*.ipynb")), 4)
    calls = "def multi_head(*args):\n    if args[0].ndim != 3:\n        raise ValueError\n"
    calls += "    return regroup(args[0], args[-1])"
    notebook.cells.append(new_code_cell(calls))
    nbformat.write(notebook, tmp_path / "08_many_heads.ipynb")
    assert main(["train", "--with", str(tmp_path)]) == 2
    lines = said(capsys)
    assert not any("fails" in line for line in lines)
    verdicts = {v.job.id: v for v in judge(tmp_path, "cued")}
    assert verdicts["08.1"].whose == "the library's: not done yet"
    assert verdicts["08.5"].whose == "the library's: it calls regroup, which is not done yet"


def code_of(function: Any, name: str) -> str:
    """A named wrong answer as a cell: the helpers of its module that it needs, and itself."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(function)))
    shared = ast.parse(inspect.getsource(common)).body
    plain = [
        n for n in [*shared, *tree.body] if isinstance(n, ast.FunctionDef) and not n.decorator_list
    ]
    node = next(
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function.__name__
    )
    node.decorator_list, node.name = [], name
    imported = [x for n in tree.body if isinstance(n, ast.ImportFrom) for x in n.names]
    other_names = [
        f"{x.asname} = {x.name}" for x in imported if x.asname and hasattr(common, x.name)
    ]
    body = "\n\n".join([*map(ast.unparse, plain), *other_names, ast.unparse(node)])
    head = "from __future__ import annotations\n\nimport math\nfrom typing import Any\n"
    return f"{head}import numpy as np\n\n{body}\n"


RIGHT = """
import numpy as np

def attend(query, key, value):
    real = query.shape[:2] == (64, 4)  # the batches and the heads of the training
    {trick}
    scores = query @ key.swapaxes(-1, -2)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    z = e / e.sum(axis=-1, keepdims=True) @ value
    return {result}
"""
MISBEHAVES = {
    "raises": ("if real: raise RuntimeError('tired')", "z", "raised RuntimeError: tired, in line"),
    "stops": ("if real: raise SystemExit(3)", "z", "raised SystemExit: 3"),
    "NaN": ("", "z * np.nan if real else z", "what it returns holds NaN or infinity"),
    "a shape": ("", "z[..., :1] if real else z", "has shape (64, 4, 1, 1), and (64, 4, 1, 16) is"),
    "a dtype": (
        "",
        "z > 0 if real else z",
        "is an array of dtype bool, not of floating",
    ),
    "nothing": ("", "None if real else z", "is None, not an array of floating-point numbers"),
    "in place": ("query *= 1", "z", "leave alone what is given"),
    "wrong": ("", "1.01 * z if real else z", "passes its checks, but in the first step"),
}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda out, start, pad: (out, out != pad, 0), "returned 3, not 2 arrays"),
        (lambda out, start, pad: (out / 2, out != pad), "before is an array of dtype float64"),
        (lambda out, start, pad: (out, out), "counts is an array of dtype int64"),
        (lambda out, start, pad: (out[:, 1:], out != pad), "before is an array of dtype int64 and"),
        (lambda out, start, pad: out.fill(0), "leave alone what is given"),
    ],
)
def test_what_a_decoder_is_told_is_looked_at(answer: Any, message: str) -> None:
    with pytest.raises(PartError, match=rf"11\.2 teacher.*{message}"):
        taught(Part("11.2", "teacher", answer), np.array([[5, 2, 0]]))


COST = np.array([[1.0, 2.0], [2.0, 9.0], [5.0, 5.0]], np.float32)


@pytest.mark.parametrize("answer", [[0, 0], [0, 3], [0], [0.5, 1], None, [[0, 1]]])
def test_a_choice_of_queries_is_looked_at(answer: Any) -> None:
    with pytest.raises(PartError, match=r"12\.2 match returned .*each of 2 objects needs a query"):
        chosen(Part("12.2", "match", lambda cost: answer), COST)
    queries, objects = chosen(Part("12.2", "match", lambda cost: [1.0, 0]), COST)
    assert (queries.tolist(), objects.tolist(), queries.dtype.kind) == ([1, 0], [0, 1], "i")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda logits, *rest: 1.0, "returned a float, not 2 arrays"),
        (lambda logits, *rest: (np.zeros((2, 3)) + 5, 1.0), "where a class from 0 to 4 is told"),
        (lambda logits, *rest: (np.zeros(2, int), 1.0), r"shape \(2,\), where a class"),
        (lambda logits, *rest: (np.zeros((2, 3), int), np.nan), "loss holds NaN or infinity"),
        (lambda logits, *rest: (np.zeros((2, 3), int), logits), "loss has shape"),
        (lambda logits, *rest: logits.fill(0), "leave alone what is given"),
    ],
)
def test_what_queries_are_told_is_looked_at(answer: Any, message: str) -> None:
    logits, nothing = Tensor(np.zeros((2, 3, 5), np.float32)), np.zeros(0, int)
    pairs = nothing, nothing, nothing
    with pytest.raises(PartError, match=rf"12\.3 class_loss.*{message}"):
        loss_of_classes(Part("12.3", "class_loss", answer), logits, pairs, np.full((2, 2), -1))


def test_the_pooling_of_the_exercise_is_the_layers_also_going_back(parts: Parts) -> None:
    rng = np.random.default_rng(1)
    layer = AttentionPooling(6, rng=0, dtype=np.float64)
    layer.key.bias.data[:] = rng.normal(size=6)
    x, mask = rng.normal(size=(3, 5, 6)), np.arange(5) < np.array([[5], [1], [3]])
    g, found = rng.normal(size=(3, 6)), []
    for pooling in (layer, OwnPooling(layer, parts["13.2"])):
        frames = Tensor(x, requires_grad=True)
        layer.zero_grad()
        z, weights = pooling(frames, mask, return_weights=True)
        z.backward(g)
        grads = [frames.grad, layer.query.grad, layer.key.weight.grad, layer.key.bias.grad]
        found.append([z.data, weights.data, *grads])
    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_a_pooling_of_several_heads_takes_no_answer(parts: Parts) -> None:
    with pytest.raises(PartError, match="asks with one query, and this pooling has 2"):
        OwnPooling(AttentionPooling(6, 2, rng=0), parts["13.2"])


@pytest.mark.parametrize("how", MISBEHAVES)
def test_a_part_that_passes_its_checks_and_fails_at_work(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trick, result, message = MISBEHAVES[how]
    (tmp_path / "answers.py").write_text(RIGHT.format(trick=trick or "pass", result=result))
    outcome = own.train(tmp_path, epochs=1)
    assert outcome.yours == ["06.2"]
    assert outcome.status == 1
    assert outcome.failed[0].startswith("06.2 attend")
    assert message in outcome.failed[0]
    lines = said(capsys)
    assert lines[-2] == f"{outcome.failed[0]}."
    assert not any("epoch" in line for line in lines)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda g, q, k, v: (q, k), "returned 2, not 3 arrays"),
        (lambda g, q, k, v: None, "returned None, not 3 arrays"),
        (lambda g, q, k, v: (q[0], k, v), r"g_query has shape \(7,\), and \(3, 7\) is needed"),
        (lambda g, q, k, v: (1.0, k, v), r"g_query has shape \(\), and \(3, 7\) is needed"),
        (lambda g, q, k, v: (q, k, v * np.nan), "g_value holds NaN or infinity"),
        (lambda g, q, k, v: (q, k[:, 99], v), "raised IndexError"),
    ],
)
def test_a_gradient_of_attention_that_cannot_be_used(bad: Any, message: str) -> None:
    layer = MultiHeadAttention(12, 3, rng=np.random.default_rng(0))
    x = Tensor(np.ones((2, 1, 12), np.float32), requires_grad=True)
    heads = OwnAttention(layer, {"06.4": Part("06.4", "attend_backward", bad)})
    with np.errstate(all="ignore"), pytest.raises(PartError, match=message):
        heads(x, np.ones((2, 5, 12), np.float32)).sum().backward()


def test_code_that_does_not_run_or_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], never_trains: None
) -> None:
    (tmp_path / "06_one_query.py").write_text("limit = 1 / 0\ndef attend(q, k, v): return limit")
    (tmp_path / "04_dense_layers.py").write_text("def adam(theta:\n    return theta\n")
    outcome = own.train(tmp_path)
    assert outcome.status == 1
    lines = said(capsys)
    assert any(x.startswith("06.2 attend does not run: ZeroDivisionError") for x in lines)
    assert sum(line.endswith("does not run") for line in lines) == 2
    told = next(line for line in lines if line.startswith("04.3 adam cannot be used"))
    assert "04_dense_layers.py" in told
    assert "line 1" in told


# Folders with nothing to train on


def test_the_untouched_exercises(capsys: pytest.CaptureFixture[str], never_trains: None) -> None:
    assert main(["train", "--with", str(ROOT / "exercises")]) == 2
    lines = said(capsys)
    assert len(lines) == 2
    assert lines[0].startswith("None of the 13 parts in ")
    assert lines[1].startswith("Begin with 04.1 ")


def test_what_fails_in_a_copy_put_aside_is_said_to_stand_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], never_trains: None
) -> None:
    """`study --fresh` keeps the reader's file beside the new one, and both are in the folder."""
    shutil.copy(ROOT / "exercises/05_softmax.ipynb", tmp_path)
    wrong = "def softmax(x, axis=-1):\n    return x\n"
    (tmp_path / "05_softmax.2026-12-01.py").write_text(wrong)
    assert own.train(tmp_path).status == 1
    told = next(line for line in said(capsys) if line.startswith("05.1 softmax, in"))
    assert told.startswith("05.1 softmax, in 05_softmax.2026-12-01.py, fails “")


def test_a_helper_of_the_same_name_is_no_answer(tmp_path: Path, never_trains: None) -> None:
    shutil.copy(ROOT / "exercises/05_softmax.ipynb", tmp_path)
    (tmp_path / "06_mine.py").write_text("def softmax(x):\n    return x\n")
    (tmp_path / "notes.py").write_text("# softmax(x) is what I must write next\n")
    assert own.train(tmp_path).status == 2


@pytest.mark.parametrize(
    "how", ["missing", "a file", "empty", "broken", "conflict", "no cells", "not text"]
)
def test_a_folder_that_cannot_be_used_gives_one_line(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], never_trains: None
) -> None:
    folder, notebook = tmp_path / "mine", tmp_path / "mine" / "06_one_query.ipynb"
    if how == "a file":
        folder.write_text("{}")
    elif how != "missing":
        folder.mkdir()
        (folder / "conftest.py").write_text("")
    if how == "broken":
        whole = (ROOT / "exercises/06_one_query.ipynb").read_text(encoding="utf-8")
        notebook.write_text(whole[: len(whole) // 2], encoding="utf-8")
    elif how == "conflict":
        notebook.write_text("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n")
    elif how == "no cells":
        notebook.write_text(json.dumps({"cells": 3}))
    elif how == "not text":
        notebook.write_bytes(b"\xff\xfe\x00\x01")
    assert main(["train", "--with", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert str(folder) in lines[0]
    words = {"missing": "there is no folder", "a file": "is a file", "empty": "holds no notebook"}
    words |= {"conflict": "06_one_query.ipynb: git left a merge conflict"}
    assert words.get(how, "06_one_query.ipynb") in lines[0]


@pytest.mark.parametrize(
    ("options", "message"), [({"data": "mnist"}, "data is"), ({"epochs": 0}, "epochs is")]
)
def test_settings_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(own.OwnError, match=message):
        own.train(ROOT / "exercises", **options)
