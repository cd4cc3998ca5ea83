"""The tables of chapter 15 that take too long for its notebook: tweets and DNA, three seeds each.

    python chapters/stored/15_long_runs.py [tweets] [block] [dna] [grid]

writes chapters/stored/15_PART.json for each part named, or for all: each figure once a seed, with
the date, the machine and the seconds. Models learn from the training part, their epoch is chosen on
the validation part, and all figures but those called validation are of the test part.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from minitorch_attn import absolute, log, log_softmax, no_grad, relu, softmax
from minitorch_attn import sum as total
from minitorch_attn.data import Vocabulary, lexicon, pad, splice, tweets
from minitorch_attn.data.splice import SITE
from minitorch_attn.explain import leave_one_out, times_gradient
from minitorch_attn.metrics.distances import jsd, tvd
from minitorch_attn.models import Pooler
from minitorch_attn.nn import Module, Parameter
from minitorch_attn.optim import AdamW, warmup_cosine
from minitorch_attn.tensor import Tensor
from minitorch_attn.training import Trainer

SEEDS = range(3)


@dataclass
class Part:
    """Inputs, one array or a tuple, and targets likewise; the valence of the words of tweets."""

    inputs: Any
    targets: Any
    valence: Any = None

    def __len__(self) -> int:
        return len(self.targets[0] if isinstance(self.targets, tuple) else self.targets)

    def batch(self, i: Any) -> tuple[Any, Any]:
        def at(x: Any) -> Any:
            return tuple(a[i] for a in x) if isinstance(x, tuple) else x[i]

        return at(self.inputs), at(self.targets)


def load_tweets(seed: int) -> tuple[list[Part], dict[str, Any]]:
    found, words = tweets(), lexicon()
    split = re.compile(r"[a-z0-9']+|[:;=8][-~]?[)(dp/\\]|[!?.,]")
    texts = [split.findall(text.lower())[:32] for text in found.texts]
    clear = [i for i, t in enumerate(texts) if len(t) > 1 and abs(found.valence[i]) > 0.5]
    order = np.random.default_rng(seed).permutation(clear)
    parts = np.split(order, [int(0.7 * len(order)), int(0.8 * len(order))])
    vocabulary = Vocabulary([texts[i] for i in parts[0]], min_count=2)

    def part(rows: np.ndarray) -> Part:
        ids = pad([vocabulary.encode(texts[i]) for i in rows], 32)
        valence = np.zeros(ids.shape)
        for row, i in zip(valence, rows, strict=True):
            row[: len(texts[i])] = [words.get(word, 0.0) for word in texts[i]]
        return Part(ids, (found.valence[rows] > 0).astype(int), valence)

    return [part(rows) for rows in parts], {"num_words": len(vocabulary), "num_classes": 2}


def load_dna(seed: int) -> tuple[list[Part], dict[str, Any]]:
    found = splice()
    order = np.random.default_rng(seed).permutation(len(found))
    parts = [Part(found.letters[i] + 1, found.targets[i]) for i in np.split(order, [2100, 2400])]
    return parts, {"num_words": 5, "num_classes": 3, "num_positions": 60}


class Looked(Module):
    """A Pooler that returns its weights as well: what the adversary's loss reads."""

    def __init__(self, model: Pooler) -> None:
        self.model = model

    def __call__(self, ids: Any) -> Any:
        return self.model(ids, return_weights=True)


