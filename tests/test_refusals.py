"""The list of what engines refuse, and the published checkpoints: whole, sourced, not too wide."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from guide_ml import catalogue
from guide_ml.launch import refusals
from guide_ml.launch.checkpoints import cut_blocks, published
from guide_ml.launch.engines import ENGINES, engine
from guide_ml.launch.refusals import GENERATIONS, Device, number, refusal, rules
from guide_ml.precision.dtypes import DTYPES, KV_DTYPES

FOLDER = Path(refusals.__file__).parent
H100, T4, MI300 = Device("nvidia", "hopper"), Device("nvidia", "turing"), Device("amd", "cdna3")


@pytest.mark.parametrize("rule", rules(), ids=lambda r: f"{r.framework}-{r.says[:40]}")
def test_a_rule_speaks_of_what_there_is(rule):
    assert rule.framework in catalogue.framework_blocks()
    assert rule.kind in ("device", "weights", "kv", "family")
    assert rule.says
    assert any(c.isdigit() for c in rule.source) or "docs" in rule.source
    families = {m.family for m in catalogue.all_models().values()} | {"phi-3-small"}
    formats = {"gguf", "exl2", "mlx", "hqq", "bfp"}
    known = {"device": set(), "weights": {*DTYPES, *formats}, "kv": {*KV_DTYPES, *formats},
             "family": families}[rule.kind]  # fmt: skip
    assert rule.values <= known
    assert {vendor for vendor, _ in rule.needs} <= set(GENERATIONS)
    makers = {h.architecture for h in catalogue.all_hardware().values()}
    assert {name for _, names in rule.needs for name in names} <= makers


@pytest.mark.parametrize(("asked", "says"), [
    (("vllm", "", "weights", "bf16", T4), "give fp16"),
    (("vllm", "", "weights", "bf16", H100), ""),
    (("vllm", "0.27.1", "weights", "nf4", H100), ""),
    (("vllm", "0.31.2", "weights", "nf4", H100), ""),  # what was not read is not refused
    (("vllm", "0.32.0", "weights", "nf4", H100), "bitsandbytes"),
    (("vllm", "nightly", "weights", "nf4", H100), ""),
    (("vllm", "0.24.0.post1", "family", "aquila", H100), ""),
    (("vllm", "0.25", "family", "aquila", H100), "0.24.0"),
    (("tensorrt-llm", "1.2", "device", "", T4), "Ampere"),
    (("tensorrt-llm", "0.10", "device", "", T4), ""),
    (("sglang", "", "weights", "gptq-int3", H100), "4 and 8 bits"),
    (("sglang", "", "weights", "gptq-int3", MI300), ""),
    (("llama.cpp", "", "weights", "awq-int4", H100), "GGUF"),
    (("llama.cpp", "", "weights", "mxfp4", H100), ""),
    (("vllm", "", "weights", "mlx-4bit", H100), "no kernels"),
    (("vllm", "", "device", "", Device("nvidia", "pascal")), "7.0"),
    (("vllm", "", "device", "", Device("nvidia", "unknown")), ""),
])  # fmt: skip
def test_versions_and_devices_are_told_apart(asked, says):
    found = refusal(*asked)
    assert (says in found) if says else not found


def test_a_measured_run_without_a_version_may_be_older_than_a_rule():
    assert refusal("vllm", "", "family", "mpt", H100)
    assert not refusal("vllm", "", "family", "mpt", H100, stated_only=True)


def test_published_checkpoints_are_in_the_catalogue_in_their_precision():
    with (FOLDER / "checkpoints.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 40
    models = catalogue.all_models()
    for row in rows:
        base, ready = models[row["model"]], models[row["checkpoint"]]
        assert ready.native_dtype == row["weight_dtype"] != base.native_dtype
        # Counts differ by scales, by heads that predict further tokens, and by what is left out.
        assert ready.num_layers == base.num_layers
        assert ready.hidden_size == base.hidden_size
        assert published(row["model"], row["weight_dtype"]) == row["checkpoint"]


@pytest.mark.parametrize(("width", "parts", "cut"), [
    (1536, 4, False), (1536, 8, True), (1536, 1, False), (768, 4, True), (768, 2, False),
])  # fmt: skip
def test_blocks_are_cut_where_a_slice_is_no_multiple_of_them(width, parts, cut):
    assert cut_blocks("Qwen/Qwen3-235B-A22B-FP8", width, parts) is cut
    assert not cut_blocks("zai-org/GLM-4.6-FP8", width, parts)  # a scale a channel


def test_flags_have_a_source_and_versions_in_order():
    for slug in ENGINES:
        for name, flag in engine(slug).flags.items():
            assert flag.source, name
            assert name.startswith("--")
            if flag.since and flag.until:
                assert number(flag.since) < number(flag.until)
            if "=" in name:
                assert name.split("=")[0] in engine(slug).flags


def test_a_version_is_named_only_where_its_flags_were_read():
    e = engine("vllm")
    named = [e.named(v) for v in ("", "nightly", "0.9.1", "0.11.1", "0.33.0", "0.40", "0.19.0")]
    assert named == ["0.33.0"] * 3 + ["0.11.1", "0.33.0", "0.33.0", "0.19.0"]
    assert engine("llama.cpp").named("b9000") == engine("llama.cpp").version
