"""Pages and Markdown: a stranger's text is text in them, wherever it stands."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from minitorch_attn.course.checking.report import FAILED, PASSED, Result
from minitorch_attn.course.checks import exercises_of
from minitorch_attn.course.grading.marking.marks import ExerciseMark, Mark
from minitorch_attn.course.grading.pages import feedback, summary
from minitorch_attn.course.grading.pages.chart import bins
from minitorch_attn.course.grading.records import Record
from minitorch_attn.course.grading.scheme import Scheme

NASTY = "'\"></title></style></pre><script>alert(1)</script>{{ 7 * 7 }}{% x %}\x1b[2J\u202e\x00"
WRONG = Result("a", "holds", 2, FAILED, NASTY, NASTY, NASTY + "\n  two", "a slip", "Why.")
SAME = "06.1:a 06.2:b 06.3:c 06.4:d"
MARK = ExerciseMark("06.2", "The loop", "06_one_query.md", (WRONG,), NASTY, NASTY)
RECORD = Record(
    *(NASTY, NASTY, NASTY, (NASTY,)),
    *("d", 6, "s", "g"),
    *(Mark(6, (MARK,), (NASTY,)), ""),
)


class Elements(HTMLParser):
    """The elements of a page, its attributes, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def class_page(record: Record) -> bytes:
    found = summary.summarise({"k": record}, {"k": [NASTY]}, 6, [NASTY])
    return summary.as_html(found, {"k": record})


@pytest.mark.parametrize("make", [feedback.as_html, class_page])
def test_a_strangers_text_is_text(make: object) -> None:
    assert callable(make)
    plain = replace(RECORD, student="s", file="f", mark=Mark(6, (replace(MARK, where="w"),)))
    page, other = make(RECORD), Elements(make(plain))
    found = Elements(page)
    assert found.tags <= other.tags | {"br"}
    assert found.attributes == other.attributes
    assert "script" not in found.tags
    assert "<script>alert(1)</script>{{ 7 * 7 }}{% x %}" in found.text
    assert not {"\x1b", "\u202e", "\x00"} & set(page.decode())
    policy = b"content=\"default-src 'none'; style-src 'unsafe-inline'\""
    assert page.count(policy) == page.count(b"Content-Security-Policy") == 1


def test_arrays_keep_their_lines_and_everything_is_cut() -> None:
    long = replace(WRONG, problem="p" * 9_000, got="[1,\n  2]" + "g" * 9_000)
    page = feedback.as_html(replace(RECORD, mark=Mark(6, (replace(MARK, results=(long,)),))))
    assert b"<pre>[1,\n  2]ggg" in page
    assert len(page) < 15_000


def test_numbers_stand_on_the_right() -> None:
    good = ExerciseMark("06.2", "The loop", "06_one_query.md", (Result("a", "b", 2, PASSED),))
    record = replace(RECORD, student="Ada #1", mark=Mark(6, (good,)))
    found = summary.summarise({"k": record}, {}, 6, [])
    page = summary.as_html(found, {"k": record}).decode()
    assert "<th>exercise</th><th class='n'>mean points</th><th class='n'>full points</th>" in page
    assert (
        "| exercise | check | passed |\n|---|---|---:|"
        in summary.as_markdown(found, {"k": record}).decode()
    )
    assert page.count("<rect") == len(bins(found.points, found.total))
    hardest = [row[0] for row in found.exercises.rows]
    assert len(hardest) == len(exercises_of(6))
    assert hardest[-1].startswith("06.2"), "what all could do comes last"


def test_an_error_is_shown_in_full_once() -> None:
    def failed(name: str, got: str) -> Result:
        return Result(name, name, 1, FAILED, got=got)

    error = "attend raised ValueError: no such axis\nline 3: x.sum(7)"
    results = [failed("a", error), failed("b", "[1, 2]"), failed("c", error), failed("d", "[1, 2]")]
    mark = ExerciseMark("06.2", "The loop", "06_one_query.md", tuple(results))
    record = replace(RECORD, mark=Mark(6, (mark,)))
    for page in (feedback.as_html(record), "\n".join(mark.told()).encode()):
        assert page.count(b"no such axis") == 1
        assert page.count(b"attend raised ValueError, as above") == 1
        assert page.count(b"[1, 2]") == 2
    assert mark.results[2].got == error, "the record keeps it"


