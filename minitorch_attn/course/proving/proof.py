"""Prove an exercise: all mutants of its right answers tried, the survivors held against a list.

This knows nothing of the book: an exercise, the sources of right answers and a list go in, so an
instructor's own exercise is proved in the same way.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..checking import collect, running
from ..checking.exercise import Exercise
from ..checking.loading import load
from . import trials
from .answers import Answer
from .mutating import Mutant, mutants
from .survivors import Key, Listed, key_of

SEEDS = tuple(range(20))
FEWEST = 40  # mutants an exercise
SHARE = 0.98  # of those that are not equivalent, rejected


@dataclass(frozen=True)
class Survivor:
    """A mutant that kept its points, in these seeds."""

    key: Key
    mutant: Mutant
    seeds: tuple[int, ...]


@dataclass
class Proof:
    """What was found about one exercise; it holds where `complaints` is empty."""

    exercise: Exercise
    seeds: int
    answers: int
    made: int = 0
    rejected: int = 0
    killed: int = 0
    equivalent: int = 0  # of the survivors, those listed as such
    outside: int = 0
    new: list[Survivor] = field(default_factory=list)
    stale: list[Listed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # right answers that lose points
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """The share of those mutants rejected that are not equivalent."""
        return self.rejected / max(1, self.made - self.equivalent)

    @property
    def complaints(self) -> list[str]:
        """What is missing, a line each."""
        id = self.exercise.id
        found = [f"{id}: {line}" for line in self.wrong]
        if self.made < FEWEST:
            found.append(f"{id}: {self.made} mutants made, fewer than {FEWEST}")
        if self.share < SHARE:
            found.append(f"{id}: {self.share:.1%} rejected, less than {SHARE:.0%}")
        if self.new:
            found.append(f"{id}: {len(self.new)} kept their points and are not listed")
        if self.stale:
            found.append(f"{id}: {len(self.stale)} listed, but not made, or rejected")
        return found


def prove(
    exercise: Exercise,
    answers: Sequence[Answer],
    listed: Sequence[Listed] = (),
    seeds: Sequence[int] = SEEDS,
) -> Proof:
    """Mutate every answer, try each mutant with every seed, and compare with the list.

    Raises what the checks raise before they call the function, and what `load` raises where an
    answer does not run.
    """
    began = time.monotonic()
    proof = Proof(exercise, len(seeds), len(answers))
    survivors: list[Survivor] = []
    slowest = 0.0
    for answer in answers:
        example, seconds, lost = _tried(exercise, answer, seeds)
        proof.wrong += [f"the answer {answer.name!r} loses points with seed {s}" for s in lost]
        made = mutants(answer.source, exercise.function, example)
        slowest = max(slowest, trials.SECONDS + trials.PATIENCE * seconds)
        sources = [mutant.source for mutant in made]
        results = trials.in_processes(exercise, sources, seeds, seconds=slowest)
        for mutant, trial in zip(made, results, strict=True):
            if trial.kept:
                key = key_of(exercise.id, answer.name, mutant)
                survivors.append(Survivor(key, mutant, trial.kept))
        proof.made += len(made)
        proof.rejected += sum(not trial.kept for trial in results)
        proof.killed += sum(trial.killed for trial in results)
    _compare(proof, survivors, [entry for entry in listed if entry.key[0] == exercise.id])
    _all_seeds(proof, seeds, slowest)
    proof.seconds = time.monotonic() - began
    return proof


def _tried(
    exercise: Exercise, answer: Answer, seeds: Sequence[int]
) -> tuple[tuple[Any, ...], float, list[int]]:
    """The arguments of one call, the seconds of all seeds, and those that cost it points."""
    began = time.process_time()
    found = collect.Found(exercise.function, answer.source, f"{exercise.id} {answer.name}", False)
    function = load(found)
    lost = [seed for seed in seeds if trials.keeps(exercise, function, seed, 0) is not None]
    calls = [
        call
        for number in range(len(exercise.checks))
        for call in running.run_check(exercise, number, function, seeds[0])[1]
        if not isinstance(call.outcome, Exception)
    ]
    example = max((call.args for call in calls), key=len, default=())
    return example, time.process_time() - began, lost


def _all_seeds(proof: Proof, seeds: Sequence[int], seconds: float) -> None:
    """Find in which of all the seeds the new survivors kept their points: so far one is known."""
    sources = [survivor.mutant.source for survivor in proof.new]
    found = trials.in_processes(proof.exercise, sources, seeds, whole=True, seconds=seconds)
    proof.new = [replace(s, seeds=trial.kept) for s, trial in zip(proof.new, found, strict=True)]


def _compare(proof: Proof, survivors: Sequence[Survivor], listed: Sequence[Listed]) -> None:
    left = Counter({entry.key: entry.times for entry in listed})
    equivalent = {entry.key for entry in listed if entry.equivalent}
    for survivor in survivors:
        if left[survivor.key] <= 0:
            proof.new.append(survivor)
            continue
        left[survivor.key] -= 1
        if survivor.key in equivalent:
            proof.equivalent += 1
        else:
            proof.outside += 1
    proof.stale = [entry for entry in listed if left[entry.key] > 0]
