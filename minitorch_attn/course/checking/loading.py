"""Run the source that was collected, in this process: for the learner's own machine.

There is no isolation here. Marks for other people's code are not made this way.
"""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Callable
from typing import Any

from .collect import Found
from .expecting import LearnerError
from .running import learner_error, quiet


def load(found: Found) -> Callable[..., Any]:
    """The function that a submission defines. Raises LearnerError where its code does not run."""
    file = f"<{found.where}: {found.name}>"
    linecache.cache[file] = (len(found.source), None, found.source.splitlines(True), file)
    module = types.ModuleType("submission")
    sys.modules["submission"] = module  # dataclasses and pickle look their module up
    try:
        with quiet():
            # As strings annotations need nothing that only they name.
            flags = annotations.compiler_flag
            exec(compile(found.source, file, "exec", flags, True), module.__dict__)
    except (Exception, SystemExit) as error:
        raise learner_error(error, file) from error
    function = module.__dict__.get(found.name)
    if not callable(function):
        raise LearnerError(["TypeError"], f"{found.name} is {function!r}, not a function")
    return function
