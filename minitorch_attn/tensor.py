"""Tensors and ops: computing, and remembering how.

A `Tensor` is an array that may remember how it was computed. An `Op` is a forward computation and
one gradient rule per input. `backward.py` walks the record backwards.

A rule is ordinary array code over `(g, y, *inputs, **params)`: `g` is the gradient of the loss
with respect to the output `y`, and the rule returns the gradient with respect to its input. The
engine hands it raw arrays and it computes; asked for `create_graph=True`, it hands it Tensors, and
the rule, unchanged, is recorded: that is how gradients of gradients come about.
"""

from __future__ import annotations

import inspect
import itertools
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, TypeAlias

import numpy as np

from .arrays import Array, check_same_library, device_of, move, namespace, to_numpy

TensorLike: TypeAlias = Any  # a Tensor, an array, a number, or a nested list of numbers
P = ParamSpec("P")

# Creation order is a topological order: an op's inputs exist before its output.
next_id = itertools.count(1).__next__


RELEASED = "released"  # stands for a record that a backward pass has used up


class _Mode(threading.local):
    recording = True
    debugging = False


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

    __slots__ = ("__weakref__", "_id", "_marks", "_node", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # `array * tensor` is ours to compute, not NumPy's

    data: Array
    grad: Array | None
    _node: Any  # how it was computed: None, RELEASED, or (op, inputs, arrays, params, residuals)
    _marks: Any  # in debug mode, a checksum of each array that the rule will see

    def __init__(self, data: TensorLike, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            data = data.data
        self.data = namespace(data).asarray(data)
        if self.data.dtype.kind not in "fiub":
            raise TypeError(f"a Tensor holds real numbers, not dtype {self.data.dtype}")
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"only floating-point tensors have gradients, not dtype {self.data.dtype}: "
                "convert first, for example with array.astype('float32')"
            )
        self.grad = None
        self.requires_grad = requires_grad
        self._id = next_id()
        self._node = None
        self._marks = None

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

    def backward(self, gradient: TensorLike | None = None) -> None:
        """Add d(self)/d(leaf), weighted by `gradient`, to the `.grad` of every leaf.

        `gradient` has the shape of this tensor, and may be left out for a single number. The
        record is released on the way: a second backward needs a second forward.
        """
        from .backward import backward

        backward(self, gradient)

    def detach(self) -> Tensor:
        """Return a tensor with the same array and no history."""
        return Tensor(self.data)

    def item(self) -> float:
        """Return the single number inside, as Python's."""
        return self.data.item()

    def numpy(self) -> np.ndarray:
        """Return the values as a NumPy array (on the CPU: the array itself, not a copy)."""
        return to_numpy(self.data)

    def to(self, device: str) -> Tensor:
        """Return the tensor on "cpu" or "cuda"; gradients flow back to where it came from."""
        return self if device == self.device else to(self, device=device)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a Tensor does not turn into a NumPy array by itself, since the result would carry no "
            "gradient: use minitorch_attn's function of the same name, or .numpy() to leave the "
            "record"
        )

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __index__(self) -> int:
        return self.data.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)

    def __repr__(self) -> str:
        inside = np.array2string(to_numpy(self.data), separator=", ", prefix="Tensor(")
        note = f", op={self._node[0].name}" if type(self._node) is tuple else ""
        if self.requires_grad and not note:
            note = ", requires_grad=True"
        where = "" if self.device == "cpu" else f", device={self.device!r}"
        return f"Tensor({inside}, dtype={self.dtype}{note}{where})"

    if TYPE_CHECKING:  # ops/methods.py gives Tensor its operators; the type checker sees them here
        T: Tensor
        mT: Tensor
        __hash__: Callable[[], int]

        def __add__(self, other: TensorLike) -> Tensor: ...
        def __radd__(self, other: TensorLike) -> Tensor: ...
        def __sub__(self, other: TensorLike) -> Tensor: ...
        def __rsub__(self, other: TensorLike) -> Tensor: ...
        def __mul__(self, other: TensorLike) -> Tensor: ...
        def __rmul__(self, other: TensorLike) -> Tensor: ...
        def __truediv__(self, other: TensorLike) -> Tensor: ...
        def __rtruediv__(self, other: TensorLike) -> Tensor: ...
        def __pow__(self, other: TensorLike) -> Tensor: ...
        def __rpow__(self, other: TensorLike) -> Tensor: ...
        def __matmul__(self, other: TensorLike) -> Tensor: ...
        def __rmatmul__(self, other: TensorLike) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Array: ...
        def __ne__(self, other: Any) -> Array: ...
        def __lt__(self, other: TensorLike) -> Array: ...
        def __le__(self, other: TensorLike) -> Array: ...
        def __gt__(self, other: TensorLike) -> Array: ...
        def __ge__(self, other: TensorLike) -> Array: ...
        def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def max(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def min(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def var(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def exp(self) -> Tensor: ...
        def log(self) -> Tensor: ...
        def sqrt(self) -> Tensor: ...
        def tanh(self) -> Tensor: ...
        def abs(self) -> Tensor: ...
        def astype(self, dtype: Any) -> Tensor: ...
        def reshape(self, *shape: Any) -> Tensor: ...
        def transpose(self, *axes: Any) -> Tensor: ...
        def swapaxes(self, axis1: int, axis2: int) -> Tensor: ...
        def squeeze(self, axis: Any = None) -> Tensor: ...


def raw(x: Any) -> Any:
    """Return the array inside a Tensor; anything else as it is."""
    return x.data if isinstance(x, Tensor) else x


new_tensor = Tensor.__new__


class Op(Generic[P]):
    """A forward computation on arrays, and its gradient rules.

    Called with Tensors it computes, records, and returns a Tensor; called with plain arrays
    alone it computes, and returns a plain array. Make one with the decorator `op` or `fused`.
    """

    registry: ClassVar[dict[str, Op]] = {}  # every op by name; the tests cover each

    def __init__(
        self,
        forward: Callable[P, Any],
        rules: tuple[Callable, ...] = (),
        each: Callable | None = None,
        joint: Callable | None = None,
        reference: Callable | None = None,
        hint: str = "",
    ) -> None:
        update_wrapper(self, forward)
        self.name = forward.__name__.lstrip("_")
        self.forward = forward
        self.rules, self.each, self.joint, self.reference = rules, each, joint, reference
        self.hint = hint
        parameters = inspect.signature(forward).parameters.values()
        # The inputs come first and have a rule each; what follows are parameters.
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.arity = None if variadic else len(rules)
        if joint:
            self.arity = sum(p.kind is p.POSITIONAL_ONLY for p in parameters) or None
        rest = [p for p in parameters if p.kind is not p.VAR_POSITIONAL][self.arity or 0 :]
        self.param_names = [p.name for p in rest]
        self.defaults = {p.name: p.default for p in rest if p.default is not p.empty}

    def _register(self) -> Op[P]:
        assert self.name not in Op.registry, f"two ops are called {self.name}"
        Op.registry[self.name] = self
        return self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        inputs: tuple[Any, ...] = args
        params: dict[str, Any] = kwargs
        if self.param_names:
            if self.arity is not None and len(inputs) > self.arity:
                if len(inputs) > self.arity + len(self.param_names):
                    raise TypeError(f"{self.name} was given {len(inputs)} arguments, too many")
                params.update(zip(self.param_names, inputs[self.arity :], strict=False))
                inputs = inputs[: self.arity]
            params = {**self.defaults, **params}
        arrays = []
        any_tensor = tracked = False
        for x in inputs:
            if isinstance(x, Tensor):
                any_tensor = True
                if x.requires_grad:
                    tracked = True
                x = x.data
            arrays.append(x)
        try:
            data = self.forward(*arrays, **params)
        except Exception as error:
            self._explain(error, arrays)
            raise
        residuals = None
        if self.joint is not None:
            data, residuals = data
        if not any_tensor:
            return data
        y = new_tensor(Tensor)
        y.data = np.asarray(data) if isinstance(data, np.generic) else data
        y.grad = y._node = y._marks = None
        y._id = next_id()
        y.requires_grad = False
        if tracked and mode.recording:
            y.requires_grad = True
            y._node = (self, inputs, arrays, params, residuals)
            if mode.debugging:
                y._marks = fingerprints(inputs, y)
        return y

    def _explain(self, error: Exception, arrays: list) -> None:
        """Say which op failed on which shapes; tell apart arrays of two libraries."""
        check_same_library(*arrays)
        shapes = ", ".join(str(getattr(a, "shape", type(a).__name__)) for a in arrays)
        error.add_note(f"in {self.name}, given shapes {shapes}")
        if self.hint:
            error.add_note(self.hint)

    def gradients(self, g: Any, y: Tensor, needed: list[bool], create_graph: bool) -> list[Any]:
        """Return the gradient for each input that needs one, and None for the others."""
        _, inputs, arrays, params, residuals = y._node
        if create_graph:
            if self.joint is not None:
                return self._through_reference(g, inputs, params, needed)
            result: Any = y
        else:
            result, inputs = y.data, arrays
            if self.joint is not None:
                return self.joint(g, result, residuals, needed, *inputs, **params)
        if self.each is not None:
            return [
                self.each(i, g, result, *inputs, **params) if need else None
                for i, need in enumerate(needed)
            ]
        found: list[Any] = []
        for i, need in enumerate(needed):
            found.append(self.rules[i](g, result, *inputs, **params) if need else None)
        return found

    def _through_reference(
        self, g: Tensor, inputs: tuple, params: dict, needed: list[bool]
    ) -> list[Tensor | None]:
        """Differentiate the plain composition that this op equals, recording what is done."""
        from .backward import partial_gradients

        assert self.reference is not None
        # An alias for each input keeps apart a tensor that is, say, query and key at once.
        aliases = [alias(x) if need else x for x, need in zip(inputs, needed, strict=True)]
        wanted = [x for x, need in zip(aliases, needed, strict=True) if need]
        y = self.reference(*aliases, **params)
        found = iter(partial_gradients(y, wanted, g, create_graph=True))
        return [next(found) if need else None for need in needed]


def op(
    *rules: Callable, each: Callable | None = None, hint: str = ""
) -> Callable[[Callable[P, Any]], Op[P]]:
    """Make the decorated forward an Op with these rules, one per input.

    `each(i, g, y, *inputs, **params)` serves ops with any number of inputs (`*arrays`).
    `hint` is added to the error when the forward fails.
    """

    def decorate(forward: Callable[P, Any]) -> Op[P]:
        return Op(forward, rules, each, hint=hint)._register()

    return decorate


def fused(
    rule: Callable, reference: Callable, hint: str = ""
) -> Callable[[Callable[P, Any]], Op[P]]:
    """Make the decorated forward an Op with one joint rule and a reference.

    The forward returns `(y, residuals)`; its inputs are its positional-only arguments. The rule
    is `rule(g, y, residuals, needed, *inputs, **params)` on raw arrays and returns a gradient or
    None per input. `reference` is the plain composition of other ops that the op must equal: the
    tests compare the two, and gradients of gradients are taken through it.
    """

    def decorate(forward: Callable[P, Any]) -> Op[P]:
        return Op(forward, joint=rule, reference=reference, hint=hint)._register()

    return decorate


def fingerprints(inputs: Sequence[Any], y: Tensor) -> list[int | None]:
    return [
        zlib.crc32(to_numpy(x.data).tobytes()) if isinstance(x, Tensor) else None
        for x in (*inputs, y)
    ]


@op(lambda g, y, x: g)
def alias(x: TensorLike) -> Any:
    """The same array, as another tensor."""
    return x


@op(lambda g, y, x, device: to(g, device_of(raw(x))))
def to(x: TensorLike, device: str) -> Any:
    """x on "cpu" or "cuda"."""
    return move(x, device)


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


@contextmanager
def debug() -> Iterator[None]:
    """Check, at every backward, that no recorded array was changed in place. Slow.

    Covers what is recorded inside the `with` block.
    """
    before, mode.debugging = mode.debugging, True
    try:
        yield
    finally:
        mode.debugging = before
