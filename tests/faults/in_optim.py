"""Faults of the optimisers, of clipping and of the schedules."""

from __future__ import annotations

from typing import Any

import numpy as np

from faults.planting import Plant, everywhere, method
from minitorch_attn.arrays import namespace
from minitorch_attn.optim import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    clip_gradients,
    gradient_norm,
    warmup,
    warmup_cosine,
)


def sgd(self: SGD, data: Any, gradient: Any, velocity: Any = None) -> None:
    """Momentum as a mean instead of a sum."""
    if self.momentum:
        velocity[...] = self.momentum * velocity + (1 - self.momentum) * gradient
        gradient = gradient + self.momentum * velocity if self.nesterov else velocity
    data -= self.lr * gradient


def adam(
    correct_mean: bool = True,
    correct_square: bool = True,
    exchange: bool = False,
    eps_inside: bool = False,
) -> Any:
    """Adam's step, with one thing wrong."""

    def update(self: Adam, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        beta1, beta2 = self.betas[::-1] if exchange else self.betas
        xp = namespace(data)
        mean[...] = beta1 * mean + (1 - beta1) * gradient
        square[...] = beta2 * square + (1 - beta2) * gradient**2
        m = mean / (1 - beta1**self.steps) if correct_mean else mean
        s = square / (1 - beta2**self.steps) if correct_square else square
        root = xp.sqrt(s + self.eps) if eps_inside else xp.sqrt(s) + self.eps
        data -= self.lr * m / root

    return lambda right: update


def decay_through_the_gradient(right: Any) -> Any:
    def update(self: AdamW, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        Adam.update(self, data, gradient + self.weight_decay * data, mean, square)

    return update


def decay_without_the_rate(right: Any) -> Any:
    def update(self: AdamW, data: Any, gradient: Any, mean: Any, square: Any) -> None:
        data *= 1 - self.weight_decay
        Adam.update(self, data, gradient, mean, square)

    return update


def zeros_for_none(right: Any) -> Any:
    def step(self: Optimizer) -> None:
        for p in self.parameters:
            p.grad = np.zeros_like(p.data) if p.grad is None else p.grad
        right(self)

    return step


def without_the_arrays(right: Any) -> Any:
    def load(self: Optimizer, state: dict[str, Any]) -> None:
        right(self, {k: v if k == "steps" else np.zeros_like(v) for k, v in state.items()})

    return load


def without_the_steps(right: Any) -> Any:
    return lambda self, state: right(self, {**state, "steps": np.asarray(0)})


def each_alone(right: Any) -> Any:
    def clip(parameters: Any, max_norm: float, *rest: Any) -> float:
        parameters = list(parameters)
        norm = gradient_norm(parameters)
        for p in parameters:
            right([p], max_norm)
        return norm

    return clip


def stretched(right: Any) -> Any:
    def clip(parameters: Any, max_norm: float, *rest: Any) -> float:
        parameters = list(parameters)
        norm = gradient_norm(parameters)
        for p in parameters:
            if p.grad is not None:
                p.grad = p.grad * (max_norm / norm)
        return norm

    return clip


def sum_of_lengths(right: Any) -> Any:
    return lambda parameters: sum(right([p]) for p in parameters)


def from_nothing(right: Any) -> Any:
    return lambda steps: lambda step: min(1.0, step / max(1, steps))


def to_nothing(right: Any) -> Any:
    return lambda total_steps, warmup_steps=0, floor=0.0: right(total_steps, warmup_steps)


def a_straight_line(right: Any) -> Any:
    def schedule(total_steps: int, warmup_steps: int = 0, floor: float = 0.0) -> Any:
        cosine = right(total_steps, warmup_steps, floor)

        def factor(step: int) -> float:
            if step < warmup_steps or step >= total_steps:
                return cosine(step)
            return 1 - (1 - floor) * (step - warmup_steps) / (total_steps - warmup_steps)

        return factor

    return schedule


HAND = "test_optim.py::test_the_first_steps_by_hand"
PYTORCH = "test_reference.py::test_20_steps"
CLIPPING = "test_optim.py::test_clipping"
SCHEDULES = "test_optim.py::test_schedules"
GOING_ON = "test_optim.py::test_going_on_from_a_saved_state_is_exact"

FAULTS: dict[str, tuple[Plant, str]] = {
    "momentum: a mean and not a sum": (method(SGD, "update", lambda right: sgd), HAND),
    "Adam: the mean not corrected": (method(Adam, "update", adam(correct_mean=False)), HAND),
    "Adam: the square not corrected": (method(Adam, "update", adam(correct_square=False)), HAND),
    "Adam: the betas exchanged": (method(Adam, "update", adam(exchange=True)), PYTORCH),
    "Adam: eps inside the root": (
        method(Adam, "update", adam(eps_inside=True)),
        "test_optim.py::test_eps_is_added_to_the_root",
    ),
    "AdamW: decay through the gradient": (
        method(AdamW, "update", decay_through_the_gradient),
        HAND,
    ),
    "AdamW: decay without the rate": (method(AdamW, "update", decay_without_the_rate), HAND),
    "step: what has no gradient decays": (
        method(Optimizer, "step", zeros_for_none),
        "test_optim.py::test_a_parameter_without_a_gradient_stays",
    ),
    "step: NaN goes through": (
        method(Optimizer, "check_finite", lambda right: lambda self, *norm: None),
        "test_errors.py::test_a_gradient_that_is_nan_names_its_parameter_and_step",
    ),
    "zero_grad: forgets nothing": (
        method(Optimizer, "zero_grad", lambda right: lambda self: None),
        "test_optim.py::test_to_the_bottom_of_a_bowl",
    ),
    "state: what is kept is not loaded": (
        method(Optimizer, "load_state_dict", without_the_arrays),
        GOING_ON,
    ),
    "state: the steps are not loaded": (
        method(Optimizer, "load_state_dict", without_the_steps),
        GOING_ON,
    ),
    "clipping: each gradient alone": (everywhere(clip_gradients, each_alone), CLIPPING),
    "clipping: short ones stretched": (everywhere(clip_gradients, stretched), CLIPPING),
    "clipping: the sum of the lengths": (everywhere(gradient_norm, sum_of_lengths), CLIPPING),
    "warmup: the first step stands still": (everywhere(warmup, from_nothing), SCHEDULES),
    "cosine: no floor": (everywhere(warmup_cosine, to_nothing), SCHEDULES),
    "cosine: a straight line": (everywhere(warmup_cosine, a_straight_line), SCHEDULES),
}
