"""Modules: functions that own parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array, namespace, to_numpy
from ..devices import move
from ..files import FileError, check_fit, load_arrays, save_arrays
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that an optimiser changes."""

    __slots__ = ()

    def __init__(self, data: Array) -> None:
        super().__init__(data, requires_grad=True)


class Module:
    """A function with parameters of its own: subclasses set them as attributes.

    Parameters and modules are found by walking the attributes in the order in which they were
    first set, and into lists and tuples of modules. Their names are the paths: "blocks.0.weight".
    """

    training = True
    is_random = False  # whether it draws random numbers while training

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def children(self) -> Iterator[tuple[str, Any]]:
        """The modules and parameters that are attributes of this one, by name."""
        for name, value in vars(self).items():
            if isinstance(value, Module | Parameter):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, item in enumerate(value):
                    if isinstance(item, Module | Parameter):
                        yield f"{name}.{i}", item

    def own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters that are attributes of this module itself."""
        return ((name, c) for name, c in self.children() if isinstance(c, Parameter))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, outer before inner."""
        yield prefix, self
        for name, child in self.children():
            if isinstance(child, Module):
                yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

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
            for value in vars(module).values():
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
            Naming every key that is missing, unexpected, or of another shape.
        """
        own = dict(self.named_parameters())
        check_fit({name: p.shape for name, p in own.items()}, state, type(self).__name__)
        for name, parameter in own.items():
            xp = namespace(parameter.data)
            parameter.data = xp.array(state[name], dtype=parameter.dtype)

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
