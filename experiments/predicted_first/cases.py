"""The deployments that are predicted first and measured after: models and their static batches."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.describe.descriptors import Model

FRAMEWORK, VERSION = "hf-transformers", "5.17.0"
# model -> type of its config in Transformers, weight dtype; from small to large
MODELS = {
    "Qwen/Qwen2.5-0.5B": ("qwen2", "bf16"),
    "Qwen/Qwen3-0.6B": ("qwen3", "bf16"),
    "meta-llama/Llama-3.2-1B": ("llama", "bf16"),
    "google/gemma-2b": ("gemma", "bf16"),
    "facebook/opt-2.7b": ("opt", "fp16"),
    "meta-llama/Llama-3.2-3B": ("llama", "bf16"),
    "Qwen/Qwen3-4B": ("qwen3", "bf16"),
    "allenai/OLMoE-1B-7B-0924": ("olmoe", "bf16"),
    "bigscience/bloom-7b1": ("bloom", "fp16"),
    "mistralai/Mistral-7B-v0.3": ("mistral", "fp16"),
    "meta-llama/Llama-3.1-8B": ("llama", "bf16"),
    "meta-llama/Llama-2-13b-hf": ("llama", "fp16"),
    "Qwen/Qwen3-14B": ("qwen3", "bf16"),
    "EleutherAI/gpt-neox-20b": ("gpt_neox", "fp16"),
    "Qwen/Qwen3-30B-A3B": ("qwen3_moe", "bf16"),
    "Qwen/Qwen2.5-32B": ("qwen2", "bf16"),
    "mistralai/Mixtral-8x7B-v0.1": ("mixtral", "bf16"),
    "facebook/opt-66b": ("opt", "fp16"),
    "meta-llama/Llama-3.1-70B": ("llama", "bf16"),
}
# batch, input tokens, output tokens: one line varied at a time, and the corners
SHAPES = [(1, 512, 64), (1, 128, 96), (8, 512, 48), (32, 512, 32), (128, 256, 24),
          (4, 4096, 24), (16, 1900, 32), (64, 1024, 24)]  # fmt: skip
NARROW = 2048  # tokens that the older models know positions for


def config(name: str) -> dict[str, Any]:
    """Write a model's Hugging Face configuration from its descriptors.

    Parameters
    ----------
    name : str
        A key of `MODELS`.

    Returns
    -------
    dict
        Arguments of ``AutoConfig.for_model``, ``model_type`` among them.
    """
    kind = MODELS[name][0]
    model = catalogue.model(name)
    if kind == "opt":
        return {"model_type": kind, "num_hidden_layers": model.num_layers,
                "hidden_size": model.hidden_size, "word_embed_proj_dim": model.hidden_size,
                "ffn_dim": model.intermediate_size, "vocab_size": model.vocab_size,
                "num_attention_heads": model.num_attention_heads,
                "max_position_embeddings": model.max_position}  # fmt: skip
    if kind == "bloom":
        return {"model_type": kind, "n_layer": model.num_layers, "hidden_size": model.hidden_size,
                "n_head": model.num_attention_heads, "vocab_size": model.vocab_size}  # fmt: skip
    return {"model_type": kind} | _decoder(model, kind)


def _decoder(model: Model, kind: str) -> dict[str, Any]:
    """Fields that the newer families share."""
    out: dict[str, Any] = {
        "num_hidden_layers": model.num_layers, "hidden_size": model.hidden_size,
        "intermediate_size": model.intermediate_size, "vocab_size": model.vocab_size,
        "num_attention_heads": model.num_attention_heads,
        "max_position_embeddings": model.max_position,
        "tie_word_embeddings": bool(model.tie_embeddings),
    }  # fmt: skip
    if kind != "gpt_neox":
        out["num_key_value_heads"] = model.num_kv_heads
    if kind not in ("gpt_neox", "olmoe"):
        out["head_dim"] = model.head_dim
    if model.num_experts:
        out |= {"num_experts": model.num_experts, "num_local_experts": model.num_experts,
                "num_experts_per_tok": model.num_experts_per_tok}  # fmt: skip
        if kind == "qwen3_moe":
            out["moe_intermediate_size"] = model.moe_intermediate_size
    if kind == "olmoe":
        out["intermediate_size"] = model.moe_intermediate_size
    return out


def table(hardware: str) -> pd.DataFrame:
    """Every case as a row of descriptors; what passes a model's positions is left out."""
    rows = []
    for name, (_, dtype) in MODELS.items():
        most = catalogue.model(name).max_position
        for batch, input_len, output_len in SHAPES:
            if input_len + output_len <= max(most, NARROW):
                rows.append({"hardware": hardware, "num_devices": 1, "tp": 1, "pp": 1,
                             "framework": FRAMEWORK, "framework_version": VERSION,
                             "backend": "cuda", "model": name, "weight_dtype": dtype,
                             "mode": "static", "batch_size": batch, "input_len": input_len,
                             "output_len": output_len})  # fmt: skip
    return pd.DataFrame(rows)
