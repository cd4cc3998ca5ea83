"""The grader behind nbgrader. A course's `nbgrader_config.py` imports `configure` from here."""

from .course import configure

__all__ = ["configure"]