def test_the_class_is_listed_and_who_has_which_misconception() -> None:
    slip = Mark(6, (replace(MARK, note=""),))
    marked = {
        f"k{n}": replace(RECORD, student=f"S {n}", notes=(), code=code, mark=mark)
        for n, (code, mark) in enumerate(
            [(SAME, slip), (SAME, slip), (SAME, Mark(6, ())), ("06.1:a", slip), ("06.1:a", slip)]
        )
    }
    marked["k4"] = replace(marked["k4"], copied=("06.2", "06.3"))
    look = summary.for_the_eye(marked)
    found = summary.summarise(marked, look, 6, [])
    assert found.everybody.rows[1] == [("k1",), NASTY, "0 of 2"]
    assert [row[2:] for row in found.misconceptions.rows] == [["4", ("k0", "k1", "k3", "k4")]]
    rows = [["3", "06.1, 06.2, 06.3, 06.4", ("k0", "k1", "k2")]]
    assert found.equal.rows == rows, "one row, not one for each of them"
    assert any("public worked answer" in line for line in look["k4"])
    page = summary.as_html(found, marked).decode()
    assert page.count("href='feedback/k3.html'") == 2, "all students; a misconception"
    assert "S 0, S 1, S 2" in summary.as_markdown(found, marked).decode()


def test_equal_code_is_found_where_one_of_two_has_done_less() -> None:
    codes = {
        "ann": SAME,
        "bob": "06.1:a 06.2:b 06.4:d",  # a copy of hers with one left out
        "cy": "06.1:a 06.2:b 06.4:d",
        "dan": "06.1:a 06.2:b 06.3:x 06.4:d",  # has theirs, and not hers
        "eve": "06.1:x 06.2:b 06.3:c 06.4:d",
        "fay": "06.1:a",  # a single short one says nothing
        "gus": "",
        "hal": "06.3:p 06.4:q",
        "ida": "06.3:p 06.4:q",
    }
    marked = {key: replace(RECORD, code=code) for key, code in codes.items()}
    ids = [exercise.id for exercise in exercises_of(6)]
    three = ("06.1, 06.2, 06.4", ["ann", "bob", "cy", "dan"])
    assert summary.alike(marked, ids) == [three, ("06.3, 06.4", ["hal", "ida"])]
    for key in "hal", "ida":  # both have the worked answers: each is told so alone
        marked[key] = replace(marked[key], copied=("06.3", "06.4"))
    assert summary.alike(marked, ids) == [three]
    assert summary.alike(marked, ["06.1"]) == [("06.1", ["ann", "bob", "cy", "dan", "fay"])]


def test_what_does_not_count_is_not_to_be_looked_at() -> None:
    review = ("cell 9 was left out: it has no text", "06.1: uses os", "06.2: stopped")
    exercises = tuple(replace(MARK, id=id, note="") for id in ("06.1", "06.2", "06.3"))
    mark = Mark(6, exercises, review)
    record = replace(RECORD, notes=(), mark=mark, copied=("06.2", "06.3"))
    seen = replace(record, mark=Scheme({"06.1": 1.0, "06.3": 1.0}).seen(mark))
    first, second, copies = summary.for_the_eye({"k": seen})["k"]
    assert (first, second) == review[:2]
    assert copies.startswith("06.3: the code of a public worked answer")
    none = replace(record, mark=Scheme({"06.4": 1.0}).seen(replace(mark, review=review[1:])))
    assert summary.for_the_eye({"k": none}) == {}


def test_who_must_be_looked_at_stands_above_the_names_and_worked_answers_last() -> None:
    clean = replace(RECORD, notes=(), mark=Mark(6, (replace(MARK, note=""),)))
    marked = {
        "ann": replace(clean, student="Ann", copied=("06.2",)),
        "bob": replace(clean, student="Bob", code=SAME),
        "cy": replace(clean, student="Cy", copied=("06.2",), notes=("an old format",)),
        "dan": replace(clean, student="Dan", code=SAME),
        "eve": replace(clean, student="Eve"),
    }
    look = summary.for_the_eye(marked)
    assert list(look) == ["cy", "ann"]
    found = summary.summarise(marked, look, 6, [], present=set(marked) - {"eve"})
    assert found.eye == {"ann", "bob", "cy", "dan"}
    for page in summary.as_html(found, marked), summary.as_markdown(found, marked):
        text = page.decode()
        assert text.index("Equal code") < text.index("For a human eye") < text.index("All students")
        assert "1 was not in this folder or zip; the mark is kept" in text
    assert "<a href='#eye'>4 to look at</a>" in summary.as_html(found, marked).decode()
    assert "<div id='eye'>\n<h2>Equal code" in summary.as_html(found, marked).decode()
    assert "4 to look at." in text
    many = replace(found, kept=["eve"] * 313)
    page = summary.as_html(many, marked).decode()
    assert "<p>313 were not in this folder or zip; their marks are kept</p>" in page
    none = summary.summarise({"eve": marked["eve"]}, {}, 6, [])
    assert "to look at" not in summary.as_html(none, marked).decode()
    assert "not in this folder" not in summary.as_html(none, marked).decode()
