"""Other right answers to the exercises of chapter 01."""

import itertools

import numpy as np


# %% 01.1 loops
def distances(query, key):
    if query.shape[-1] != key.shape[-1]:
        raise ValueError("the widths differ")
    out = np.zeros((*query.shape[:-1], key.shape[-2]), query.dtype)
    for place in np.ndindex(*out.shape):
        gap = query[place[:-1]] - key[(*place[:-2], place[-1])]
        out[place] = np.mean(gap**2) ** 0.5
    return out


# %% 01.1 a mean
def distances(query, key):
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"{query.shape}, {key.shape}")
    gap = np.expand_dims(query, -2) - np.expand_dims(key, -3)
    return np.sqrt(np.mean(np.square(gap), axis=-1))


# %% 01.1 one number after the other
def distances(query, key):
    width = query.shape[-1]
    if key.shape[-1] != width:
        raise ValueError("the widths differ")
    total = 0
    for c in range(width):
        total = total + (query[..., :, c][..., None] - key[..., None, :, c]) ** 2
    return np.sqrt(total / width)


# %% 01.2 nested, by recursion
def einsum_loops(formula, x, y):
    inputs, out_letters = formula.split("->")
    first, second = inputs.split(",")
    if len(first) != x.ndim or len(second) != y.ndim:
        raise ValueError("an axis a letter")
    sizes = {}
    for letter, size in [*zip(first, x.shape, strict=True), *zip(second, y.shape, strict=True)]:
        if letter in sizes and sizes[letter] != size:
            raise ValueError(f"{letter} has two sizes")
        sizes[letter] = size
    out = np.zeros([sizes[c] for c in out_letters])

    def walk(letters, at):
        if letters:
            for i in range(sizes[letters[0]]):
                walk(letters[1:], {**at, letters[0]: i})
        else:
            a = x[tuple(at[c] for c in first)]
            b = y[tuple(at[c] for c in second)]
            out[tuple(at[c] for c in out_letters)] += a * b

    walk(list(sizes), {})
    return out


# %% 01.2 a sum for each place
def einsum_loops(formula, x, y):
    left, right = formula.split("->")
    a, b = left.split(",")
    if x.ndim != len(a) or y.ndim != len(b):
        raise ValueError("letters and axes differ")
    pairs = [*zip(a, x.shape, strict=True), *zip(b, y.shape, strict=True)]
    size = dict(pairs)
    if any(size[letter] != n for letter, n in pairs):
        raise ValueError("a letter has two sizes")
    gone = [letter for letter in size if letter not in right]
    out = np.empty([size[letter] for letter in right])
    for place in np.ndindex(*out.shape):
        at = dict(zip(right, place, strict=True))
        total = 0.0
        for rest in itertools.product(*[range(size[letter]) for letter in gone]):
            at.update(zip(gone, rest, strict=True))
            total += x[tuple(at[c] for c in a)] * y[tuple(at[c] for c in b)]
        out[place] = total
    return out


# %% 01.3 loops
def patchify(x, p, back=None):
    height, width = x.shape[1:] if back is None else back
    if height % p != 0 or width % p != 0:
        raise ValueError("p does not divide the picture")
    corners = [(i, j) for i in range(0, height, p) for j in range(0, width, p)]
    if back is None:
        cut = [x[:, i : i + p, j : j + p].reshape(len(x), p * p) for i, j in corners]
        return np.stack(cut, axis=1)
    pictures = np.zeros((len(x), height, width))
    for s, (i, j) in enumerate(corners):
        pictures[:, i : i + p, j : j + p] = x[:, s].reshape(len(x), p, p)
    return pictures


# %% 01.3 swapaxes
def patchify(x, p, back=None):
    if back is None:
        b, height, width = x.shape
        if height % p:
            raise ValueError("height")
        if width % p:
            raise ValueError("width")
        x = x.reshape(b, height // p, p, width // p, p)
        return np.swapaxes(x, 2, 3).reshape(b, -1, p * p)
    height, width = back
    x = x.reshape(x.shape[0], height // p, width // p, p, p)
    return np.swapaxes(x, 2, 3).reshape(len(x), height, width)


# %% 01.4 the place of each pixel
def rescue(mixed):
    if mixed.ndim != 3:
        raise ValueError("three axes")
    batch, height, width = mixed.shape
    line = mixed.ravel()
    pictures = np.zeros(mixed.shape)
    for b, i, j in np.ndindex(batch, height, width):
        pictures[b, i, j] = line[(i * width + j) * batch + b]
    return pictures


# %% 01.4 every so many
def rescue(mixed):
    if len(mixed.shape) != 3:
        raise ValueError(f"{len(mixed.shape)} axes")
    batch = mixed.shape[0]
    line = mixed.reshape(-1)
    return np.array([line[b::batch].reshape(mixed.shape[1:]) for b in range(batch)])


# %% 01.4 moveaxis
def rescue(mixed):
    if mixed.ndim != 3:
        raise ValueError("three axes are needed")
    box = np.reshape(mixed, (*mixed.shape[1:], mixed.shape[0]))
    return np.moveaxis(box, -1, 0)
