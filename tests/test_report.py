"""What a prediction's tables say."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml.answers.blocks import details, listing
from guide_ml.api import predict
from guide_ml.cli import report

BATCH: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm", "num_devices": 2,
    "batch_size": 8, "input_len": 1024, "output_len": 256,
}  # fmt: skip


def shown(**given: Any) -> str:
    return predict(**BATCH | given).summary(200)


def test_a_report_names_deployment_and_load() -> None:
    text = shown()
    for part in ("2 x nvidia-h100-sxm-80gb (tp=2)", "meta-llama/Llama-3.1-8B-Instruct in bf16",
                 "vllm on cuda", "static: 1,024 tokens in, 256 out, batch 8"):  # fmt: skip
        assert part in text


def test_a_report_shows_the_metrics_of_the_mode_beside_their_floors() -> None:
    batch, server = shown(), shown(batch_size=None, concurrency=8)
    assert "at best" in batch
    assert "batch latency" in batch
    assert "batch latency" not in server
    assert "concurrency 8" in server


def test_a_report_shows_where_the_memory_goes() -> None:
    text = shown()
    for part in ("weights", "KV cache", "activations", "reserved", "free", "84.93 GB",
                 "largest batch"):  # fmt: skip
        assert part in text


def test_a_report_tells_what_was_assumed_only_if_something_was() -> None:
    assert "assumed, as it was not given" in shown()
    full = {"framework_version": "0.6.1", "backend": "cuda", "weight_dtype": "fp8", "tp": 2,
            "kv_dtype": "fp8", "spec_method": "none", "mode": "static"}  # fmt: skip
    assert "assumed" not in shown(**full)


def test_brackets_in_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    report.show([details({"a[b]": "[bold]x[/nope]"}, "t"), listing([{"a": "[red]"}],
                 {"a": "[h]"}, "[title]")])  # fmt: skip
    told = capsys.readouterr().out
    for part in ("a[b]", "[bold]x[/nope]", "[red]", "[h]", "[title]"):
        assert part in told


def test_a_long_name_in_the_first_column_is_not_cut_when_piped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "organisation/" + "long-" * 40 + "name"
    report.show([listing([{"a": name, "b": "x" * 40}], {"a": "a", "b": "b"}, "t")])
    assert name in capsys.readouterr().out
