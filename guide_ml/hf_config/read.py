"""Read a config.json and describe its model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guide_ml.describe.descriptors import Model
from guide_ml.errors import InvalidInput
from guide_ml.hf_config.build import build, expert_count, expert_width, head_shape, is_gated
from guide_ml.hf_config.families import FAMILIES, GENERIC, canonical_type, refusal
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import window
from guide_ml.hf_config.parts import Architecture
from guide_ml.hf_config.precision import native_dtype
from guide_ml.units import BILLION

__all__ = ["model_from_config"]

_TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config")
_OUTER = ("tie_word_embeddings", "dtype", "torch_dtype", "model_type")
_MAX_BYTES = 16_000_000  # a config of a few thousand layers; weights are larger


def model_from_config(
    config: Mapping[str, Any] | str | os.PathLike[str], name: str | None = None
) -> Model:
    """Describe the model of a Hugging Face ``config.json``; nothing is downloaded.

    Parameters
    ----------
    config : mapping or path
        The config itself, its file, or the folder that holds it. Beside the file,
        ``hf_quant_config.json`` is read too where the config states no quantisation.
    name : str, optional
        Name of the model; by default that of the folder, else what the config says.

    Returns
    -------
    Model
        Parameters are counted from the architecture: embeddings, output head, attention, MLP,
        experts, norms. Vision and audio towers and layers for multi-token prediction are
        left out. ``source`` says whether the model type was known or taken to be like Llama.

    Raises
    ------
    InvalidInput
        If the file is no such config, keys are missing or absurd, or the model is no decoder.

    Examples
    --------
    >>> tiny = dict(model_type="llama", hidden_size=2048, intermediate_size=5632,
    ...             num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4,
    ...             vocab_size=32000)
    >>> model = model_from_config(tiny, name="TinyLlama")
    >>> round(model.params_total_b, 3), model.attention, model.head_dim
    (1.1, 'gqa', 64)
    """
    values, origin = (config, "") if isinstance(config, Mapping) else _load(config)
    text = _text(values)
    model_type = str(text.get("model_type") or "")
    name = name or origin or str(values.get("_name_or_path") or model_type or "unnamed")
    owner = f"config of {name!r}"
    _refuse(text, model_type, owner)
    family = FAMILIES.get(canonical_type(model_type), GENERIC)
    keys = Keys(owner, _flat(text), family.defaults)
    made = build(keys, family)
    return Model(
        model=name, family=model_type or "unknown", source=_source(model_type),
        params_total_b=made.total / BILLION, params_active_b=made.active / BILLION,
        native_dtype=native_dtype({**text, **_quantisation(values)}, owner),
        gated_mlp=is_gated(keys, family), encoder_decoder=family.encoder_decoder,
        tie_embeddings=bool(keys.flag("tie_word_embeddings")),
        vocab_size=keys.whole("vocab_size"), num_layers=len(made.layers),
        hidden_size=keys.whole("hidden_size"),
        intermediate_size=made.mlp_width or keys.whole("intermediate_size"),
        max_position=keys.whole("max_position_embeddings", 4096, low=1),
        **_attention(keys, made), **_experts(keys, made),
    )  # fmt: skip


def _attention(keys: Keys, made: Architecture) -> dict[str, Any]:
    """Attention's fields of the Model."""
    windows, cached = made.window_layers, made.kv_layers
    out: dict[str, Any] = {
        "kv_layers": cached,
        "window_layers": windows,
        "index_topk": keys.whole("index_topk"),
        "state_values": made.state_values,
        "sliding_window": window(keys) if windows else 0,
    }
    hybrid = cached < len(made.layers)
    if rank := keys.whole("kv_lora_rank"):
        heads, rope = keys.whole("num_attention_heads"), keys.whole("qk_rope_head_dim")
        width = keys.whole("qk_nope_head_dim") + rope
        shape = {"num_attention_heads": heads, "num_kv_heads": heads, "head_dim": width}
        latent = {"kv_lora_rank": rank, "qk_rope_head_dim": rope}
        return out | shape | latent | {"attention": "hybrid" if hybrid else "mla"}
    heads, kv_heads, head_dim = head_shape(keys)
    kind = "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa"
    shape = {"num_attention_heads": heads, "num_kv_heads": kv_heads, "head_dim": head_dim}
    return out | shape | {"attention": "hybrid" if hybrid else kind}


