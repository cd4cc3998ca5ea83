"""Ops: a forward computation on arrays, and one gradient rule per input."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, ClassVar, Generic, ParamSpec

import numpy as np

from ..arrays import check_same_library, device_of
from ..backward import partial_gradients
from ..debugging import fingerprints
from ..devices import move
from ..dtypes import converts, operand
from ..forms import faster
from ..tensor import Tensor, TensorLike, mode, new_tensor, next_id, raw
from ..validation.gradients import check_rules, is_about_shapes

P = ParamSpec("P")
FLOAT = np.dtype(float)


class Op(Generic[P]):
    """A forward computation on arrays, and its gradient rules.

    Called with Tensors it computes, records, and returns a Tensor; called with plain arrays
    alone it computes, and returns a plain array. Make one with the decorator `op` or `fused`.

    Parameters
    ----------
    forward : function of arrays
        Its inputs are positional-only (`x, /`) or variadic (`*arrays`), the rest are parameters.
        It returns the output; with a joint rule a pair of the output and what that rule needs.
    rules : one per input
        `rule(g, y, *inputs, **params)`, the gradient with respect to that input.
    variadic_rule : optional
        `rule(i, g, y, *inputs, **params)`, in place of `rules` where there may be any number.
    joint_rule : optional
        `rule(g, y, saved, needed, *inputs, **params)` on arrays: a gradient or None per input, all
        at once. `saved` is what the forward kept.
    reference : optional
        The plain composition that an op with a joint rule equals. Second order goes through it.
    hint : str
        Added to the error when the forward fails because of its shapes.
    """

    registry: ClassVar[dict[str, Op]] = {}  # every op by name; the tests cover each

    def __init__(
        self,
        forward: Callable[P, Any],
        rules: tuple[Callable, ...] = (),
        variadic_rule: Callable | None = None,
        joint_rule: Callable | None = None,
        reference: Callable | None = None,
        hint: str = "",
    ) -> None:
        update_wrapper(self, forward)
        self.name = forward.__name__.lstrip("_")
        self.forward, self.rules, self.variadic_rule = forward, rules, variadic_rule
        self.joint_rule, self.reference, self.hint = joint_rule, reference, hint
        self.numbers = converts(self.name)
        parameters = inspect.signature(forward).parameters.values()
        inputs = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
        rest = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        check_rules(self.name, len(rules), len(inputs))
        self.arity = None if len(inputs) + len(rest) < len(parameters) else len(inputs)
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
            if type(params.get("axis")) is list:
                params["axis"] = tuple(params["axis"])
        arrays: list[Any] = []
        any_tensor = tracked = whole = False
        for x in inputs:
            if isinstance(x, Tensor):
                any_tensor = True
                array = x.data
                if x._tracked:
                    tracked = True
                elif array.dtype.kind != "f":
                    whole = True
            elif type(x) is float and len(inputs) > 1:
                array = x
            else:
                array = operand(x, alone=len(inputs) == 1)
                if array is not x:  # the rules, too, are to meet what it is computed with
                    i = len(arrays)
                    inputs = (*inputs[:i], array, *inputs[i + 1 :])
                whole = whole or getattr(array, "dtype", FLOAT).kind != "f"
            arrays.append(array)
        # What has a gradient is floating, and so is what it meets.
        if whole and not tracked:
            arrays = self.numbers(arrays)
        try:
            data = self.forward(*arrays, **params)
        except Exception as error:
            data = self._again(error, arrays, params)
        saved = None
        if self.joint_rule is not None:
            data, saved = data
        if not any_tensor:
            return data
        y = new_tensor(Tensor)
        y.data = np.asarray(data) if isinstance(data, np.generic) else data
        y.grad = y._node = y._marks = None
        y._id = next_id()
        y._tracked = False
        if tracked and mode.recording:
            y._tracked = True
            y._node = (self, inputs, arrays, params, saved)
            if mode.debugging:
                y._marks = fingerprints(y)
        return y

    def _again(self, error: Exception, arrays: list, params: dict) -> Any:
        """Compute anew what failed where a number too small to be told from 0 is an error.

        Whoever made floating-point warnings errors looks for the others. All else is explained.
        """
        try:
            if not isinstance(error, FloatingPointError | RuntimeWarning):
                raise error
            with np.errstate(under="ignore"):
                return self.forward(*arrays, **params)
        except Exception as found:
            self._explain(found, arrays)
            raise

    def _explain(self, error: Exception, arrays: list) -> None:
        """Say which op failed on which shapes; tell apart arrays of two libraries."""
        check_same_library(*arrays)
        shapes = ", ".join(str(getattr(a, "shape", type(a).__name__)) for a in arrays)
        error.add_note(f"in {self.name}, given shapes {shapes}")
        if self.hint and is_about_shapes(error):
            error.add_note(self.hint)

    def gradients(self, g: Any, y: Tensor, needed: list[bool], create_graph: bool) -> list[Any]:
        """Return the gradient for each input that needs one, and None for the others."""
        _, inputs, arrays, params, saved = y._node
        if create_graph:
            if self.joint_rule is not None:
                return self._through_reference(g, inputs, params, needed)
            result: Any = y
        else:
            result, inputs = y.data, arrays
            if self.joint_rule is not None:
                return self.joint_rule(g, result, saved, needed, *inputs, **params)
        if self.variadic_rule is not None:
            return [
                self.variadic_rule(i, g, result, *inputs, **params) if need else None
                for i, need in enumerate(needed)
            ]
        found: list[Any] = []
        for i, need in enumerate(needed):
            found.append(self.rules[i](g, result, *inputs, **params) if need else None)
        return found

    def _through_reference(
        self, g: Tensor, inputs: tuple, params: dict, needed: list[bool]
    ) -> list[Tensor | None]:
        """Differentiate the reference, the plain composition that this op equals, on record."""
        assert self.reference is not None
        # An alias for each input keeps apart a tensor that is, say, query and key at once.
        aliases = [alias(x) if need else x for x, need in zip(inputs, needed, strict=True)]
        wanted = [x for x, need in zip(aliases, needed, strict=True) if need]
        y = self.reference(*aliases, **params)
        found = iter(partial_gradients(y, wanted, g, create_graph=True))
        return [next(found) if need else None for need in needed]


def op(
    *rules: Callable, variadic_rule: Callable | None = None, hint: str = ""
) -> Callable[[Callable[P, Any]], Op[P]]:
    """Make the decorated forward an Op with these rules, one per input.

    `variadic_rule(i, g, y, *inputs, **params)` serves ops with any number of inputs (`*arrays`).
    `hint` is added to the error when the forward fails because of its shapes.
    """

    def decorate(forward: Callable[P, Any]) -> Op[P]:
        return Op(forward, rules, variadic_rule, hint=hint)._register()

    return decorate


def fused(
    rule: Callable, reference: Callable, hint: str = ""
) -> Callable[[Callable[P, Any]], Op[P]]:
    """Make the decorated forward an Op with one joint rule: a faster form of its `reference`.

    The forward returns `(y, saved)`, and the rule is `rule(g, y, saved, needed, *inputs, **params)`
    on raw arrays. `reference` is the plain composition of other ops that the op must equal: the
    tests compare the two, and gradients of gradients are taken through it.
    """

    def decorate(forward: Callable[P, Any]) -> Op[P]:
        made = Op(forward, joint_rule=rule, reference=reference, hint=hint)._register()
        return faster(reference)(made)

    return decorate


def ready(x: TensorLike) -> Any:
    """A Tensor or an array: what has a shape, and what lists and numbers become."""
    return x if isinstance(x, Tensor) else operand(x, alone=True)


@op(lambda g, y, x: g)
def alias(x: TensorLike, /) -> Any:
    """The same array, as another tensor."""
    return x


@op(lambda g, y, x, device: to(g, device_of(raw(x))))
def to(x: TensorLike, /, device: str) -> Any:
    """x on "cpu" or "cuda"."""
    return move(x, device)
