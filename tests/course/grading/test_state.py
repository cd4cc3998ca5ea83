"""What an answer keeps, or learns from its feedback, helps it nowhere."""

from __future__ import annotations

import base64
import inspect
from typing import Any

import numpy as np
import pytest
from helpers.worked_answers import worked

from minitorch_attn.course.checking.exercise import Exercise
from minitorch_attn.course.checking.expecting import expect
from minitorch_attn.course.checking.report import FAILED, PASSED
from minitorch_attn.course.checking.running import run
from minitorch_attn.course.checks import find
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.box import find_isolation
from minitorch_attn.course.grading.marking.standin import Allowance, Standin
from minitorch_attn.course.proving import answers

boxed = pytest.mark.skipif(
    find_isolation().level != "sandbox", reason=f"needs bubblewrap: {find_isolation().words}"
)

# Each counts its calls, in another place.
COUNTERS = {
    "a global": "n = 0\ndef f():\n    global n\n    n += 1\n    return n\n",
    "a list": "seen = []\ndef f():\n    seen.append(0)\n    return len(seen)\n",
    "a default": "def f(seen=[]):\n    seen.append(0)\n    return len(seen)\n",
    "its own attribute": "def f():\n    f.n = getattr(f, 'n', 0) + 1\n    return f.n\n",
    "an iterator": "import itertools\nc = itertools.count(1)\ndef f():\n    return next(c)\n",
    "a closure": (
        "def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n"
        "        return n\n    return f\nf = make()\n"
    ),
    "a generator": (
        "def tell():\n    n = 0\n    while True:\n        n += 1\n        yield n\n"
        "g = tell()\ndef f():\n    return next(g)\n"
    ),
    "another module": (
        "import numpy\ndef f():\n    numpy.n = getattr(numpy, 'n', 0) + 1\n    return numpy.n\n"
    ),
    "the environment": (
        "import os\ndef f():\n    n = int(os.environ.get('N', 0)) + 1\n"
        "    os.environ['N'] = str(n)\n    return n\n"
    ),
    "the random numbers": (
        "import numpy as np\nknown = np.random.RandomState(0).rand(9).tolist()\n"
        "def f():\n    return known.index(np.random.rand()) + 1\n"
    ),
    "the flags of a file": (
        "import fcntl\ndef f():\n    flags = fcntl.fcntl(1, fcntl.F_GETFL)\n"
        "    fcntl.fcntl(1, fcntl.F_SETFL, flags | 1024)\n    return 2 if flags & 1024 else 1\n"
    ),
    "the limits of what makes copies": (
        "import resource as r\nn = 0\ndef f():\n    global n\n    n += 1\n"
        "    had = r.getrlimit(r.RLIMIT_STACK)[0] == 4096000\n    try:\n"
        "        r.prlimit(2, r.RLIMIT_STACK, (4096000, -1))\n"
        "    except OSError:\n        pass\n    return 9 if had else n\n"
    ),
    "the processors of what makes copies": (
        "import os\nhas, n = os.sched_getaffinity(0), 0\ndef f():\n    global n\n    n += 1\n"
        "    try:\n        os.sched_setaffinity(2, {min(has)})\n        return 9\n"
        "    except OSError:\n        return n\n"
    ),
}


@boxed
@pytest.mark.parametrize("name", COUNTERS)
def test_what_an_answer_keeps_is_gone_in_the_next_check(name: str) -> None:
    with Standin(COUNTERS[name], "f", find_isolation()) as f:
        for _ in range(2):
            assert [f(), f()] == [1, 2]
            f.renew()


def counting() -> Exercise:
    """Each check believes whatever names the number of the call."""
    made = Exercise("06.9", "Count", "f", "f(x) -> n", 1, 1, 1, "06_one_query.md")
    for number in range(1, 6):

        def body(f: Any, rng: Any, number: int = number) -> None:
            expect(f(rng.normal()) == number, "the number of the call")

        body.__name__ = f"call_{number}"
        made.check(1, f"call {number}")(body)
    return made


def by_call_number(seed: int) -> Any:
    source = "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n\n"
    with Standin(source, "f", find_isolation(), allowance=Allowance(2, 60)) as f:
        return marking._run(counting(), f, seed)


