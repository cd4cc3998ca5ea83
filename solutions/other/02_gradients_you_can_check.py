"""Other right answers to the exercises of chapter 02, built differently: `prove` mutates them."""

import math

import numpy as np


def loss(w, x, y):
    return np.log(np.cosh(x @ w - y)).mean()


# %% 02.1 one copy, put back
def slope(w, x, y, eps):
    if not eps > 0:
        raise ValueError("eps must be positive")
    moved = np.array(w, dtype=float)
    result = np.empty(moved.shape)
    for i in range(moved.shape[0]):
        for j in range(moved.shape[1]):
            kept = moved[i, j]
            moved[i, j] = kept + eps
            above = loss(moved, x, y)
            moved[i, j] = kept - eps
            below = loss(moved, x, y)
            moved[i, j] = kept
            result[i, j] = (above - below) / (2 * eps)
    return result


# %% 02.1 nudges as rows of a matrix
def slope(w, x, y, eps):
    if eps <= 0:
        raise ValueError("eps must be positive")
    nudges = eps * np.eye(w.size).reshape(w.size, *w.shape)
    above = np.array([loss(w + nudge, x, y) for nudge in nudges])
    below = np.array([loss(w - nudge, x, y) for nudge in nudges])
    return (above - below).reshape(w.shape) / (2 * eps)


# %% 02.2 record by record
def kernel_loss(h, distance, outcome, truth):
    e = [math.exp(-h * d) for d in distance]
    above = sum(k * y for k, y in zip(e, outcome, strict=True))
    below = sum(e)
    guess = above / below
    outer = math.tanh(guess - truth)
    by_h, by_distance, by_outcome = 0.0, [], []
    for k, d, y in zip(e, distance, outcome, strict=True):
        lean = (k * y * below - above * k) / below**2
        by_h += outer * lean * -d
        by_distance.append(outer * lean * -h)
        by_outcome.append(outer * k / below)
    value = math.log(math.cosh(guess - truth))
    return value, by_h, np.array(by_distance), np.array(by_outcome)


# %% 02.2 through the whole table of slopes
def kernel_loss(h, distance, outcome, truth):
    e = np.exp(-h * distance)
    alpha = e / np.sum(e)
    error = np.dot(alpha, outcome) - truth
    table = np.diag(alpha) - np.outer(alpha, alpha)
    by_score = np.tanh(error) * (table @ outcome)
    return (
        np.log(np.cosh(error)),
        -np.dot(by_score, distance),
        -h * by_score,
        np.tanh(error) * alpha,
    )


# %% 02.3 one power for both
def best_step(unit, value, bend, sides):
    if sides not in (1, 2):
        raise ValueError("sides is 1 or 2")
    if unit <= 0:
        raise ValueError("unit must be positive")
    if bend == 0:
        raise ValueError("without a bend there is no best step")
    noise = unit * abs(value) * (2 if sides == 1 else 1)
    curve = abs(bend) / (2 if sides == 1 else 6)
    eps = (noise / (sides * curve)) ** (1 / (sides + 1))
    return eps, curve * eps**sides + noise / eps


# %% 02.3 the minimum in closed form
def best_step(unit, value, bend, sides):
    if not unit > 0 or not abs(bend) > 0 or (sides != 1 and sides != 2):
        raise ValueError("no best step")
    noise, bend = unit * np.abs(value), np.abs(bend)
    if sides == 1:
        return np.sqrt(4 * noise / bend), 2 * np.sqrt(noise * bend)
    return np.cbrt(3 * noise / bend), 1.5 * np.cbrt(noise**2 * bend / 3)


# %% 02.4 element by element
def wrong_rules(above, below, claimed, eps, atol, rtol):
    answers = []
    for r in range(claimed.shape[0]):
        good = True
        for i in range(claimed.shape[1]):
            difference = (above[r, i] - below[r, i]) / (2 * eps)
            size = abs(difference)
            if not abs(claimed[r, i] - difference) <= atol + rtol * size:
                good = False
        answers.append(not good)
    return answers


# %% 02.4 the worst of each row
def wrong_rules(above, below, claimed, eps, atol, rtol):
    slopes = (above - below) / eps / 2
    over = np.abs(claimed - slopes) - rtol * np.abs(slopes)
    worst = np.where(np.isnan(over), np.inf, over).max(axis=1)
    return worst > atol
