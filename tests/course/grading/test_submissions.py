"""Finding submissions: every platform's layout, and zips and folders made to do harm."""

from __future__ import annotations

import json
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from minitorch_attn.course.checking.reading import to_text
from minitorch_attn.course.grading.marking.cleaning import one_line
from minitorch_attn.course.grading.submissions import archives, finding
from minitorch_attn.course.grading.submissions.archives import Refused, zipped
from minitorch_attn.course.grading.submissions.finding import (
    Submission,
    SubmissionsError,
    find_submissions,
)

FILE = "06_one_query.ipynb"


def notebook(*cells: str) -> str:
    body: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "source": cell} for cell in cells
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


ANSWER = notebook(
    "def mend(query, key, value):\n    return 1", "def attend(q, k, v):\n    return 2"
)


# As it is kept: without what nobody reads.
LEAN = to_text(ANSWER.encode(), ".ipynb")


def lay(root: Path, *names: str, text: str = ANSWER) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def pack(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def find(path: Path, chapter: int = 6) -> dict[str, Submission]:
    return {one.key: one for one in find_submissions(path, chapter)[0]}


# Layouts, each as a folder and as one zip

LAYOUTS: dict[str, tuple[Sequence[str], set[tuple[str, str]]]] = {
    "nbgrader": (
        [
            "submitted/alice/ch06/06_one_query.ipynb",
            "submitted/alice/ch05/05_softmax.ipynb",
            "submitted/bo li/ch06/06_one_query.ipynb",
            "submitted/bo li/ch06/timestamp.txt",
            "source/ch06/06_one_query.ipynb",
        ],
        {("alice", ""), ("bo li", "")},
    ),
    "Moodle": (
        [
            "Ada Lovelace_123456_assignsubmission_file_/06_one_query.ipynb",
            "Ada Lovelace_123456_assignsubmission_onlinetext_/onlinetext.html",
            "王小明_123457_assignsubmission_file_/作业.ipynb",
            'O\'Brien, "Bo"_9_assignsubmission_file/sub/06_one_query.ipynb',
        ],
        {("Ada Lovelace", "123456"), ("王小明", "123457"), ('O\'Brien, "Bo"', "9")},
    ),
    "Moodle, flat": (
        ["Ada Lovelace_123456_assignsubmission_file_06_one_query.ipynb"],
        {("Ada Lovelace", "123456")},
    ),
    "Canvas": (
        [
            "lovelaceada_340934_208490284_06_one_query.ipynb",
            "turingalan_LATE_340935_208490285_06_one_query-1.ipynb",
            "anon_a1B2c_208490286_06_one_query.ipynb",
        ],
        {("lovelaceada", "340934"), ("turingalan", "340935"), ("anon", "a1B2c")},
    ),
    "Gradescope": (
        [
            "assignment_77_export/submission_1/06_one_query.ipynb",
            "assignment_77_export/submission_2/06_one_query.ipynb",
            "assignment_77_export/submission_3/answer.py",
        ],
        {("Jane Doe", "100"), ("Pair One", "200"), ("Pair Two", "201"), ("submission_3", "")},
    ),
    "a folder a student": (
        ["alice/06_one_query.ipynb", "bob/homework/06_one_query.py", "bob/05_softmax.py"],
        {("alice", ""), ("bob", "")},
    ),
    "flat": (
        ["alice.ipynb", "bob_06_one_query.ipynb", "carol.py", "06_one_query_dan.ipynb"],
        {("alice", ""), ("bob", ""), ("carol", ""), ("dan", "")},
    ),
    "a folder around": (["week6/alice/a.ipynb", "week6/bob/b.ipynb"], {("alice", ""), ("bob", "")}),
}
GRADESCOPE = """---
submission_1:
  :submitters:
  - :name: Jane Doe
    :sid: '100'
    :email: jane@example.org
  :created_at: 2026-11-01 10:00:00.000000000 -07:00
  :score: !ruby/object:BigDecimal 18:0.1e1
submission_2:
  :submitters:
  - :name: Pair One
    :sid: '200'
  - :name: Pair Two
    :sid: '201'
"""


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str, packed: bool) -> None:
    names, students = LAYOUTS[layout]
    files: dict[str, str | bytes] = dict.fromkeys(names, ANSWER)
    if layout == "Gradescope":
        files["assignment_77_export/submission_metadata.yml"] = GRADESCOPE
    if packed:
        path = pack(tmp_path / "all.zip", files)
    else:
        path = tmp_path / "all"
        for name, text in files.items():
            lay(path, name, text=str(text))
    found = find(path)
    assert {(one.student, one.id) for one in found.values()} == students
    assert all(one.text == ANSWER and not one.problem for one in found.values())
    notes = [note for one in found.values() for note in one.notes]
    assert notes == (["the platform says: late"] if layout == "Canvas" else [])


