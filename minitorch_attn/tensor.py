"""Tensors: arrays that remember how they were computed.

A `Tensor` may remember the op, the inputs and the arrays that it came from. `ops/op.py` writes
that record, `backward.py` walks it backwards, and `ops/methods.py` gives Tensor its operators.
"""

from __future__ import annotations

import itertools
import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .arrays import Array, device_of, namespace, to_numpy
from .validation.gradients import check_dtype, check_no_history

TensorLike: TypeAlias = Any  # a Tensor, an array, a number, or a nested list of numbers

# Creation order is a topological order: an op's inputs exist before its output.
next_id = itertools.count(1).__next__


RELEASED = "released"  # stands for a record that a backward pass has used up


class _Mode(threading.local):
    recording = True
    debugging = False
    dropped: list[Any] | None = None  # records to let go of; a list while that is being done


mode = _Mode()


class Tensor:
    """An array that can remember how it was computed.

    Parameters
    ----------
    data : array, number, nested list or Tensor
        A NumPy or CuPy array is kept as it is, not copied.
    requires_grad : bool
        Whether gradients with respect to this tensor are wanted. Needs a floating dtype.

    Attributes
    ----------
    data : array
        The values. A plain array: changing it in place is not recorded.
    grad : array or None
        Where `backward` adds the gradient: a plain array of the same shape and dtype.
    """

    __slots__ = ("__weakref__", "_id", "_marks", "_node", "_tracked", "data", "grad")
    __array_ufunc__ = None  # `array * tensor` is ours to compute, not NumPy's

    data: Array
    grad: Array | None
    _tracked: bool  # requires_grad, as the engine reads it: without a call
    _node: Any  # how it was computed: None, RELEASED, or (op, inputs, arrays, params, saved)
    _marks: Any  # in debug mode, a checksum of each array that the rule will see

    def __init__(self, data: TensorLike, requires_grad: bool = False) -> None:
        self._node = self._marks = None  # first: what fails below is let go of as well
        if isinstance(data, Tensor):
            check_no_history("Tensor(t)", data.requires_grad)
            data = data.data
        self.data = namespace(data).asarray(data)
        check_dtype(self.data.dtype, requires_grad)
        self.grad = None
        self._tracked = requires_grad
        self._id = next_id()

    def __del__(self) -> None:
        # A record holds its inputs, each with a record of its own. Left to itself Python lets go of
        # them one inside another, and a small stack (a browser's) does not hold a long chain.
        if type(self._node) is tuple:
            _let_go(self)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients with respect to this tensor are wanted."""
        return self._tracked

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        check_dtype(self.data.dtype, wanted)
        self._tracked = wanted

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def device(self) -> str:
        """ "cpu" (NumPy) or "cuda" (CuPy)."""
        return device_of(self.data)

    def detach(self) -> Tensor:
        """Return a tensor with the same array and no history."""
        return Tensor(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        """How `copy` and `pickle` make another: of its own identity, so that it has its own place
        in the record and its own gradient."""
        check_no_history("a copy", self._node is not None)
        return _another, (type(self), self.data, self.requires_grad, self.grad)

    def item(self) -> float:
        """Return the single number inside, as Python's."""
        return self.data.item()

    def numpy(self) -> np.ndarray:
        """Return the values as a NumPy array (on the CPU: the array itself, not a copy)."""
        return to_numpy(self.data)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a Tensor does not turn into a NumPy array by itself, since the result would carry no "
            "gradient: use minitorch_attn's function of the same name, stack([...]) to put Tensors "
            "together, or .numpy() to leave the record"
        )

    def __array_function__(self, function: Any, *args: Any) -> Any:
        raise TypeError(
            f"np.{function.__name__} keeps no record of a Tensor: use minitorch_attn's function of "
            "that name where there is one, or .numpy() to leave the record"
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor is not changed in place, since its record would be wrong: make a new one "
            "with where(condition, value, x), or set x.data[...] before x is used"
        )

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if not self.size:
            raise ValueError("nothing is neither true nor false: use tensor.size > 0")
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __index__(self) -> int:
        if self.ndim:
            raise TypeError("only a tensor without axes is an index")
        return operator.index(self.data.item())  # CuPy's arrays are none themselves

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)

    def __repr__(self) -> str:
        inside = np.array2string(to_numpy(self.data), separator=", ", prefix="Tensor(")
        note = f", op={self._node[0].name}" if type(self._node) is tuple else ""
        if self.requires_grad and not note:
            note = ", requires_grad=True"
        where = "" if self.device == "cpu" else f", device={self.device!r}"
        return f"Tensor({inside}, dtype={self.dtype}{note}{where})"

    if TYPE_CHECKING:  # ops/methods.py gives Tensor its methods; the type checker sees them here
        T: Tensor
        mT: Tensor
        __hash__: Callable[[], int]
        backward: Callable[..., None]

        def _one(self) -> Tensor: ...
        def _two(self, other: TensorLike) -> Tensor: ...
        def _compare(self, other: Any) -> Array: ...
        def _reduce(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def _other(self, *args: Any, axis: Any = None, dtype: Any = None) -> Tensor: ...

        __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = _two
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = _two
        __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compare
        __neg__ = __abs__ = abs = exp = log = sqrt = tanh = _one
        sum = mean = max = min = var = _reduce
        __getitem__ = astype = reshape = transpose = swapaxes = squeeze = to = _other


def _let_go(x: Tensor) -> None:
    """Release the record of a tensor that goes, and all that go with it, one after another."""
    if mode.dropped is not None:  # called from the loop below, which gets to it
        mode.dropped.append(x._node)
        x._node = None
        return
    mode.dropped = [x._node]
    x._node = None
    while mode.dropped:
        mode.dropped.pop()
    mode.dropped = None


def _another(kind: type, data: Array, requires_grad: bool, grad: Array | None) -> Tensor:
    x: Tensor = new_tensor(kind)
    Tensor.__init__(x, data, requires_grad)
    x.grad = grad
    return x


def raw(x: Any) -> Any:
    """Return the array inside a Tensor; anything else as it is."""
    return x.data if isinstance(x, Tensor) else x


new_tensor = Tensor.__new__


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Record, or not, inside the `with` block (or the decorated function)."""
    before, mode.recording = mode.recording, on
    try:
        yield
    finally:
        mode.recording = before


def no_grad() -> AbstractContextManager[None]:
    """Record nothing inside the `with` block (or the decorated function)."""
    return recording(False)
