"""``guide show`` of a config.json, and --accept-unknown, on the command line and in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import guide_ml
from guide_ml import InvalidInput
from guide_ml.cli.main import app
from guide_ml.hf_config import describe_config

CONFIG: dict[str, Any] = {
    "model_type": "qwen3_next", "hidden_size": 512, "intermediate_size": 1024,
    "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64,
    "vocab_size": 1000, "full_attention_interval": 4, "linear_num_key_heads": 4,
    "linear_num_value_heads": 8, "linear_key_head_dim": 32, "linear_value_head_dim": 32,
    "num_experts": 16, "num_experts_per_tok": 2, "moe_intermediate_size": 128,
    "shared_expert_intermediate_size": 128, "tie_word_embeddings": False,
    "vision_config": {"hidden_size": 64}, "num_nextn_predict_layers": 1,
    "quantization_config": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8",
                            "exclude_modules": ["lm_head", "*self_attn*"]},
}  # fmt: skip
STRANGE = CONFIG | {"model_type": "novel", "full_attention_interval": 4, "mixing_recipe": [1, 2]}
SHORT = ["--hardware", "h100", "--framework", "vllm", "--batch-size", "1", "--input-len", "100",
         "--output-len", "10"]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_what_was_read_is_told() -> None:
    told = describe_config(CONFIG)
    linear, full = told["layers"]
    assert (linear["count"], linear["first"], full["count"], full["first"]) == (6, 0, 2, 3)
    assert linear["kind"] == "gated delta net + 2 of 16 experts 128 wide, 128 wide shared"
    assert full["heads"] == "8 query, 2 KV, 64 wide"
    assert told["kv_bytes_per_token"] == 2 * full["kv_bytes_per_token"] == 2 * 2 * 2 * 64 * 2
    assert told["state_bytes"] == 6 * linear["state_bytes"] == 6 * 8 * 32 * 32 * 4
    assert told["precision"]["experts"]["bits"] == 4.5
    assert told["precision"]["attention"]["bits"] == 16
    assert told["kv_cache_as_published"] == "fp8"
    tower, drafts = told["left_out"]
    assert tower == "vision tower"
    attention = 512 * (64 * (2 * 8 + 8 + 2 * 2)) + 2 * 64  # the query projection holds a gate
    experts = 17 * 3 * 512 * 128 + 16 * 512 + 512
    own = (attention + experts + 2 * 512 + 2 * 512**2 + 3 * 512) / 1e9
    assert drafts.startswith(f"layers for multi-token prediction: 1, {own:.3g} B")
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("folder", [True, False])
def test_show_takes_a_file_or_its_folder(file: Path, folder: bool) -> None:
    path = str(file.parent if folder else file)
    done = CliRunner().invoke(app, ["show", path])
    assert done.exit_code == 0
    assert "2 layers from 3" in done.stdout
    assert json.loads(CliRunner().invoke(app, ["show", path, "--json"]).stdout)["num_layers"] == 8


@pytest.mark.parametrize("command", [["show"], ["predict", *SHORT, "--model"]])
def test_an_unknown_type_on_the_command_line(tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(STRANGE))
    refused = CliRunner().invoke(app, [*command, str(path)])
    assert refused.exit_code == 2
    assert "mixing_recipe" in refused.output
    done = CliRunner().invoke(app, [*command, str(path), "--accept-unknown", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    said = told.get("source") or told["assumed"]["model"]
    assert "parameters counted as in Llama" in said
    assert "mixing_recipe" in said


def test_an_unknown_type_in_python() -> None:
    asked: Any = {"hardware": "h100", "model": STRANGE, "batch_size": 1, "input_len": 10,
                  "output_len": 2, "level": None}  # fmt: skip
    with pytest.raises(InvalidInput, match="mixing_recipe"):
        guide_ml.predict(**asked)
    found = guide_ml.predict(**asked, accept_unknown=True)
    assert "unknown type novel" in found.assumed["model"]
    known = guide_ml.predict(**asked | {"model": CONFIG})
    assert "model" not in known.assumed


def test_no_such_file() -> None:
    done = CliRunner().invoke(app, ["show", "no/such/config.json"])
    assert done.exit_code == 2
    assert "nothing is downloaded" in done.output
