"""Words of the domain mean what they say, and the nearest measured rows are near."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from guide_ml import predict, predict_table
from guide_ml.errors import BadArtefact
from guide_ml.estimators.predictor import default_predictor
from guide_ml.hf_config import model_from_config
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS
from guide_ml.trust.domain import LEVELS, Reference, levels
from guide_ml.trust.domain.cases import Compared, code, distances

KNOWN: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
         "input_len": 1024, "output_len": 256, "concurrency": 32}  # fmt: skip
STRANGE: dict[str, Any] = {
    "hardware": "strange", "memory_gb": 40, "mem_bw_gbs": 300, "fp16_tflops": 900,
}


def test_measured_rows_are_called_measured():
    used = prepare(read_files())
    some = used.table.iloc[::97]
    found = predict_table(some[list(DESCRIPTORS)], errors="report")
    predicted = found["memory_fits"]
    assert predicted.sum() > 150
    assert (found.loc[predicted, "in_domain"] == "measured").all()


def test_other_loads_of_a_measured_deployment_are_interpolated():
    assert predict(**KNOWN).in_domain == "interpolated"


def test_a_stated_version_that_was_not_measured_is_not_measured():
    used = prepare(read_files())
    row = used.table[used.table["framework_version"].notna() & (used.table["mode"] == "closed")]
    one = row.iloc[[0]][list(DESCRIPTORS)]
    assert predict_table(one)["in_domain"].item() == "measured"
    other = predict_table(one.assign(framework_version="0.6.0"))["in_domain"].item()
    assert other != "measured"


def test_a_device_unlike_any_is_far_and_says_why():
    p: Any = predict(**KNOWN | {"hardware": STRANGE})
    assert p.in_domain == "far"
    assert p.domain is not None
    assert p.domain.reasons[0].startswith("a device never measured, the nearest is ")


def test_a_model_unlike_any_is_named():
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 768,
              "intermediate_size": 2048, "num_hidden_layers": 60, "num_attention_heads": 12,
              "num_key_value_heads": 4, "vocab_size": 32000, "torch_dtype": "bfloat16"}  # fmt: skip
    p: Any = predict(**KNOWN | {"model": model_from_config(config, "mine")})
    assert p.domain is not None
    assert any(r.startswith("a model never measured") for r in p.domain.reasons)


def test_a_load_out_of_range_is_named():
    p: Any = predict(**KNOWN | {"concurrency": 340, "input_len": 30000, "output_len": 16})
    assert p.domain is not None
    assert p.in_domain == "far"
    assert any("prompt length outside of what was measured" in r for r in p.domain.reasons)


def test_intervals_are_wider_far_away():
    near, far = predict(**KNOWN), predict(**KNOWN | {"hardware": STRANGE})

    def width(p):
        return p.high["tpot_ms"] / p.low["tpot_ms"]

    assert width(far) > 1.5 * width(near)


def test_evidence_is_the_measured_deployment_itself():
    used = prepare(read_files())
    table = used.table
    row = table[(table["source"] == "sparecores-vllm-gpu") & table["tpot_ms"].notna()].iloc[0]
    asked = row[list(DESCRIPTORS)].dropna()
    p: Any = predict(**{str(k): v for k, v in asked.items()})
    assert p.in_domain == "measured"
    assert p.evidence[0].distance == 0
    refs = [e.source_ref for e in p.evidence if e.distance == 0]
    assert row["source_ref"] in refs
    best = p.evidence[refs.index(row["source_ref"])]
    assert best.measured["tpot_ms"] == pytest.approx(row["tpot_ms"])
    assert best.held_out["tpot_ms"] > 0


def test_evidence_is_sorted_by_distance():
    p: Any = predict(**KNOWN)
    assert len(p.evidence) == 3
    assert [e.distance for e in p.evidence] == sorted(e.distance for e in p.evidence)
    assert {e.deployment["hardware"] for e in p.evidence} == {"nvidia-h100-sxm-80gb"}


def test_distance_of_a_case_to_itself_is_zero_and_to_others_is_not(deploy):
    found = deploy(
        {}, {"hardware": "l4"}, {"model": "Qwen/Qwen3-8B"}, {"framework": "sglang"},
        {"weight_dtype": "fp8"}, {"concurrency": 4}, {"num_devices": 2, "tp": 2},
    )  # fmt: skip
    cases = Compared.of(code(found.columns, found.names).table)
    total = np.sum(list(distances(cases, cases).values()), axis=0)
    assert np.all(np.diag(total) == 0)
    assert np.all(total[~np.eye(len(total), dtype=bool)] > 0)
    assert np.allclose(total, total.T)


def test_levels_follow_the_distance(deploy):
    known = deploy({}, {"batch_size": 64})
    reference = Reference.of(known.columns, known.names)
    asked = deploy(
        {"batch_size": 8}, {"batch_size": 8, "num_devices": 2, "tp": 2},
        {"framework": "transformers", "hardware": "l4", "model": "Qwen/Qwen3-8B"},
    )  # fmt: skip
    found = reference.familiarity(asked.columns, asked.names)
    codes = levels(found, np.zeros(3, dtype=bool))
    assert [LEVELS[c] for c in codes] == ["interpolated", "near", "far"]
    assert LEVELS[levels(found, np.ones(3, dtype=bool))[2]] == "measured"


def test_estimators_without_held_out_errors_say_so(tmp_path):
    from dataclasses import replace

    from guide_ml.estimators.predictor import Predictor

    bare = Predictor(replace(default_predictor().fitted, knowledge=None))
    assert predict(**KNOWN, predictor=bare, level=None).tpot_ms is not None
    with pytest.raises(BadArtefact, match="without held-out errors"):
        predict(**KNOWN, predictor=bare)