def fit(
    model: Module, train: Part, valid: Part, steps: int, lr: float, seed: int, **how: Any
) -> Trainer:
    epochs = max(1, round(steps / -(-len(train) // 64)))
    count = epochs * -(-len(train) // 64)
    run = Trainer(
        model,
        AdamW(model.named_parameters(), lr, weight_decay=0.05),
        train,
        validation=valid,
        schedule=warmup_cosine(count, 30),
        patience=None if "loss" in how else epochs,
        seed=seed,
        progress=False,
        **how,
    )
    run.fit(epochs)
    model.eval()
    return run


def said(model: Any, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (B, C) and weights (B, S)."""
    with no_grad():
        logits, weights = model(inputs, return_weights=True)
    return softmax(logits).numpy(), weights.numpy()


def accuracy(model: Any, part: Part) -> float:
    inputs = part.inputs if isinstance(part.inputs, tuple) else (part.inputs,)
    with no_grad():
        return 100 * float((model(*inputs).numpy().argmax(axis=1) == part.targets).mean())


def attributions(model: Pooler, ids: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    scale = Tensor(
        np.ones((*ids.shape, model.embed.weight.shape[1]), np.float32), requires_grad=True
    )
    logits, weights = model(ids, scale=scale, return_weights=True)
    (product,) = times_gradient(logits, [scale])
    return {
        "weights": weights.numpy(),
        "gradient × input": np.abs(product.sum(axis=2)) * (ids > 0),
        "leave one out": np.abs(leave_one_out(lambda keep: model(np.where(keep, ids, 0)), ids > 0)),
    }, logits.numpy().argmax(axis=1)


def tau(a: np.ndarray, b: np.ndarray, real: np.ndarray) -> float:
    each = [
        kendalltau(x[k], y[k]).statistic for x, y, k in zip(a, b, real, strict=True) if k.sum() > 2
    ]
    return float(np.nanmean(each))


def permuted(model: Pooler, ids: np.ndarray, times: int = 30) -> np.ndarray:
    """For each text the median distance of the answer when its weights change places."""
    rng, (p, w), moved = np.random.default_rng(0), said(model, ids), []
    for _ in range(times):
        other = np.zeros_like(w)
        for row, old, real in zip(other, w, ids > 0, strict=True):
            row[real] = rng.permutation(old[real])
        with no_grad():
            moved.append(tvd(p, softmax(model(ids, other)).numpy()))
    return np.median(moved, axis=0)


def adversary(model: Pooler, ids: np.ndarray, most: float = 0.05, steps: int = 150) -> np.ndarray:
    """For each text the largest JSD of other weights whose answer moves by at most `most` (TVD)."""
    (p, w), best = said(model, ids), np.zeros(len(ids))
    values = Tensor(model.values(ids).numpy())
    scores = Parameter(np.random.default_rng(0).normal(size=ids.shape).astype(np.float32))
    adam = AdamW([("scores", scores)], 0.1, weight_decay=0.0)
    for _ in range(steps):
        q = softmax(scores - 1e9 * (ids == 0).astype(np.float32))
        answer = softmax(model.read(q, values))
        moved = total(absolute(answer - p), axis=1) * 0.5
        middle = (q + w) * 0.5 + 1e-9
        far = total(q * log(q / middle + 1e-9), axis=1) + total(
            w * log((w + 1e-12) / middle), axis=1
        )
        loss = total(relu(moved - 0.9 * most) * 50 - far * 0.5) / len(ids)
        adam.zero_grad()
        loss.backward()
        adam.step()
        reached = jsd(q.numpy(), w)
        good = (moved.numpy() <= most) & (reached > best)
        best[good] = reached[good]
    return best


def adversarial_model(
    make: Callable[..., Pooler],
    base: Pooler,
    parts: list[Part],
    lam: float,
    steps: int,
    lr: float,
    seed: int,
) -> Pooler:
    """Trained to the base's answers, and away from its weights."""

    def loss(outputs: Any, targets: Any) -> Tensor:
        (logits, weights), (p, w) = outputs, targets
        same = -total(log_softmax(logits) * p) / len(p)
        away = total(weights * log((weights + 1e-9) / (w + 1e-6))) / len(p)
        return same - lam * away

    told = [Part(part.inputs, said(base, part.inputs)) for part in parts[:2]]
    model = make(seed=seed + 7)
    agree = lambda outputs, targets: float((outputs[0].argmax(1) == targets[0].argmax(1)).mean())  # noqa: E731
    fit(Looked(model), *told, steps, lr, seed, loss=loss, accuracy=agree)
    return model.eval()


def frozen(
    make: Callable[..., Pooler],
    weights: Callable[[Any], np.ndarray],
    parts: list[Part],
    steps: int,
    lr: float,
    seed: int,
) -> float:
    """The diagnostic: words without context under weights that are given. Its test accuracy."""
    given = [Part((part.inputs, weights(part.inputs)), part.targets) for part in parts]
    model = make(seed=seed + 9, block=False)
    fit(model, *given[:2], steps, lr, seed)
    return accuracy(model, given[2])


def equal(ids: np.ndarray) -> np.ndarray:
    return ((ids > 0) / (ids > 0).sum(axis=1, keepdims=True)).astype(np.float32)


Add = Callable[[str, Any], None]


def examine(add: Add, model: Pooler, test: Part, other: Pooler, count: int) -> None:
    """The tests of Jain and Wallace, and the seeds beside them."""
    ids = test.inputs[:count]
    found, answer = attributions(model, ids)
    for name in ("weights", "gradient × input"):
        add(f"tau with leave one out: {name}", tau(found[name], found["leave one out"], ids > 0))
    for name, scores in found.items():
        if test.valence is not None:
            judged = np.abs(test.valence[:count]) > 0
            rows = judged.any(axis=1)
            top = judged[np.arange(count), scores.argmax(axis=1)]
            add(f"top word has valence, %: {name}", 100 * top[rows].mean())
        else:
            rows = (test.targets[:count] < 2) & (answer == test.targets[:count])
            at = scores[rows].argmax(axis=1)
            add(
                f"points at the site, %: {name}",
                100 * ((at >= SITE.start) & (at < SITE.stop)).mean(),
            )
    moved = permuted(model, ids[:200])
    add("permuted: median TVD", np.mean(moved))
    add("permuted: share below .05, %", 100 * np.mean(moved < 0.05))
    far = adversary(model, ids[:200])
    add("adversary: JSD", np.mean(far))
    (p, w), (p2, w2) = said(model, test.inputs), said(other, test.inputs)
    add("other seed: JSD", jsd(w, w2).mean())
    add("other seed: TVD", tvd(p, p2).mean())
    add("equal weights: JSD", jsd(w, equal(test.inputs)).mean())


def go(
    load: Callable[..., Any], block: bool, dropout: float, steps: int, sweep: dict[int, Any]
) -> dict[str, list[float]]:
    """All tests of one kind of model; `sweep` has for a number of steps the adversaries' λ."""
    lr, table = 3e-3, {}
    for seed in SEEDS:
        parts, options = load(seed)
        test = parts[2]

        def add(key: str, value: Any) -> None:
            table.setdefault(key, []).append(round(float(value), 4))

        def make(*, options: dict[str, Any] = options, **more: Any) -> Pooler:
            return Pooler(**{**options, "dropout": dropout, "block": block, **more})

        def trained(make: Any = make, parts: Any = parts, **more: Any) -> Pooler:
            model = make(**more)
            fit(model, *parts[:2], steps, lr, more["seed"])
            return model

        base = trained(seed=seed)
        add("accuracy: attention", accuracy(base, test))
        add("accuracy: equal weights", accuracy(trained(seed=seed, mixing="uniform"), test))
        examine(add, base, test, trained(seed=seed + 50), 300)
        p, w = said(base, test.inputs)
        given = {"equal": equal, "trained": lambda x, m=base: said(m, x)[1]}
        for count, lams in sweep.items():
            for lam in lams:
                enemy = adversarial_model(make, base, parts, lam, count, lr, seed)
                p2, w2 = said(enemy, test.inputs)
                key = f"adversarial model, {count} steps, λ {lam}"
                add(f"{key}: JSD", jsd(w, w2).mean())
                add(f"{key}: TVD", tvd(p, p2).mean())
                add(f"{key}: accuracy", accuracy(enemy, test))
                if (count, lam) == (2000, 0.03):
                    given["adversary's"] = lambda x, m=enemy: said(m, x)[1]
        for name, weights in {} if block else given.items():
            for count, rate in ((500, 3e-3), (2000, 1e-2)):
                key = f"frozen weights, {count} steps: {name}"
                add(key, frozen(make, weights, parts, count, rate, seed))
        print(block, "seed", seed, "done", flush=True)
    return table


def grid() -> dict[str, Any]:
    """DNA: attention and equal weights, each with every number of steps and rate."""
    table: dict[str, Any] = {}
    shares: dict[str, list[np.ndarray]] = {}
    sites = np.arange(SITE.start, SITE.stop)
    for steps, lr in ((400, 3e-3), (400, 1e-2), (1500, 3e-3), (1500, 1e-2), (4000, 1e-2)):
        for mixing, seed in itertools.product(("attention", "uniform"), SEEDS):
            parts, options = load_dna(seed)
            model = Pooler(**options, mixing=mixing, seed=seed)
            started = time.process_time()
            fit(model, *parts[:2], steps, lr, seed)
            spent = time.process_time() - started
            found, answer = attributions(model, parts[2].inputs[:300])
            rows = (parts[2].targets[:300] < 2) & (answer == parts[2].targets[:300])
            row = {"validation": accuracy(model, parts[1]), "test": accuracy(model, parts[2])}
            for name in ("weights", "leave one out"):
                at = found[name][rows]
                row[f"{name} point"] = 100 * np.isin(at.argmax(axis=1), sites).mean()
                if (steps, lr) == (1500, 3e-3):
                    share = (at / at.sum(axis=1, keepdims=True)).mean(axis=0)
                    shares.setdefault(f"{mixing}: {name}", []).append(share)
            for key, value in {**row, "seconds": spent}.items():
                key = f"{mixing} | {steps} | {lr} | {key}"
                table.setdefault(key, []).append(round(float(value), 3))
        print("grid", steps, lr, "done", flush=True)
    norm, score = zip(*map(linear, SEEDS), strict=True)
    shares["linear model"] = list(norm)
    means = {key: np.mean(found, axis=0).round(5).tolist() for key, found in shares.items()}
    return {**table, "linear model: test": score, "by position": means}


def linear(seed: int) -> tuple[np.ndarray, float]:
    """Logistic regression on the letters: its numbers' length by position, and its accuracy."""
    from sklearn.linear_model import LogisticRegression

    train, _, test = load_dna(seed)[0]
    x, x_test = (np.eye(4)[part.inputs - 1].reshape(len(part), -1) for part in (train, test))
    model = LogisticRegression(C=0.1, max_iter=500).fit(x, train.targets)
    norm = np.sqrt((model.coef_.reshape(3, 60, 4) ** 2).sum(axis=(0, 2)))
    return norm / norm.sum(), round(100 * model.score(x_test, test.targets), 2)


PARTS = {
    "tweets": lambda: go(
        load_tweets, False, 0.3, 500, {500: (0.1, 1.0), 2000: (0.01, 0.03, 0.1, 1.0)}
    ),
    "block": lambda: go(load_tweets, True, 0.3, 500, {500: (0.1,)}),
    "dna": lambda: go(load_dna, False, 0.0, 1500, {}),
    "grid": grid,
}


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        before = time.process_time()
        found = PARTS[part]()
        about = {
            "command": f"python chapters/stored/15_long_runs.py {part}",
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "processor seconds": round(time.process_time() - before),
        }
        text = json.dumps({"about": about, **found}, indent=1, ensure_ascii=False)
        path = Path(__file__).with_name(f"15_{part}.json")
        path.write_text(text + "\n", encoding="utf-8")
        print("written:", path, flush=True)


if __name__ == "__main__":
    main()
