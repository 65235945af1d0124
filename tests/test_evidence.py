"""Every table of figures knows the trained set that it is of, and pages show what scripts wrote."""

from __future__ import annotations

import importlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "experiments" / "results"
MARK = re.compile(r"<!-- begin ([\w-]+) -->\n(.*?)\n<!-- end \1 -->", re.DOTALL)
SHIPPED = re.compile(r"^\*Set `(\w+)`, the shipped one\.\*$", re.MULTILINE)
OTHER = re.compile(r"^\*Measured with set (.+) \(not the shipped one\)\.\*$", re.MULTILINE)
#: What holds no figure of a trained set, or names one in each line.
FREE = {"error", "faults", "flags", "history", "launch", "memory-starts", "rooms", "traffic"}
#: What a page claims of accuracy, intervals, decisions, search and speed.
CLAIMS = {"accuracy", "accuracy-short", "decisions", "decisions-served", "intervals",
          "search-evidence", "speed"}  # fmt: skip
ANEW = "run `make numbers`"


@cache
def script(name: str) -> Any:
    """Load a module of experiments/, as its scripts do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "experiments"))
        return importlib.import_module(name)


@cache
def card() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "models/default/card.json").read_text("utf-8"))
    return read


def shown() -> list[tuple[str, str, str]]:
    """Return page, name and text of every block."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = {file.name: file.read_text("utf-8") for file in files}
    return [(page, *match) for page, text in texts.items() for match in MARK.findall(text)]


UNTRAINED = ("15_models", "16_memory")  # reports that no estimator has a part in


def test_every_report_says_its_set():
    reports = sorted(RESULTS.glob("*.md"))
    assert reports
    for report in reports:
        if report.stem in UNTRAINED:
            continue
        assert script("tables").sets_in(report.read_text("utf-8")), report.name


def test_no_table_holds_nan():
    files = [*RESULTS.glob("*.md"), ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = [f"{file.name}: {line}" for file in files
             for line in file.read_text("utf-8").splitlines()
             if line.startswith("|") and re.search(r"\bnan\b", line, re.IGNORECASE)]  # fmt: skip
    assert not found


def test_every_block_has_a_maker_and_every_maker_a_page():
    assert {name for _, name, _ in shown()} == set(script("blocks").BLOCKS)


@pytest.mark.parametrize(("page", "name", "text"), [s for s in shown() if s[1] not in FREE])
def test_block_says_truly_which_set_it_is_of(page, name, text):
    ours, other = SHIPPED.findall(text), OTHER.findall(text)
    assert len(ours) + len(other) == 1, f"{page}, {name}: {ANEW}"
    short = card()["artefact_sha256"][:12]
    if ours:
        assert ours == [short], f"{page}, {name} is of another set than the shipped one: {ANEW}"
    else:
        assert other[0] != f"`{short}`", f"{page}, {name} is of the shipped set: {ANEW}"


def test_claims_are_on_pages():
    assert {name for _, name, _ in shown()} >= CLAIMS


@pytest.mark.parametrize(
    ("page", "name", "text"), [s for s in shown() if s[1] not in script("blocks").PRINTED]
)
def test_block_is_what_its_script_makes(page, name, text):
    assert script("blocks").BLOCKS[name]().text() == text, f"{page}, {name}: {ANEW}"


@pytest.mark.slow
@pytest.mark.parametrize("name", script("blocks").PRINTED)
def test_block_is_what_its_command_prints(name):
    text = next(text for _, block, text in shown() if block == name)
    seconds = re.compile(r"scored in [\d.]+ s")  # all that a machine's mood moves
    now = script("blocks").PRINTED[name]().text()
    assert seconds.sub("", now) == seconds.sub("", text), ANEW


def test_accuracy_of_the_shipped_set_is_what_its_card_says():
    """A card is written where the set is trained, the table by a script that fits anew."""
    table = pd.read_csv(RESULTS / "01_accuracy.csv")
    own = table[(table["method"] == "guide-ml") & table["split"].isin(["deployment", "model"])]
    own = own[own["set"] == card()["artefact_sha256"][:12]]
    for row in own.to_dict("records"):
        told = card()["held_out_percent"][row["split"]][row["target"]]["median_ape"]
        assert row["median_ape"] == pytest.approx(told, abs=0.06), (row["split"], row["target"])


def test_history_ends_with_the_shipped_set():
    table = pd.read_csv(RESULTS / "14_history.csv")
    assert table["set"].is_unique
    assert table["set"].iloc[-1] == card()["artefact_sha256"][:12], (
        "add the shipped set: experiments/14_history.py --what '...'"
    )


def test_picture_is_of_the_shipped_set():
    text = (ROOT / "docs" / "images" / "accuracy.svg").read_text("utf-8")
    assert f"Set {card()['artefact_sha256'][:12]}" in text, "run experiments/13_pictures.py"


def test_tables_show_dashes_and_whole_numbers():
    frame = pd.DataFrame({"a": [1.0, None], "b": [0.5, 2.0], "c": ["x", None]})
    rows = script("tables").markdown(frame).splitlines()[2:]
    assert rows == ["| 1 | 0.5 | x |", "| - | 2.0 | - |"]


@pytest.mark.parametrize(
    ("sets", "line"),
    [(["0123456789ab"], "Trained set: `0123456789ab`."),
     (["0123456789ab", "an earlier one", "0123456789ab"],
      "Trained set: `0123456789ab`, an earlier one."),
     (["none, data 0123456789ab"], "Trained set: none, data 0123456789ab.")],
)  # fmt: skip
def test_stamp_is_read_as_it_was_written(sets, line):
    tables = script("tables")
    assert tables.stamp(sets) == line
    assert tables.sets_in(f"# Title\n\n{line}\n") == tuple(dict.fromkeys(sets))


def test_filling_touches_what_lies_between_marks_only():
    readme, block = script("90_readme"), script("blocks").Block
    text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->\nc"
    new = readme.fill(text, {"x": block("new"), "y": block("| 1 |", ("0123456789ab",))})
    assert readme.bodies(new) == {
        "x": "new", "y": "| 1 |\n\n*Measured with set `0123456789ab` (not the shipped one).*",
    }  # fmt: skip
    assert [part for part in new.split("\n") if len(part) == 1] == ["a", "b", "c"]
    assert readme.fill(new, {n: block(as_is=b) for n, b in readme.bodies(new).items()}) == new


def test_report_without_a_set_is_an_error():
    with pytest.raises(ValueError, match="which trained set"):
        script("tables").sets_in("# Title\n\n| a |\n|---|\n| 1 |\n")


def test_caption_tells_the_shipped_set_from_others():
    tables = script("tables")
    assert tables.caption([tables.shipped()]) == f"*Set `{tables.shipped()}`, the shipped one.*"
    assert tables.caption(["0123456789ab"]) == (
        "*Measured with set `0123456789ab` (not the shipped one).*"
    )
    assert OTHER.findall(tables.caption([tables.shipped(), "an earlier one"]))
    assert tables.caption([]) == ""