def _experts(keys: Keys, made: Architecture) -> dict[str, Any]:
    """Experts' fields of the Model; none for a dense one."""
    if not (count := expert_count(keys)):
        return {}
    shared = keys.whole("n_shared_experts") or int(keys.whole("shared_width") > 0)
    return {
        "num_experts": count,
        "num_experts_per_tok": keys.whole("num_experts_per_tok"),
        "moe_intermediate_size": expert_width(keys),
        "num_shared_experts": shared,
        "first_dense_layers": made.leading_dense_layers,
    }


def _source(model_type: str) -> str:
    """Say how far the count may be trusted."""
    if canonical_type(model_type) in FAMILIES:
        return f"config.json of type {model_type}, parameters counted"
    return f"config.json of unknown type {model_type or 'none'}, parameters counted as in Llama"


def _refuse(text: Mapping[str, Any], model_type: str, owner: str) -> None:
    """Refuse what generates no text or cannot be counted."""
    reason = refusal(model_type)
    known = FAMILIES.get(canonical_type(model_type))
    architectures = text.get("architectures")
    listed = architectures if isinstance(architectures, list) else []
    masked = any(str(a).endswith("ForMaskedLM") for a in listed)
    # Segment embeddings are BERT's mark.
    if not reason and not known and (masked or text.get("type_vocab_size")):
        reason = "is an encoder, which generates no text"
    if not reason and text.get("is_encoder_decoder") is True:
        reason = "" if known and known.encoder_decoder else "is an encoder-decoder other than T5"
    if reason:
        raise InvalidInput(
            f"{owner}: model_type must be that of a decoder with attention, or of T5;"
            f" {model_type!r} {reason}; describe it by hand as a guide_ml Model instead"
        )


def _text(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language model's part of a multimodal config."""
    for part in _TEXT_PARTS:
        inner = values.get(part)
        if isinstance(inner, Mapping) and inner:
            outer = {k: values[k] for k in _OUTER if values.get(k) is not None}
            return _text({**outer, **inner})
    return values


def _flat(text: Mapping[str, Any]) -> dict[str, Any]:
    """Lift the keys of DBRX's and MPT's inner objects; those outside go first."""
    inner = [text[k] for k in ("attn_config", "ffn_config") if isinstance(text.get(k), Mapping)]
    flat: dict[str, Any] = {}
    for part in (*inner, text):
        flat |= {k: v for k, v in part.items() if v is not None}
    return flat


def _quantisation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outermost quantisation: an inner one may be a relic of the original weights."""
    outer = values.get("quantization_config")
    return {} if outer is None else {"quantization_config": outer}


def _load(given: str | os.PathLike[str]) -> tuple[dict[str, Any], str]:
    """Read the config at a path, a file or its folder; return it and the folder's name."""
    if not isinstance(given, str | os.PathLike):
        raise InvalidInput(f"config: must be an object or a path; got a {type(given).__name__}")
    path = Path(given)
    try:
        file = path / "config.json" if path.is_dir() else path
        config = _object(file)
        beside = file.with_name("hf_quant_config.json")
        if config.get("quantization_config") is None and beside.is_file():
            scheme = _object(beside).get("quantization")
            config |= {"quantization_config": scheme} if scheme else {}
        return config, _name_of(file.absolute().parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInput(
            f"config: must be a config.json or a folder that holds one; no file {str(path)!r}"
            " (nothing is downloaded: save the model's config.json first)"
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"config: {str(path)!r} must be a readable file; {error}") from error


def _name_of(folder: Path) -> str:
    """Return the name that a folder gives its model; Hugging Face's cache keeps the real one."""
    parent = folder.parent
    if parent.name == "snapshots" and parent.parent.name.startswith("models--"):
        return parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return folder.name


def _object(file: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object."""
    if file.stat().st_size > _MAX_BYTES:
        raise InvalidInput(f"{str(file)!r} must be a config.json; it is larger than any (16 MB)")
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{str(file)!r} must be a JSON file; {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{str(file)!r} must hold a JSON object; got a {type(value).__name__}")
    return value
