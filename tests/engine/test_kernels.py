"""The kernels for a GPU compile as CUDA, and run on the CPU they give what the plain forms do."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strict_arrays
from helpers import cuda_on_cpu
from helpers.libraries import STRICT, why_no_gpu
from optable import ROWS
from optable.opchecks import check_library

from minitorch_attn import Tensor, ops, optim
from minitorch_attn.arrays import to_numpy
from minitorch_attn.devices import move
from minitorch_attn.fast import kernels
from minitorch_attn.forms import plain

ALL = {name for name, _ in cuda_on_cpu.KERNEL.findall(kernels.SOURCE.read_text())}


def nvrtc() -> Any:
    """The compiler that CuPy uses, from its wheel; it needs no GPU."""
    for name in ("nvidia.cu13", "nvidia.cuda_nvrtc"):
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        for folder in found.submodule_search_locations or () if found else ():
            for file in sorted(Path(folder).glob("lib*/libnvrtc.so.*")):
                return ctypes.CDLL(str(file))
    return None


@pytest.mark.slow
@pytest.mark.skipif(nvrtc() is None, reason="needs NVRTC: pip install -r requirements/ci.txt")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_compile_as_cuda(dtype: str) -> None:
    library, program = nvrtc(), ctypes.c_void_p()
    text = kernels.source(dtype).encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text, b"k.cu", 0, None, None) == 0
    options = (ctypes.c_char_p * 2)(b"-std=c++17", b"--gpu-architecture=compute_90")
    failed = library.nvrtcCompileProgram(program, 2, options)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    assert not failed, log.value.decode()
    library.nvrtcGetPTXSize(program, ctypes.byref(size))
    made = ctypes.create_string_buffer(size.value)
    library.nvrtcGetPTX(program, made)
    assert {name for name in ALL if f".entry {name}(".encode() in made.raw} == ALL


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, built: Callable) -> list[str]:
    """The stand-in's arrays go to the kernels; the names of those that were launched."""
    monkeypatch.setattr(kernels, "launch", built)
    monkeypatch.setattr(kernels, "address", cuda_on_cpu.address)
    monkeypatch.setattr(kernels, "DEVICES", {STRICT})
    built.launched.clear()  # type: ignore[attr-defined]
    return built.launched  # type: ignore[attr-defined]


HERE = pytest.mark.skipif(bool(why_no_gpu()), reason=why_no_gpu())


@pytest.fixture(params=[STRICT, pytest.param("cuda", marks=HERE)])
def device(request: pytest.FixtureRequest) -> str:
    """Where the kernels run: on the CPU, for the stand-in's arrays, and on the GPU that is here."""
    if request.param == STRICT:
        request.getfixturevalue("launched")
    return request.param


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    if cuda_on_cpu.COMPILER is None:
        pytest.skip(cuda_on_cpu.NEEDED)
    return cuda_on_cpu.launcher(tmp_path_factory.mktemp("kernels"))


NAMES = [
    name
    for name, row in ROWS.items()
    if row.name in ("layer_norm", "gelu", "cross_entropy", "attention", "packed_attention")
    and row.any_library
]


@pytest.mark.parametrize("name", NAMES)
def test_an_op_by_kernels_is_the_op(name: str, launched: list[str]) -> None:
    """Every row of the table: values, gradients and gradients of gradients, to 1e-9."""
    check_library(ROWS[name], STRICT)


def test_the_table_reaches_every_kernel_of_an_op(launched: list[str]) -> None:
    for name in ("layer_norm", "gelu", "cross_entropy 2 axes", "attention"):
        check_library(ROWS[name], STRICT)
    assert set(launched) == ALL - {"adam", "square_sums"}


