"""Other right answers to the exercises of chapter 13, built differently from the worked ones.

`python -m minitorch_attn prove 13` mutates these too: a mistake that nobody can make in the worked
answer can be made here.
"""

import math

import numpy as np

# %% 13.1 one after the other


def frames(signal, size, hop):
    if size <= 0:
        raise ValueError("a frame has samples")
    if hop <= 0:
        raise ValueError("frames go forward")
    rows = []
    start = 0
    while start + size <= len(signal):
        rows.append(signal[start : start + size])
        start += hop
    if not rows:
        raise ValueError("not one whole frame")
    return np.stack(rows)


# %% 13.1 a sliding window


def frames(signal, size, hop):
    if min(size, hop) < 1 or signal.size < size:
        raise ValueError("too little")
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]


# %% 13.2 one utterance after the other


def attention_pool(x, query, lengths):
    if len(lengths) != len(x):
        raise ValueError("one length for each utterance")
    z = np.zeros((x.shape[0], x.shape[2]))
    weights = np.zeros((x.shape[0], x.shape[1]))
    for b in range(len(x)):
        n = int(lengths[b])
        if not 0 <= n <= x.shape[1]:
            raise ValueError("a length outside the row")
        if n == 0:
            continue
        real = x[b, :n]
        scores = real @ query
        e = np.exp(scores - scores.max())
        weights[b, :n] = e / e.sum()
        z[b] = weights[b, :n] @ real
    return z, weights


# %% 13.2 number by number


def attention_pool(x, query, lengths):
    if len(lengths) != len(x) or min(lengths) < 0 or max(lengths) > x.shape[1]:
        raise ValueError("the lengths do not fit")
    answers, all_weights = [], []
    for utterance, n in zip(x, lengths, strict=True):
        scores = [sum(a * b for a, b in zip(utterance[t], query, strict=True)) for t in range(n)]
        top = max(scores, default=0.0)
        e = [math.exp(s - top) for s in scores]
        total = sum(e)
        w = [value / total for value in e] + [0.0] * (x.shape[1] - n)
        answer = [sum(w[t] * utterance[t][c] for t in range(n)) for c in range(len(query))]
        answers.append(answer)
        all_weights.append(w)
    return np.array(answers, dtype=float), np.array(all_weights)


# %% 13.3 stacked and padded by NumPy


def questions(utterances, extra, fill):
    if len(utterances) == 0:
        raise ValueError("nobody speaks")
    if any(u.shape[1] != utterances[0].shape[1] for u in utterances):
        raise ValueError("frames of unequal width")
    if extra <= 0:
        raise ValueError("nothing more to pad with")
    lengths = np.array([len(u) for u in utterances])
    longest = lengths.max()

    def rows(length, number):
        return np.stack(
            [np.pad(u, ((0, length - len(u)), (0, 0)), constant_values=number) for u in utterances]
        )

    def real(length):
        return np.arange(length)[None, :] < lengths[:, None]

    alone = [(np.array([u]), np.ones((1, u.shape[0]), dtype=bool)) for u in utterances]
    more = longest + extra
    return {
        "batch": (rows(longest, 0.0), real(longest)),
        "alone": alone,
        "padded": (rows(more, fill), real(more)),
    }


# %% 13.3 the batch first, the rest from it


def questions(utterances, extra, fill):
    if not utterances or extra < 1:
        raise ValueError("some utterances, and at least one frame more")
    width = utterances[0].shape[1]
    for u in utterances:
        if u.shape[1] != width:
            raise ValueError("one width for all")
    lengths = [u.shape[0] for u in utterances]
    count = len(utterances)
    x = np.zeros((count, max(lengths), width))
    mask = np.zeros((count, max(lengths)), dtype=bool)
    for i in range(count):
        for t in range(lengths[i]):
            x[i, t] = utterances[i][t]
            mask[i, t] = True
    alone = [(x[i : i + 1, :n], mask[i : i + 1, :n]) for i, n in enumerate(lengths)]
    longer = np.concatenate([x, np.zeros((count, extra, width))], axis=1)
    longer_mask = np.concatenate([mask, np.zeros((count, extra), dtype=bool)], axis=1)
    longer[~longer_mask] = fill
    return {"batch": (x, mask), "alone": alone, "padded": (longer, longer_mask)}


