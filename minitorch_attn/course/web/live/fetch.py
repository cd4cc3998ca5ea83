"""`make live`: get Python for the browser, so that cells run in the pages of `make web`."""

from __future__ import annotations

import argparse
import os

from ...sources.text import need_checkout
from . import runtime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    """Fetch it; returns 0. Raises SourceError or NoRuntime if it cannot be had."""
    need_checkout("live")
    print(f"Python for the browser is in {os.path.relpath(runtime.fetch())}")
    return 0
