"""Measured rows that are shown as evidence may lack any cell; answers render all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.answers.prediction import Prediction
from guide_ml.api import predict
from guide_ml.estimators.predictor import Predictor, default_predictor
from guide_ml.trust.domain.measured import DESCRIBED, MEASURED, Measured

ASKED: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm", "concurrency": 32,
    "input_len": 1024, "output_len": 256,
}  # fmt: skip


def answered(blank: list[str]) -> Prediction:
    """Predict with a set whose measured rows have some columns blank."""
    fitted = default_predictor().fitted
    assert fitted.knowledge is not None
    rows = fitted.knowledge.measured.rows.copy()
    for name in blank:
        rows[name] = pd.Series(np.nan, index=rows.index, dtype=rows[name].dtype)
    known = replace(fitted.knowledge, measured=Measured(rows))
    return predict(**ASKED, predictor=Predictor(replace(fitted, knowledge=known)))


@pytest.mark.parametrize(
    "blank",
    [*([name] for name in (*DESCRIBED, *MEASURED)), ["source", "source_ref"], list(DESCRIBED)],
    ids=" ".join,
)
def test_evidence_with_blank_cells_is_shown(blank):
    found = answered(blank)
    rows = json.loads(json.dumps(found.to_dict()))["evidence"]
    assert len(rows) == 3
    for row, name in ((row, name) for row in rows for name in blank):
        assert not row.get(name)
        assert name not in row["deployment"]
        assert name not in row["measured"]
    text = str(found.summary()) + found.explain().text()
    assert "measured nearby" in text
    assert "nan" not in text.lower().split()
    assert "nan" not in repr(found.evidence)


def test_what_evidence_leaves_open_is_said():
    text = str(answered(["source", "framework"]).summary())
    assert "engine not stated" in text
    assert text.count("not stated") >= 6