def test_a_zip_a_student(tmp_path: Path) -> None:
    pack(tmp_path / "alice.zip", {"work/06_one_query.ipynb": ANSWER, "work/notes.txt": "x"})
    pack(tmp_path / "lee_1012_2012_Work.zip", {"06_one_query.py": "def mend(): return 1"})
    (tmp_path / "carol_3_assignsubmission_file_").mkdir()
    pack(tmp_path / "carol_3_assignsubmission_file_" / "w.zip", {FILE: ANSWER})
    found = find(tmp_path)
    assert {one.student: one.file for one in found.values()} == {
        "alice": "work/06_one_query.ipynb",
        "lee": "06_one_query.py",
        "carol": FILE,
    }


def test_a_zip_name_without_an_encoding_is_read_as_utf8(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", {"王小明_7_assignsubmission_file_/a.ipynb": ANSWER})
    raw = bytearray(path.read_bytes())
    central = raw.index(b"PK\x01\x02")
    for at in (6, central + 8):  # clear the flag that says UTF-8
        flags = struct.unpack_from("<H", raw, at)[0]
        struct.pack_into("<H", raw, at, flags & ~0x800)
    path.write_bytes(raw)
    assert [one.student for one in find(path).values()] == ["王小明"]


def test_metadata_that_cannot_be_read_leaves_the_folders_names(tmp_path: Path) -> None:
    lay(tmp_path, "submission_1/a.ipynb")
    lay(tmp_path, "submission_metadata.yml", text="submission_1: [unclosed")
    found, warnings = find_submissions(tmp_path, 6)
    assert [one.student for one in found] == ["submission_1"]
    assert "could not be read" in warnings[0]


def test_a_name_without_end_in_the_metadata(tmp_path: Path) -> None:
    lay(tmp_path, "submission_1/a.ipynb")
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)
    )
    text = f"{bomb}submission_1:\n  :submitters:\n  - :name: *a59\n"
    lay(tmp_path, "submission_metadata.yml", text=text)
    found, warnings = find_submissions(tmp_path, 6)
    assert [one.student for one in found] == ["submission_1"]
    assert "could not be read" in warnings[0]


# Which file of several


def test_the_chapters_file_is_taken_by_name(tmp_path: Path) -> None:
    lay(tmp_path / "alice", "06_one_query.ipynb", "05_softmax.ipynb", "scratch.ipynb")
    (found,) = find(tmp_path).values()
    assert found.file == FILE


def test_else_by_what_it_defines(tmp_path: Path) -> None:
    lay(tmp_path / "alice", "plots.py", text="import math")
    lay(tmp_path / "alice", "homework.ipynb")
    (found,) = find(tmp_path).values()
    assert (found.file, found.notes) == ("homework.ipynb", ())


def test_the_worked_copy_goes_before_the_empty_one(tmp_path: Path) -> None:
    stub = notebook('def mend(q, k, v):\n    raise NotImplementedError("not done yet")')
    lay(tmp_path / "alice", "06_one_query.ipynb", text=stub)
    lay(tmp_path / "alice", "06_one_query (1).ipynb")
    (found,) = find(tmp_path).values()
    assert (found.file, found.notes) == ("06_one_query (1).ipynb", ())