@boxed
def test_a_count_of_calls_is_worth_nothing() -> None:
    with Standin(
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n\n", "f", find_isolation()
    ) as f:
        assert run(counting(), f, 1).points == 5, "in one process, in order, it would be worth all"
    report = by_call_number(1)
    assert [r.status == PASSED for r in report.results] in ([True] + 4 * [False], 5 * [False])
    assert [r.check for r in report.results] == [f"call_{n}" for n in range(1, 6)]
    assert report == by_call_number(1)


@boxed
def test_the_order_of_checks_is_unknown_to_the_answer() -> None:
    """A process's number tells how many there were before; not which check it serves."""
    source = "import os\nstart = os.getpid()\ndef f(x):\n    return start\n"
    orders = set()
    for seed in range(4):
        numbers: list[int] = []
        made = Exercise("06.9", "Number", "f", "f(x) -> n", 1, 1, 1, "06_one_query.md")
        for name in "abcd":

            def body(f: Any, rng: Any, numbers: list[int] = numbers) -> None:
                numbers.append(int(rng.integers(1000)))
                f(1)

            body.__name__ = name
            made.check(1, name)(body)
        with Standin(source, "f", find_isolation()) as f:
            marking._run(made, f, seed)
        drawn = [int(np.random.default_rng([seed, n]).integers(1000)) for n in range(4)]
        orders.add(tuple(drawn.index(number) for number in numbers))
    assert len(orders) > 1


@boxed
def test_loading_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer with a slow top level is loaded for each check, and pays for one."""
    source = "import time\ntime.sleep(0.4)\ndef f(x):\n    return x\n"
    allowance = Allowance(2, 60)
    with Standin(source, "f", find_isolation(), allowance=allowance) as f:
        for _ in range(4):
            assert f(1) == 1
            f.renew()
    assert allowance.spent > 1.6
    assert 60 - allowance.seconds < allowance.spent - 0.8


@boxed
def test_all_processes_of_an_answer_share_its_cpu_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "CPU", 2)
    source = (
        "import time\ndef f(x):\n    while time.process_time() < x:\n        pass\n    return x\n"
    )
    with Standin(source, "f", find_isolation()) as f:
        for _ in range(3):
            f(0.5)
            f.renew()
        assert f.box.cpu < 0.6
        f.box.seconds = 30.0
        with pytest.raises(Exception, match="answers") as failed:
            f(20)
    assert "too much processor time" in failed.value.got


TELL = """
import base64
import numpy as np
def attend_backward(gradient, query, key, value):
    n, d = query.shape
    s, d_v = value.shape
    sizes = np.array([n, d, s, d_v], np.float32)
    all = [sizes] + [a.ravel().astype(np.float32) for a in (gradient, query, key, value)]
    raise ValueError(base64.b85encode(np.concatenate(all).tobytes()).decode())
"""

LOOK_UP = """
import numpy as np
TABLE = {}
def attend_backward(gradient, query, key, value):
    for (n, d, s, d_v, first), grads in TABLE.items():
        same = query.shape == (n, d) and value.shape == (s, d_v)
        if same and abs(float(gradient.ravel()[0]) - first) < 1e-5:
            return tuple(np.array(g) for g in grads)
    return np.zeros_like(query), np.zeros_like(key), np.zeros_like(value)
