"""Modules: functions that own parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..devices import move
from ..files import FileError, load_arrays, save_arrays
from ..tensor import Tensor
from ..validation.steps import fitting


class Parameter(Tensor):
    """A tensor that an optimiser changes."""

    __slots__ = ()

    def __init__(self, data: Array) -> None:
        super().__init__(data, requires_grad=True)


class Module:
    """A function with parameters of its own: subclasses set them as attributes.

    Parameters and modules are found by walking the attributes in the order in which they were
    first set, and into lists, tuples and dicts. Their names are the paths: "blocks.0.weight". A
    Tensor with `requires_grad` that was not computed from others counts as a parameter.

    A module that draws random numbers keeps its generator as an attribute, or sets `is_random`:
    its steps are then not shared among threads, and a seed makes them repeat.
    """

    training = True
    is_random = False  # whether it draws random numbers while training

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def children(self) -> Iterator[tuple[str, Any]]:
        """The modules and parameters that are attributes of this one, by name."""
        for name, value in _leaves(vars(self)):
            if isinstance(value, Module) or _is_parameter(value):
                yield name, value

    def own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters that are attributes of this module itself."""
        return ((name, c) for name, c in self.children() if not isinstance(c, Module))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, outer before inner, each once by its first name."""
        seen = {id(self)}

        def inside(module: Module, path: str) -> Iterator[tuple[str, Module]]:
            yield path, module
            for name, child in module.children():
                if isinstance(child, Module) and id(child) not in seen:
                    seen.add(id(child))
                    yield from inside(child, f"{path}.{name}" if path else name)

        return inside(self, "")

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, by the first name under which it is found."""
        seen = set()
        for path, module in self.named_modules():
            for name, child in module.own_parameters():
                if id(child) not in seen:
                    seen.add(id(child))
                    yield (f"{path}.{name}" if path else name), child

    def parameters(self) -> list[Parameter]:
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self) -> int:
        """How many numbers there are to learn."""
        return sum(parameter.size for parameter in self.parameters())

    def generators(self) -> list[np.random.Generator]:
        """The random generators inside (dropout's), each once."""
        found: dict[int, np.random.Generator] = {}
        for _, module in self.named_modules():
            for _, value in _leaves(vars(module)):
                if isinstance(value, np.random.Generator):
                    found.setdefault(id(value), value)
        return list(found.values())

    def train(self, mode: bool = True) -> Module:
        """Switch to training (dropout drops), or with `mode=False` to evaluation."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: dropout lets everything through."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from nothing."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, device: str) -> Module:
        """Move every parameter, in place, to "cpu" or "cuda"."""
        for parameter in self.parameters():
            parameter.data = move(parameter.data, device)
            if parameter.grad is not None:
                parameter.grad = move(parameter.grad, device)
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """A NumPy copy of every parameter, by name."""
        return {name: to_numpy(p.data).copy() for name, p in self.named_parameters()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set every parameter from arrays by name; nothing is changed if anything does not fit.

        Raises
        ------
        ValueError
            Naming every key that is missing, unexpected, or holds what the parameter cannot.
        """
        own = dict(self.named_parameters())
        new = fitting({name: p.data for name, p in own.items()}, state, type(self).__name__)
        for name, parameter in own.items():
            parameter.data = new[name]

    def save(self, path: str | os.PathLike) -> None:
        """Write the parameters to a safetensors file, whole or not at all."""
        save_arrays(path, self.state_dict())

    def load(self, path: str | os.PathLike) -> Module:
        """Read parameters that `save` wrote.

        Raises
        ------
        FileNotFoundError, FileError
            If there is no such file, it is damaged, or its parameters do not fit.
        """
        arrays, _ = load_arrays(path)
        try:
            self.load_state_dict(arrays)
        except ValueError as error:
            raise FileError(f"{os.fspath(path)}: {error}") from error
        return self


def _is_parameter(x: Any) -> bool:
    return isinstance(x, Parameter) or (isinstance(x, Tensor) and x.requires_grad and not x._node)


def _leaves(held: Any, path: str = "", around: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """What stands in attributes, and in lists, tuples and dicts among them, by its path.

    `around` are the ids of those that are being walked: one that holds itself ends there.
    """
    for name, value in held.items():
        if isinstance(value, list | tuple | dict):
            if id(value) not in around:
                inner = value if isinstance(value, dict) else dict(enumerate(value))
                yield from _leaves(inner, f"{path}{name}.", (*around, id(value)))
        else:
            yield f"{path}{name}", value
