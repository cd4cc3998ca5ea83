"""Whether processes can be started together here, and how."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

NEEDED = "needs mpi4py and an MPI: pip install -r requirements/ci.txt"

# A wheel's stands beside Python, and belongs to the MPI that mpi4py finds there.
MPIEXEC = shutil.which("mpiexec", path=os.path.dirname(sys.executable)) or shutil.which("mpiexec")


def no_mpi() -> bool:
    """Whether mpi4py, an MPI that it can load, or the command that starts processes is missing."""
    if importlib.util.find_spec("mpi4py") is None or MPIEXEC is None:
        return True
    done = subprocess.run([sys.executable, "-c", "import mpi4py.MPI"], capture_output=True)
    return bool(done.returncode)


def start(count: int, *words: object) -> subprocess.CompletedProcess[str]:
    """What so many processes of Python said, called with these words in the checkout's root."""
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return subprocess.run(
        [str(MPIEXEC), "-n", str(count), sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        env={**os.environ, **as_root},
        timeout=180,
        check=False,
    )