def test_two_answers_are_a_matter_for_a_human(tmp_path: Path) -> None:
    lay(tmp_path / "alice", "06_one_query.ipynb")
    lay(tmp_path / "alice", "06_one_query-2.ipynb", text=ANSWER.replace("return 1", "return 3"))
    (found,) = find(tmp_path).values()
    assert len(found.notes) == 1
    assert "2 candidates" in found.notes[0]


def test_another_chapters_work_is_no_submission(tmp_path: Path) -> None:
    lay(tmp_path / "alice", "05_softmax.ipynb", text=notebook("def softmax(x): ..."))
    lay(tmp_path / "bob/ch05", "05_softmax.ipynb")
    lay(tmp_path / "carol", "06_one_query.ipynb")
    found = find(tmp_path)
    assert "nothing for chapter 06; there is 05_softmax.ipynb" in found["alice"].problem
    assert "nothing for chapter 06" in found["bob"].problem
    assert not found["carol"].problem


def test_a_misnamed_file_that_holds_the_answers_is_marked_and_named(tmp_path: Path) -> None:
    lay(tmp_path / "alice", "05_softmax.ipynb")
    (found,) = find(tmp_path).values()
    assert found.text == ANSWER
    assert "named like another chapter" in found.notes[0]


def test_a_pdf_is_not_lost_silently(tmp_path: Path) -> None:
    lay(tmp_path, "alice/homework.pdf", "bob/06_one_query.ipynb", "list.pdf")
    found, warnings = find_submissions(tmp_path, 6)
    assert "there is homework.pdf" in found[0].problem
    assert warnings == ["list.pdf was left out: it is no notebook, .py file or zip"]


# Names


def test_names_become_safe_and_unlike_each_other(tmp_path: Path) -> None:
    names = ["Ada L.", "ada l.", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "..%2f..%2fx"]
    names += ["con", "王小明", "x" * 200, "a\u202eb", "-rf", "New\nLine"]
    for name in names:
        safe = name.replace("/", "∕")
        lay(tmp_path / f"{safe}_1_assignsubmission_file_", "a.ipynb")
    found = find(tmp_path)
    assert len(found) == len(names)
    for key, one in found.items():
        assert key.replace("-", "").replace("_", "").replace(".", "").isalnum(), key
        assert not key.startswith((".", "-"))
        assert len(key.encode()) <= 100
        assert key.lower() != "con"
        assert "\n" not in one.student
        assert "\u202e" not in one.student
    assert "王小明" in found
    assert len({key.casefold() for key in found}) == len(names), "also where case is ignored"
    assert find(tmp_path) == found


def test_two_students_of_one_name_keep_their_own_files(tmp_path: Path) -> None:
    lay(tmp_path / "Bo Li_1_assignsubmission_file_", "a.ipynb")
    lay(tmp_path / "Bo Li_2_assignsubmission_file_", "a.ipynb")
    found = find(tmp_path)
    assert sorted((one.student, one.id) for one in found.values()) == [
        ("Bo Li", "1"),
        ("Bo Li", "2"),
    ]


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    Path(os.fsdecode(folder), "a.ipynb").write_text(ANSWER)
    (found,) = find(tmp_path).values()
    found.student.encode()
    found.key.encode()


