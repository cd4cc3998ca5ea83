"""What a learner is told after a check, as text and as HTML."""

from __future__ import annotations

import re

from minitorch_attn.course.checking.report import (
    FAILED,
    NOT_DONE,
    PASSED,
    Report,
    Result,
    where_to_read,
)

READ = "06_one_query.md"


def report(*statuses: str, **said: str) -> Report:
    """A report of as many checks, of 2 points each; every failure says the same."""
    results = [
        Result(f"check_{n}", f"claim {n}", 2, status, **(said if status == FAILED else {}))
        for n, status in enumerate(statuses)
    ]
    return Report(id="06.2", title="The loop", read=READ, results=tuple(results), seed=77)


def test_the_headline_has_the_points_and_says_what_is_not_done() -> None:
    assert report(PASSED, FAILED).headline == "06.2 The loop: 2 of 4 points"
    assert report(PASSED, PASSED).headline == "06.2 The loop: 4 of 4 points"
    assert report(NOT_DONE, NOT_DONE).headline == "06.2 The loop: 0 of 4 points, not done yet"
    assert report(NOT_DONE, FAILED).headline == "06.2 The loop: 0 of 4 points"


def test_the_text_says_what_failed_and_how_to_see_it_again() -> None:
    text = repr(report(PASSED, FAILED, expected="[1, 2]", got="[1,\n 3]", misconception="no max"))
    for said in ("claim 0", "claim 1", "expected: [1, 2]", "this looks like: “no max” again"):
        assert said in text
    assert re.search(r"got:\n +\[1,\n +3\]", text), "lines of their own under the heading"
    assert "Read again: notebooks/06_one_query.ipynb" in text
    assert "The same inputs again: seed=77" in text


def test_who_has_all_points_or_has_not_begun_is_sent_nowhere() -> None:
    for done in (report(PASSED), report(NOT_DONE)):
        for shown in (repr(done), done._repr_html_()):
            assert "Read again" not in shown
            assert "seed" not in shown


def test_what_a_learner_wrote_is_text_in_html() -> None:
    evil = "<script>alert('&')</script>"
    page = report(
        FAILED, problem=evil, expected=evil, got=evil, misconception=evil, explanation=evil
    )._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5
    assert "&amp;" in page
    title = Report(id="06.2", title="a < b", read=READ, results=(), seed=1)
    assert "a &lt; b" in title._repr_html_()


def test_html_and_text_come_together_for_a_notebook() -> None:
    shown = report(PASSED, FAILED)
    bundle = shown._repr_mimebundle_()
    assert bundle == {"text/plain": repr(shown), "text/html": shown._repr_html_()}
    assert "data-points='2' data-total='4'" in bundle["text/html"]
    assert bundle["text/html"].count("data-status='failed'") == 1


def test_where_to_read() -> None:
    loop = ("06_one_query.ipynb", "The loop version", "#The-loop-version")
    assert where_to_read(f"{READ}#the-loop-version") == loop
    nowhere = ("06_one_query.ipynb", "", "")
    assert where_to_read(READ) == nowhere
    assert where_to_read(f"{READ}#no-such-place") == nowhere
    assert where_to_read("99_elsewhere.md#there") == ("99_elsewhere.ipynb", "", "")
