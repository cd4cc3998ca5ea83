"""What all tests share: one thread for linear algebra, and how Hypothesis looks for examples."""

from __future__ import annotations

import os

# Before NumPy is imported. The arrays are small, and the tests run in some processes: with threads
# of their own on top, on two busy cores, these tests took ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# The same examples on every run, and nothing kept between runs.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=60
)
settings.load_profile("repeatable")

# Each takes minutes, some of them together: begun last, one would run alone while the other
# processes have nothing left. Where a file goes to a process whole (`--dist loadfile`), its other
# tests come with it.
LONGEST = (
    "test_the_proof_holds[10.2]",
    "test_the_proof_holds[14.3]",
    "test_the_committed_notebooks",
    "test_no_page_fails_overflows",
    "web/test_live.py",
    "web/test_one_file.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the others keep their order."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONGEST))