def wide(shape: tuple[int, ...], seed: int, dtype: Any = np.float32) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def both(
    device: str, f: Callable, *arrays: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Output and gradients, by the kernels there and by the plain form."""

    def run(device: str) -> list[np.ndarray]:
        xs = [Tensor(move(a, device), requires_grad=True) for a in arrays]
        y = f(*xs)
        y.backward(move(wide(y.shape, 9, y.dtype), device))
        return [to_numpy(y.data), *(to_numpy(x.grad) for x in xs)]

    by_kernels = run(device)
    with plain():
        return by_kernels, run("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 33, 100])
def test_rows_of_any_width_and_number(
    width: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a block and than a chunk has; widths below and above a warp's."""
    monkeypatch.setattr(kernels, "CHUNK", 4)
    weight, bias = wide((width,), 1), wide((width,), 2)
    cases: dict[str, tuple[Callable, list[np.ndarray]]] = {
        "layer_norm": (
            lambda x, w, b: ops.layer_norm(x, w, b),
            [wide((9, width), 0), weight, bias],
        ),
        "gelu": (ops.gelu, [wide((5, width), 3) * 4]),
        "softmax": (
            lambda q, k, v: ops.attention(q, k, v),
            [wide((2, width, 4), i) for i in range(3)],
        ),
        "cross_entropy": (
            lambda x: ops.cross_entropy(x, move(np.arange(9) % width, x.device)),
            [wide((9, width), 4) * 30],
        ),
    }
    for name, (f, arrays) in cases.items():
        for found, wanted in zip(*both(device, f, *arrays), strict=True):
            scale = np.abs(wanted).max() + 1e-6
            np.testing.assert_allclose(found / scale, wanted / scale, atol=5e-6, err_msg=name)


def test_a_row_far_from_0_is_as_exact_as_one_near_it(launched: list[str]) -> None:
    x = wide((3, 8), 0)
    near, far = (
        ops.layer_norm(*(move(a, STRICT) for a in (y, np.ones(8, "f"), np.zeros(8, "f"))))
        for y in (np.round(x, 1), np.round(x, 1) + np.float32(65536))
    )
    assert launched == ["layer_norm"] * 2
    exact = np.round(x, 1) + np.float32(65536) - np.float32(65536)
    wanted = ops.layer_norm(exact, np.ones(8, "f"), np.zeros(8, "f"))
    np.testing.assert_allclose(to_numpy(far), wanted, atol=1e-5)
    assert np.abs(to_numpy(near)).max() > 1


def test_nan_and_infinity_are_seen_where_the_plain_form_sees_them(launched: list[str]) -> None:
    x = wide((4, 40), 0)
    x[1, 35], x[2, 3] = np.nan, np.inf
    targets = np.array([0, 1, 2, 3])
    loss = ops.cross_entropy(move(x, STRICT), move(targets, STRICT))
    assert np.isnan(to_numpy(loss))
    one, zero = np.ones(40, "f"), np.zeros(40, "f")
    found = to_numpy(ops.layer_norm(*(move(a, STRICT) for a in (x, one, zero))))
    with plain(), np.errstate(invalid="ignore"):
        np.testing.assert_allclose(found, ops.layer_norm(x, one, zero), atol=1e-5)


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_an_optimiser_in_one_launch_is_the_optimiser(
    kind: str, clip: float | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters of several pieces and of less than one, three steps at three rates."""
    monkeypatch.setattr(kernels, "PIECE", 300)
    shapes = [(33, 20), (7,), (), (300,), (2, 1, 151)]

    def run(device: str) -> list[np.ndarray]:
        starts = [move(wide(shape, i, np.float64), device) for i, shape in enumerate(shapes)]
        parameters = [Tensor(x, requires_grad=True) for x in starts]
        optimizer = getattr(optim, kind)(parameters, 0.1)
        optimizer.max_norm = clip
        for step, rate in enumerate((0.02, 0.01, 0.03)):
            optimizer.lr = rate
            for i, p in enumerate(parameters):
                p.grad = move(wide(p.shape, 10 * step + i, np.float64), device)
            optimizer.step()
        return [p.numpy() for p in parameters] + list(optimizer.state_dict().values())

    launched = []
    launch = kernels.launch
    monkeypatch.setattr(
        kernels, "launch", lambda name, *rest: launched.append(name) or launch(name, *rest)
    )
    found = run(device)
    assert launched == ["square_sums", "adam"] * 3
    with plain():
        wanted = run("cpu")
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_gradient_that_is_not_finite_changes_nothing(launched: list[str]) -> None:
    p = Tensor(move(np.ones(3), STRICT), requires_grad=True)
    p.grad = move(np.array([1.0, np.nan, 1.0]), STRICT)
    optimizer = optim.Adam([p])  # type: ignore[list-item]
    with pytest.raises(optim.DivergedError, match="parameter 0"):
        optimizer.step()
    np.testing.assert_array_equal(to_numpy(p.data), np.ones(3))
    assert "adam" not in launched


def test_another_optimiser_is_left_alone(launched: list[str]) -> None:
    class Own(optim.Adam):
        def update(self, data: Any, gradient: Any, *state: Any) -> None:
            data -= self.lr * gradient

    p = Tensor(move(np.ones(3), STRICT), requires_grad=True)
    p.grad = move(np.ones(3), STRICT)
    Own([p], 0.5).step()  # type: ignore[list-item]
    np.testing.assert_array_equal(to_numpy(p.data), np.full(3, 0.5))
    assert "adam" not in launched


def test_inside_plain_no_kernel_runs(launched: list[str]) -> None:
    with plain():
        ops.gelu(Tensor(strict_arrays.asarray(wide((2, 3), 0))))
    assert not launched