# %% 13.4 one utterance after the other


def burst_weight(weights, marks, mask):
    total, part, count = 0.0, 0.0, 0
    for b in range(len(mask)):
        real, burst = 0, 0
        on_it = 0.0
        for t in range(mask.shape[1]):
            if mask[b, t]:
                real += 1
                if marks[b, t]:
                    burst += 1
                    on_it += weights[b, t]
        if real > 0:
            total += on_it
            part += burst / real
            count += 1
    if count == 0:
        raise ValueError("no frames at all")
    return total / count, part / count


# %% 13.4 einsum and a mean that leaves out


def burst_weight(weights, marks, mask):
    burst = np.logical_and(marks, mask).astype(float)
    real = mask.sum(axis=-1)
    keep = np.flatnonzero(real)
    if keep.size == 0:
        raise ValueError("no frames at all")
    weight = np.einsum("bt,bt->b", weights, burst)[keep]
    share = burst.sum(axis=-1)[keep] / real[keep]
    return np.array([weight.mean(), share.mean()])


# %% 13.5 one recording after the other


def quiet_control(frames, lengths, prompts, languages, held, k):
    if k <= 0:
        raise ValueError("no frames")
    rows = []
    for n in range(len(frames)):
        real = [frames[n, t] for t in range(lengths[n])]
        real.sort(key=lambda frame: frame.mean())
        rows.append(np.mean(real[:k], axis=0))
    learn = [n for n in range(len(rows)) if prompts[n] not in held]
    test = [n for n in range(len(rows)) if prompts[n] in held]
    groups = {c: [n for n in learn if languages[n] == c] for c in (0, 1)}
    if not test or not groups[0] or not groups[1]:
        raise ValueError("a side is empty")
    known = np.array([rows[n] for n in learn])
    scaled = [(row - known[0]) / known.std(axis=0) for row in rows]
    centres = {c: np.mean([scaled[n] for n in groups[c]], axis=0) for c in (0, 1)}
    margins, right = [], 0
    for n in test:
        gaps = [np.sum((scaled[n] - centres[c]) ** 2) for c in (0, 1)]
        margins.append(gaps[0] - gaps[1])
        right += int(np.argmin(gaps)) == languages[n]
    return np.array(margins), right / len(test)


# %% 13.5 loudness with infinity behind the end


def quiet_control(frames, lengths, prompts, languages, held, k):
    out = np.array([prompt in list(held) for prompt in prompts])
    if k < 1 or out.sum() == 0:
        raise ValueError("no frames, or nobody held out")
    for language in (0, 1):
        if not (languages[~out] == language).any():
            raise ValueError("a language is missing")
    behind = np.arange(frames.shape[1])[None, :] >= lengths[:, None]
    loudness = np.where(behind, np.inf, frames.mean(axis=2))
    order = np.argsort(loudness, axis=1)[:, :k]
    chosen = np.take_along_axis(frames, order[:, :, None], axis=1)
    used = np.take_along_axis(~behind, order, axis=1)[:, :, None]
    quiet = np.where(used, chosen, 0).sum(axis=1) / used.sum(axis=1)
    quiet /= np.std(quiet[~out], axis=0)
    zero = np.mean(quiet[~out & (languages == 0)], axis=0)
    one = np.mean(quiet[~out & (languages == 1)], axis=0)
    margin = np.sum((quiet[out] - zero) ** 2, axis=1) - np.sum((quiet[out] - one) ** 2, axis=1)
    return margin, (np.where(margin > 0, 1, 0) == languages[out]).mean()
