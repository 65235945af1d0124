"""What an engine would log at start, as ``guide show`` and the page tell it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from guide_ml import catalogue, predict, predict_table
from guide_ml.cli.main import app
from guide_ml.predictions import accounts
from guide_ml.units import GB, GIB

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
BIG = "meta-llama/Llama-3.3-70B-Instruct"


def starts(model: str = LLAMA, *devices: str, **more: Any) -> list[accounts.StartLog]:
    return accounts.starts(catalogue.model(model), devices or ("h100",), **more)


def test_a_start_is_the_account_of_a_prediction() -> None:
    (log,) = starts(framework="vllm", max_model_len=8192)
    found = predict(hardware="h100", model=LLAMA, framework="vllm", max_model_len=8192,
                    concurrency=1, input_len=128, output_len=128, level=None).memory  # fmt: skip
    assert log.weights_gib == pytest.approx(found.weights_gb * GB / GIB)
    assert log.kv_gib == pytest.approx(found.kv_budget_gb * GB / GIB)
    assert (log.kv_tokens, log.longest_request) == (found.kv_tokens, 8192)
    assert log.requests_at_longest == pytest.approx(found.requests_at_longest)
    assert log.longest_context == found.longest_context
    assert log.gives == log.error == ""


def test_what_has_no_room_says_what_would_have_to_give() -> None:
    tight, none = starts(BIG, "h100", "l40s", tp=2)
    assert tight.requests_at_longest < 1
    assert tight.longest_context % 16 == 0
    assert tight.gives.startswith(f"max_model_len={tight.longest_context}, or num_devices=4")
    (shorter,) = starts(BIG, "h100", tp=2, max_model_len=tight.longest_context)
    assert shorter.requests_at_longest >= 1  # what is advised fits
    assert shorter.gives == ""
    assert (none.kv_gib, none.kv_tokens, none.longest_context) == (0, 0, 0)
    assert none.gives.startswith("num_devices=8")


def test_a_device_on_which_nothing_starts_costs_its_row_only() -> None:
    refused, runs = starts(LLAMA, "apple-m2-ultra-76c", "h100", framework="tensorrt-llm")
    assert "does not run on this hardware" in refused.error
    assert runs.error == ""


def test_adapters_are_among_the_weights_that_are_logged() -> None:
    (plain,), (adapted,) = starts(), starts(lora_rank=64, loras=8)
    assert plain.weights_gib + 2 < adapted.weights_gib
    assert plain.kv_tokens > adapted.kv_tokens


def told(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["show", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_show_tells_a_model_and_its_starts(tmp_path: Path) -> None:
    assert [s["hardware"] for s in told("qwen3-8b")["starts"]] == list(accounts.DEVICES)
    two = ("--hardware", "h100", "--framework", "sglang", "--tp", "2")
    (asked,) = told("qwen3-8b", *two)["starts"]
    assert (asked["framework"], asked["devices"]) == ("sglang", 2)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 2048,
              "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
              "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256,
              "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    own = told(str(tmp_path), "--hardware", "l4")
    assert own["starts"][0]["longest_request"] == 4096
    text = CliRunner().invoke(app, ["show", "qwen3-8b", "--hardware", "h100"]).output
    assert "as vllm logs it at start" in text


def test_settings_of_a_model_are_refused_for_a_device() -> None:
    done = CliRunner().invoke(app, ["show", "h100", "--tp", "2"])
    assert done.exit_code == 2
    assert "tp belongs to a model" in done.output


def test_a_table_tells_what_the_cache_holds() -> None:
    row: dict[str, Any] = {"hardware": "h100", "model": LLAMA, "framework": "vllm",
                           "concurrency": 1, "input_len": 128, "output_len": 128}  # fmt: skip
    table = pd.DataFrame([row, row | {"hardware": "h1000"}, row | {"model": BIG, "tp": 1}])
    found = predict_table(table, level=None, errors="report")
    one = predict(**row, level=None).memory
    assert found["kv_budget_gb"][0] == pytest.approx(one.kv_budget_gb)
    assert found["kv_tokens"][0] == one.kv_tokens
    assert np.isnan(found["kv_budget_gb"][1])
    assert (found["kv_budget_gb"][2], found["memory_fits"][2]) == (0, False)
    rated = table.iloc[:1].drop(columns="concurrency").assign(request_rate_rps=0.5)
    opened = predict_table(rated, level=None)
    assert opened["kv_tokens"][0] == one.kv_tokens
