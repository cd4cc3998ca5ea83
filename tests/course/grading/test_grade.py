"""The command `grade`: what it writes, that it goes on where it was stopped, and how fast it is."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from helpers import honest
from helpers.browsing import browser, lacking, screenshot
from helpers.classroom import write_class
from helpers.pieces import die_on_three, double, raise_on_three, sleep_on_three

from minitorch_attn.__main__ import main
from minitorch_attn.course.checking.report import FAILED, PASSED, Result
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading import grade
from minitorch_attn.course.grading import scheme as schemes
from minitorch_attn.course.grading.marking import box
from minitorch_attn.course.grading.marking.isolating import Isolation
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark
from minitorch_attn.course.grading.pool import GivenUp, spread
from minitorch_attn.course.sources.text import ROOT

SECRET = "correct horse battery staple"
SAME = "06.1:c 06.2:c 06.3:c 06.4:c"
NASTY = "<img src=x onerror=alert(1)>`|*[x](javascript:1)\x1b[2J"


def fake_mark(text: str) -> Mark:
    """A mark as `marking.mark` gives it; all checks of an exercise pass if the text says so."""
    exercises = []
    for exercise in exercises_of(6):
        good, wrong = f"{exercise.id} right" in text, exercise.wrong_answers[0]
        bad = {
            "problem": NASTY,
            "expected": "[1, 2]\n[3, 4]",
            "got": NASTY + "\n```\n# heading",
            "misconception": wrong.name,
            "explanation": wrong.explanation,
        }
        results = tuple(
            Result(c.name, c.claim, c.points, PASSED)
            if good
            else Result(c.name, c.claim, c.points, FAILED, **bad)
            for c in exercise.checks
        )
        exercises.append(
            ExerciseMark(exercise.id, exercise.title, exercise.read, results, "cell 3")
        )
    return Mark(6, tuple(exercises))


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Marks come from a double, in this process; the list says which texts were marked."""
    texts: list[str] = []

    def instead(work: Any, tasks: Sequence[Any], jobs: int) -> Iterator[tuple[int, Any]]:
        for number in reversed(range(len(tasks))):  # in another order than they were given
            text = tasks[number].text
            if "interrupt" in text:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            texts.append(text)
            if "give up" in text:
                yield number, GivenUp("the grader's process ended without an answer, 2 times")
            else:
                yield number, (fake_mark(text), SAME if "same" in text else "", ())

    monkeypatch.setattr(grade, "spread", instead)
    sandbox = Isolation("sandbox", "a double")
    monkeypatch.setattr(box, "find_isolation", lambda: sandbox)
    monkeypatch.delenv(grade.SECRET, raising=False)
    return texts