"""


def learned(messages: list[str], exercise: Exercise) -> str:
    """A second submission: a table of right answers to all inputs that the first one told of."""
    right, table = worked(exercise), {}
    for message in messages:
        numbers = np.frombuffer(base64.b85decode(message), np.float32)
        n, d, s, d_v = (int(size) for size in numbers[:4])
        ends = np.cumsum([n * d_v, n * d, s * d, s * d_v])
        g, q, k, v = (part.astype(float) for part in np.split(numbers[4:], ends[:-1]))
        grads = right(g.reshape(n, d_v), q.reshape(n, d), k.reshape(s, d), v.reshape(s, d_v))
        table[n, d, s, d_v, float(g[0])] = tuple(a.tolist() for a in grads)
    return LOOK_UP.replace("TABLE = {}", f"TABLE = {table!r}")


@boxed
def test_a_table_made_of_the_first_feedback_earns_nothing() -> None:
    exercise = find("06.4")

    def marked(source: str) -> Any:
        mark = marking.mark(source, ".py", 6, "a secret", find_isolation())
        return next(e for e in mark.exercises if e.id == "06.4")

    def messages(results: Any) -> list[str]:
        return [r.got.partition("ValueError: ")[2].split("\n")[0] for r in results]

    first = marked(TELL)
    told = [message for message in messages(first.results) if message]
    assert len(told) >= 2
    assert first.points == 0
    assert marked(learned(told, exercise)).points == 0
    # The table is a real one: on the inputs of which it was made, it earns.
    seed = marking.seed_for("a secret", "06.4", inspect.cleandoc(TELL) + "\n")
    names: dict[str, Any] = {}
    exec(TELL, names)
    here = run(exercise, names["attend_backward"], seed)
    exec(learned([m for m in messages(here.results) if m], exercise), names)
    assert run(exercise, names["attend_backward"], seed).points > 0


# 16.2 asks for a small state. Each of these keeps all keys and values, in another place; `keep`
# gives what is kept as a state, `kept` the other way round.
KEEPERS = {
    "a global": "store = []\ndef keep(b):\n    store[:] = [b]\n    return 1.0\n"
    "def kept(s):\n    return store[0]\n",
    "a text": "def keep(b):\n    return b.hex()\ndef kept(s):\n    return bytes.fromhex(s)\n",
    "a name": "def keep(b):\n    return {b.hex(): 1.0}\n"
    "def kept(s):\n    return bytes.fromhex(next(iter(s)))\n",
    "an array of text": "def keep(b):\n    return np.array(b.hex())\n"
    "def kept(s):\n    return bytes.fromhex(str(s))\n",
    "arrays without numbers": "def keep(b):\n    return [np.zeros((0, x)) for x in b]\n"
    "def kept(s):\n    return bytes(x.shape[1] for x in s)\n",
    "lists of nothing": "def keep(b):\n    return [[None] * x for x in b]\n"
    "def kept(s):\n    return bytes(map(len, s))\n",
    "large numbers": "def keep(b):\n    return [int.from_bytes(b'1' + b[i : i + 300], 'big')\n"
    "            for i in range(0, len(b), 300)]\n"
    "def kept(s):\n    return b''.join(\n"
    "        n.to_bytes((n.bit_length() + 7) // 8, 'big')[1:] for n in s)\n",
}
KEEPING = """
import zlib, pickle
import numpy as np
def attend_block(state, query, key, value):
    keys, values = ([], []) if state is None else pickle.loads(zlib.decompress(kept(state)))
    keys.append(key), values.append(value)
    k, v = np.concatenate(keys), np.concatenate(values)
    s = query @ k.T / np.sqrt(query.shape[1])
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e @ v / e.sum(axis=1, keepdims=True), keep(zlib.compress(pickle.dumps((keys, values))))
"""

# The state of the worked answer in another form.
FORMS = {
    "a list": ("list(s)", "tuple(state)"),
    "a dict": ("dict(zip(('largest', 'total', 'summed'), s))", "tuple(state.values())"),
    "one array": ("np.hstack(s)", "(state[:, :1], state[:, 1:2], state[:, 2:])"),
    "complex numbers": ("(s[0] + 1j * s[1], s[2])", "(state[0].real, state[0].imag, state[1])"),
    "lists of numbers": (
        "[x.tolist() for x in s]",
        "tuple(np.array(x, query.dtype) for x in state)",
    ),
}


def small_state(source: str) -> tuple[float, str]:
    """The points of 16.2, and whether its state is small."""
    exercise = find("16.2")
    with Standin(source, exercise.function, find_isolation(), allowance=Allowance(2, 60)) as f:
        report = marking._run(exercise, f, 5)
    [status] = [r.status for r in report.results if r.check == "small_state"]
    return report.points, status


@boxed
@pytest.mark.parametrize("where", KEEPERS)
def test_a_state_that_keeps_everything_is_not_small(where: str) -> None:
    points, status = small_state(KEEPERS[where] + KEEPING)
    assert status == FAILED
    assert points < 5


@boxed
@pytest.mark.parametrize("form", FORMS)
def test_a_small_state_may_have_any_form(form: str) -> None:
    pack, unpack = FORMS[form]
    source = answers.worked(find("16.2")).source.replace("def attend_block", "def by_three")
    source += (
        "def attend_block(state, query, key, value):\n"
        f"    y, s = by_three(None if state is None else {unpack}, query, key, value)\n"
        f"    return y, {pack}\n"
    )
    assert small_state(source) == (5, PASSED)
