"""Optimisers: how parameters follow their gradients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .arrays import namespace, to_numpy
from .errors import MinitorchError
from .nn.module import Parameter

SMALL = 1 << 14  # a parameter of more numbers is moved by itself: to copy it would take longer


class DivergedError(MinitorchError, FloatingPointError):
    """A loss or a gradient that became NaN or infinite; the message says which and when."""

    status = 1


class Optimizer:
    """Changes parameters, in place, by their gradients.

    Parameters
    ----------
    parameters : Module.named_parameters() or Module.parameters()
        Names serve the error messages.
    lr : float
        The learning rate; may be changed between steps.
    keeps : tuple of str
        Names of what is kept between steps: of each, a number for every number to be learnt.
    """

    def __init__(self, parameters: Iterable[Any], lr: float, keeps: tuple[str, ...] = ()) -> None:
        pairs = [
            p if isinstance(p, tuple) else (f"parameter {i}", p) for i, p in enumerate(parameters)
        ]
        if not pairs:
            raise ValueError(f"{type(self).__name__} was given no parameters")
        self.names = [name for name, _ in pairs]
        self.parameters: list[Parameter] = [parameter for _, parameter in pairs]
        self.lr = lr
        self.steps = 0
        # Many parameters are small. Laid end to end, all of those are moved by a few calls.
        dtype = self.parameters[0].dtype
        small = [p.size <= SMALL and p.dtype == dtype for p in self.parameters]
        self._small = list(itertools.compress(self.parameters, small))
        self._large = [i for i, is_small in enumerate(small) if not is_small]
        ends = list(itertools.accumulate((p.size for p in self._small), initial=0))
        self._places = [slice(*pair) for pair in itertools.pairwise(ends)]
        xp = namespace(self.parameters[0].data)
        self._flat = [xp.zeros(ends[-1], dtype) for _ in keeps]
        self.kept: dict[str, list[Any]] = {}
        for name, flat in zip(keeps, self._flat, strict=True):
            parts = iter(self._parts(flat))
            self.kept[name] = [
                next(parts) if is_small else xp.zeros_like(p.data)
                for p, is_small in zip(self.parameters, small, strict=True)
            ]

    def _parts(self, flat: Any) -> list[Any]:
        """The part of each small parameter in an array that holds a number for each of theirs."""
        pairs = zip(self._small, self._places, strict=True)
        return [flat[place].reshape(p.shape) for p, place in pairs]

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises
        ------
        DivergedError
            If a gradient is NaN or infinite; nothing is changed then.
        """
        self.check_finite()
        self.steps += 1
        rest: Iterable[int] = range(len(self.parameters))
        gradients = [p.grad for p in self._small]
        if gradients and all(g is not None for g in gradients):
            self._step_end_to_end(gradients)
            rest = self._large
        for i in rest:
            p = self.parameters[i]
            if p.grad is not None:
                self.update(p.data, p.grad, *(kept[i] for kept in self.kept.values()))

    def _step_end_to_end(self, gradients: list[Any]) -> None:
        """What `step` does to one small parameter after the other, done to all: the same bits."""
        xp = namespace(gradients[0])
        data = xp.concatenate([p.data.reshape(-1) for p in self._small])
        self.update(data, xp.concatenate([g.reshape(-1) for g in gradients]), *self._flat)
        for p, moved in zip(self._small, self._parts(data), strict=True):
            p.data[...] = moved

    def update(self, data: Any, gradient: Any, *kept: Any) -> None:
        """Change these parameters, and what is kept of them, in place. All have one shape."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from nothing."""
        for parameter in self.parameters:
            parameter.grad = None

    def check_finite(self) -> None:
        """Raise DivergedError, naming parameter and step, if a gradient is NaN or infinite."""
        if math.isfinite(gradient_norm(self.parameters)):
            return
        for name, parameter in zip(self.names, self.parameters, strict=True):
            if (
                parameter.grad is not None
                and not namespace(parameter.grad).isfinite(parameter.grad).all()
            ):
                raise DivergedError(
                    f"the gradient of {name} is NaN or infinite at step {self.steps + 1}: lower "
                    "the learning rate, clip the gradients, or look for a log(0) or a division by 0"
                )

    def state_dict(self) -> dict[str, np.ndarray]:
        """What must be saved to go on exactly: the step count and what is kept, as NumPy arrays."""
        state = {"steps": np.asarray(self.steps)}
        for slot, arrays in self.kept.items():
            for name, array in zip(self.names, arrays, strict=True):
                state[f"{slot}.{name}"] = to_numpy(array).copy()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises
        ------
        ValueError
            Naming the keys that are missing, unexpected or misshaped.
        """
        expected, given = set(self.state_dict()), set(state)
        if expected != given:
            raise ValueError(
                f"the state does not fit this {type(self).__name__}: "
                f"missing {sorted(expected - given)}, unexpected {sorted(given - expected)}"
            )
        for slot, arrays in self.kept.items():
            for name, array in zip(self.names, arrays, strict=True):
                if np.shape(state[f"{slot}.{name}"]) != array.shape:
                    raise ValueError(
                        f"{slot}.{name} has shape {np.shape(state[f'{slot}.{name}'])}, "
                        f"and the parameter {array.shape}"
                    )
        self.steps = int(state["steps"])
        for slot, arrays in self.kept.items():
            for name, array in zip(self.names, arrays, strict=True):
                array[...] = namespace(array).asarray(state[f"{slot}.{name}"])


class SGD(Optimizer):
    """Step against the gradient; with momentum, against a running sum of gradients.

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
        self.betas, self.eps = betas, eps

    def update(self, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        beta1, beta2 = self.betas
        xp = namespace(data)
        # One array holds in turn all that is in between: to fill new ones takes longer.
        free = xp.empty_like(data)
        xp.multiply(gradient, 1 - beta1, out=free)
        mean *= beta1
        mean += free
        xp.multiply(gradient, gradient, out=free)
        free *= 1 - beta2
        square *= beta2
        square += free
        # Both means start at 0; the corrections make them unbiased from the first step on. That of
        # the square is applied to eps and to the rate, which are single numbers.
        correction = math.sqrt(1 - beta2**self.steps)
        xp.sqrt(square, out=free)
        free += self.eps * correction
        xp.divide(mean, free, out=free)
        free *= self.lr * correction / (1 - beta1**self.steps)
        data -= free


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
        self.weight_decay = weight_decay

    def update(self, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        data *= 1 - self.lr * self.weight_decay
        super().update(data, gradient, mean, square)


def gradient_norm(parameters: Iterable[Parameter]) -> float:
    """The length of all gradients taken together as one vector."""
    squares = [namespace(p.grad).vdot(p.grad, p.grad) for p in parameters if p.grad is not None]
    return math.sqrt(float(sum(squares))) if squares else 0.0


def clip_gradients(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Shorten the gradients, all by one factor, to a joint length of at most max_norm.

    Returns
    -------
    float
        The length before.
    """
    parameters = list(parameters)
    norm = gradient_norm(parameters)
    if norm > max_norm:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad = parameter.grad * (max_norm / norm)
    return norm


def constant(step: int) -> float:
    """A schedule that keeps the learning rate."""
    return 1.0


def warmup(steps: int) -> Callable[[int], float]:
    """A schedule that rises from 1/steps to 1 within `steps` steps, and stays."""
    return lambda step: min(1.0, (step + 1) / max(1, steps))


def warmup_cosine(
    total_steps: int, warmup_steps: int = 0, floor: float = 0.0
) -> Callable[[int], float]:
    """A schedule: a linear rise, then half a cosine down to `floor` at total_steps.

    A schedule maps a step, from 0, to a factor for the learning rate.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, for the cosine.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor
