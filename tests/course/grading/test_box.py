"""The grader's box: what goes in and out, what an honest function may do, what ends it."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_attn.course.checking.expecting import CheckFailed, LearnerError, NotDone
from minitorch_attn.course.checking.readonly import ReadOnlyList
from minitorch_attn.course.checks import find
from minitorch_attn.course.grading.marking import box, wire
from minitorch_attn.course.grading.marking import mark as marking
from minitorch_attn.course.grading.marking.box import Box, Isolation, Stopped, find_isolation
from minitorch_attn.course.grading.marking.marks import Mark
from minitorch_attn.course.grading.marking.standin import Allowance, Standin
from minitorch_attn.course.grading.marking.syscalls import program
from minitorch_attn.course.sources.text import ROOT, read

boxed = pytest.mark.skipif(
    find_isolation().level != "sandbox", reason=f"needs bubblewrap: {find_isolation().words}"
)

TREES = [
    None,
    True,
    7,
    -(10**30),
    1.5,
    float("inf"),
    2 - 3j,
    "ä\n",
    (),
    [1, (2.0, [None])],
    {"a": np.arange(3), 2: ("x",)},
    np.zeros((0, 4)),
    np.float32(2.5),
    np.array(3),
    np.array([True, False]),
    np.array(["a", "bc"]),
    np.array([b"a", b"bc"]),
    np.arange(6, dtype=">i4").reshape(2, 3).T,
    np.ones((2, 3), dtype=np.complex64),
    np.array(1.5, dtype=np.float16),
]


def there_and_back(value: Any) -> Any:
    frame = wire.pack(value)
    head, body = wire.lengths(frame[:8])
    return wire.unpack(frame[8 : 8 + head], frame[8 + head : 8 + head + body])


@pytest.mark.parametrize("value", TREES, ids=str)
def test_a_tree_comes_back_as_it_was(value: Any) -> None:
    got = there_and_back(value)
    assert type(got) is type(value)
    np.testing.assert_equal(got, value)
    if isinstance(value, np.ndarray | np.generic):
        assert got.dtype == value.dtype.newbyteorder("=")
        assert not isinstance(got, np.ndarray) or got.flags.writeable or not got.ndim


def test_what_cannot_be_written_to_stays_so() -> None:
    array = np.arange(3.0)
    assert there_and_back(array).flags.writeable
    array.flags.writeable = False
    assert not there_and_back(array).flags.writeable
    with pytest.raises(TypeError, match="this list is read-only"):
        there_and_back(ReadOnlyList([array])).append(array)
    there_and_back([ReadOnlyList([array])]).append(array)


def test_not_a_number_comes_back() -> None:
    assert np.isnan(there_and_back(float("nan")))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "type object"),
        (np.array([None]), "dtype object"),
        (np.array(["2020"], dtype="datetime64[Y]"), "dtype datetime64"),
        ({1, 2}, "type set"),
        ([0] * 60_000, "more than 50,000 values"),
        (10**2000, "digits"),
        (np.zeros(10**7), "80 MB"),
        (lambda x: x, "type function"),
    ],
)
def test_what_is_not_plain_is_named(value: Any, says: str) -> None:
    with pytest.raises(wire.NotPlain, match=says):
        wire.pack(value)


@pytest.mark.parametrize(
    ("tree", "body"),
    [
        ({"array": ["<f8", 10**7, 10**6]}, b""),
        ({"array": ["<f8", 2]}, b"1234"),
        ({"array": ["<f8", -1]}, b""),
        ({"array": ["<f8", 1.0]}, b"12345678"),
        ({"array": ["<f8", True]}, b"12345678"),
        ({"array": ["|O", 1]}, b"12345678"),
        ({"array": ["<U0", 5]}, b""),
        ({"array": ["<U1", 1]}, b"\xff" * 4),
        ({"array": ["<U1", 1]}, b"\x00\xd8\x00\x00"),
        ({"array": ["<f8"] + [1] * 70}, b"12345678"),
        ({"array": []}, b""),
        ({"scalar": ["<f8", 1]}, b"12345678"),
        ({"array": ["<f8", 0]}, b"left over"),
        ({"int": "9" * 5000}, b""),
        ({"int": 5}, b""),
        ({"float": "x"}, b""),
        ({"complex": ["1"]}, b""),
        ({"dict": [[{"array": ["<f8", 0]}, 1]]}, b""),
        ({"dict": [[1]]}, b""),
        ({"object": []}, b""),
        ({"int": "1", "float": "1"}, b""),
        (5, b""),
    ],
    ids=str,
)
def test_forged_trees_are_refused(tree: Any, body: str) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(json.dumps(tree).encode(), body)


@pytest.mark.parametrize("head", [b"", b"[" * 10**5, b"\xff", b"{", b"[" * 40 + b"]" * 40])
def test_forged_heads_are_refused(head: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(head, b"")
    with pytest.raises(wire.WireError):
        wire.lengths(struct.pack(">II", 2**32 - 1, 0))


def test_forged_booleans_are_booleans() -> None:
    got = wire.unpack(json.dumps({"array": ["|b1", 3]}).encode(), b"\x00\x02\xff")
    assert got.view(np.uint8).tolist() == [0, 1, 1]
    got = wire.unpack(json.dumps({"array": ["|b1"]}).encode(), b"\x07")
    assert got.view(np.uint8).tolist() == 1


def test_a_lone_surrogate_can_be_written() -> None:
    assert wire.unpack(b'"\\ud800"', b"").encode() == b"?"


def test_the_filter_has_room_for_its_jumps() -> None:
    for machine in ("x86_64", "aarch64"):
        code = program(machine)
        steps = [struct.unpack("=HBBI", code[i : i + 8]) for i in range(0, len(code), 8)]
        assert steps[-1][0] == 0x06  # it ends by an answer
        for place, (kind, yes, no, _) in enumerate(steps):
            if kind & 7 == 5:
                assert place + 1 + max(yes, no) < len(steps)


def stand_in(body: str, **options: Any) -> Standin:
    source = f"import numpy as np\ndef f(x, y=None):\n    {body}\n"
    return Standin(source, "f", find_isolation(), **options)


@boxed
def test_a_function_answers_from_the_box() -> None:
    with stand_in("x = x + 1; return {'sum': x.sum(), 'y': y}, x.T") as f:
        x = np.arange(6.0).reshape(2, 3)
        first, second = f(x, y=[1, "a"])
        assert first == {"sum": 21.0, "y": [1, "a"]}
        np.testing.assert_array_equal(second, (x + 1).T)
        assert x[0, 0] == 0
        assert f.box.locked


HUGE = "np.full((2, 20_000_000), 1, np.int8)"


@boxed
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (f"return {HUGE}", "an array of 40 MB, where no exercise needs 8 MB"),
        (f"return [{HUGE}[:, :3_000_000], {HUGE}[:, :3_000_000]]", "a value of 12 MB, where"),
    ],
)
def test_an_answer_far_larger_than_any_is_refused(body: str, says: str) -> None:
    with stand_in(body) as f, pytest.raises(CheckFailed) as failed:
        f(5)
    assert says in failed.value.got


@boxed
def test_a_forged_frame_of_that_size_is_refused() -> None:
    body = "import gc, struct; [o for o in gc.get_objects() if type(o).__name__ == 'Worker'][0]"
    body += ".replies.raw.write(struct.pack('>II', 4, 9_000_000)); return 1"
    with stand_in(body) as f, pytest.raises(CheckFailed) as failed:
        f(5)
    assert "grader's pipe" in failed.value.got


@boxed
def test_answers_that_are_too_large_together() -> None:
    """What the checks keep of one exercise is bounded: 7 MB may come nine times."""
    allowance = Allowance(2, 60)
    with stand_in("return np.zeros(900_000)", allowance=allowance) as f:
        for _ in range(8):
            f(5)
        with pytest.raises(CheckFailed) as failed:
            f(5)
    assert "together have over 64 MB" in failed.value.got
    assert allowance.deaths == 1


@boxed
def test_errors_come_back_with_the_line() -> None:
    with stand_in("raise IndexError('no ' + str(x))") as f, pytest.raises(LearnerError) as error:
        f(5)
    assert error.value.kinds[:2] == ("IndexError", "LookupError")
    assert (error.value.message, error.value.line) == ("no 5", 3)
    assert "IndexError" in error.value.code
    with stand_in("raise NotImplementedError") as f, pytest.raises(NotDone):
        f(5)
    with stand_in("return {1, 2}") as f, pytest.raises(CheckFailed) as failed:
        f(5)
    assert failed.value.got == "an object of type set"


@boxed
def test_code_that_does_not_load_says_so_and_is_not_tried_again() -> None:
    allowance = Allowance(2, 60)
    with Standin("x = 1 / 0\nf = abs\n", "f", find_isolation(), allowance=allowance) as f:
        for _ in range(3):
            with pytest.raises(LearnerError, match="ZeroDivisionError"):
                f(1)
    assert allowance.deaths == 0


@boxed
def test_plots_and_progress_bars_do_no_harm() -> None:
    source = (
        "import numpy as np, matplotlib.pyplot as plt\n"
        "from IPython.display import display\nfrom tqdm import tqdm\n"
        "def f(x):\n    figure, axes = plt.subplots()\n    axes[0].plot(x)\n    plt.show()\n"
        "    display(figure)\n    print('x', x)\n    return np.sum([row for row in tqdm(x)])\n"
    )
    with Standin(source, "f", find_isolation()) as f:
        assert f(np.ones(3)) == 3


@boxed
def test_the_box_shows_nothing_of_this_machine() -> None:
    seen = (
        "import os\ndef f():\n    paths = [os.path.join(a, n) for a, d, s in os.walk('/')"
        " for n in d + s]\n    return [p for p in paths if 'site-packages/' in p or 'course' in p"
        " or 'solution' in p], sorted(os.listdir('/')), dict(os.environ), os.getuid()\n"
    )
    with Standin(seen, "f", find_isolation(), library=True) as f:
        paths, top, environment, user = f()
    assert paths == []
    assert set(top) <= {"dev", "lib", "lib64", "packages", "python", "usr", "worker.py"}
    assert not any(str(ROOT) in value or "HOME" in name for name, value in environment.items())
    assert user == (find_isolation().user or os.getuid())


@boxed
def test_only_engine_exercises_have_the_engine() -> None:
    source = "import minitorch_attn as ma\ndef f():\n    return ma.__version__\n"
    with Standin(source, "f", find_isolation(), library=True) as f:
        assert isinstance(f(), str)
    with (
        Standin(source, "f", find_isolation()) as f,
        pytest.raises(LearnerError, match="No module"),
    ):
        f()
    source = "import minitorch_attn.course.checking\ndef f():\n    return 1\n"
    with (
        Standin(source, "f", find_isolation(), library=True) as f,
        pytest.raises(LearnerError, match="No module"),
    ):
        f()


@boxed
def test_a_box_that_dies_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "CALL", 2.0)
    allowance = Allowance(2, 60)
    with stand_in("import os; return os._exit(3) if x else 1", allowance=allowance) as f:
        with pytest.raises(CheckFailed) as failed:
            f(1)
        assert "exit code 3" in failed.value.got
        assert f(0) == 1
        with pytest.raises(CheckFailed):
            f(1)
        with pytest.raises(CheckFailed) as failed:
            f(0)
        assert "not called again" in failed.value.got


@boxed
def test_what_is_asked_again_costs_no_seconds_and_wins_none() -> None:
    allowance = Allowance(2, 10)
    with stand_in("import time; time.sleep(x); return x", allowance=allowance) as f:
        f.begin()
        f(0.5)
        left, spent = allowance.seconds, allowance.spent
        with f.again():
            f(0.1)  # less than before
        assert (allowance.seconds, allowance.spent) == pytest.approx((left, spent), abs=0.05)
        with f.again():
            f(0.9)  # more, and that counts
        assert 0.2 < left - allowance.seconds < 0.9
        assert allowance.spent - spent == pytest.approx(left - allowance.seconds, abs=0.05)


@boxed
@pytest.mark.slow
def test_what_is_asked_again_has_the_same_seconds_of_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer that took most of them in a check has them once more."""
    monkeypatch.setattr(box, "CPU", 2)
    monkeypatch.setattr(box, "CALL", 30.0)  # where others compute, too
    busy = "import time; t = time.process_time() + x\n    while time.process_time() < t: pass"
    with stand_in(f"{busy}\n    return x") as f:
        f.begin()
        assert f(1.2) == 1.2
        with f.again():
            assert f(1.2) == 1.2
        f.begin()
        with pytest.raises(CheckFailed, match="answers"):
            f(1.2)


