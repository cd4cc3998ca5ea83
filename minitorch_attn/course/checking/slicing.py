"""Which statements of a submission a function needs: those that make its names or change them."""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence

from .reading import Unreadable
from .statements import AVAILABLE, Effects, Statement, shows

MAX_STEPS = 400_000
_BUILTINS = frozenset(dir(builtins))


def needed(
    statements: Sequence[Statement], name: str, given: frozenset[str] = frozenset()
) -> list[Statement]:
    """The statements that `name` needs, in the order in which they stand.

    Asked for `f`, of these it takes all but B::

        A = 1
        def f(x, k=A):
            return k * g(x)
        A = 2
        TABLE = {}
        for i in range(3):
            TABLE[i] = i
        def g(x):
            return TABLE[x] + A
        B = 3

    `f` reads A while it is defined: A is 1. `g` reads it when it is called, after all has run: A
    is 2. So a name is asked for as it is at a place: what makes it anew last before that counts,
    and what changes it between the two. Names in `given` are there already.
    """
    return _Slice(statements, given).of(name)


class _Slice:
    def __init__(self, statements: Sequence[Statement], given: frozenset[str]) -> None:
        self.statements, self.given = statements, given
        self.makers: dict[str, list[int]] = defaultdict(list)
        self.changers: dict[str, list[int]] = defaultdict(list)
        for i, one in enumerate(statements):
            for name in one.binds:
                self.makers[name].append(i)
        self.imported = {
            name
            for name, made in self.makers.items()
            if all(statements[i].kind == "import" for i in made)
        }
        self.defined = {
            name
            for name, made in self.makers.items()
            if all(statements[i].defines == name for i in made)
        }
        self.callers: dict[str, list[int]] = defaultdict(list)
        self.changed_in: dict[str, set[str]] = defaultdict(set)  # a name, and who changes it
        self.called_in: dict[str, set[str]] = defaultdict(set)
        for i, one in enumerate(statements):
            for name in self._changed(one.now):
                self.changers[name].append(i)
            for name in one.now.calls & self.defined:
                self.callers[name].append(i)
            if one.defines:
                for name in (self._changed(one.inside) | one.binds) - {one.defines}:
                    self.changed_in[name].add(one.defines)
                for name in one.inside.calls & self.defined:
                    self.called_in[name].add(one.defines)
        self.taken: set[int] = set()
        self.steps = 0

    def _changed(self, effects: Effects) -> set[str]:
        """The names that this may change, of those that can be changed so."""
        found = {name for name in effects.called_on if name not in self.imported}
        for who, last, what in effects.given:
            if last in ("setattr", "delattr"):
                found.add(what)
            elif what not in self.imported | self.defined and not shows(last):
                modules = {self.statements[i].module for i in self.makers.get(who, ())} - {""}
                known = who in self.makers or who in _BUILTINS
                if known and modules <= AVAILABLE - {"matplotlib", "seaborn", "plotly", "IPython"}:
                    found.add(what)
        return found | effects.stored

    def of(self, name: str) -> list[Statement]:
        end = len(self.statements)
        todo, asked = deque([(name, end, "")]), {(name, end, "")}
        done: dict[tuple[str, int, str], int] = {}
        while todo:
            wanted, at, asker = todo.popleft()
            if wanted in self.given:
                continue
            base, chosen = self._choose(wanted, at, asker, name)
            past = done.get((wanted, base, asker), -1)
            if past >= at:
                continue
            done[wanted, base, asker] = at
            for i in chosen:
                self.steps += 1
                self.taken.add(i)
                one = self.statements[i]
                reads = [(n, i) for n in one.early | (one.binds - one.anew)]
                reads += [(n, max(at, i)) for n in one.late]
                for new, place in reads:
                    self.steps += 1
                    if (new, place, one.defines) in asked or (
                        new in one.annotated and self._idle(new)
                    ):
                        continue
                    asked.add((new, place, one.defines))
                    todo.append((new, place, one.defines))
                if self.steps > MAX_STEPS:
                    raise Unreadable(f"{name} hangs together with too much of this file")
        future = [one for one in self.statements if one.future]  # these must come first
        return future + [s for i in sorted(self.taken) if not (s := self.statements[i]).future]

    def _choose(self, wanted: str, at: int, asker: str, answer: str) -> tuple[int, list[int]]:
        """What makes this name as it is at a place: where it is made anew, and all up to there."""
        all_makers = self.makers.get(wanted, [])
        made = [i for i in all_makers if wanted not in self.statements[i].loops] or all_makers
        made = [i for i in made if not self.statements[i].stub] or made[-1:]
        if not made:
            made = self.makers.get("*", [])
            if wanted in _BUILTINS:  # `sum` may be NumPy's; torch's, which is not here, it is not
                made = [i for i in made if self.statements[i].module in AVAILABLE]
            return -1, made
        before = made[: bisect_left(made, at)] or made  # what stands below is better than nothing
        at = at if before is not made or made[-1] < at else len(self.statements)
        fresh = [i for i in before if wanted in self.statements[i].anew]
        base = fresh[-1] if fresh else before[0]
        self.steps += len(made)
        changed = [i for i in self.changers.get(wanted, ()) if base < i < at]
        changed += [i for i in self._through_calls(wanted, asker, answer) if base < i < at]
        return base, sorted({i for i in before if i >= base} | set(changed))

    def _through_calls(self, wanted: str, asker: str, answer: str) -> list[int]:
        """Statements that call a function which changes this name, or calls one that does.

        Not where that function alone asks for it, as for a store of its own results; and calls of
        the answer are trials of it.
        """
        owners = set(self.changed_in.get(wanted, ()))
        todo = list(owners)
        while todo:
            self.steps += 1
            for caller in self.called_in.get(todo.pop(), ()):
                if caller not in owners:
                    owners.add(caller)
                    todo.append(caller)
        if asker in owners:
            return []
        found = [i for owner in owners - {answer, wanted} for i in self.callers.get(owner, ())]
        self.steps += len(found)
        return found

    def _idle(self, name: str) -> bool:
        """Whether an annotation may go without this name: nobody evaluates it."""
        return not any(
            s.defines or (s.kind == "import" and s.module in AVAILABLE)
            for s in (self.statements[i] for i in self.makers.get(name, ()))
        )
