"""Trading time for memory: forget what a function computed, and compute it again when needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backward import partial_gradients, recorded
from ..draws import draws, other_draws
from ..ops.op import Op, alias
from ..tensor import Tensor, TensorLike, mode, next_id, recording


def checkpoint(function: Callable[..., Tensor], *inputs: TensorLike) -> Tensor:
    """Return function(*inputs), keeping nothing of what it computed on the way.

    The backward pass calls the function a second time and differentiates that: memory for one
    more forward pass. Parameters and other tensors that the function uses without being handed
    them get their gradients too, and dropout drops the same elements again.

    Raises
    ------
    TypeError
        If the function returns several things: put them into one tensor, or checkpoint each.
    GradientError
        In the backward pass, where the second call draws other random numbers than the first:
        a model that was switched between training and evaluation, say.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
    """
    if not mode.recording:
        return function(*inputs)
    # A first call, recorded and forgotten at once, tells which older tensors the function uses.
    floor = next_id()
    draws.kept, before = [], draws.kept
    try:
        y = function(*[_fresh(x) for x in inputs])
        kept = draws.kept
    finally:
        draws.kept = before
    if before is not None:  # a checkpoint inside another: the outer one must replay these too
        before.extend(kept)
    if not isinstance(y, Tensor):
        if isinstance(y, list | tuple | dict):
            raise TypeError(
                f"checkpoint takes a function that returns one Tensor, not a {type(y).__name__}: "
                "join the results, or checkpoint each"
            )
        return y
    return _Checkpoint(function, len(inputs), y.data, kept)(*inputs, *_used(y, floor))


class _Checkpoint(Op):
    """One call of a checkpointed function, whose rule is to call it again."""

    def __init__(self, function: Callable, count: int, data: Any, kept: list) -> None:
        def checkpoint(*operands: Any) -> Any:
            return data

        super().__init__(checkpoint)
        self.function, self.count, self.kept = function, count, kept

    def gradients(
        self, g: Any, y: Tensor, needed: list[bool], create_graph: bool
    ) -> list[Any | None]:
        inputs = y._node[1]
        own = alias if create_graph else _fresh
        operands = [own(x) if n else x for x, n in zip(inputs[: self.count], needed, strict=False)]
        operands += inputs[self.count :]
        draws.replay, before = list(self.kept), draws.replay
        try:
            with recording(True):
                again = self.function(*operands[: self.count])
            if draws.replay:
                raise other_draws()
        finally:
            draws.replay = before
        wanted = [x for x, n in zip(operands, needed, strict=True) if n]
        found = iter(partial_gradients(again, wanted, g, create_graph))
        return [next(found) if n else None for n in needed]


def _fresh(x: TensorLike) -> TensorLike:
    """The same array without history, wanting a gradient if x does."""
    return Tensor(x.data, requires_grad=x.requires_grad) if isinstance(x, Tensor) else x


def _used(y: Tensor, floor: int) -> list[Tensor]:
    """The tensors no newer than `floor` from which y was computed directly."""
    older = (x for x in recorded(y, stop=floor).values() if x._id <= floor)
    return sorted(older, key=lambda x: x._id)
