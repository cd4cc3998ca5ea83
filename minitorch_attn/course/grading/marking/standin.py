"""A student's function as the checks see it: arrays go into the box, arrays come back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...checking.expecting import CheckFailed, LearnerError, NotDone
from . import wire
from .box import Box, Stopped
from .isolating import Isolation

MAX_ASKS = 20_000  # calls of earlier exercises' functions, in one call
_NAME = 60


@dataclass
class Allowance:
    """What student code may still use: processes (a process that dies is lost) and seconds."""

    lives: int
    seconds: float
    deaths: int = 0
    reason: str = ""  # why the last process died
    spent: float = 0.0  # seconds in all, those included that did not count
    size: int = wire.MAX_ANSWERS  # bytes that may still come: the checks keep them to the end

    def spend(self, seconds: float, free: float = 0.0) -> None:
        self.spent += seconds
        self.seconds -= max(0.0, seconds - free)

    def die(self, reason: str) -> None:
        self.lives -= 1
        self.deaths += 1
        self.reason = reason


class Standin:
    """A function that runs in a box. Use it in a `with` statement.

    source : the text that defines it, as collected
    isolation : in which it runs; or a box, which is only lent, and then decides `library`
    given : functions by name that the source finds in place of its own; they are called here
    place : where a line of the source stands in the submission, see `Found.place`
    """

    def __init__(
        self,
        source: str,
        name: str,
        isolation: Isolation | Box,
        *,
        library: bool = False,
        allowance: Allowance | None = None,
        given: Mapping[str, Callable[..., Any]] | None = None,
        place: Callable[[int], tuple[int, str]] = lambda line: (line, ""),
    ) -> None:
        self.source, self.name, self.given = source, name, dict(given or {})
        self.allowance = allowance or Allowance(2, 120.0)
        self.lent = isinstance(isolation, Box)
        self.box = isolation if isinstance(isolation, Box) else Box(isolation, library=library)
        self.box.begin()
        self.lines, self.place = source.split("\n"), place
        self.broken: Exception | None = None  # what came of loading the source, if not a function
        self.began, self.began_cpu = self.allowance.spent, self.box.cpu
        self.first_load: float | None = None  # its seconds; for the next ones it is not to blame

    def __enter__(self) -> Standin:
        return self

    def __exit__(self, *error: object) -> None:
        if self.lent:
            self.box.renew()
        else:
            self.box.kill()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.broken is None and not self.box.alive:
            self._load()
        if self.broken is not None:
            raise self.broken
        return self._converse({"kind": "call", "args": args, "kwargs": kwargs})

    def renew(self) -> None:
        """What is called from now on has seen no call before."""
        self.box.renew()

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Inside, what was asked since `begin` is asked once more, in a fresh process: that costs
        nothing, as far as it takes no longer than it took."""
        self.renew()
        self.box.cpu = self.began_cpu
        free = self.allowance.spent - self.began
        self.allowance.seconds += free
        before = self.allowance.spent = self.allowance.spent - free
        yield
        unused = max(0.0, free - (self.allowance.spent - before))
        self.allowance.spent += unused
        self.allowance.seconds -= unused

    def begin(self) -> None:
        """A check begins, in a process of its own."""
        self.renew()
        self.began, self.began_cpu = self.allowance.spent, self.box.cpu

    def _load(self) -> None:
        if self.allowance.lives <= 0:
            raise _no_answer(f"not called again, after this: {self.allowance.reason}")
        self.box.start()
        message = {
            "kind": "load",
            "source": self.source,
            "name": self.name,
            "given": list(self.given),
        }
        before = self.allowance.spent
        try:
            self._converse(message, free=self.first_load or 0.0)
            if self.first_load is None:
                self.first_load = self.allowance.spent - before
        except (LearnerError, NotDone) as error:
            self.broken = error

    def _converse(self, message: dict[str, Any], free: float = 0.0) -> Any:
        """Send a message, serve what the box asks for, and give back its answer.

        free : seconds that do not count
        """
        began = time.monotonic()
        seconds = min(self.box.seconds, self.allowance.seconds)
        try:
            if seconds <= 0:
                self.box.kill()
                raise Stopped("all its calls together took too long")
            self.box.send(message)
            for _ in range(MAX_ASKS):
                left = seconds - (time.monotonic() - began)
                answer = self.box.receive(max(left, 0.01))
                self.allowance.size -= self.box.received
                if self.allowance.size < 0:
                    self.box.kill()
                    raise Stopped(f"its answers together have over {wire.MAX_ANSWERS // 10**6} MB")
                if answer["kind"] != "ask":
                    return self._outcome(answer)
                self.box.send(self._answer(answer))
            self.box.kill()
            raise Stopped("it calls an earlier function without end")
        except Stopped as stopped:
            self.allowance.die(str(stopped))
            raise _no_answer(str(stopped)) from None
        finally:
            self.allowance.spend(time.monotonic() - began, free)

    def _outcome(self, answer: dict[str, Any]) -> Any:
        kind = answer["kind"]
        if kind == "loaded":
            return None
        if kind == "value" and "value" in answer:
            return answer["value"]
        if kind == "not done":
            raise NotDone
        if kind == "not plain":
            raise CheckFailed(
                "the function returns arrays",
                "an array, or numbers, or a tuple of them",
                _text(answer.get("got"), 200),
            )
        if kind == "error":
            raise self._error(answer)
        self.box.kill()
        raise Stopped("the code wrote into the grader's pipe")

    def _error(self, answer: dict[str, Any]) -> LearnerError:
        given = answer.get("kinds")
        kinds = [_text(k, _NAME) for k in given[:20]] if isinstance(given, list) else []
        line = answer.get("line")
        if not (type(line) is int and 1 <= line <= len(self.lines)):
            return LearnerError(kinds or ["Exception"], _text(answer.get("message"), 2000))
        code = self.lines[line - 1].strip()[:200]
        there, where = self.place(line)
        code += f"  (in {where})" if where else ""
        return LearnerError(kinds or ["Exception"], _text(answer.get("message"), 2000), there, code)

    def _answer(self, ask: dict[str, Any]) -> dict[str, Any]:
        """What an earlier exercise's function gives; its worked answer runs in a box as well."""
        name, args, kwargs = ask.get("name"), ask.get("args"), ask.get("kwargs")
        known = self.given.get(name) if isinstance(name, str) else None
        if known is None or not isinstance(args, tuple) or not isinstance(kwargs, dict):
            return {"kind": "error", "kinds": ["RuntimeError"], "message": "no such function"}
        if not all(isinstance(key, str) for key in kwargs):
            return {"kind": "error", "kinds": ["TypeError"], "message": "keywords are strings"}
        try:
            answer = {"kind": "value", "value": known(*args, **kwargs)}
            wire.pack(answer)
            return answer
        except LearnerError as error:
            return {"kind": "error", "kinds": list(error.kinds), "message": error.message}
        except (CheckFailed, NotDone, wire.NotPlain) as error:
            return {"kind": "error", "kinds": ["RuntimeError"], "message": str(error)}


def _no_answer(reason: str) -> CheckFailed:
    return CheckFailed("the function answers", "an answer", reason)


def _text(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) else ""