def test_clean() -> None:
    assert one_line("a\x1b[31m\u202eb\r\n\tc") == "a [31m b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"
    assert one_line("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e"


# Files and folders made to do harm


def problem(tmp_path: Path) -> str:
    lay(tmp_path / "honest", "06_one_query.ipynb")
    found = find(tmp_path)
    assert found.pop("honest").text == ANSWER, "nobody else is affected"
    (bad,) = found.values()
    assert not bad.text
    assert bad.notes
    return bad.problem


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = lay(tmp_path / "elsewhere", "06_one_query.ipynb") / FILE
    root = tmp_path / "all"
    (root / "mallory").mkdir(parents=True)
    (root / "mallory" / FILE).symlink_to(secret)
    assert "symbolic link" in problem(root)


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", FILE)
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "mallory").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in problem(tmp_path / "all")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "mallory").mkdir()
    os.mkfifo(tmp_path / "mallory" / FILE)
    assert "pipe" in problem(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (ANSWER.encode("utf-16")[:-1], "not UTF-8"),
        (b"x" * 2_000_001, "larger than 2 MB"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "mallory").mkdir()
    (tmp_path / "mallory" / FILE).write_bytes(content)
    assert said in problem(tmp_path)


def test_a_huge_sparse_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "mallory").mkdir()
    with open(tmp_path / "mallory" / FILE, "wb") as file:
        file.truncate(1 << 40)
    assert "larger than" in problem(tmp_path)


def test_a_folder_a_thousand_deep(tmp_path: Path) -> None:
    deep = tmp_path / "mallory" / "/".join("d" * 200)
    deep.mkdir(parents=True)
    assert "too deep" in problem(tmp_path)


def raw_zip(path: Path, name: str, data: bytes = ANSWER.encode(), **info: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        for key, value in info.items():
            setattr(entry, key, value)
        archive.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../06_one_query.ipynb", "/etc/06_one_query.ipynb", "C:\\06_one_query.ipynb", "a/../../x.py",
     "..\\..\\06_one_query.ipynb"],
)  # fmt: skip
def test_names_that_lead_out_of_a_zip(tmp_path: Path, name: str) -> None:
    raw_zip(tmp_path / "mallory.zip", name)
    assert "leads out of the zip" in problem(tmp_path)


def test_such_a_name_in_the_zip_of_all_is_left_out(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", {"alice/a.ipynb": ANSWER, "../../evil/b.ipynb": ANSWER})
    found, warnings = find_submissions(path, 6)
    assert [one.student for one in found] == ["alice"]
    assert "leads out" in warnings[0]


@pytest.mark.parametrize(
    ("mode", "said"),
    [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "not a regular"), (stat.S_IFCHR, "not a reg")],
)
def test_links_and_devices_in_a_zip(tmp_path: Path, mode: int, said: str) -> None:
    raw_zip(tmp_path / "mallory.zip", FILE, b"/etc/passwd", external_attr=(mode | 0o777) << 16)
    assert said in problem(tmp_path)


def test_a_bomb(tmp_path: Path) -> None:
    raw_zip(tmp_path / "mallory.zip", FILE, b" " * 1_900_000)
    assert "claims to grow" in problem(tmp_path)


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "mallory.zip", FILE, b" " * 50_000_000)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    for at in (22, central + 24):
        struct.pack_into("<I", data, at, 1_000)
    path.write_bytes(data)
    assert "damaged" in problem(tmp_path)


def test_a_file_that_is_too_large_inside(tmp_path: Path) -> None:
    raw_zip(tmp_path / "mallory.zip", FILE, os.urandom(2_500_000))
    assert "larger than 2 MB" in problem(tmp_path)


def test_two_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mallory.zip", "w") as archive:
        archive.writestr(FILE, ANSWER)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(FILE, "print('another')")
    assert "twice" in problem(tmp_path)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "mallory.zip", FILE)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    path.write_bytes(data)
    assert "encrypted" in problem(tmp_path)


