"""The contestants: what each is called, which module is it, and where it takes part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .workloads import Workload


@dataclass(frozen=True)
class Contestant:
    """One who takes part.

    Attributes
    ----------
    title : as in the table
    module : in `contestants/`
    needs : the packages that must be installed
    options : what `start` and `prepare` of the module are given
    takes : for each family the largest number of tokens it is given (0: any)
    """

    title: str
    module: str
    needs: tuple[str, ...]
    takes: dict[str, int]
    options: dict[str, Any] = field(default_factory=dict)
    gpu: bool = False

    def takes_part(self, workload: Workload) -> bool:
        if workload.family not in self.takes:
            return False
        most = self.takes[workload.family]
        return not most or workload.size[2] <= most


EVERYTHING = {"ops": 0, "dense": 0, "classifier": 0, "attention": 0, "length": 0, "main": 0}
ON_GPU = {"dense": 0, "classifier": 0, "attention": 0}

CONTESTANTS = {
    "ours": Contestant("minitorch_attn", "ours", ("numpy",), EVERYTHING),
    "numpy": Contestant(
        "NumPy by hand", "by_hand", ("numpy",), {"dense": 0, "classifier": 0, "attention": 1024}
    ),
    "numpy-threads": Contestant(
        "NumPy by hand, the batch shared among threads",
        "by_hand",
        ("numpy", "threadpoolctl"),
        {"classifier": 0},
        {"split": True},
    ),
    "torch": Contestant("PyTorch eager", "torch_eager", ("torch",), EVERYTHING),
    "torch-default-adam": Contestant(
        "PyTorch eager, its default Adam",
        "torch_eager",
        ("torch",),
        {"dense": 0, "classifier": 0},
        {"default_adam": True},
    ),
    "torch-plain": Contestant(
        "PyTorch, plain composition",
        "torch_eager",
        ("torch",),
        {"attention": 0, "length": 8192},
        {"plain": True},
    ),
    "hips": Contestant(
        "HIPS autograd",
        "hips",
        ("autograd",),
        {"ops": 0, "dense": 0, "classifier": 0, "attention": 256},
    ),
    "ours-gpu": Contestant(
        "minitorch_attn on CuPy", "ours", ("cupy",), ON_GPU, {"device": "cuda"}, gpu=True
    ),
    "torch-gpu": Contestant(
        "PyTorch eager, GPU", "torch_eager", ("torch",), ON_GPU, {"device": "cuda"}, gpu=True
    ),
    "torch-gpu-reading": Contestant(
        "PyTorch eager, GPU, its loss read at each step",
        "torch_eager",
        ("torch",),
        {"dense": 0, "classifier": 0},
        {"device": "cuda", "reads_loss": True},
        gpu=True,
    ),
    "torch-compiled": Contestant(
        "PyTorch compiled, GPU",
        "torch_eager",
        ("torch",),
        ON_GPU,
        {"device": "cuda", "compiled": True},
        gpu=True,
    ),
}
