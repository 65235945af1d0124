"""The newest transformers builds what configs describe; `make test-models` brings it and torch."""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
TABLE = EXPERIMENTS / "results" / "15_models.csv"
WRONG = ("params", "experts", "always", "cache")


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_table_holds_no_class_that_is_wrong_in_silence() -> None:
    from guide_ml.hf_config import limits

    table = limits._table()
    for row in rows():
        if row["state"] in WRONG:
            assert row["type"] in table["uncounted"]
        assert row["unread"].split() == table["unread"].get(row["type"], [])


def test_most_classes_with_a_decoder_are_right() -> None:
    states = [row["state"] for row in rows()]
    assert sum(s.startswith("right") for s in states) > 0.55 * len(states)
    assert sum(s in WRONG for s in states) < 0.1 * len(states)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.filterwarnings("ignore")
def test_the_newest_release_is_read_as_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new class is refused or right, and no class that was right has become wrong."""
    pytest.importorskip("torch", reason="make test-models installs PyTorch")
    pytest.importorskip("transformers", reason="make test-models installs transformers")
    from guide_ml.hf_config import limits

    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    monkeypatch.setattr(limits, "_table", limits._table)  # the script empties it
    oracle: Any = importlib.import_module("model_oracle")
    script: Any = importlib.import_module("15_models")
    try:
        known = {row["type"]: row["state"] for row in rows()}
        bad = {}
        for name, kind, _ in oracle.classes():
            state, values = script.compare(kind())
            if state in WRONG and known.get(name) not in WRONG:
                bad[name] = (state, values)
        assert not bad
    finally:
        for module in ("model_oracle", "15_models"):
            sys.modules.pop(module, None)