def test_a_zip_in_a_zip(tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.zip", {FILE: ANSWER}).read_bytes()
    (tmp_path / "inner.zip").unlink()
    pack(tmp_path / "mallory.zip", {"inner.zip": inner})
    assert "zip in a zip" in problem(tmp_path)


def test_twenty_thousand_entries(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mallory.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.py", "")
    assert "20,000 entries" in problem(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_no_zip_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mallory.zip").write_bytes(content)
    assert problem(tmp_path)


def test_a_zip_cut_short(tmp_path: Path) -> None:
    path = pack(tmp_path / "mallory.zip", {FILE: ANSWER})
    path.write_bytes(path.read_bytes()[:-30])
    assert "not a whole zip" in problem(tmp_path)


def test_damage_inside(tmp_path: Path) -> None:
    path = pack(tmp_path / "mallory.zip", {FILE: ANSWER})
    data = bytearray(path.read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)
    assert "damaged" in problem(tmp_path)


def test_many_broken_zips_at_random(tmp_path: Path) -> None:
    """Whatever was done to a zip, it is read or refused; nothing else comes out."""
    import random

    whole = pack(tmp_path / "a.zip", {FILE: ANSWER, "b/c.py": "x = 1"}).read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            for item in zipped(bytes(data)):
                item.read()
        except Refused:
            pass


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "stray"])
def test_nothing_to_grade_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "all"
    if kind == "file":
        path.write_text("x")
    elif kind != "missing":
        path.mkdir()
    if kind == "stray":
        (path / "list.csv").write_text("x")
    with pytest.raises(SubmissionsError) as caught:
        find_submissions(path, 6)
    assert "\n" not in str(caught.value)


def test_the_originals_are_not_changed(tmp_path: Path) -> None:
    lay(tmp_path, "alice/06_one_query.ipynb")
    pack(tmp_path / "bob.zip", {FILE: ANSWER})
    before = {p: (p.stat().st_mtime_ns, p.is_dir() or p.read_bytes()) for p in tmp_path.rglob("*")}
    find(tmp_path)
    after = {p: (p.stat().st_mtime_ns, p.is_dir() or p.read_bytes()) for p in tmp_path.rglob("*")}
    assert before == after


# Names, and what one student's files do to another's


def gbk_zip(path: Path, names: Sequence[str], codec: str) -> Path:
    """As Windows packs: names in the system's encoding, without a flag that says which."""
    raw: dict[str, str | bytes] = {}
    for number, name in enumerate(names):
        raw[f"{number:02d}" + "x" * (len(name.encode(codec)) - 2)] = ANSWER
    data = bytearray(pack(path, raw).read_bytes())
    for given, name in zip(raw, names, strict=True):
        encoded = name.encode(codec)
        data = bytearray(bytes(data).replace(given.encode(), encoded))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("codec", "who"),
    [
        ("gbk", ["李明", "王小明"]),
        ("gbk", ["李喆", "王囧"]),
        ("big5", ["陳大文", "張小明"]),
        ("shift_jis", ["山田太郎", "鈴木"]),
        ("cp437", ["José", "Müller", "Zoë"]),
        ("utf-8", ["李明", "José"]),
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_names_of_which_nobody_says_how_they_are_written(
    tmp_path: Path, codec: str, who: list[str], told: bool
) -> None:
    path = gbk_zip(tmp_path / "all.zip", [f"{name}/06_one_query.ipynb" for name in who], codec)
    found, _ = find_submissions(path, 6, codec if told else "")
    assert {one.student for one in found} == set(who)


def test_folders_of_which_nobody_says_how_they_are_written(tmp_path: Path) -> None:
    """And what cannot be read stays two students, each shown by its bytes."""
    names = ["李明".encode("gbk"), "王".encode("gbk"), "李明".encode(), b"\xff\xfe", b"\xff\xfd"]
    for name in names:
        folder = os.path.join(os.fsencode(tmp_path), name)
        try:
            os.mkdir(folder)
        except OSError:
            pytest.skip("this file system takes only Unicode names")
        Path(os.fsdecode(folder), FILE).write_text(ANSWER)
    found, _ = find_submissions(tmp_path, 6, "gbk")
    assert sorted(one.student for one in found) == sorted(
        ["李明", "王", r"\xc0\xee\xc3\xf7", r"\xff\xfe", r"\xff\xfd"]
    )
    assert len({one.key for one in found}) == len(names)
    assert all(one.text == LEAN for one in found)


def test_names_that_look_alike_are_told_apart(tmp_path: Path) -> None:
    lay(tmp_path, f"anna/{FILE}", f"anna\u200b/{FILE}", f"anna\u202e/{FILE}")
    found = find(tmp_path)
    assert len({one.student for one in found.values()}) == len(found) == 3
    assert all("looks just like anna" in one.notes[0] for one in found.values())


def test_no_name_can_be_made_to_be_anothers_key(tmp_path: Path) -> None:
    names = ["anna", "Anna"]
    for _ in range(3):
        lay(tmp_path, *(f"{name}/{FILE}" for name in names))
        names += [key for key in find(tmp_path) if key not in names]
    found = find(tmp_path)
    assert len(found) == len({key.casefold() for key in found}) >= 5


@pytest.mark.parametrize("files", [["submitted/06_one_query.ipynb"], ["submitted/ch06/a.ipynb"]])
def test_a_student_called_submitted(tmp_path: Path, files: list[str]) -> None:
    lay(tmp_path / "a", *files, f"bob/{FILE}", f"eve/{FILE}")
    assert {one.student for one in find(tmp_path / "a").values()} == {"submitted", "bob", "eve"}
    course = [
        f"source/ch06/{FILE}",
        f"submitted/bob/ch06/{FILE}",
        f"submitted/submitted/ch06/{FILE}",
    ]
    lay(tmp_path / "b", *course)
    assert {one.student for one in find(tmp_path / "b").values()} == {"submitted", "bob"}
    lay(tmp_path / "c", *(f"course/{name}" for name in course))
    assert {one.student for one in find(tmp_path / "c").values()} == {"submitted", "bob"}


@pytest.mark.parametrize(
    "names",
    [
        ["smith_3_4_06_one_query.ipynb", "smith_3_5_06_one_query.ipynb"],
        ["mueller_06_01_06_one_query.ipynb", "mueller_06_02_06_one_query.ipynb"],
    ],
)
def test_numbers_in_a_name_make_no_two_students_one(tmp_path: Path, names: list[str]) -> None:
    lay(tmp_path, *names)
    assert len(find(tmp_path)) == 2


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ("Bo_12_assignsubmission_file_", "Ann_11_assignsubmission_file_"),
        ("bob_1200_9002_", "ann_1100_9001_"),
    ],
    ids=["Moodle", "Canvas"],
)
def test_a_file_named_like_anothers_is_ones_own(tmp_path: Path, own: str, others: str) -> None:
    """The id decides in whose line of the platform's table the mark goes."""
    lay(tmp_path, f"{others}{FILE}", f"{own}{others}{FILE}")
    found = find(tmp_path)
    assert sorted(one.id for one in found.values()) == sorted(
        name.split("_")[1] for name in (own, others)
    )
    assert {one.student for one in found.values()} == {name.split("_")[0] for name in (own, others)}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_every_student_has_a_row(tmp_path: Path, packed: bool) -> None:
    files: dict[str, str | bytes] = {
        f"right/{FILE}": ANSWER, "essay/homework.pdf": "x",
        "hidden/.ipynb_checkpoints/a.ipynb": "x",
        "deep/ch06/.ipynb_checkpoints/a.ipynb": "x", "mac/__MACOSX/a.ipynb": "x",
    }  # fmt: skip
    if packed:
        path = pack(tmp_path / "all.zip", files | {"empty/": "", "deeper/ch06/": ""})
    else:
        path = tmp_path / "all"
        for name, text in files.items():
            lay(path, name, text=str(text))
        (path / "empty").mkdir()
        (path / "deeper/ch06").mkdir(parents=True)
    found = find(path)
    assert set(found) == {"right", "essay", "hidden", "deep", "mac", "empty", "deeper"}
    assert not found.pop("right").notes
    for one in found.values():
        assert "nothing for chapter 06" in one.problem
        assert one.notes
    assert "is empty" in found["empty"].problem


