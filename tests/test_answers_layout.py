"""Tables fit the width that there is, and no word is broken."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guide_ml.answers import pages
from guide_ml.answers.blocks import Block, Command, Sheet, Words, details, listing
from guide_ml.answers.cells import HELD, cell
from guide_ml.answers.layout import JOINTS, cell_width, wrapped

WORD = st.text("abcdefgh0123456789.-/_漢", min_size=1, max_size=24)
CELL = st.lists(WORD, max_size=5).map(" ".join)


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    n = draw(st.integers(2, 6))
    row = st.tuples(*[CELL] * n)
    heads = draw(st.tuples(*[CELL] * n) | st.just(())) if n == 2 else draw(st.tuples(*[CELL] * n))
    return Sheet(title="t", rows=tuple(draw(st.lists(row, min_size=1, max_size=4))), headings=heads,
                 right=frozenset(draw(st.sets(st.integers(0, n - 1)))))  # fmt: skip


def letters(text: str) -> Counter[str]:
    """Letters alone, counted: what is left whatever lines and rules do."""
    return Counter(c for c in text if c not in " \n-/")


@settings(max_examples=300, deadline=None)
@given(sheet=sheets(), width=st.integers(20, 200))
def test_a_table_keeps_to_its_width_unless_one_word_is_longer(sheet: Sheet, width: int) -> None:
    lines = pages.text([sheet], width).splitlines()
    # Stacked rows set their cells in behind the longest heading; there a word may stand out.
    heads = max((cell_width(" ".join(h.split())) for h in sheet.headings[1:]), default=0)
    longest = max((cell_width(w) for row in sheet.rows for c in row for w in c.split()), default=0)
    assert max(map(cell_width, lines)) <= max(width, heads + 4 + longest)


@settings(max_examples=300, deadline=None)
@given(sheet=sheets(), width=st.integers(20, 200))
def test_a_table_tells_every_letter_whatever_the_width(sheet: Sheet, width: int) -> None:
    told = letters(pages.text([sheet], width))
    assert letters("".join(map("".join, sheet.rows))) <= told


@settings(max_examples=300, deadline=None)
@given(text=st.lists(WORD, max_size=8).map(" ".join), width=st.integers(1, 60))
def test_no_word_is_broken_but_names_at_their_joints(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(cell_width(line) <= width or " " not in line for line in lines)
    broken = wrapped(text, width, joints=True)
    plain = text.replace(" ", "")
    assert "".join(broken).replace(" ", "") == plain
    ends = set(accumulate(map(len, text.split())))  # of words
    for end in list(accumulate(len(line.replace(" ", "")) for line in broken))[:-1]:
        assert end in ends or plain[end - 1] in JOINTS


def test_a_table_that_fits_is_as_wide_as_its_cells() -> None:
    sheet = listing([{"a": "x", "b": 1}], {"a": "name", "b": "n"}, "t")
    assert pages.text([sheet], 200).splitlines() == ["t", "name  n", "----  -", "x     1"]


def test_columns_are_spared_before_rows_are_stacked_and_the_table_says_so() -> None:
    row = {"a": "first-name", "b": "second", "c": "third", "d": "y" * 12}
    sheet = listing([row], {k: k for k in row}, "t", spare=2)
    told = pages.text([sheet], 25)
    assert "Left out for want of" in told
    assert "y" * 12 not in told
    stacked = pages.text([listing([row], {k: k for k in row}, "t")], 25)
    assert [line.split() for line in stacked.splitlines()] == [
        ["t"], ["first-name"], ["b", "second"], ["c", "third"], ["d", "y" * 12]]  # fmt: skip


def test_a_figure_stays_with_its_unit() -> None:
    assert wrapped(f"TPOT 7.9{HELD}ms", 8) == ["TPOT", f"7.9{HELD}ms"]
    assert pages.text([details({"a": f"7.9{HELD}ms"}, "")], 80) == "a  7.9 ms"


def test_a_command_is_one_line_and_stands_alone() -> None:
    line = "guide launch " + "--option value " * 20
    told = pages.text([Words(lines=("before",)), Command(title="start", line=line)], 40)
    assert line.rstrip() in told.splitlines()


def test_a_name_cannot_steer_the_terminal() -> None:
    told = pages.text([details({"a": "\x1b[2Jx\x07\ty\x9b"}, "\x1bt")], 80)
    assert told == "?t\na  ?[2Jx? y?"


def test_wide_letters_count_twice() -> None:
    assert cell_width("漢字") == 4
    told = pages.text([listing([{"a": "漢字", "b": "x"}], {"a": "a", "b": "b"}, "")], 80)
    assert told.splitlines()[-1] == "漢字  x"


def test_a_table_without_rows_says_so() -> None:
    assert pages.text([listing([], {"a": "a"}, "0 offers")], 80) == "0 offers: none"


def test_blank_details_are_left_out() -> None:
    text = pages.text([details({"a": None, "b": "", "c": 0, "d": False}, "t")], 80)
    assert text.split() == ["t", "c", "0", "d", "no"]


def test_numbers_are_written_for_people() -> None:
    values = [0.123456, 12345.6, 2022.0, True, [1, 2.5], {"x": 1}, float("nan"), None]
    assert [cell(v) for v in values] == ["0.1235", "12,346", "2022", "yes", "1, 2.5", "x 1", "-",
                                         ""]  # fmt: skip


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "a & b", '"><img src=x>', "[b]"])
def test_html_escapes_every_text(hostile: str) -> None:
    blocks: list[Block] = [
        listing([{"a": hostile}], {"a": hostile}, hostile), details({hostile: hostile}, "t"),
        Words(title=hostile, lines=(hostile,)), Command(title=hostile, line=hostile),
    ]  # fmt: skip
    told = pages.html(blocks)
    assert "<script" not in told
    assert "<img" not in told
    assert "& b" not in told
    assert hostile in pages.text(blocks, 200)  # and a terminal shows it as it is
