"""What all tests share: one thread for linear algebra, and how Hypothesis looks for examples."""

from __future__ import annotations

import os

# Before NumPy is imported. The arrays are small, and the tests run in two processes: with threads
# of their own on top, on two busy cores, these tests took ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

# The same examples on every run, and nothing kept between runs.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=60
)
settings.load_profile("repeatable")
