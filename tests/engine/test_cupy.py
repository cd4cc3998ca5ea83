"""Does the engine ask of CuPy what CuPy has? Here without one: by its API, and by the stand-in."""

from __future__ import annotations

import importlib.util
import inspect
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy_api
import numpy as np
import pytest
import strict_arrays
from helpers.libraries import STRICT
from optable import ROWS
from optable.opchecks import differentiate, draw

from minitorch_attn import DeviceError, Tensor, ops
from minitorch_attn.arrays import device_of, to_numpy
from minitorch_attn.data import Dataset
from minitorch_attn.devices import move
from minitorch_attn.forms import plain
from minitorch_attn.models import Attention, Classifier
from minitorch_attn.nn import Dense
from minitorch_attn.optim import SGD, AdamW, Optimizer
from minitorch_attn.training import Trainer

ROOT = Path(__file__).parents[2]
API = json.loads(cupy_api.FILE.read_text())
X = np.arange(6.0).reshape(2, 3)


def there(x: Any, wants: bool = False) -> Tensor:
    return Tensor(move(np.asarray(x), STRICT), requires_grad=wants)


def train() -> None:
    """Every part of the trainer: dropout, clipping, evaluation, the state there and back."""
    data = Dataset(np.ones((6, 3, 4), np.float32), np.arange(6) % 3, 3)
    for make in (AdamW, lambda p: SGD(p, 0.1, 0.9, nesterov=True)):
        model = Classifier(4, 3, 8, 2, dropout=0.2, num_positions=3).to(STRICT)
        optimizer: Optimizer = make(model.named_parameters())
        Trainer(model, optimizer, data, data, clip=0.1, batch_size=4, progress=False).fit(1)
        optimizer.load_state_dict(optimizer.state_dict())


@pytest.fixture(scope="module")
def asked() -> set[tuple[str, str, int, tuple[str, ...]]]:
    """What the whole engine asks of a library."""
    strict_arrays.asked.clear()
    for row in ROWS.values():
        for shapes in row.shapes if row.any_library else ():
            for dtype in (np.float32, np.float64):
                differentiate(row, draw(row, shapes, dtype), STRICT, dtype)
    train()
    return set(strict_arrays.asked)


def fault(kind: str, name: str, count: int, words: tuple[str, ...], api: Any = API) -> str:
    """What CuPy has against a call; nothing, if it takes it."""
    if name not in api[kind]:
        return f"CuPy has no {name}" + (".at" if kind == "at" else "")
    parameters = None if kind == "at" else api[kind][name]
    if parameters is None:  # compiled, and says nothing of what it takes
        return ""
    made: dict[str, Any] = {}
    exec(f"def f({parameters}): ...", made)
    try:
        inspect.signature(made["f"]).bind(*[None] * count, **dict.fromkeys(words))
    except TypeError as error:
        return f"CuPy's {name}({parameters}): {error}"
    return ""


def test_cupy_takes_every_call(asked: set) -> None:
    assert len(asked) > 60
    assert [why for call in sorted(asked) if (why := fault(*call))] == []


def test_a_call_that_cupy_does_not_take_is_seen() -> None:
    assert "no vecdot" in fault("functions", "vecdot", 2, ())
    assert "where" in fault("functions", "exp", 1, ("where",))
    assert "initial" in fault("methods", "max", 0, ("initial",))
    assert "too many" in fault("functions", "vdot", 3, ())
    assert "divide.at" in fault("at", "divide", 3, ())


def test_the_stand_in_offers_nothing_that_cupys_arrays_lack() -> None:
    own = {"_inside", "_refuse", "__slots__", "__module__", "__getattr__"}
    assert set(vars(strict_arrays.ndarray)) - own <= set(API["attributes"])


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="needs CuPy, and no GPU")
def test_the_cupy_that_is_installed_takes_every_call(asked: set) -> None:
    api = cupy_api.read()
    assert [why for call in sorted(asked) if (why := fault(*call, api=api))] == []


def test_the_extra_brings_what_cupy_compiles_with() -> None:
    """Without [ctk] neither NVRTC nor cuBLAS comes, and the first product fails."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (need,) = extras["optional-dependencies"]["cuda"]
    assert need.startswith("cupy-cuda13x[ctk]")


def test_a_step_waits_for_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the loss and the gradients' length together."""
    data = Dataset(np.ones((8, 3, 4), np.float32), np.arange(8) % 3, 3)
    model = Classifier(4, 3, 8, 2, num_positions=3).to(STRICT)
    optimizer = AdamW(model.named_parameters())
    trainer = Trainer(model, optimizer, data, clip=0.1, batch_size=4, progress=False)
    looks = []
    step = Trainer._step

    def counted(self: Trainer, rate: float, norm: float | None) -> None:
        step(self, rate, norm)
        looks.append(len(strict_arrays.looks))

    monkeypatch.setattr(Trainer, "_step", counted)
    trainer.fit(2)
    first, second, third, fourth = looks
    assert second - first == fourth - third == 1


