"""Right answers to the exercises of chapter 10, built differently: see course/proving."""

import math
import statistics

import numpy as np

# %% 10.1 loops


def embed_patches(images, size, weight, bias, positions):
    height, width = images.shape[1], images.shape[2]
    if height % size != 0 or width % size != 0:
        raise ValueError("patches do not tile the image")
    if positions.shape[0] != (height // size) * (width // size):
        raise ValueError("one position for each patch")
    scenes = []
    for image in images:
        tokens = []
        for y in range(0, height, size):
            for x in range(0, width, size):
                patch = image[y : y + size, x : x + size].ravel()
                tokens.append(patch @ weight + bias + positions[len(tokens)])
        scenes.append(tokens)
    return np.array(scenes)


# %% 10.1 einsum


def embed_patches(images, size, weight, bias, positions):
    b, h, w = images.shape
    rows, columns = h // size, w // size
    if rows * size != h or columns * size != w or rows * columns != len(positions):
        raise ValueError((images.shape, size, positions.shape))
    cut = images.reshape(b, rows, size, columns, size)
    kernel = weight.reshape(size, size, -1)
    tokens = np.einsum("bricj,ijd->brcd", cut, kernel)
    return tokens.reshape(b, rows * columns, -1) + (bias + positions)


# %% 10.2 the tile that answers the query, and the nearest digit


def classify(train_tokens, train_targets, test_tokens):
    # An orthogonal matrix keeps dot products: a tile's with the query is 1 where the tags match.
    def chosen(tokens):
        match = (tokens[:, :-1] * tokens[:, -1:]).sum(axis=2)
        tiles = tokens[np.arange(len(tokens)), match.argmax(axis=1)]
        return tiles - tokens[:, -1]  # without the tag: the digit alone

    known, asked = chosen(train_tokens), chosen(test_tokens)
    apart = (known**2).sum(axis=1) - 2 * asked @ known.T
    return train_targets[apart.argmin(axis=1)]


# %% 10.2 one query asks the tiles, and a loop of one's own


def classify(train_tokens, train_targets, test_tokens):
    from minitorch_attn import attention, cross_entropy, no_grad, relu
    from minitorch_attn.nn import Dense
    from minitorch_attn.optim import AdamW, warmup_cosine

    rng = np.random.default_rng(0)
    query, key, value = (Dense(train_tokens.shape[-1], 32, rng=rng) for _ in range(3))
    hidden, head = Dense(32, 64, rng=rng), Dense(64, 10, rng=rng)
    layers = [query, key, value, hidden, head]

    def logits(tokens):
        asking = query(tokens[:, -1:])
        z = attention(asking, key(tokens[:, :-1]), value(tokens[:, :-1]))
        return head(relu(hidden(z)))[:, 0]

    steps = 300
    adam = AdamW([p for layer in layers for p in layer.parameters()], 0.01, weight_decay=0.01)
    factor = warmup_cosine(steps, steps // 10)
    for step in range(steps):
        rows = rng.integers(0, len(train_tokens), 64)
        loss = cross_entropy(logits(train_tokens[rows]), train_targets[rows])
        adam.zero_grad()
        loss.backward()
        adam.lr = 0.01 * factor(step)
        adam.step()
    with no_grad():
        return logits(test_tokens).data.argmax(axis=1)


# %% 10.3 scene by scene


def ablate(tokens, query, key, value, head, mask, kind):
    if kind not in ("attention", "uniform", "none"):
        raise ValueError(kind)
    logits = []
    for scene, real in zip(tokens, mask, strict=True):
        there = scene[real]
        if kind == "none":
            there = there[-1:]
        values = there @ value
        weights = np.ones(len(there))
        if kind == "attention":
            scores = there @ key @ (there[-1] @ query) / math.sqrt(key.shape[1])
            weights = np.exp(scores - scores.max())
        logits.append(weights @ values / weights.sum() @ head)
    return np.array(logits)


# %% 10.3 three returns


def ablate(tokens, query, key, value, head, mask, kind):
    v = tokens @ value
    if kind == "none":
        return v[:, -1] @ head
    if kind == "uniform":
        return (v * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True) @ head
    if kind == "attention":
        q, k = tokens[:, -1] @ query, tokens @ key
        s = np.einsum("bd,bnd->bn", q, k) / q.shape[1] ** 0.5
        s[~mask] = -np.inf
        a = np.exp(s - np.max(s, axis=1, keepdims=True))
        a = a / np.sum(a, axis=1, keepdims=True)
        return np.einsum("bn,bnv,vc->bc", a, v, head)
    raise ValueError("kind?")


# %% 10.4 try them all


def matched(parameters, frozen, token_shape, num_classes):
    wanted = 0
    for name in parameters:
        if name not in frozen:
            wanted += np.size(parameters[name])
    inputs = np.prod(token_shape)
    best, count = 0, None
    for hidden in range(1, wanted // inputs + 2):
        numbers = (inputs + 1) * hidden + (hidden + 1) * num_classes
        if count is None or abs(numbers - wanted) < abs(count - wanted):
            best, count = hidden, numbers
    if abs(count - wanted) * 10 > wanted:
        raise ValueError("no fair rival")
    return best, count


# %% 10.4 floor and one more


def matched(parameters, frozen, token_shape, num_classes):
    n, d = token_shape
    total = sum(x.size for x in parameters.values())
    total -= sum(parameters[name].size for name in frozen)
    below = max((total - num_classes) // (n * d + 1 + num_classes), 1)

    def numbers(width):
        return n * d * width + width + width * num_classes + num_classes

    hidden = min((below, below + 1), key=lambda width: abs(numbers(width) - total))
    share = abs(numbers(hidden) / total - 1)
    if share > 0.1 + 1e-12:
        raise ValueError(f"{share:.0%} apart")
    return [hidden, numbers(hidden)]


# %% 10.5 statistics


def claims(scores, chance, t):
    seeds = len(scores["attention"])
    if seeds < 3 or any(len(x) != seeds for x in scores.values()):
        raise ValueError("three seeds at least, the same number for all")

    def interval(numbers):
        numbers = [float(x) for x in numbers]
        reach = t * statistics.stdev(numbers) / math.sqrt(seeds)
        return statistics.fmean(numbers) - reach, statistics.fmean(numbers) + reach

    result = {"gaps": {}, "verdicts": {}}
    for name in scores:
        if name == "attention":
            continue
        low, high = interval(
            [a - b for a, b in zip(scores["attention"], scores[name], strict=True)]
        )
        result["gaps"][name] = [low, high]
        result["verdicts"][name] = "undecided"
        if low > 0:
            result["verdicts"][name] = "better"
        if high < 0:
            result["verdicts"][name] = "worse"
    low, high = interval(scores["none"])
    at_chance = low <= chance and chance <= high
    result["necessary"] = at_chance and result["verdicts"]["none"] == "better"
    return result


# %% 10.5 arrays


def claims(scores, chance, t):
    names = ["uniform", "none", "dense"]
    if len({np.size(x) for x in scores.values()}) > 1:
        raise ValueError("not the same number of seeds")
    a = np.asarray(scores["attention"])
    n = a.size
    if n <= 2:
        raise ValueError("too few seeds")
    apart = np.array([a - scores[name] for name in names])
    mean = apart.mean(axis=1)
    error = np.sqrt(((apart - mean[:, None]) ** 2).sum(axis=1) / (n - 1) / n)
    low, high = mean - t * error, mean + t * error
    words = np.where(low > 0, "better", np.where(high < 0, "worse", "undecided"))
    off = np.mean(scores["none"]) - chance
    chance_is_left = abs(off) <= t * np.std(scores["none"], ddof=1) / np.sqrt(n)
    return {
        "gaps": {name: (low[i], high[i]) for i, name in enumerate(names)},
        "verdicts": {name: str(words[i]) for i, name in enumerate(names)},
        "necessary": bool(chance_is_left and low[1] > 0),
    }
