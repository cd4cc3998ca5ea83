"""Faults to plant in the engine, each with the test that must notice it."""

from __future__ import annotations

from faults import in_nn, in_ops, in_optim, in_training
from faults.planting import Plant

FAULTS: dict[str, tuple[Plant, str]] = {
    f"{room}, {name}": fault
    for room, faults in (
        ("ops", in_ops.FAULTS),
        ("optim", in_optim.FAULTS),
        ("nn", in_nn.FAULTS),
        ("training", in_training.FAULTS),
    )
    for name, fault in faults.items()
}