@boxed
def test_a_function_of_an_earlier_exercise_is_answered_here() -> None:
    source = (
        "def f(x):\n    try:\n        return double(x), double(times=3, x=x)\n"
        "    except ValueError as error:\n        return str(error)\n"
    )

    def double(x: Any, times: int = 2) -> Any:
        if x is None:
            raise LearnerError(["ValueError", "Exception"], "no x")
        return x * times

    with Standin(source, "f", find_isolation(), given={"double": double}) as f:
        assert f(5) == (10, 15)
        assert f(None) == "no x"


def worked_chapter() -> str:
    [path] = (ROOT / "solutions").glob("06_*.md")
    return "\n\n".join(cell.text for cell in read(path).cells if cell.kind == "code")


@boxed
def test_the_worked_answers_get_full_marks_twice_the_same() -> None:
    mark = marking.mark(worked_chapter(), ".py", 6, "s", find_isolation())
    assert mark.points == mark.total == 20
    assert mark.review == ()
    assert mark == marking.mark(worked_chapter(), ".py", 6, "s", find_isolation())
    assert Mark.from_json(json.loads(json.dumps(mark.to_json()))) == mark


@boxed
def test_one_slip_costs_one_mark() -> None:
    """06.4 uses 06.2, which is wrong: 06.4 is marked with the right one."""
    source = worked_chapter() + (
        "\n\ndef attend(query, key, value):\n    raise ValueError('wrong')\n"
        "def attend_backward(gradient, query, key, value):\n"
        "    z = attend(query, key, value)\n"
        "    a = attend(query, key, np.eye(len(key)))\n"
        "    g = a * (gradient @ value.T - (gradient * z).sum(axis=1, keepdims=True))\n"
        "    return g @ key, g.T @ query, a.T @ gradient\n"
    )
    before = find("06.2").points
    mark = marking.mark(source, ".py", 6, "s", find_isolation())
    assert [e.points for e in mark.exercises] == [5, 0, 5, 5]
    assert mark.points == 20 - before


