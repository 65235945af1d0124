"""Who measured: habits are set aside in a fit, large sources are thinned, odd rows left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.describe.targets import NAMES
from guide_ml.features.load import build
from guide_ml.measurements.read import prepare, read_files
from guide_ml.physics.design import Coefficients, drivers
from guide_ml.physics.drivers import LABORATORY
from guide_ml.physics.fit import Sample, fit, log_estimate
from guide_ml.physics.normal import Design
from guide_ml.table.assume import Resolved
from guide_ml.training import dataset

Deploy = Callable[..., Resolved]


def test_habits_of_a_laboratory_are_told_apart_and_not_kept(deploy: Deploy) -> None:
    devices = ("nvidia-a100-sxm-80gb", "nvidia-h100-sxm-80gb", "nvidia-l4-24gb")
    rows = [{"mode": "decode", "hardware": h, "context_depth": n} for h in devices
            for n in (1, 1000, 3000)]  # fmt: skip
    found = deploy(*rows, *rows)
    n = len(rows)
    who = np.asarray(["one"] * n + ["other"] * n, dtype=object)
    moving = drivers(found.columns, found.names | {LABORATORY: who}, np.zeros(2 * n))
    tpot = np.full(2 * n, NAMES.index("tpot_ms"))
    made = Sample(build(found.columns), moving, tpot, np.zeros(2 * n), np.full(2 * n, 50.0))
    exact = log_estimate(made, Coefficients().knobs(moving))
    assert {t.name for t in Design(moving).terms if t.kind == LABORATORY} == {"one", "other"}
    # Both are a tenth off, one this way and one that: what is common is right.
    wrong = np.where(who == "one", 0.1, -0.1)
    fitted = fit(Sample(made.load, moving, tpot, exact + wrong, made.weight))
    assert not [knob for knob, by in fitted.corrections.items() if LABORATORY in by]
    common = log_estimate(made, fitted.knobs(moving))
    np.testing.assert_allclose(common, exact, atol=0.02)


def test_large_sources_are_thinned_to_the_same_rows_each_time(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "MOST_ROWS", 5)
    table = pd.DataFrame({"source": ["large"] * 40 + ["small"] * 3,
                          "source_ref": [f"row {i}" for i in range(43)]})  # fmt: skip

    def kept(rows: pd.DataFrame) -> set[str]:
        measured: Any = SimpleNamespace(table=rows)
        return set(rows["source_ref"][dataset._thinned(measured)])

    first = kept(table)
    assert sum(int(ref.split()[1]) < 40 for ref in first) == 5
    assert {"row 40", "row 41", "row 42"} <= first
    assert kept(table.sample(frac=1.0, random_state=0).reset_index(drop=True)) == first


def test_rows_whose_weights_no_device_holds_are_left_out(tmp_path: Path) -> None:
    row = {"hardware": "nvidia-rtx-4090-24gb", "model": "meta-llama/Llama-2-70b-hf",
           "framework": "llama.cpp", "weight_dtype": "fp16", "mode": "decode", "batch_size": 1,
           "input_len": 0, "output_len": 64, "tpot_ms": 9000.0, "num_devices": 1,
           "source": "mine", "source_ref": "a"}  # fmt: skip
    rows = [row, row | {"gpu_layers": 8, "source_ref": "b"}]
    pd.DataFrame(rows).to_csv(tmp_path / "mine.csv", index=False)
    found = prepare(read_files(tmp_path / "mine.csv"))
    assert found.table["source_ref"].tolist() == ["b"]  # the others' place is the host's memory
    assert found.left_out["reason"].tolist() == ["weights larger than the devices' memory"]