@pytest.mark.parametrize("name", ["essay.pdf", "work/essay.docx", "notes.txt", "a/"])
def test_a_zip_without_a_notebook_has_a_row(tmp_path: Path, name: str) -> None:
    pack(tmp_path / "mallory.zip", {name: "" if name.endswith("/") else "x"})
    assert "nothing for chapter 06" in problem(tmp_path)


def test_an_entry_without_a_name(tmp_path: Path) -> None:
    path = pack(tmp_path / "mallory.zip", {"0x.ipynb": ANSWER})
    path.write_bytes(path.read_bytes().replace(b"0x.ipynb", b"\0x.ipynb"))
    assert "nothing for chapter 06" in problem(tmp_path)


def test_a_failure_over_one_student_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(owner: Any, *more: Any) -> Any:
        if owner.name == "mallory":
            raise MemoryError("too much")
        return real(owner, *more)

    real = finding.submission_of
    monkeypatch.setattr(finding, "submission_of", fail)
    lay(tmp_path, f"mallory/{FILE}")
    assert "could not be looked at: MemoryError" in problem(tmp_path)


def test_a_zip_that_lost_some_of_its_files_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = pack(tmp_path / "all.zip", {f"s{n}/{FILE}": ANSWER for n in range(9)})
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    size = struct.unpack_from("<I", data, end + 12)[0]
    struct.pack_into("<I", data, end + 12, size // 9 * 5)  # the list of files is cut
    del data[end - size + size // 9 * 5 : end]
    path.write_bytes(data)
    with pytest.raises(SubmissionsError, match="5 of 9 files"):
        find_submissions(path, 6)


def test_a_zip_of_many_notebooks_is_bounded(tmp_path: Path) -> None:
    """Every one of them may hold 2 MB; they are never held together, and not all are read."""
    text = notebook("x = 1\n" * 30_000, "# 🙂" + "".join(map(chr, range(40, 90))) * 20_000)
    with zipfile.ZipFile(tmp_path / "mallory.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(120):
            archive.writestr(f"{number}.ipynb", text)
    lay(tmp_path, f"honest/{FILE}")
    tracemalloc.start()
    found = find(tmp_path)
    (_, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["honest"].text == LEAN
    assert any("120 files; 40 of them were read" in note for note in found["mallory"].notes)
    assert peak < 40_000_000


def test_a_class_is_not_held_in_memory(tmp_path: Path) -> None:
    text = notebook("#" * 150_000, *["# 🙂" + "x" * 150_000] * 4)
    for number in range(30):
        lay(tmp_path, f"s{number}/{FILE}", text=text)
    tracemalloc.start()
    found = find(tmp_path)
    (kept, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 30
    assert kept < 3_000_000
    assert peak < 15_000_000


def test_a_folder_of_too_many_files_is_one_students_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_FILES_BELOW", (400, 300, 100))
    for folder in ("mallory/many", "mallory/node_modules"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(150 if folder.endswith("many") else 500):
            (tmp_path / folder / f"{number}.py").touch()
    lay(tmp_path, f"mallory/{FILE}")
    lay(tmp_path, f"honest/{FILE}")
    found = find(tmp_path)
    assert found["honest"].text == found["mallory"].text == LEAN
    assert any("40 of them were read" in note for note in found["mallory"].notes)


def test_outputs_make_no_difference(tmp_path: Path) -> None:
    made = json.loads(ANSWER)
    lay(tmp_path, f"alice/{FILE}")
    before = find(tmp_path)["alice"].digest
    made["cells"][0]["outputs"] = [{"text": "raise NotImplementedError\n" * 200_000}]
    lay(tmp_path, f"alice/{FILE}", text=json.dumps(made))
    (after,) = find(tmp_path).values()
    made["cells"][0]["outputs"] = []
    lay(tmp_path, f"alice/{FILE}", text=json.dumps(made))
    assert find(tmp_path)["alice"].digest == after.digest != before
    assert not after.problem
