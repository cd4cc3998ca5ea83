"""Random programs, attentions, indices and einsums, against NumPy and finite differences.

`engine/test_fuzz.py` tries some on every run; `python -m tests.fuzz --minutes 30` tries as many as
fit. Each trial is made from a seed alone, which a failure names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import attentions, einsums, indices, programs

Trial = Callable[[np.random.Generator], None]
TRIALS: dict[str, Trial] = {
    "program": programs.trial,
    "program of mixed numbers": programs.mixed_trial,
    "attention": attentions.trial,
    "hidden numbers": attentions.hidden_trial,
    "index": indices.trial,
    "einsum": einsums.trial,
}


def attempt(name: str, seed: int) -> None:
    """One trial; what fails says which it was."""
    try:
        TRIALS[name](np.random.default_rng([seed, *name.encode()]))
    except Exception as error:
        error.add_note(
            f"fuzz: {name}, seed {seed}: python -m tests.fuzz --only {name!r} --seed {seed}"
        )
        raise
