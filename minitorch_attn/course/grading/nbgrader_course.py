"""Where the configuration of courses exported before this room was built looks for `configure`."""

from .nbgrader import configure

__all__ = ["configure"]
