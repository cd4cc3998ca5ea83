"""The splice sites that come with the library."""

from __future__ import annotations

import numpy as np

from minitorch_attn.data.splice import LETTERS, SITE, splice


def test_the_stretches_are_whole() -> None:
    found = splice()
    assert len(found) == 3186
    assert found.letters.shape == (3186, 60)
    assert set(found.letters.ravel()) == {0, 1, 2, 3}
    assert np.bincount(found.targets).tolist() == [767, 765, 1654]


def test_introns_begin_with_gt_and_end_with_ag() -> None:
    found = splice()
    sites = ["".join(LETTERS[i] for i in row) for row in found.letters[:, SITE]]
    ends = sum(s[2:] == "GT" for s, y in zip(sites, found.targets, strict=True) if y == 0)
    begins = sum(s[:2] == "AG" for s, y in zip(sites, found.targets, strict=True) if y == 1)
    assert (ends, begins) == (759, 761)
