"""`train` with one process that fails: mpiexec -n 2 python -m tests.helpers.failing_process HOW …

Process 1 fails in its fortieth step: it raises a `defect`, `diverges`, or is `killed`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from minitorch_attn.__main__ import main
from minitorch_attn.shared_training import SharedTrainer

if __name__ == "__main__":
    how, *words = sys.argv[1:]
    compute, steps = SharedTrainer._compute_gradients, itertools.count(1)

    def failing(self: SharedTrainer, inputs: Any, targets: Any) -> tuple[float, Any]:
        if self.comm.rank == 1 and next(steps) == 40:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "defect":
                raise ZeroDivisionError("planted")
            inputs = inputs * float("inf")
        return compute(self, inputs, targets)

    SharedTrainer._compute_gradients = failing  # type: ignore[method-assign]
    sys.exit(main(words))
