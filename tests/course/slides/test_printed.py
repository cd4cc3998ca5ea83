"""What a cell printed becomes a table, with the best marked by nothing but its verdicts."""

from __future__ import annotations

import pytest

from minitorch_attn.course.slides import printed, table
from minitorch_attn.course.slides.columns import Table
from minitorch_attn.course.slides.winners import winners

CHECKS = """
                      shape   ones  600 keys
attend                    .      .         .
picks_one                 .   FAIL      FAIL
"""
SPLITS = """
mean of all                   78.3 ±  4.5
kernel                        58.4 ±  2.2
attention                     56.2 ±  2.3
ridge                         55.1 ±  2.2
kernel against mean of all: cannot tell (+1.0 ± 2.4, 5 seeds; needs 29.6)
attention against kernel: ahead (+2.2 ± 0.6, 5 seeds; needs 1.8)
ridge against attention: cannot tell (+1.1 ± 1.0, 5 seeds; needs 2.8)
"""


def only(words: str) -> Table:
    (found,) = printed.read(words)
    assert isinstance(found, Table)
    return found


def test_columns_stand_where_the_fullest_lines_have_them() -> None:
    found = only(CHECKS)
    assert found.head == ["", "shape", "ones", "600 keys"]
    assert found.rows == [["attend", ".", ".", "."], ["picks_one", ".", "FAIL", "FAIL"]]
    close = only(
        "            loss          error\n"
        "the right   0.2 ± 0.1     5.1\n"
        "three (one) 0.3 ± 0.1     5.2"
    )
    assert close.rows[1] == ["three (one)", "0.3 ± 0.1", "5.2"]  # one space between two cells
    gaps = only("a      1.0   2.0   3.0\nbc                 4.0\nd      5.0")
    assert gaps.rows[1:] == [["bc", "", "", "4.0"], ["d", "5.0", "", ""]]
    heads = only(
        "             loud far below 0      ones\nright           .           .         .\n"
        "top             .        FAIL         ."
    )
    assert heads.head == ["", "loud", "far below 0", "ones"]


@pytest.mark.parametrize(
    ("words", "head", "row"),
    [
        (" 8 doublings: slope 256, 511 calls\n16 doublings: slope 65,536, 131,071 calls",
         ["doublings", "slope", "calls"], ["16", "65,536", "131,071"]),
        ("d =   1: variance   1.1, by √d 1.06\nd = 512: variance 509.9, by √d 1.00",
         ["d =", "variance", "by √d"], ["512", "509.9", "1.00"]),
        ("attention   96.7 ± 0.3 %   13,770 numbers\nnone        97.1 ± 0.6 %   11,658 numbers",
         ["", "%", "numbers"], ["none", "97.1 ± 0.6", "11,658"]),
        ("asked tile   answer as before  11.0 %\nothers       answer as before  99.0 %",
         ["", "answer as before %"], ["others", "99.0"]),
        ("softmax   z [2. 3.]  weights [0.1 0.5  ]\nsparse    z [1. 3.]  weights [0.  0.7]",
         ["", "z", "weights"], ["sparse", "[1. 3.]", "[0. 0.7]"]),
    ],
)  # fmt: skip
def test_what_all_cells_say_is_said_once_above_them(
    words: str, head: list[str], row: list[str]
) -> None:
    found = only(words)
    assert (found.head, found.rows[-1]) == (head, row)


def test_words_that_leave_no_number_stay_where_they_are() -> None:
    assert only("a: too many to unpack\nb: too few to unpack").rows[0] == [
        "a",
        "too many to unpack",
    ]
    assert printed.read("bit for bit: True") == ["bit for bit: True"]
    assert printed.read("one line\nand one more") == ["one line", "and one more"]


def test_a_line_above_columns_heads_them_and_a_verdict_below_joins_its_row() -> None:
    found = only("eight tiles\nsoftmax    97.3\nsparse     97.2\nmany tiles\nsoftmax    90.4")
    assert found.rows[0] == ["eight tiles"]
    assert found.rows[3] == ["many tiles"]
    joined = only(
        "learned     88.6 ±  1.0\n"
        "    against in order: cannot tell (+0.4 ± 0.8, 3 seeds; needs 3.4)\n"
        "pixels      93.5 ±  2.6\n"
        "    against in order: cannot tell (-0.2 ± 0.7, 3 seeds; needs 2.9)"
    )
    assert joined.head[-1] == "against in order"
    assert joined.rows[0][2].startswith("cannot tell (+0.4")


def best(words: str) -> list[str]:
    parts = printed.read(words)
    marked = winners(parts)
    tables = [part for part in parts if isinstance(part, Table)]
    return [row[0] for table in tables for row in table.rows if id(row) in marked]


def test_the_best_is_ahead_of_another_and_behind_none() -> None:
    assert best(SPLITS) == ["attention", "ridge"]  # that which cannot be told from it, too
    assert best(SPLITS.replace("ahead (+2.2", "cannot tell (+2.2")) == []  # no largest number wins
    assert best(
        SPLITS.replace("ridge against attention: cannot tell", "ridge against attention: behind")
    ) == ["attention"]


def test_a_verdict_in_a_row_is_about_the_row_without_one() -> None:
    digits = """
nearest example   98.8 ± 0.5   ahead (+1.7 ± 0.2, 3 seeds; needs 0.5)
64 hidden         97.0 ± 0.9
no hidden layer   91.1 ± 1.7   behind (-5.9 ± 0.4, 3 seeds; needs 0.8)"""
    assert best(digits) == ["nearest example"]
    other = """
attention   97.6 %
uniform     26.9 %   attention: ahead (+70.7 ± 0.2, 3 seeds; needs 0.8)
none         9.7 %   attention: ahead (+87.9 ± 0.5, 3 seeds; needs 2.3)"""
    assert best(other) == ["attention"]
    bare = """
attention   100.0 ± 0.0
uniform      73.4 ± 8.4   ahead (+26.6 ± 4.9, 3 seeds; needs 20.9)"""
    assert best(bare) == ["attention"]  # 100.0 − 73.4: the other one is ahead of this row


def test_html_marks_the_best_and_what_fails_and_escapes_the_rest() -> None:
    shown = table.shown(SPLITS)
    assert '<tr class="best"><th scope="row">ridge</th>' in shown
    assert '<td class="verdict cannot"><b>cannot tell</b> <small>+1.1 ± 1.0' in shown
    assert table.LEGEND in shown
    checks = table.shown(CHECKS)
    assert checks.count('<td class="fail">FAIL</td>') == 2
    assert '<tr class="fragment"><th scope="row">picks_one' in checks  # after the first, row by row
    assert table.LEGEND not in checks
    assert "&lt;b&gt;" in table.shown("a <b> in it")
    assert "&lt;b&gt;" in table.error("ValueError", "a <b> in it")


def test_few_words_are_set_large() -> None:
    assert 'class="said huge"' in table.shown("bit for bit: True")
    assert 'class="said long"' in table.shown("word " * 30)
    assert "<b>0.49</b>; filled up <b>0.0004</b>, 300" not in table.shown(
        "batch 0.49; filled 0.0004, 300 wide"
    )
    assert "<b>0.0004</b>, <b>300</b>" in table.shown("batch 0.49; filled 0.0004, 300 wide")
    assert table.shown("{'s1': 0.167, 's2': 2}") == table.shown("s1: 0.167, s2: 2")
