"""`python -m minitorch_attn prove`: the proof of the checks, chapter by chapter."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import MinitorchError
from ..checking.exercise import Exercise
from ..checks import exercises_of, find, folders
from ..sources.text import ROOT
from . import named, survivors
from .answers import answers_of, beside
from .proof import FEWEST, SEEDS, SHARE, Proof, prove

OTHERS = 2  # right answers beside the worked one, at least
TRAINED = 2  # seeds for what trains a model: a second or more each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("what", nargs="*", help="chapters or exercises, 06 or 06.2; else all")
    parser.add_argument(
        "--checks",
        type=Path,
        metavar="FOLDER",
        help="exercises of your own, laid out as the book's: these, where none are named",
    )
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many (%(default)s)")
    parser.add_argument(
        "--toml", action="store_true", help="print new survivors as entries for the list"
    )


def run(args: argparse.Namespace) -> int:
    """Prove, and print; 1 where something is missing."""
    proofs: list[Proof] = []
    faults: list[str] = []
    for exercise in chosen(args.what, args.checks and folders.use_checks(args.checks)):
        if found := named.faults(exercise):
            faults += found  # mutants of what is not right itself would tell nothing
            continue
        proof = prove_book(exercise, range(args.seeds))
        proofs.append(proof)
        print("\n".join(said(proof, toml=args.toml)), flush=True)
    print("\n".join(["", *table(proofs)]))
    complaints = [*faults, *(line for proof in proofs for line in proof.complaints)]
    print("\n".join(["", *complaints]) if complaints else "\nThe proof holds.")
    return 1 if complaints else 0


def chosen(what: Sequence[str], root: Path | None = None) -> list[Exercise]:
    """The exercises of these chapters, and these; where none is named, all of the folder `root`,
    or of the book."""
    try:
        if not what:
            there = [chapter.number for chapter in folders.chapters()]
            wanted = [number for number in there if folders.root_of(number) == (root or ROOT)]
            return [e for number in wanted for e in exercises_of(number)]
        return [e for word in what for e in ([find(word)] if "." in word else _chapter(word))]
    except ValueError as error:
        raise MinitorchError(str(error)) from error


def _chapter(word: str) -> list[Exercise]:
    if not (word.isdigit() and (found := exercises_of(int(word)))):
        raise MinitorchError(f"there is no chapter {word!r} with exercises; say 06, or 06.2")
    return found


def prove_book(exercise: Exercise, seeds: Sequence[int] = SEEDS) -> Proof:
    """The proof of an exercise whose answers and list stand in `solutions/`, the book's or not."""
    listed = survivors.read(beside(exercise, ".toml"))
    seeds = seeds[:TRAINED] if exercise.library else seeds
    return prove(exercise, answers_of(exercise), listed, seeds)


def said(proof: Proof, *, toml: bool = False) -> Iterator[str]:
    """What there is to say of one exercise: a line, new survivors, stale entries."""
    id = proof.exercise.id
    yield (
        f"{id} {proof.exercise.title}: {proof.rejected} of {proof.made} rejected, "
        f"{proof.rewritten} rewritings, {proof.seconds:.0f} s"
    )
    if proof.answers <= OTHERS:
        few = OTHERS + 1 - proof.answers
        yield f"  {few} more right answers, built differently, would make it stronger"
    for line in proof.refused:
        yield f"  right, and loses points: {line}"
    if toml and proof.new:
        yield survivors.entries(survivor.key for survivor in proof.new)
    for survivor in proof.new if not toml else ():
        where = f"line {survivor.mutant.line}, {survivor.mutant.operator}"
        yield f"  kept its points: {id} {survivor.key[1]}, {where}, {_seeds(survivor.seeds)}"
        yield "\n".join(f"    {line}" for line in survivor.mutant.diff.splitlines())
    for entry in proof.stale:
        yield f"  listed, but rejected or no longer made: {id} {entry.key[1]}"
        yield f"    - {entry.key[2]}\n    + {entry.key[3]}"


def _seeds(seeds: Sequence[int]) -> str:
    word = "seed" if len(seeds) == 1 else f"{len(seeds)} seeds:"
    return f"{word} {', '.join(map(str, seeds[:10]))}{', …' * (len(seeds) > 10)}"


def table(proofs: Sequence[Proof]) -> Iterator[str]:
    """A line for each exercise, for each chapter, and for all."""
    yield f"{'':8} answers rewritten refused   made rejected equivalent outside  new"
    for chapter in sorted({proof.exercise.chapter for proof in proofs}):
        its = [proof for proof in proofs if proof.exercise.chapter == chapter]
        for proof in its:
            yield _row(proof.exercise.id, [proof])
        yield _row(f"{chapter:02}", its)
    yield _row("all", proofs)
    yield f"(at least {FEWEST} made an exercise, and {SHARE:.0%} rejected of the not equivalent)"
    if any(len(proof.seeds) < len(SEEDS) for proof in proofs):
        yield f"(what is listed is tried with {len(SEEDS)} seeds, and with fewer counts as kept)"
    if few := [p for p in proofs if p.exercise.library]:
        yield f"({', '.join(p.exercise.id for p in few)} trains: {len(few[0].seeds)} seeds there)"


def _row(name: str, proofs: Sequence[Proof]) -> str:
    made = sum(proof.made for proof in proofs)
    equivalent = sum(proof.equivalent for proof in proofs)
    rejected = sum(proof.rejected for proof in proofs)
    return (
        f"{name:8}{sum(p.answers for p in proofs):8}{sum(p.rewritten for p in proofs):10}"
        f"{sum(len(p.refused) for p in proofs):8}{made:7}{rejected:9}{equivalent:11}"
        f"{sum(p.outside for p in proofs):8}{sum(len(p.new) for p in proofs):5}"
        f"{rejected / max(1, made - equivalent):8.1%}"
    )
