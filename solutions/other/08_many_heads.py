"""Other right answers to the exercises of chapter 08."""

import math

import numpy as np


# %% 08.1 stacked
def regroup(x, num_heads):
    if x.ndim == 3:
        if x.shape[-1] % num_heads != 0:
            raise ValueError(f"{num_heads} heads do not divide {x.shape[-1]}")
        return np.stack(np.split(x, num_heads, axis=-1), axis=1)
    if x.ndim == 4:
        if x.shape[1] != num_heads:
            raise ValueError(f"{x.shape[1]} heads, not {num_heads}")
        return np.concatenate([x[:, h] for h in range(num_heads)], axis=-1)
    raise ValueError(f"{x.ndim} axes")


# %% 08.1 loops
def regroup(x, num_heads):
    shape = x.shape
    if len(shape) == 3 and shape[2] % num_heads == 0:
        d = shape[2] // num_heads
        out = np.empty((shape[0], num_heads, shape[1], d))
        for h in range(num_heads):
            out[:, h] = x[:, :, h * d : (h + 1) * d]
        return out
    if len(shape) == 4 and shape[1] == num_heads:
        d = shape[3]
        out = np.empty((shape[0], shape[2], num_heads * d))
        for h in range(num_heads):
            out[:, :, h * d : (h + 1) * d] = x[:, h]
        return out
    raise ValueError(str(shape))


# %% 08.2 token by token
def repaired(inputs, w_query, w_key, w_value, w_output, num_heads):
    if len(inputs.shape) != 3:
        raise ValueError(f"three axes are needed, not {inputs.shape}")
    out = np.zeros((inputs.shape[0], inputs.shape[1], w_output.shape[1]))
    for b in range(inputs.shape[0]):
        for n in range(inputs.shape[1]):
            query = (inputs[b, n] @ w_query).reshape(num_heads, -1)
            key = (inputs[b, n] @ w_key).reshape(num_heads, -1)
            value = (inputs[b, n] @ w_value).reshape(num_heads, -1)
            context = []
            for q in query:
                scores = key @ q
                weights = np.exp(scores - np.max(scores))
                weights /= np.sum(weights)
                context.append(weights @ value)
            out[b, n] = np.concatenate(context) @ w_output
    return out


# %% 08.2 einsum
def repaired(inputs, w_query, w_key, w_value, w_output, num_heads):
    if inputs.ndim != 3:
        raise ValueError("not three axes: " + str(inputs.shape))
    b, n, wide = inputs.shape
    d = w_query.shape[1] // num_heads
    q = np.einsum("bnw,whd->bnhd", inputs, w_query.reshape(wide, num_heads, d))
    k = np.einsum("bnw,whd->bnhd", inputs, w_key.reshape(wide, num_heads, d))
    v = np.einsum("bnw,whd->bnhd", inputs, w_value.reshape(wide, num_heads, d))
    scores = np.einsum("bnhd,bngd->bnhg", q, k)
    scores -= scores.max(axis=3, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=3, keepdims=True)
    context = np.einsum("bnhg,bngd->bnhd", weights, v)
    return context.reshape(b, n, num_heads * d) @ w_output


# %% 08.3 head by head
def tokens_meet(query, key, value):
    b, n, heads, d = query.shape
    weights = np.zeros((b, heads, n, n))
    answers = []
    for h in range(heads):
        scores = query[:, :, h] @ key[:, :, h].swapaxes(1, 2) / math.sqrt(d)
        e = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights[:, h] = e / e.sum(axis=2, keepdims=True)
        answers.append(weights[:, h] @ value[:, :, h])
    return np.concatenate(answers, axis=2), weights


# %% 08.3 einsum
def tokens_meet(query, key, value):
    b, n, h, d = query.shape
    scores = np.einsum("bnhc,bmhc->bhnm", query, key) * d**-0.5
    weights = np.exp(scores - scores.max(axis=3)[..., None])
    weights = weights / weights.sum(axis=3)[..., None]
    context = np.einsum("bhnm,bmhc->bnhc", weights, value)
    return context.reshape(b, n, h * value.shape[3]), weights


# %% 08.4 the chapter's lines
def three_tests(seen):
    moved = abs(seen["y_changed"] - seen["y"]).max(axis=1) > 1e-9
    spread = np.log(seen["weights"]).var(axis=-1).mean()
    return {
        "reach": moved.all(),
        "order": np.allclose(seen["y_order"], seen["y"][seen["order"]]),
        "spread": 1 / 4 < spread < 4,
    }


# %% 08.4 loops
def three_tests(seen):
    y, changed, other = seen["y"], seen["y_changed"], seen["y_order"]
    reach, order = True, True
    for row in range(len(y)):
        if np.abs(changed[row] - y[row]).max() < 1e-5:
            reach = False
        if np.abs(other[row] - y[seen["order"][row]]).max() > 1e-5:
            order = False
    variances = []
    for head in seen["weights"]:
        for row in head:
            scores = np.log(row)
            variances.append(np.mean((scores - scores.mean()) ** 2))
    mean = sum(variances) / len(variances)
    return {"reach": reach, "order": order, "spread": 0.25 < mean < 4}


# %% 08.5 head by head
def multi_head(x, context, w_query, w_key, w_value, w_output, num_heads, mask=None):
    if x.ndim != 3 or context.ndim != 3:
        raise ValueError("x and context have three axes")
    if w_query.shape[1] % num_heads != 0:
        raise ValueError("the heads do not divide the width")
    d = w_query.shape[1] // num_heads
    weights = np.zeros((len(x), num_heads, x.shape[1], context.shape[1]))
    allowed = np.ones(weights.shape, dtype=bool)
    if mask is not None:
        allowed = allowed & mask
    y = np.zeros((len(x), x.shape[1], w_output.shape[1]))
    for b in range(len(x)):
        for h in range(num_heads):
            own = slice(h * d, (h + 1) * d)
            q, k, v = (
                x[b] @ w_query[:, own],
                context[b] @ w_key[:, own],
                context[b] @ w_value[:, own],
            )
            scores = q @ k.T / math.sqrt(d)
            for n in range(x.shape[1]):
                some = allowed[b, h, n]
                if not some.any():
                    continue
                e = np.exp(scores[n, some] - scores[n, some].max())
                weights[b, h, n, some] = e / e.sum()
            y[b] += weights[b, h] @ v @ w_output[own]
    return y, weights


# %% 08.5 einsum
def multi_head(x, context, w_query, w_key, w_value, w_output, num_heads, mask=None):
    if x.ndim != 3 or context.ndim != 3 or w_query.shape[1] % num_heads > 0:
        raise ValueError(f"{x.shape}, {context.shape}, {num_heads}")
    b, n = x.shape[:2]
    s = context.shape[1]
    q = (x @ w_query).reshape(b, n, num_heads, -1)
    k = (context @ w_key).reshape(b, s, num_heads, -1)
    v = (context @ w_value).reshape(b, s, num_heads, -1)
    scores = np.einsum("bnhc,bshc->bhns", q, k) * q.shape[3] ** -0.5
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    top = scores.max(axis=3, keepdims=True)
    top[top == -np.inf] = 0
    e = np.exp(scores - top)
    total = e.sum(axis=3, keepdims=True)
    total[total == 0] = 1
    weights = e / total
    z = np.einsum("bhns,bshc->bnhc", weights, v).reshape(b, n, -1)
    return z @ w_output, weights
