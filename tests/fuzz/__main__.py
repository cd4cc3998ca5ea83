"""The command for a long run: from the repository's root, `python -m tests.fuzz --minutes 30`."""

from __future__ import annotations

import argparse
import itertools
import time
import traceback

import numpy as np

from . import TRIALS, attempt


def main() -> int:
    """Try until the time is over; print what failed, and how to see it again. 1 if anything did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default 1)")
    parser.add_argument("--only", choices=TRIALS, help="one kind of trial")
    parser.add_argument("--seed", type=int, help="one trial of each kind, with this seed")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with (default 0)")
    given = parser.parse_args()
    names = [given.only] if given.only else list(TRIALS)
    until = time.monotonic() + 60 * given.minutes
    counts = dict.fromkeys(names, 0)
    failed = 0
    with np.errstate(under="ignore"):
        for seed in [given.seed] if given.seed is not None else itertools.count(given.first):
            for name in names:
                counts[name] += 1
                try:
                    attempt(name, seed)
                except Exception:
                    failed += 1
                    traceback.print_exc()
            if time.monotonic() > until:
                break
    tried = ", ".join(f"{count} × {name}" for name, count in counts.items())
    print(f"{tried}: {failed} failed")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