def test_what_is_not_there_is_said() -> None:
    mark = marking.mark("x = 1\n", ".py", 6, "s", find_isolation())
    assert mark.points == 0
    assert all("no function named" in e.note for e in mark.exercises)
    stub = "def attend(query, key, value):\n    raise NotImplementedError\n"
    mark = marking.mark(stub, ".py", 6, "s", find_isolation())
    assert mark.exercises[1].note == "not done yet"
    broken = marking.unreadable("not a notebook\x00", 6)
    assert broken.points == 0
    assert broken.review[0].strip() == "not a notebook"


def test_without_a_sandbox_the_process_is_still_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "CALL", 2.0)
    weak = replace(find_isolation(), level="limits", user=None)
    source = "def f(x):\n    while x:\n        pass\n    return x\n"
    with Standin(source, "f", weak) as f:
        assert f(0) == 0
        with pytest.raises(CheckFailed) as failed:
            f(1)
    assert "no answer within 2 s" in failed.value.got


def test_no_isolation_at_all_still_runs() -> None:
    bare = Isolation("none", "", packages=find_isolation().packages)
    with Standin("def f(x):\n    return x + 1\n", "f", bare) as f:
        assert f(1) == 2


@boxed
def test_ctrl_c_ends_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Box(find_isolation())
    one.start()
    process = one.process
    monkeypatch.setattr(
        one.pipes, "receive", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        one.receive()
    assert process.poll() is not None
    with pytest.raises(Stopped):
        one.send({"kind": "call"})


@boxed
@pytest.mark.skipif(find_isolation().user is None, reason="needs root, to tell the box's processes")
def test_the_box_dies_with_the_grader() -> None:
    """Killed outright while student code is busy, the grader leaves nothing behind."""
    script = (
        "from dataclasses import replace\n"
        "from minitorch_attn.course.grading.marking import box\n"
        "from minitorch_attn.course.grading.marking.standin import Standin\n"
        "import os, threading, time\n"
        "box.CALL = box.CPU = 60\n"  # it is not their limits that end it
        "here = replace(box.find_isolation(), user=64900 + os.getpid() % 300)\n"
        "f = Standin('def f(x):\\n    while x: pass\\n    return x', 'f', here)\n"
        "f(0)\n"
        "threading.Thread(target=f, args=(1,), daemon=True).start()\n"
        "time.sleep(0.5)\n"
        "print(here.user, flush=True); time.sleep(60)\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    user = int(grader.stdout.readline())

    def left() -> list[Path]:
        return [p for p in Path("/proc").glob("[0-9]*") if p.exists() and owner(p) == user]

    assert left()
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    grader.stdout.close()
    until = time.monotonic() + 5
    while left() and time.monotonic() < until:
        time.sleep(0.05)
    assert not left()


def owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None