def hand_in(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name / "06_one_query.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, out: Path, *more: str) -> int:
    return main(["grade", str(folder), "--chapter", "06", "--out", str(out), *more])


def content(out: Path) -> dict[str, bytes]:
    files = (p for p in out.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in files}


def table(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_what_is_written(tmp_path: Path, marked: list[str]) -> None:
    folder = hand_in(tmp_path / "all", alice="06.1 right 06.2 right same", bob="same", empty="")
    hand_in(folder, **{"=cmd|' calc'!A0": "x", "王小明 <b>": "y", "dora": "give up"})
    out = tmp_path / "out"
    assert run(folder, out) == 0
    rows = table(out)
    assert rows["alice"] | {"look": ""} == {
        "student": "alice", "id": "", "points": "10", "total": "20", "06.1": "5", "06.2": "5",
        "06.3": "0", "06.4": "0", "look": "", "file": "06_one_query.py", "feedback": "alice.html",
    }  # fmt: skip
    assert "'=cmd|' calc'!A0" in rows, "a spreadsheet must not run a name"
    assert rows["empty"]["points"] == "0"
    assert {name for name, row in rows.items() if row["look"]} == {"alice", "bob", "dora", "empty"}
    for row in rows.values():
        for suffix in (".html", ".md"):
            assert (out / "feedback" / row["feedback"]).with_suffix(suffix).is_file()
    pages = [text.decode() for name, text in content(out).items() if name.endswith(".html")]
    assert len(pages) == 7
    for page in pages:
        assert "<img" not in page
        assert "<b>" not in page.replace("<p class='points'><b>", "").replace("<li", "")[:600]
        assert "\x1b" not in page
        assert not re.search(r"(src|href)=['\"]?(https?:)?//", page), "nothing from the network"
        assert (out / "secret.txt").read_text().strip() not in page
    summary = (out / "summary.html").read_text()
    for said in ("one weight for all", "is empty", "the same functions"):
        assert said in summary
    assert "<svg" in summary
    feedback = (out / "feedback" / "bob.html").read_text()
    assert "notebooks/06_one_query.ipynb#The-formulas,-mended" in feedback
    assert "same as those" not in feedback, "what is for the instructor stays there"
    assert (out / "secret.txt").stat().st_mode & 0o777 == 0o600


def test_a_choice_of_exercises_and_points_of_ones_own(
    tmp_path: Path, marked: list[str], capsys: Any
) -> None:
    folder, out = (
        hand_in(tmp_path / "all", alice="06.1 right 06.2 right", bob="06.3 right"),
        tmp_path / "out",
    )
    own = tmp_path / "points.toml"
    own.write_text('[points]\n"06.1" = 10\n"06.3" = 2.5\n"05.1" = 3\n')
    words = ["--exercises", "06.1, 06.2", "--points", str(own)]
    assert run(folder, out, *words) == 0
    rows = table(out)
    assert [rows["alice"][c] for c in ("points", "total", "06.1", "06.2")] == [
        "15",
        "15",
        "10",
        "5",
    ]
    assert rows["bob"]["points"] == "0"
    assert "06.3" not in rows["bob"]
    for name in ("summary.html", "feedback/bob.md"):
        assert "06.3" not in (out / name).read_text(), name
    assert "**15 of 15 points**" in (out / "feedback" / "alice.md").read_text()
    marked.clear()
    assert run(folder, out, "--points", str(own)) == 0
    assert marked == [], "another choice needs no marking"
    assert table(out)["bob"] | {"points": "2.5", "total": "22.5"} == table(out)["bob"]
    assert run(folder, out) == 0
    assert table(out)["alice"]["points"] == "10"
    capsys.readouterr()
    own.write_text('[points]\n"06.9" = 10\n')
    assert run(folder, out, "--points", str(own)) == 2
    own.write_text('[points]\n"06.1" = -1\n')
    assert run(folder, out, "--points", str(own)) == 2
    own.write_text("[points]\n06.1 = 10\n")  # TOML reads a table 06 with a 1 in it
    assert run(folder, out, "--points", str(own)) == 2
    assert 'an id stands in quotes, as in "06.1" = 10' in (told := capsys.readouterr().err)
    assert told.count("\n") == 3
    own.write_text("06.1 = 10\n")
    assert run(folder, out, "--points", str(own)) == 2
    assert run(folder, out, "--exercises", "06.1,05.1") == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_late_is_told_in_hours(tmp_path: Path, marked: list[str]) -> None:
    """By the file's time; of a student's zip by the zip's, which is the platform's."""
    folder = hand_in(tmp_path / "class", ann="1", bob="1", eve="1")
    due = datetime(2026, 11, 20, 23, 59)
    files = {name: next((folder / name).rglob("*.py")) for name in ("ann", "bob", "eve")}
    packed = files["eve"].with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(files["eve"].name, (2020, 1, 1, 0, 0, 0))
        archive.writestr(info, files["eve"].read_bytes())
    files["eve"].unlink()
    for path, hours in ((files["ann"], -3), (files["bob"], 1.5), (packed, 26)):
        os.utime(path, (due.timestamp() + 3600 * hours,) * 2)
    for given in ("2026-11-20T23:59", f"{due.astimezone().isoformat()}"):
        assert run(folder, tmp_path / "out", "--due", given) == 0
        late = {name: row["hours late"] for name, row in table(tmp_path / "out").items()}
        assert late == {"ann": "0.00", "bob": "1.50", "eve": "26.00"}
    # A zip of the whole class has times, too; one whose work is gone has none.
    files["ann"].unlink()
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        info = zipfile.ZipInfo(f"bob/{files['bob'].name}", (2026, 11, 21, 2, 29, 0))
        archive.writestr(info, files["bob"].read_bytes())
    assert run(tmp_path / "class.zip", tmp_path / "out", "--due", "2026-11-20 23:59") == 0
    late = {name: row["hours late"] for name, row in table(tmp_path / "out").items()}
    assert late == {"ann": "", "bob": "2.50", "eve": ""}
    assert run(folder, tmp_path / "out") == 0
    assert "hours late" not in table(tmp_path / "out")["bob"]


def test_a_third_of_a_point_is_shown_short() -> None:
    mark = schemes.Scheme({"06.1": 10.0, "06.2": 1 / 3}).seen(fake_mark("06.1 right"))
    assert [schemes.number(e.points) for e in mark.exercises] == ["10", "0"]
    assert schemes.number(mark.total) == "10.33"
    assert all(e.points <= e.total for e in mark.exercises)


def test_links_to_a_book_on_the_web(tmp_path: Path, marked: list[str]) -> None:
    folder = hand_in(tmp_path / "all", bob="x")
    assert run(folder, tmp_path / "out", "--book", "https://example.org/b/") == 0
    text = (tmp_path / "out" / "feedback" / "bob.md").read_text()
    assert "<https://example.org/b/chapters/06_one_query.md#the-formulas-mended>" in text


def test_markdown_shows_strangers_text_as_text(tmp_path: Path, marked: list[str]) -> None:
    from markdown_it import MarkdownIt

    run(hand_in(tmp_path / "all", **{"*b* [x](y) <i>": "x"}), tmp_path / "out")
    for path in [*(tmp_path / "out" / "feedback").glob("*.md"), tmp_path / "out" / "summary.md"]:
        shown = MarkdownIt().enable("table").render(path.read_text())
        assert "<img" not in shown
        assert "<i>" not in shown
        assert "javascript:" not in re.sub(r"<pre>.*?</pre>", "", shown, flags=re.DOTALL) or (
            'href="javascript' not in shown
        )
        assert "<h1># heading" not in shown


def test_a_second_run_marks_only_what_changed(tmp_path: Path, marked: list[str]) -> None:
    folder, out = hand_in(tmp_path / "all", alice="one", bob="two", dora="give up"), tmp_path / "o"
    run(folder, out)
    assert sorted(marked) == ["give up", "one", "two"]
    before = content(out)
    marked.clear()
    run(folder, out)
    assert marked == ["give up"], "what failed for a reason of ours is tried again"
    assert content(out) == before
    hand_in(folder, bob="06.1 right", carl="new")
    marked.clear()
    run(folder, out)
    assert sorted(marked) == ["06.1 right", "give up", "new"]
    assert table(out)["bob"]["points"] == "5"
    marked.clear()
    run(folder, out, "--regrade")
    assert len(marked) == 4


def test_a_submission_that_vanishes_before_its_turn_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing keeps no text: what is gone when it is read anew is given up, for now."""
    sandbox()
    folder, out = hand_in(tmp_path / "all", alice="x = 1", bob="y = 2"), tmp_path / "out"

    def gone(*args: Any) -> Any:
        (folder / "alice" / "06_one_query.py").unlink()
        return spread(*args)

    monkeypatch.setattr(grade, "spread", gone)
    assert run(folder, out) == 0
    assert {n: json.loads((out / "students" / f"{n}.json").read_text())["final"] for n in
            ("alice", "bob")} == {"alice": False, "bob": True}  # fmt: skip


def test_a_damaged_record_is_made_anew(tmp_path: Path, marked: list[str]) -> None:
    folder, out = hand_in(tmp_path / "all", alice="one", bob="two"), tmp_path / "out"
    run(folder, out)
    before = content(out)
    (out / "students" / "bob.json").write_bytes(before["students/bob.json"][:100])
    marked.clear()
    run(folder, out)
    assert marked == ["two"]
    assert content(out) == before


def test_a_mark_is_kept_though_the_submission_is_gone(tmp_path: Path, marked: list[str]) -> None:
    out = tmp_path / "out"
    run(hand_in(tmp_path / "early", alice="06.1 right"), out)
    run(hand_in(tmp_path / "late", bob="06.2 right"), out)
    rows = table(out)
    assert rows["alice"]["points"] == rows["bob"]["points"] == "5"
    assert rows["alice"]["look"] == ""
    assert "1 was not in this folder or zip" in (out / "summary.html").read_text()


def test_stopped_half_way(tmp_path: Path, marked: list[str], capsys: Any) -> None:
    texts = {f"s{n}": f"text {n}" for n in range(6)} | {"s2": "interrupt"}
    folder, out = hand_in(tmp_path / "all", **texts), tmp_path / "out"
    assert run(folder, out) == 128 + signal.SIGTERM
    assert set(table(out)) == {"s3", "s4", "s5"}, "what was marked is in the table"
    assert "3 are not marked yet" in capsys.readouterr().err
    hand_in(folder, s2="text 2")
    marked.clear()
    assert run(folder, out) == 0
    assert sorted(marked) == ["text 0", "text 1", "text 2"]
    assert len(table(out)) == 6


def test_the_secret(tmp_path: Path, marked: list[str], monkeypatch: Any, capsys: Any) -> None:
    folder, out = hand_in(tmp_path / "all", alice="x"), tmp_path / "out"
    kept = tmp_path / "kept"
    kept.write_text(SECRET + "\n")
    assert run(folder, out, "--secret-file", str(kept)) == 0
    assert run(folder, out, "--seed-file", str(kept)) == 0, "its older name"
    assert not (out / "secret.txt").exists()
    assert not any(SECRET.encode() in text for text in content(out).values())
    assert run(folder, out) == 2, "it was graded with a secret that is not here"
    assert "give --secret-file" in capsys.readouterr().err
    monkeypatch.setenv(grade.SECRET, SECRET)
    assert run(folder, out) == 0
    kept.write_text("another secret altogether")
    marked.clear()
    assert run(folder, out, "--secret-file", str(kept)) == 2
    assert "another secret" in capsys.readouterr().err
    assert marked == []
    assert run(folder, out, "--secret-file", str(kept), "--regrade") == 0
    assert marked == ["x"]
    kept.write_text("short")
    assert run(folder, tmp_path / "new", "--secret-file", str(kept)) == 2
    assert "fewer than 16" in capsys.readouterr().err
    assert run(folder, tmp_path / "new", "--secret-file", str(tmp_path / "none")) == 2


@pytest.mark.parametrize("text", ["\0" * 64, "a" * 64, "two lines of it,\nand 1 more"])
def test_what_is_no_secret_is_refused(
    tmp_path: Path, marked: list[str], capsys: Any, text: str
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(text)
    folder = hand_in(tmp_path / "all", alice="x")
    assert run(folder, tmp_path / "out", "--secret-file", str(kept)) == 2
    assert "is no secret" in capsys.readouterr().err
    assert marked == []


def test_a_secret_that_others_can_read_is_told(
    tmp_path: Path, marked: list[str], capsys: Any
) -> None:
    folder, kept = hand_in(tmp_path / "all", alice="x"), tmp_path / "kept"
    kept.write_text(SECRET)
    for mode, told in ((0o644, 1), (0o600, 0)):
        kept.chmod(mode)
        assert run(folder, tmp_path / "out", "--secret-file", str(kept)) == 0
        assert capsys.readouterr().err.count("chmod 600") == told


@pytest.mark.parametrize("place", ["all", "all/out", "all/alice/../marks"])
def test_results_among_the_submissions_are_refused(
    tmp_path: Path, marked: list[str], capsys: Any, place: str
) -> None:
    folder = hand_in(tmp_path / "all", alice="x")
    before = content(folder)
    assert run(folder, tmp_path / place) == 2
    assert "students of the next run" in capsys.readouterr().err
    assert content(folder) == before


def test_results_are_their_owners_alone(tmp_path: Path, marked: list[str]) -> None:
    """Also where the folder was there, and open to all."""
    out = tmp_path / "out"
    out.mkdir(mode=0o755)
    assert run(hand_in(tmp_path / "all", alice="x"), out) == 0
    for path in [out / "students", out / "feedback"]:
        assert path.stat().st_mode & 0o777 == 0o700
    files = [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]
    assert len(files) >= 8
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


@pytest.mark.parametrize(
    "words",
    [
        ["--chapter", "six"],
        ["--jobs", "0"],
        ["--book", "javascript:alert(1)"],
        ["--names", "klingon"],
        ["--scheduler", "nonsense"],
        ["--scheduler", "ftp://a:1"],
        ["--scheduler", "tcp://host"],
        ["--due", "tomorrow"],
        ["--due", "2026-11-20"],
    ],
)
def test_nonsense_is_refused_in_one_line(tmp_path: Path, words: list[str], capsys: Any) -> None:
    hand_in(tmp_path / "all", alice="x")
    with pytest.raises(SystemExit):
        run(tmp_path / "all", tmp_path / "out", *words)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_chapter_that_there_is_not(tmp_path: Path, capsys: Any) -> None:
    hand_in(tmp_path / "all", alice="x")
    assert run(tmp_path / "all", tmp_path / "out", "--chapter", "99") == 2
    said = capsys.readouterr().err
    assert "'99' is not a chapter with exercises, as in 06" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_nothing_to_grade(tmp_path: Path, marked: list[str], capsys: Any) -> None:
    (tmp_path / "all").mkdir()
    assert run(tmp_path / "all", tmp_path / "out") == 2
    assert run(tmp_path / "missing", tmp_path / "out") == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert not (tmp_path / "out").exists()


def test_another_chapter_in_the_same_folder(tmp_path: Path, marked: list[str]) -> None:
    folder = hand_in(tmp_path / "all", alice="x")
    run(folder, tmp_path / "out")
    words = ["grade", str(folder), "--chapter", "05", "--out", str(tmp_path / "out")]
    assert main(words) == 2


def test_two_at_once_are_refused(tmp_path: Path, marked: list[str], capsys: Any) -> None:
    from minitorch_attn.course.grading.records import claimed

    with claimed(tmp_path / "out"):
        assert run(hand_in(tmp_path / "all", alice="x"), tmp_path / "out") == 2
    assert "another run" in capsys.readouterr().err


def test_a_lock_dies_with_its_process(tmp_path: Path, marked: list[str], capsys: Any) -> None:
    folder, out = hand_in(tmp_path / "all", alice="x"), tmp_path / "out"
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from minitorch_attn.course.grading.records import claimed\n"
        "with claimed(Path(sys.argv[1])):\n    print('claimed', flush=True)\n    time.sleep(600)\n"
    )
    words = [sys.executable, "-c", script, str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"claimed\n"
        assert run(folder, out) == 2
        assert "another run" in capsys.readouterr().err
        other.kill()
    assert run(folder, out) == 0


def test_a_full_disk_is_one_line(
    tmp_path: Path, marked: list[str], monkeypatch: Any, capsys: Any
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    folder, course = hand_in(tmp_path / "all", alice="x"), str(tmp_path / "course")
    assert run(folder, tmp_path / "out") == 2
    assert main(["export", "nbgrader", course, "--chapter", "06"]) == 2
    said = capsys.readouterr().err
    assert said.count("No space left") == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("level", ["limits", "none"])
def test_without_a_sandbox(
    tmp_path: Path, marked: list[str], monkeypatch: Any, capsys: Any, level: str
) -> None:
    bare = Isolation(level, "no bubblewrap here: apt install bubblewrap")
    monkeypatch.setattr(box, "find_isolation", lambda: bare)
    folder = hand_in(tmp_path / "all", alice="x")
    assert run(folder, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "apt install bubblewrap" in said
    assert said.count("\n") == 1
    assert marked == []
    assert run(folder, tmp_path / "out", "--unsafe") == 0
    said = capsys.readouterr().err
    assert "WITHOUT A SANDBOX" in said


# The pool of processes


def test_results_of_all_tasks() -> None:
    assert dict(spread(double, list(range(7)), 2)) == {n: 2 * n for n in range(7)}
    assert dict(spread(double, [], 2)) == {}


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (die_on_three, "ended without an answer, 2 times"),
        (raise_on_three, "failed: KeyError"),
        (sleep_on_three, "took more than 3 s, 2 times"),
    ],
)
def test_what_dies_takes_nothing_with_it(work: Callable[[Any], Any], said: str) -> None:
    done = dict(spread(work, list(range(6)), 2, seconds=3.0))
    assert said in str(done.pop(3))
    assert done == {n: n for n in range(6) if n != 3}


# With the real box


def sandbox() -> Isolation:
    isolation = box.find_isolation()
    if isolation.level != "sandbox":
        lacking(isolation.words)
    return isolation


def command(folder: Path, out: Path, *more: str) -> list[str]:
    words = ["grade", str(folder), "--chapter", "06", "--out", str(out), *more]
    return [sys.executable, "-m", "minitorch_attn", *words]


ENVIRONMENT = os.environ | {grade.SECRET: SECRET, "OPENBLAS_NUM_THREADS": "1"}


def test_marks_from_the_real_box(tmp_path: Path) -> None:
    sandbox()
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(honest.answers(6), encoding="utf-8")
    (folder / "broken.ipynb").write_text("{")
    (folder / "exits.py").write_text("import os\ndef attend(q, k, v):\n    os._exit(0)\n")
    out = tmp_path / "out"
    done = subprocess.run(
        command(folder, out), env=ENVIRONMENT, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    rows = table(out)
    assert {name: row["points"] for name, row in rows.items()} == {
        "ada": "20", "broken": "0", "exits": "0",
    }  # fmt: skip
    assert "marked 3 of 3" in done.stderr


@pytest.mark.slow
def test_byte_for_byte_the_same_with_other_jobs_and_order(tmp_path: Path) -> None:
    sandbox()
    folder = write_class(tmp_path / "all", 5)
    found = []
    for jobs in ("1", "3"):
        out = tmp_path / f"out{jobs}"
        subprocess.run(command(folder, out, "--jobs", jobs), env=ENVIRONMENT, check=True, cwd=ROOT)
        found.append(content(out))
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_and_gone_on(tmp_path: Path, number: signal.Signals) -> None:
    """No mark is lost or half-written, no process is left, and the result is the same."""
    sandbox()
    folder, out = write_class(tmp_path / "all", 8), tmp_path / "out"
    started = subprocess.Popen(
        command(folder, out, "--jobs", "2"), env=ENVIRONMENT, cwd=ROOT, stderr=subprocess.PIPE
    )
    while len(list((out / "students").glob("*.json"))) < 2 and started.poll() is None:
        time.sleep(0.02)
    children = below(started.pid)
    started.send_signal(number)
    code = started.wait(60)
    assert code == (-9 if number == signal.SIGKILL else 128 + number)
    kept = {path: path.read_bytes() for path in (out / "students").glob("*.json")}
    assert 2 <= len(kept) < 8
    for text in kept.values():
        assert json.loads(text)["mark"]["total"] == 20
    if number != signal.SIGKILL:
        assert len(table(out)) == len(kept)
    until = time.monotonic() + 30
    while any(map(alive, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert children
    assert not any(map(alive, children))
    again = subprocess.run(command(folder, out), env=ENVIRONMENT, cwd=ROOT, capture_output=True)
    assert again.returncode == 0
    assert f"{8 - len(kept)} to mark".encode() in again.stdout
    assert all(path.read_bytes() == text for path, text in kept.items())
    assert len(table(out)) == 8
    assert not list(out.rglob("*.tmp"))


def below(pid: int) -> list[int]:
    import psutil

    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


def alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A real scheduler and real workers, each a process."""
    file = Path(os.environ.get("TMPDIR", "/tmp")) / f"scheduler-{os.getpid()}-{time.time_ns()}.json"
    quiet: dict[str, Any] = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    script = "from distributed.cli.dask_{0} import main; main()"
    words = ["--scheduler-file", str(file), "--no-dashboard"]
    made = [
        subprocess.Popen(
            [sys.executable, "-c", script.format("scheduler"), *words, "--port", "0",
             "--host", "127.0.0.1"], **quiet,
        )
    ]  # fmt: skip
    try:
        for _ in range(workers):
            made.append(  # noqa: PERF401
                subprocess.Popen(
                    [sys.executable, "-c", script.format("worker"), *words, "--no-nanny",
                     "--nthreads", "1"], env=ENVIRONMENT, cwd=ROOT, **quiet,
                )
            )  # fmt: skip
        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        import distributed

        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=120)
        yield address, made[1:]
    finally:
        for process in made:
            process.kill()
            process.wait()
        file.unlink(missing_ok=True)


@pytest.mark.slow
def test_a_cluster_of_which_a_worker_is_killed(tmp_path: Path) -> None:
    sandbox()
    folder = write_class(tmp_path / "all", 8)
    with cluster(2) as (address, workers):
        out = tmp_path / "out"
        started = subprocess.Popen(
            command(folder, out, "--scheduler", address), env=ENVIRONMENT, cwd=ROOT
        )
        while len(list((out / "students").glob("*.json"))) < 2 and started.poll() is None:
            time.sleep(0.02)
        workers[0].kill()
        assert started.wait(400) == 0
        assert alive(workers[1].pid)
    local = tmp_path / "local"
    subprocess.run(command(folder, local), env=ENVIRONMENT, check=True, cwd=ROOT)
    assert content(out) == content(local), "the same marks as on one machine, byte for byte"


@pytest.mark.slow
def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    folder = hand_in(tmp_path / "all", alice="x")
    done = subprocess.run(
        command(folder, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:9"),
        env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_rate(tmp_path: Path) -> None:
    """300 submissions in ten minutes on two cores are two seconds each."""
    sandbox()
    count = int(os.environ.get("GRADE_COUNT", "60"))
    folder, out = write_class(tmp_path / "all", count), tmp_path / "out"
    start = time.monotonic()
    subprocess.run(command(folder, out, "--jobs", "2"), env=ENVIRONMENT, check=True, cwd=ROOT)
    seconds = time.monotonic() - start
    print(f"{count} submissions of chapter 06: {seconds:.0f} s, {seconds / count:.2f} s each")
    assert len(table(out)) == count
    assert seconds < 2 * count


@pytest.mark.slow
def test_the_pages_on_a_screen_a_phone_and_paper(tmp_path: Path, marked: list[str]) -> None:
    names = {f"student {n}": f"06.{n % 4 + 1} right 06.{n % 3 + 1} right" for n in range(24)}
    folder = hand_in(tmp_path / "all", **names, **{"x" * 90: "same", NASTY[:20]: "same"})
    out = tmp_path / "out"
    run(folder, out)
    pages = [out / "summary.html", out / "feedback" / "student_0.html"]
    with browser() as driven:
        for path in pages:
            for name, width in (("screen", 1000), ("phone", 360)):
                page = driven.new_page(viewport={"width": width, "height": 900})
                asked: list[str] = []
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                page.goto(path.as_uri())
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{path.name} is wider than a {name}"
                assert asked == [path.as_uri()], "nothing else is fetched"
                screenshot(page, f"grade-{path.stem}-{name}")
                page.close()
