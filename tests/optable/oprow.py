"""A row of the table of ops: one way of calling one op."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Row:
    """One way of calling one op.

    Attributes
    ----------
    name : the op's in `Op.registry`, or the public function's in `ops`
    call : takes Tensors or plain arrays, then the constants
    value : the same on float64 NumPy arrays
    shapes : for each try, the shapes of the inputs
    note : tells rows of one op apart
    domain : "any": between -5 and 5, never 0, no two equal; "positive"; or the inputs themselves
    constants : arrays that have no gradient
    reference : the plain composition that the op must equal, called as `call` is
    smooth : whether the gradient, too, has a derivative at these inputs
    keeps_dtype : whether float32 in is float32 out
    any_library : whether it works on whatever library its inputs are of
    """

    name: str
    call: Callable
    value: Callable
    shapes: tuple[Shapes, ...]
    note: str = ""
    domain: Any = "any"
    constants: tuple = ()
    reference: Callable | None = None
    smooth: bool = True
    keeps_dtype: bool = True
    any_library: bool = True

    @property
    def id(self) -> str:
        return f"{self.name} {self.note}".strip()


ONE: tuple[Shapes, ...] = (((3, 4),), ((),), ((0, 3),))
TWO: tuple[Shapes, ...] = (
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 4), (3, 1)),
    ((), (2, 3)),
    ((1,), (0,)),
    ((0, 3), (3,)),
)
rows: list[Row] = []


def row(*args: Any, **options: Any) -> None:
    rows.append(Row(*args, **options))
