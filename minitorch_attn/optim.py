"""Optimisers: how parameters follow their gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .arrays import device_of, namespace, to_numpy
from .errors import MinitorchError
from .fast import optim as fast
from .forms import sooner
from .nn.module import Parameter
from .processes import keep_freed_memory
from .schedules import constant, warmup, warmup_cosine  # noqa: F401, asked for together
from .validation.layers import check_range
from .validation.steps import check_gradient, check_optimizer, check_state_devices, fitting


class DivergedError(MinitorchError, FloatingPointError):
    """A loss or a gradient that became NaN or infinite; the message says which and when."""

    status = 1


class Optimizer:
    """Changes parameters, in place, by their gradients.

    Whoever makes one is going to train: it asks the C library to keep freed memory, for the whole
    process (`keep_freed_memory`).

    Parameters
    ----------
    parameters : Module.named_parameters() or Module.parameters()
        Names serve the error messages. A model goes to its device first, its optimiser after it.
    lr : float
        The learning rate; may be changed between steps.
    slots : tuple of str
        Names of what is kept between steps.

    Attributes
    ----------
    state : dict of lists of arrays
        Of each slot an array for each parameter, of its shape and dtype.
    max_norm : float or None
        To what joint length `step` first shortens the gradients (`clip_gradients`).
    """

    max_norm: float | None = None

    def __init__(self, parameters: Iterable[Any], lr: float, slots: tuple[str, ...] = ()) -> None:
        pairs = [
            p if isinstance(p, tuple) else (f"parameter {i}", p) for i, p in enumerate(parameters)
        ]
        check_optimizer(type(self).__name__, pairs, lr)
        keep_freed_memory()
        self.names = [name for name, _ in pairs]
        self.parameters: list[Parameter] = [parameter for _, parameter in pairs]
        self.lr, self.steps = lr, 0
        self.state: dict[str, list[Any]] = {
            slot: [namespace(p.data).zeros_like(p.data) for p in self.parameters] for slot in slots
        }

    def step(self, norm: float | None = None) -> None:
        """Move every parameter that has a gradient.

        `norm` is the gradients' joint length, where the caller knows it already.

        Raises
        ------
        DivergedError
            If a gradient is NaN or infinite; nothing is changed then.
        ValueError
            If a gradient has not its parameter's shape.
        DeviceError
            If the model has moved since the optimiser was made.
        """
        for arrays in self.state.values():
            check_state_devices(self.parameters[0].device, device_of(arrays[0]))
        for name, p in zip(self.names, self.parameters, strict=True):
            check_gradient(name, p.grad, p.data)
        norm = gradient_norm(self.parameters) if norm is None else norm
        self.check_finite(norm)
        if self.max_norm is not None:
            clip_gradients(self.parameters, self.max_norm, norm)
        self.steps += 1
        self.update_all()

    @sooner(fast.update_end_to_end)
    def update_all(self) -> None:
        """Move one parameter after the other."""
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.update(p.data, p.grad, *(arrays[i] for arrays in self.state.values()))

    def update(self, data: Any, gradient: Any, *state: Any) -> None:
        """Change parameters, and what is kept of them, in place: arrays of one shape."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from nothing."""
        for parameter in self.parameters:
            parameter.grad = None

    def check_finite(self, norm: float) -> None:
        """Raise DivergedError, naming parameter and step, if a gradient is NaN or infinite.

        `norm` is the gradients' joint length: as long as it is finite, none is looked at.
        """
        if math.isfinite(norm):
            return
        for name, parameter in zip(self.names, self.parameters, strict=True):
            g = parameter.grad
            if g is not None and not namespace(g).isfinite(g).all():
                raise DivergedError(
                    f"the gradient of {name} is NaN or infinite at step {self.steps + 1}: lower "
                    "the learning rate, clip the gradients, or look for a log(0) or a division by 0"
                )

    def _arrays(self) -> dict[str, Any]:
        """What is kept, by slot and parameter: "mean.blocks.0.weight"."""
        return {
            f"{slot}.{name}": array
            for slot, arrays in self.state.items()
            for name, array in zip(self.names, arrays, strict=True)
        }

    def state_dict(self) -> dict[str, np.ndarray]:
        """What must be saved to go on exactly: the step count and what is kept, as NumPy arrays."""
        arrays = {name: to_numpy(array).copy() for name, array in self._arrays().items()}
        return {"steps": np.asarray(self.steps), **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; nothing is changed if anything does not fit.

        Raises
        ------
        ValueError
            Naming every key that is missing, unexpected, or holds what its place cannot.
        """
        own = self._arrays()
        new = fitting({"steps": np.asarray(self.steps), **own}, state, type(self).__name__)
        self.steps = int(new["steps"])
        for name, array in own.items():
            array[...] = new[name]


class SGD(Optimizer):
    """Step against the gradient; with momentum, against a running sum of gradients.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
    Computational Mathematics and Mathematical Physics 4(5), 1964, for momentum.

    Parameters
    ----------
    lr : float
    momentum : float
        What remains of the running sum at each step. 0: plain gradient descent.
    nesterov : bool
        Look ahead: step by the gradient plus momentum times the sum (Sutskever et al., ICML 2013).
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, lr, ("velocity",) if momentum else ())
        check_range("SGD: momentum", momentum, 0, 1)
        if nesterov and not momentum:
            raise ValueError("SGD: Nesterov's look-ahead needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, data: Any, gradient: Any, velocity: Any = None) -> None:
        if self.momentum:
            velocity *= self.momentum
            velocity += gradient
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        data -= self.lr * gradient


class Adam(Optimizer):
    """Step by the running mean of the gradient over the root of the running mean of its square.

    The steps that correct the means' bias are the optimiser's, one count for all parameters: one
    that gets its first gradient late begins with a smaller step than it would have alone.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr, ("mean", "square"))
        for beta in betas:
            check_range("Adam: beta", beta, 0, 1)
        check_range("Adam: eps", eps, 0)
        self.betas, self.eps = betas, eps

    @sooner(fast.adam)
    def update(self, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        beta1, beta2 = self.betas
        mean[...] = beta1 * mean + (1 - beta1) * gradient
        square[...] = beta2 * square + (1 - beta2) * gradient**2
        # Both start at 0; divided so, they are unbiased from the first step on.
        unbiased_mean = mean / (1 - beta1**self.steps)
        unbiased_square = square / (1 - beta2**self.steps)
        data -= self.lr * unbiased_mean / (namespace(data).sqrt(unbiased_square) + self.eps)


class AdamW(Adam):
    """Adam, with weights that decay by lr times weight_decay at each step, apart from the gradient.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps)
        check_range("AdamW: weight_decay", weight_decay, 0)
        self.weight_decay = weight_decay

    def update(self, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        data *= 1 - self.lr * self.weight_decay
        super().update(data, gradient, mean, square)


@sooner(fast.gradient_norm)
def gradient_norm(parameters: Iterable[Parameter]) -> float:
    """The length of all gradients taken together as one vector."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = [float(namespace(g).vdot(g, g)) for g in gradients]
    norm = math.sqrt(sum(squares))
    if math.isfinite(norm):
        return norm
    # The squares overflow long before the gradients do: divide by the largest number first.
    largest = max(float(abs(g).max()) for g in gradients if g.size)
    return largest * math.sqrt(sum(float(((g / largest) ** 2).sum()) for g in gradients))


def clip_gradients(
    parameters: Iterable[Parameter], max_norm: float, norm: float | None = None
) -> float:
    """Shorten the gradients, all by one factor, to a joint length of at most max_norm.

    Returns
    -------
    float
        The length before; `norm`, where the caller knows it already.

    Raises
    ------
    ValueError
        If max_norm is not above 0.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_gradients: max_norm is a length above 0, not {max_norm}")
    parameters = list(parameters)
    norm = gradient_norm(parameters) if norm is None else norm
    if norm > max_norm:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = parameter.grad * (max_norm / norm)
    return norm
