"""Right answers to the exercises of chapter 04, built otherwise than the worked ones."""

import numpy as np

# %% 04.1 row by row


def dense(x, weight, bias, g):
    if bias.shape != g.shape[-1:]:  # where x does not fit, NumPy raises ValueError
        raise ValueError("there is not one bias for each output")
    y, g_x = np.empty_like(g), np.empty_like(x)
    g_weight, g_bias = np.zeros_like(weight), np.zeros_like(bias)
    for place in np.ndindex(x.shape[:-1]):
        y[place] = bias + x[place] @ weight
        g_x[place] = weight @ g[place]
        g_weight += np.outer(x[place], g[place])
        g_bias += g[place]
    return y, g_x, g_weight, g_bias


# %% 04.1 by letters


def dense(x, weight, bias, g):
    fan_in, fan_out = weight.shape
    if x.shape[-1] != fan_in or bias.shape != (fan_out,):
        raise ValueError("the sizes do not fit")
    rows, back = x.reshape(-1, fan_in), g.reshape(-1, fan_out)
    y = np.einsum("ni,io->no", rows, weight) + bias
    g_x = np.einsum("no,io->ni", back, weight)
    g_weight = np.einsum("ni,no->io", rows, back)
    return y.reshape(g.shape), g_x.reshape(x.shape), g_weight, np.einsum("no->o", back)


# %% 04.2 column by column


def first_weights(noise, after_relu):
    columns = noise.shape[1]
    if columns > 1 and all(np.array_equal(noise[:, 0], noise[:, j]) for j in range(1, columns)):
        raise ValueError("all columns are equal")
    variance = 2 / len(noise)
    if not after_relu:
        variance = 2 / (len(noise) + columns)
    return noise * variance**0.5


# %% 04.2 by the spread of each row


def first_weights(noise, after_relu):
    fan_in, fan_out = noise.shape
    if fan_out != 1 and not np.ptp(noise, axis=1).any():
        raise ValueError("all columns are equal")
    counts = [fan_in, fan_in if after_relu else fan_out]
    if after_relu:
        return noise / np.sqrt(np.mean(counts) / 2)
    return noise / np.sqrt(np.mean(counts))


# %% 04.3 in place


def adam(theta, g, mean, square, step, lr, beta1, beta2, eps):
    if step <= 0:
        raise ValueError("steps are counted from 1")
    mean *= beta1
    mean += (1 - beta1) * g
    square *= beta2
    square += (1 - beta2) * g**2
    root = np.sqrt(square / (1 - beta2**step))
    root += eps
    theta -= lr / (1 - beta1**step) * mean / root
    return theta, mean, square


# %% 04.3 a weight at a time


def adam(theta, g, mean, square, step, lr, beta1, beta2, eps):
    if step < 1:
        raise ValueError("steps are counted from 1")
    new_theta, new_mean, new_square = np.empty((3, *theta.shape))
    for i in np.ndindex(theta.shape):
        m = mean[i] + (1 - beta1) * (g[i] - mean[i])
        s = square[i] + (1 - beta2) * (g[i] ** 2 - square[i])
        size = (s / (1 - beta2**step)) ** 0.5 + eps
        new_theta[i] = theta[i] - lr * m / ((1 - beta1**step) * size)
        new_mean[i], new_square[i] = m, s
    return new_theta, new_mean, new_square


# %% 04.4 with a count


def stop_early(scores, patience):
    if patience < 1:
        raise ValueError("a patience of 1 or more")
    if not len(scores):
        raise ValueError("no scores")
    best, highest, waited = 0, scores[0], 0
    for epoch, score in enumerate(scores[1:], 1):
        waited += 1
        if score > highest:
            best, highest, waited = epoch, score, 0
        if waited == patience:
            return best, epoch + 1
    return best, len(scores)


# %% 04.4 the best of each beginning


def stop_early(scores, patience):
    if len(scores) == 0 or patience < 1:
        raise ValueError("nothing to stop")
    for trained in range(1, len(scores) + 1):
        best = np.argmax(scores[:trained])
        if trained - 1 - best >= patience:
            break
    return best, trained


# %% 04.5 with sums


def compare(scores):
    seeds = scores.shape[1]
    if seeds < 2:
        raise ValueError("one run has no spread")
    if np.isnan(scores).any() or np.isinf(scores).any():
        raise ValueError("a run did not finish")
    columns = []
    for rows in (scores, scores - scores[0]):
        mean = rows.sum(axis=1) / seeds
        deviations = rows - mean[:, None]
        columns += [mean, np.sqrt((deviations**2).sum(axis=1) / (seeds - 1))]
    mean, sd, gap, spread = columns
    return mean, sd, gap, spread / seeds**0.5


# %% 04.5 model by model


def compare(scores):
    if scores.shape[1] <= 1 or not np.all(np.isfinite(scores)):
        raise ValueError("a table needs two finished runs")
    rows = []
    for model in scores:
        gaps = [mine - base for mine, base in zip(model, scores[0], strict=True)]
        error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
        rows.append((np.mean(model), np.std(model, ddof=1), np.mean(gaps), error))
    mean, sd, gap, error = zip(*rows, strict=True)
    return mean, sd, gap, error
