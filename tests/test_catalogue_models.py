"""The models of the catalogue: counts agree with what is published, shapes with their kind."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from guide_ml import catalogue

FOLDER = Path(catalogue.__file__).parent
with (FOLDER / "models.csv").open(encoding="utf-8", newline="") as handle:
    ROWS = list(csv.DictReader(handle))
BY_NAME = {r["model"]: r for r in ROWS}


def test_counted_parameters_agree_with_published_ones_within_two_percent() -> None:
    told = {r["model"]: re.search(r"published [\d.e+]+B: ([+-][\d.]+)%", r["source"]) for r in ROWS}
    off = {n: float(m[1]) for n, m in told.items() if m and abs(float(m[1])) > 2}
    assert sum(m is not None for m in told.values()) > 400
    assert not off


@pytest.mark.parametrize(
    ("name", "total", "active", "layers"),
    [  # as their makers publish them, in billions
        ("Qwen/Qwen3.5-4B", 4.2, 4.2, 32), ("mistralai/Mistral-Small-4-119B-2603", 119, 6.5, 36),
        ("tencent/Hy3-preview", 295, 21, 80), ("ibm-granite/granite-4.1-8b", 8.4, 8.4, 40),
        ("nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4", 550, 55, 108),
        ("XiaomiMiMo/MiMo-V2.5-Pro", 1020, 42, 70), ("inclusionAI/Ling-flash-2.0", 103, 6.1, 32),
        ("LiquidAI/LFM2.5-8B-A1B", 8.3, 1.5, 24), ("poolside/Laguna-S-2.1", 118, 8, 48),
        ("nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16", 3.97, 3.97, 42),
        ("inclusionAI/Ring-2.6-1T", 1000, 63, 80), ("mistralai/Ministral-3-8B-Instruct-2512", 8.4,
                                                    8.4, 34),
    ],
)  # fmt: skip
def test_new_models_have_the_size_that_is_published(
    name: str, total: float, active: float, layers: int
) -> None:
    model = catalogue.model(name)
    assert model.params_total_b == pytest.approx(total, rel=0.02)
    assert model.params_active_b == pytest.approx(active, rel=0.06)
    assert model.num_layers == layers


def test_layers_that_see_all_may_have_heads_of_their_own() -> None:
    gemma, mimo = BY_NAME["google/gemma-4-31B-it"], BY_NAME["XiaomiMiMo/MiMo-V2-Flash"]
    assert (gemma["full_kv_heads"], gemma["full_head_dim"]) == ("4", "512")
    assert (mimo["num_kv_heads"], mimo["full_kv_heads"], mimo["v_head_dim"]) == ("8", "4", "128")
    assert (mimo["kv_layers"], mimo["window_layers"]) == ("48", "39")
    others = [r for r in ROWS if r["full_kv_heads"] != "0" and r["window_layers"] == "0"]
    assert not others


def test_quantised_checkpoints_have_the_shape_of_their_model() -> None:
    for name, row in BY_NAME.items():
        base = BY_NAME.get(re.sub(r"-(FP8|AWQ|GPTQ-Int4|MXFP8)$", "", name))
        if base is None or base is row:
            continue
        assert row["params_total_b"] == base["params_total_b"], name
        assert row["num_layers"] == base["num_layers"], name


def test_kimi_with_thinking_is_published_in_four_bits() -> None:
    assert BY_NAME["moonshotai/Kimi-K2-Thinking"]["native_dtype"] == "int4"
    assert BY_NAME["moonshotai/Kimi-K2-Instruct"]["native_dtype"] == "fp8"
