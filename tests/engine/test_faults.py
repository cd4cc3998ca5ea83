"""Can the tests of the engine fail? Each fault here must fail the test it names.

For the rules of the ops see `test_mutation.py`. A fault takes the place of a method or a function
of the library, and the named test is run, in this process, by a pytest of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import FAULTS

HERE = Path(__file__).parent
# What a run within a run does without, most of it to take a tenth of a second and not half a one.
WITHOUT = ("cacheprovider", "xdist", "faulthandler", "unraisableexception", "threadexception")


def run(*tests: str, only_collect: bool = False) -> int:
    """Pytest's exit code for these tests of this folder."""
    options = ["-q", "-x", "-o", "addopts=", *(f"-pno:{plugin}" for plugin in WITHOUT)]
    options += ["--collect-only"] if only_collect else []
    return pytest.main([*options, *(str(HERE / test) for test in tests)])


@pytest.fixture(scope="module", autouse=True)
def _named_tests_are_there() -> None:
    """And their modules are imported now, before any fault is planted."""
    tests = sorted({test for _, test in FAULTS.values()})
    assert run(*tests, only_collect=True) == pytest.ExitCode.OK


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, test = FAULTS[name]
    plant(monkeypatch)
    assert run(test) == pytest.ExitCode.TESTS_FAILED
