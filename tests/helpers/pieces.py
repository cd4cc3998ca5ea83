"""Pieces of work for the pool of processes, in a module that is quick to import."""

from __future__ import annotations

import os
import time
from typing import Any


def double(task: Any) -> Any:
    return 2 * task


def die_on_three(task: Any) -> Any:
    if task == 3:
        os._exit(9)
    return task


def raise_on_three(task: Any) -> Any:
    if task == 3:
        raise KeyError("no")
    return task


def sleep_on_three(task: Any) -> Any:
    time.sleep(60 if task == 3 else 0)
    return task
