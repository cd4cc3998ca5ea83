"""The parent of every error that this package raises by name."""

from __future__ import annotations

from typing import ClassVar


class MinitorchError(Exception):
    """Something that the user can mend; the message is one line that says what, and how.

    Each error below has a second parent among Python's own (ValueError, RuntimeError, …), so code
    that catches those goes on working. The command line prints the message of any of them, without
    a traceback, and ends with `status`: 2 for a wish that cannot be granted, 1 for work that was
    begun and failed.
    """

    status: ClassVar[int] = 2


class GradientError(MinitorchError, RuntimeError):
    """A gradient that was asked for and cannot be had; the message says what to do."""
