"""Headers of GGUF files that the test writes itself."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import guide_ml
from guide_ml import InvalidInput
from guide_ml.cli.main import app
from guide_ml.hf_config import describe_gguf, model_from_gguf
from guide_ml.hf_config.gguf_header import BLOCKS

NUMBER = {label: number for number, (label, _, _) in BLOCKS.items()}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value(given: Any) -> bytes:
    if isinstance(given, str):
        return struct.pack("<I", 8) + text(given)
    if isinstance(given, list):
        kind = 8 if isinstance(given[0], str) else 4
        body = b"".join(text(x) if kind == 8 else struct.pack("<I", x) for x in given)
        return struct.pack("<IIQ", 9, kind, len(given)) + body
    return struct.pack("<IQ", 10, given)


def written(path: Path, keys: dict[str, Any], tensors: list[tuple[str, list[int], str]]) -> Path:
    """Write a header; the weights behind it are left out, as nobody reads them."""
    body = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    body += b"".join(text(k) + value(v) for k, v in keys.items())
    for name, sides, kind in tensors:
        body += text(name) + struct.pack("<I", len(sides))
        body += struct.pack(f"<{len(sides)}Q", *sides) + struct.pack("<IQ", NUMBER[kind], 0)
    path.write_bytes(body)
    return path


KEYS: dict[str, Any] = {
    "general.architecture": "llama", "llama.block_count": 2, "llama.embedding_length": 256,
    "llama.feed_forward_length": 512, "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2, "llama.context_length": 2048,
    "tokenizer.ggml.tokens": [f"t{i}" for i in range(5000)],
}  # fmt: skip
LAYER = [("attn_q", [256, 256], "q4_k"), ("attn_k", [256, 128], "q4_k"),
         ("attn_v", [256, 128], "q6_k"), ("attn_output", [256, 256], "q4_k"),
         ("ffn_gate", [256, 512], "q4_k"), ("ffn_up", [256, 512], "q4_k"),
         ("ffn_down", [512, 256], "q4_k"), ("attn_norm", [256], "f32")]  # fmt: skip
TENSORS = [("token_embd.weight", [256, 5000], "q4_k"), ("output.weight", [256, 5000], "q6_k"),
           *((f"blk.{i}.{n}.weight", s, k) for i in range(2) for n, s, k in LAYER)]  # fmt: skip


def test_parameters_and_bits_are_those_of_the_tensors(tmp_path: Path) -> None:
    path = written(tmp_path / "small.gguf", KEYS, TENSORS)
    model = model_from_gguf(path)
    layer = 256 * (2 * 256 + 2 * 128 + 3 * 512) + 256
    assert round(model.params_total_b * 1e9) == 2 * 5000 * 256 + 2 * layer
    assert (model.num_layers, model.num_kv_heads, model.head_dim) == (2, 2, 64)
    assert (model.vocab_size, model.kv_layers, model.attention) == (5000, 2, "gqa")
    assert (model.native_dtype, model.model, model.tie_embeddings) == ("q4_k_m", "small", False)
    assert model.vocabulary_bits == pytest.approx((4.5 + 6.5625) / 2)
    told = describe_gguf(path)
    assert told["kv_bytes_per_token"] == 2 * 2 * 2 * 64 * 2
    v, norm = 256 * 128, 256
    held = 4.5 * (5000 * 256 + 2 * (layer - v - norm)) + 6.5625 * (5000 * 256 + 2 * v) + 64 * norm
    assert told["weights_gb"] == pytest.approx(held / 8e9)


def test_heads_windows_and_states_of_each_layer(tmp_path: Path) -> None:
    keys = {k.replace("llama", "gemma3"): v for k, v in KEYS.items()}
    keys |= {"general.architecture": "gemma3", "gemma3.block_count": 3,
             "gemma3.attention.head_count_kv": [2, 0, 4], "gemma3.attention.sliding_window": 128,
             "gemma3.attention.sliding_window_pattern": [1, 0, 0], "gemma3.ssm.state_size": 16,
             "gemma3.ssm.inner_size": 512}  # fmt: skip
    tensors = [("blk.0.attn_k.weight", [256, 128], "f16"), ("blk.1.ssm_in.weight", [256, 9], "f16"),
               ("blk.2.attn_k.weight", [256, 256], "f16")]  # fmt: skip
    model = model_from_gguf(written(tmp_path / "x.gguf", keys, [*TENSORS[:1], *tensors]))
    assert (model.kv_layers, model.window_layers, model.sliding_window) == (2, 1, 128)
    assert (model.cache_values, model.window_values) == (4 * 128, 2 * 128)
    assert (model.state_values, model.attention) == (16 * 512, "hybrid")


def test_a_window_that_nobody_places_is_said(tmp_path: Path) -> None:
    keys = KEYS | {"llama.attention.sliding_window": 128}
    model = model_from_gguf(written(tmp_path / "x.gguf", keys, TENSORS))
    assert "which layers have the window is not known" in model.source
    assert model.window_layers == 0


def test_experts(tmp_path: Path) -> None:
    keys = KEYS | {"llama.expert_count": 8, "llama.expert_used_count": 2}
    experts = [("blk.0.ffn_up_exps.weight", [256, 512, 8], "q4_k")]
    model = model_from_gguf(written(tmp_path / "x.gguf", keys, [*TENSORS, *experts]))
    idle = 256 * 512 * 6
    assert round((model.params_total_b - model.params_active_b) * 1e9) == idle
    assert model.expert_bits == 4.5


def test_a_prediction_takes_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "small.gguf", KEYS, TENSORS)
    found = guide_ml.predict(hardware="h100", model=str(path), framework="llama.cpp", batch_size=1,
                             input_len=100, output_len=10, level=None)  # fmt: skip
    # llama.cpp looks embeddings up on the host; both tables count at their mean width.
    aside = 5000 * 256 * (4.5 + 6.5625) / 2 / 8e9
    whole = describe_gguf(path)["weights_gb"]
    assert found.memory.weights_gb == pytest.approx(whole - aside, rel=0.01)


def test_show_prints_it(tmp_path: Path) -> None:
    path = written(tmp_path / "small.gguf", KEYS, TENSORS)
    done = CliRunner().invoke(app, ["show", str(path), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["architecture"] == "llama"
    assert "bits of q4_k" in CliRunner().invoke(app, ["show", str(path)]).stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b"GGML" + b[4:], "begin with the letters GGUF"),
        (lambda b: b[:4] + struct.pack("<I", 99) + b[8:], "version must be 2 or 3"),
        (lambda b: b[:8] + struct.pack("<Q", 2**60) + b[16:], "at most 200000 tensors"),
        (lambda b: b[:16] + struct.pack("<Q", 2**60) + b[24:], "at most 100000 keys"),
        (lambda b: b[:24] + struct.pack("<Q", 2**60) + b[32:], "bytes in a text"),
        (lambda b: b[:-30], "cut off"),
        (lambda b: b[:100], "cut off"),
        (lambda b: b"", "cut off"),
        (lambda b: b[:-12] + struct.pack("<I", 77) + b[-8:], "type of tensor"),
    ],
)
def test_bad_files(tmp_path: Path, change: Any, message: str) -> None:
    path = written(tmp_path / "x.gguf", KEYS, TENSORS)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InvalidInput, match=message):
        model_from_gguf(path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"general.architecture": ""}, "general.architecture"),
        ({"split.count": 3}, "whole model"),
        ({"llama.block_count": "many"}, "block_count must be a whole number"),
    ],
)
def test_bad_keys(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        model_from_gguf(written(tmp_path / "x.gguf", KEYS | keys, TENSORS))


def test_no_file() -> None:
    with pytest.raises(InvalidInput, match="readable GGUF file"):
        model_from_gguf("no/such.gguf")