def test_what_is_told_of_a_training_is_numbers_of_the_host() -> None:
    data = Dataset(np.ones((8, 3, 4), np.float32), np.arange(8) % 3, 3)
    model = Classifier(4, 3, 8, 2, num_positions=3).to(STRICT)
    trainer = Trainer(model, AdamW(model.named_parameters()), data, data, data, patience=1)
    trainer.progress = False
    for row in trainer.fit(2):
        assert {type(number) for number in row.values()} <= {int, float}


def test_the_mean_loss_of_no_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        ops.cross_entropy(there(np.zeros((0, 3), np.float32)), there(np.zeros(0, int)).data)


def test_a_target_that_is_no_class_is_named_where_the_loss_is_looked_at() -> None:
    logits = there(np.zeros((2, 3), np.float32))
    for wrong in (3, 7, -1):
        targets = there(np.array([0, wrong])).data
        assert np.isnan(to_numpy(ops.cross_entropy(logits, targets).data))
        with plain(), pytest.raises(IndexError, match="classes 0 to 2"):
            ops.cross_entropy(logits, targets)
    data = Dataset(np.ones((8, 3, 4), np.float32), np.arange(8), 3)
    model = Classifier(4, 3, 8, 2, num_positions=3).to(STRICT)
    trainer = Trainer(model, AdamW(model.named_parameters()), data, progress=False)
    with pytest.raises(IndexError, match=r"targets lie in \[0, 7\]"):
        trainer.fit(1)


# ---- where CuPy gives another answer than NumPy


def test_a_tensor_is_an_index() -> None:
    assert [10, 20, 30][there(2)] == 30  # type: ignore[call-overload]
    assert list(range(there(2))) == [0, 1]  # type: ignore[call-overload]
    for x in (there([1]), there(2.0)):
        with pytest.raises(TypeError):
            range(x)  # type: ignore[call-overload]


def test_nothing_is_neither_true_nor_false() -> None:
    for x in (there(np.zeros(0)), Tensor(np.zeros(0))):
        with pytest.raises(ValueError, match="size > 0"):
            bool(x)


def test_the_documents_attention_is_built_where_its_first_input_is() -> None:
    inputs = np.ones((2, 3, 6), np.float32)
    layer = Attention(2, 3, rng=0)
    y = layer.eval()(there(inputs))
    assert y.device == STRICT
    assert {device_of(p.data) for p in layer.parameters()} == {STRICT}
    np.testing.assert_allclose(y.numpy(), Attention(2, 3, rng=0).eval()(inputs).numpy(), rtol=1e-5)


def late_optimizer() -> None:
    layer = Dense(3, 2, rng=0, dtype=np.float64)
    optimizer = AdamW(layer.named_parameters())
    layer.to(STRICT)
    layer(there(X)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize(
    "meet",
    [
        lambda: there(X) < X,
        lambda: there(X) == X,
        lambda: there(X) + X,
        lambda: there(X)[np.array([0, 1])],
        lambda: there(X)[np.array([0, 1]), 0],
        lambda: there(X)[X > 2],
        lambda: ops.take(there(X), np.array([0]), axis=0),
        late_optimizer,
    ],
)
def test_where_two_libraries_meet_the_engine_says_so(meet: Callable[[], Any]) -> None:
    """CuPy moves some of them without a word, and to others says that a type is unsupported."""
    with pytest.raises(DeviceError):
        meet()


def test_rows_that_are_not_there_are_told_where_they_are_looked_at() -> None:
    """Indexing takes another row, as its docstring says; `take` and `embedding` look."""
    beyond = move(np.array([0, 3]), STRICT)
    np.testing.assert_array_equal(to_numpy(there(X)[beyond].data), X[[0, 1]])
    with pytest.raises(IndexError):
        Tensor(X)[np.array([0, 3])]
    for look in (
        lambda: ops.take(there(X), beyond, axis=0),
        lambda: ops.embedding(beyond, there(X)),
    ):
        with pytest.raises(IndexError):
            look()
