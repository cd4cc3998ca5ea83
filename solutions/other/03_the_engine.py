"""Other right answers to the exercises of chapter 03, built differently: `prove` mutates them."""

import numpy as np


# %% 03.1 two marks for each tensor
def visits(inputs, output, wanted):
    count = len(inputs)
    ahead, behind = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    ahead[wanted] = behind[output] = True
    for i in range(count):
        for j in inputs[i]:
            if j >= 0 and ahead[j]:
                ahead[i] = True
    for i in reversed(range(count)):
        if behind[i]:
            for j in inputs[i]:
                if j >= 0:
                    behind[j] = True
    return np.flatnonzero(ahead & behind)[::-1]


# %% 03.1 one walk, newest first
def visits(inputs, output, wanted):
    leads = {wanted}
    for i, (left, right) in enumerate(inputs):
        if left in leads or right in leads:
            leads.add(i)
    order, found = [], {output}
    for i in range(output, wanted - 1, -1):
        if i in found and i in leads:
            order.append(i)
            found.update(inputs[i])
    return order


# %% 03.2 one sum and a reshape
def unbroadcast(g, shape):
    if np.broadcast_shapes(g.shape, shape) != g.shape:
        raise ValueError("not stretched to g")
    added = g.ndim - len(shape)
    axes = list(range(added))
    for i, n in enumerate(shape):
        if n == 1:
            axes.append(i + added)
    return np.sum(g, axis=tuple(axes)).reshape(shape)


# %% 03.2 copy by copy
def unbroadcast(g, shape):
    result = np.zeros(shape)
    missing = g.ndim - len(shape)
    if missing < 0:
        raise ValueError("too many axes")
    for i in range(len(shape)):
        if shape[i] != 1 and shape[i] != g.shape[i + missing]:
            raise ValueError("the sizes do not fit")
    for place in np.ndindex(g.shape):
        home = tuple(0 if n == 1 else p for p, n in zip(place[missing:], shape, strict=True))
        result[home] += g[place]
    return result


# %% 03.3 einsum
def matmul_rules(g, a, b):
    left = "zn" if g.ndim == 3 else "n"
    letters_a = "znk" if a.ndim == 3 else "nk"
    letters_b = "zkm" if b.ndim == 3 else "km"
    for_a = np.einsum(f"{left}m,{letters_b}->{letters_a}", g, b)
    for_b = np.einsum(f"{letters_a},{left}m->{letters_b}", a, g)
    return for_a, for_b


# %% 03.3 loops
def matmul_rules(g, a, b):
    for_a, for_b = np.zeros(a.shape), np.zeros(b.shape)
    for place in np.ndindex(g.shape):
        *lead, n, m = place
        of_a = tuple(lead) if a.ndim == g.ndim else ()
        of_b = tuple(lead) if b.ndim == g.ndim else ()
        for k in range(a.shape[-1]):
            for_a[(*of_a, n, k)] += g[place] * b[(*of_b, k, m)]
            for_b[(*of_b, k, m)] += g[place] * a[(*of_a, n, k)]
    return for_a, for_b


# %% 03.4 each asks its users
def flow(inputs, slopes, output, grad):
    users = [[] for _ in inputs]
    for i, row in enumerate(inputs):
        for k, j in enumerate(row):
            if j >= 0:
                users[j].append((i, slopes[i, k]))
    flowing = [0.0] * len(inputs)
    for j in reversed(range(len(inputs))):
        own = 1.0 if j == output else 0.0
        flowing[j] = own + sum(flowing[i] * slope for i, slope in users[j])
    return [old + new for old, new in zip(grad, flowing, strict=True)]


# %% 03.4 the newest first, in lists
def flow(inputs, slopes, output, grad):
    parts = {output: 1.0}
    result = np.array(grad, dtype=float)
    for i in reversed(range(output + 1)):
        g = parts.get(i)
        if g is None:
            continue
        result[i] = result[i] + g
        left, right = int(inputs[i][0]), int(inputs[i][1])
        if left != -1:
            parts[left] = parts.get(left, 0.0) + g * slopes[i][0]
        if right != -1:
            parts[right] = parts.get(right, 0.0) + g * slopes[i][1]
    return result


# %% 03.5 a depth
def remembers(steps):
    made, depth = [], 0
    for step in steps:
        if step[0] == "leaf":
            made.append(step[1])
        elif step[0] == "op":
            made.append(depth == 0 and (made[step[1]] or made[step[2]]))
        elif step[0] == "enter":
            depth += 1
        elif step[0] == "exit":
            depth -= 1
        else:
            depth -= step[1]
    return made


# %% 03.5 the program cut into blocks
def remembers(steps):
    needs = {}
    blocks = []
    for step in steps:
        kind = step[0]
        if kind == "enter":
            blocks.append(None)
        if kind == "exit":
            blocks.pop()
        if kind == "error":
            blocks = blocks[: len(blocks) - step[1]]
        if kind == "leaf":
            needs[len(needs)] = step[1]
        if kind == "op":
            inputs = [needs[i] for i in step[1:]]
            needs[len(needs)] = True in inputs and not blocks
    return list(needs.values())
