"""Right answers to the exercises of chapter 00, built differently: see course/proving."""

import itertools
import math

import numpy as np

# %% 00.1 part by part


def new_enough(version, needed):
    have, want = version.split("."), needed.split(".")
    for i in range(max(len(have), len(want))):
        a = int(have[i]) if i < len(have) else 0
        b = int(want[i]) if i < len(want) else 0
        if a != b:
            return a > b
    return True


# %% 00.1 zip_longest


def new_enough(version, needed):
    pairs = itertools.zip_longest(version.split("."), needed.split("."), fillvalue="0")
    for a, b in pairs:
        if int(a) > int(b):
            return True
        if int(a) < int(b):
            return False
    return True


# %% 00.1 zeros stripped


def new_enough(version, needed):
    def numbers(text):
        found = [int(part) for part in text.split(".")]
        while found and found[-1] == 0:
            found.pop()
        return tuple(found)

    return not numbers(version) < numbers(needed)


# %% 00.2 a text for each


def my_clicks(picture):
    texts = {
        "astronaut": "226,98 205,131 247,120 452,60 60,300 330,401 215,260 480,333 118,44 221,170",
        "chelsea": "183,101 291,112 235,160 120,31 330,40 228,210 90,250 400,180 236,133 301,77",
        "coffee": "320,150 262,140 381,171 309,250 180,290 450,301 530,90 70,66 333,120 288,205",
        "rocket": "321,207 318,330 40,391 610,402 322,160 200,55 341,281 470,218 111,305 327,246",
    }
    if picture not in texts:
        raise ValueError(picture)
    return [tuple(int(n) for n in pair.split(",")) for pair in texts[picture].split()]


# %% 00.2 one text for all


def my_clicks(picture):
    table = """
    astronaut 226,98 205,131 247,120 452,60 60,300 330,401 215,260 480,333 118,44 221,170
    chelsea 183,101 291,112 235,160 120,31 330,40 228,210 90,250 400,180 236,133 301,77
    coffee 320,150 262,140 381,171 309,250 180,290 450,301 530,90 70,66 333,120 288,205
    rocket 321,207 318,330 40,391 610,402 322,160 200,55 341,281 470,218 111,305 327,246
    """
    for line in table.strip().splitlines():
        name, *pairs = line.split()
        if name == picture:
            return np.array([pair.split(",") for pair in pairs], dtype=float)
    raise ValueError(f"{picture!r} was never shown")


# %% 00.3 a table


def entropy(clicks, size, cells):
    width, height = size
    columns, rows = cells
    table = np.zeros((rows, columns))
    for x, y in clicks:
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"({x}, {y}) lies outside")
        table[y * rows // height, x * columns // width] += 1
    if table.sum() == 0:
        raise ValueError("no clicks")
    h = 0.0
    for p in (table / table.sum()).ravel():
        if p > 0:
            h -= p * math.log2(p)
    return h


# %% 00.3 a histogram


def entropy(clicks, size, cells):
    if clicks.shape[0] < 1:
        raise ValueError("no clicks")
    x, y = clicks[:, 0], clicks[:, 1]
    if x.min() < 0 or y.min() < 0 or x.max() >= size[0] or y.max() >= size[1]:
        raise ValueError("outside")
    edges = np.linspace(0, size[0], cells[0] + 1), np.linspace(0, size[1], cells[1] + 1)
    count, _, _ = np.histogram2d(x + 0.5, y + 0.5, bins=edges)
    p = count / len(clicks)
    return np.sum(np.where(p > 0, -p * np.log2(np.where(p > 0, p, 1)), 0))


# %% 00.4 corrcoef


def agreement(first, second):
    if np.shape(first) != np.shape(second):
        raise ValueError("two shapes")
    if np.all(first == first[0, 0]) or np.all(second == second[0, 0]):
        raise ValueError("flat")
    r = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    p, q = first.ravel() / first.sum(), second.ravel() / second.sum()
    bits = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 0:
            bits += a * math.log2(a / b)
    return np.array([r, bits])


# %% 00.4 nats and standard deviations


def agreement(first, second):
    if first.shape != second.shape:
        raise ValueError("two shapes")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise ValueError("flat")
    a = (first - np.mean(first)) / np.std(first)
    b = (second - np.mean(second)) / np.std(second)
    p, q = first / np.sum(first), second / np.sum(second)
    ratio = np.where(p > 0, p / q, 1)
    return [np.mean(a * b), np.sum(p * np.log(ratio)) / np.log(2)]


# %% 00.5 a list


def sense(number):
    words = ["overt", "covert", "capacity", "weights"]
    words += ["covert", "overt", "capacity", "weights"]
    return words[number - 1]


# %% 00.5 sets


def sense(number):
    if number in (4, 8):
        return "weights"
    if number in (3, 7):
        return "capacity"
    return "covert" if number == 2 or number == 5 else "overt"
