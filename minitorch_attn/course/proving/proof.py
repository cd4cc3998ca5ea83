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

from ..checking import bounded, collect, running
from ..checking.exercise import Exercise
from ..checking.loading import load
from . import trials
from .answers import Answer
from .mutating import Mutant, mutants
from .rewriting import rewritings
from .survivors import Key, Listed, key_of

SEEDS = tuple(range(20))
FEWEST = 40  # mutants an exercise
REWRITTEN = 10  # rewritings an exercise
SHARE = 0.98  # of those that are not equivalent, rejected
TURNS = 3  # rewritings among which the seeds go round: each runs all checks to the end


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
    seeds: tuple[int, ...]
    answers: int
    made: int = 0
    rejected: int = 0
    equivalent: int = 0  # of the survivors, those listed as such
    outside: int = 0
    rewritten: int = 0
    new: list[Survivor] = field(default_factory=list)
    stale: list[Listed] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # what is right and loses points, a line each
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """The share of those mutants rejected that are not equivalent."""
        return self.rejected / max(1, self.made - self.equivalent)

    @property
    def complaints(self) -> list[str]:
        """What is missing, a line each."""
        found = []
        if self.made < FEWEST:
            found.append(f"{self.made} mutants made, fewer than {FEWEST}")
        if self.share < SHARE:
            found.append(f"{self.share:.1%} rejected, less than {SHARE:.0%}")
        if self.new:
            found.append(f"{len(self.new)} mutants kept their points and are not listed")
        if self.stale:
            found.append(f"{len(self.stale)} mutants are listed, but rejected or no longer made")
        if self.rewritten < REWRITTEN:
            found.append(f"{self.rewritten} rewritings, fewer than {REWRITTEN}")
        if self.refused:
            found.append(f"{len(self.refused)} right answers lose points")
        return [f"{self.exercise.id}: {line}" for line in found]


def prove(
    exercise: Exercise,
    answers: Sequence[Answer],
    listed: Sequence[Listed] = (),
    seeds: Sequence[int] = SEEDS,
) -> Proof:
    """Mutate and rewrite every answer, try the mutants with every seed and each rewriting with
    every third, and compare with the list.

    With fewer seeds than SEEDS what is listed is not tried, and counts as kept: if these seeds
    rejected it, another might keep it all the same.

    Raises LearnerError where an answer does not run, and what a check raises before it called it.
    """
    began = time.monotonic()
    proof = Proof(exercise, tuple(seeds), len(answers))
    for answer in answers:
        first = _First.of(exercise, answer, seeds[0])
        its = [entry for entry in listed if entry.key[:2] == (exercise.id, answer.name)]
        _mutate(proof, answer, first, its)
        _rewrite(proof, answer, first)
    names = [answer.name for answer in answers]
    proof.stale += [e for e in listed if e.key[0] == exercise.id and e.key[1] not in names]
    proof.seconds = time.monotonic() - began
    return proof


@dataclass(frozen=True)
class _First:
    """A right answer's own run with the first seed.

    `example` are the arguments of one call, `keywords` the parameters that checks pass by name,
    `seconds` what each check took.
    """

    example: tuple[Any, ...]
    keywords: frozenset[str]
    seconds: tuple[float, ...]

    @classmethod
    def of(cls, exercise: Exercise, answer: Answer, seed: int) -> _First:
        found = collect.Found(
            exercise.function, answer.source, f"{exercise.id} {answer.name}", False
        )
        function, seconds, calls = load(found), [], []
        for number in range(len(exercise.checks)):
            began = time.process_time()
            calls += running.run_check(exercise, number, function, seed)[1]
            seconds.append(time.process_time() - began)
        answered = [call.args for call in calls if not isinstance(call.outcome, Exception)]
        keywords = frozenset(name for call in calls for name in call.kwargs)
        return cls(max(answered, key=len, default=()), keywords, tuple(seconds))


def _try(
    proof: Proof,
    sources: Sequence[str],
    seeds: Sequence[int],
    first: _First,
    until: str,
    seconds: float = 0.0,
) -> list[trials.Trial]:
    """All of them; each may take ten times as long as the answer that they were made from, or
    these seconds, where that is more."""
    seconds = max(seconds, 2 + 10 * sum(first.seconds))
    order = sorted(range(len(first.seconds)), key=lambda number: first.seconds[number])
    return trials.in_processes(
        proof.exercise, sources, seeds, seconds=seconds, order=order, until=until
    )


def _mutate(proof: Proof, answer: Answer, first: _First, listed: Sequence[Listed]) -> None:
    made = mutants(answer.source, proof.exercise.function, first.example)
    keys = [key_of(proof.exercise.id, answer.name, mutant) for mutant in made]
    left = Counter({entry.key: entry.times for entry in listed})
    few = len(proof.seeds) < len(SEEDS)
    untried = {key for key, times in Counter(keys).items() if few and times <= left[key]}
    tried = [m.source for m, key in zip(made, keys, strict=True) if key not in untried]
    found = iter(_try(proof, tried, proof.seeds, first, "kept"))
    rejected: Counter[Key] = Counter()
    new = []
    for mutant, key in zip(made, keys, strict=True):
        kept = proof.seeds if key in untried else next(found).kept
        if not kept:
            rejected[key] += 1
        elif left[key] > 0:
            left[key] -= 1
            equivalent = any(entry.key == key and entry.equivalent for entry in listed)
            proof.equivalent += equivalent
            proof.outside += not equivalent
        else:
            new.append(Survivor(key, mutant, kept))
    proof.made += len(made)
    proof.rejected += sum(rejected.values())
    # So far one seed is known in which a new one kept its points. Which are all of them?
    ends = _try(proof, [survivor.mutant.source for survivor in new], proof.seeds, first, "end")
    proof.new += [replace(s, seeds=trial.kept) for s, trial in zip(new, ends, strict=True)]
    if few:
        left -= rejected
    proof.stale += [entry for entry in listed if left[entry.key] > 0]


def _rewrite(proof: Proof, answer: Answer, first: _First) -> None:
    function = proof.exercise.function
    made = [
        (rewriting.name, collect.collect_text(rewriting.source, ".py", function).source)
        for rewriting in rewritings(answer.source, function, keywords=first.keywords)
    ]
    proof.rewritten += len(made)
    _want_full_marks(proof, answer, [("as it stands", answer.source)], proof.seeds, first)
    turns = min(TURNS, len(proof.seeds))
    for turn in range(turns):
        _want_full_marks(proof, answer, made[turn::turns], proof.seeds[turn::turns], first)


def _want_full_marks(
    proof: Proof,
    answer: Answer,
    right: Sequence[tuple[str, str]],
    seeds: Sequence[int],
    first: _First,
) -> None:
    """Note which of these, names and sources, lose points with one of these seeds."""
    # What is right may be as slow as a reader's answer: s |= t written out copies s each time.
    limit = bounded.limit_of(proof.exercise)
    found = _try(proof, [source for _, source in right], seeds, first, "lost", limit)
    for (name, _), trial in zip(right, found, strict=True):
        if len(trial.kept) < len(seeds):
            seed = seeds[len(trial.kept)]
            why = "takes too long" if trial.killed else f"fails {trial.failed!r} with seed {seed}"
            proof.refused.append(f"the answer {answer.name!r}, {name}: {why}")
