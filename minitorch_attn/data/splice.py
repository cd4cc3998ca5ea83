"""Where genes are cut: stretches of DNA in which the place that matters is known from biology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .packing import PACKED

LETTERS = "ACGT"
SITE = slice(28, 32)  # from 0: the two letters on either side of the middle


@dataclass(frozen=True)
class Splice:
    """Stretches of 60 letters around a place where an exon may end or begin.

    Attributes
    ----------
    letters : (3186, 60) integers
        0 to 3, for A, C, G, T.
    targets : (3186,) integers
        0: an exon ends in the middle (EI, "donor"); 1: one begins there (IE, "acceptor");
        2: neither.
    """

    letters: np.ndarray
    targets: np.ndarray
    classes: tuple[str, ...] = ("EI", "IE", "neither")

    def __len__(self) -> int:
        return len(self.targets)


def splice() -> Splice:
    """All 3,186 stretches, in the order of their file.

    An intron begins with GT and ends with AG. So nearly every EI has G and T at places 31 and 32,
    counted from 1, and nearly every IE has A and G at places 29 and 30.

    Source: "Molecular Biology (Splice-junction Gene Sequences)", UCI Machine Learning Repository,
    doi 10.24432/C5M888, CC BY 4.0.
    """
    with np.load(PACKED / "dna_splice.npz") as file:
        return Splice(file["seq"].astype(int), file["y"].astype(int))
