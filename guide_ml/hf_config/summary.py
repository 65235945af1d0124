"""What was read from a config, for people and for JSON: ``guide show config.json``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from guide_ml.hf_config.mixers import Attention, LatentAttention
from guide_ml.hf_config.modules import EXPERTS
from guide_ml.hf_config.parts import Experts, Layer, Mlp, Part
from guide_ml.hf_config.read import Reading, read_config
from guide_ml.hf_config.shared_block import Tied
from guide_ml.units import BILLION, BITS_PER_BYTE, GB

__all__ = ["describe_config", "summary"]

CACHE_BYTES = 2  # of a number in a cache of 16 bits
STATE_BYTES = 4  # of a number in a recurrent state, which is kept in fp32
LONG = 32_768  # tokens of the sequence whose cache is told

_PARTS = {
    "LatentAttention": "latent attention", "CompressedAttention": "compressed attention",
    "GatedDelta": "gated delta net", "DeltaAttention": "delta attention",
    "Lightning": "lightning attention", "Mamba": "Mamba-2", "Mamba1": "Mamba-1",
    "ShortConvolution": "short convolution", "Mlp": "MLP", "Experts": "experts",
    "WindowCache": "window", "Matrix": "matrix", "LinearRecurrence": "gated linear recurrence",
}  # fmt: skip


def describe_config(
    config: Mapping[str, Any] | str | os.PathLike[str], *, accept_unknown: bool = False
) -> dict[str, Any]:
    """Tell what is read from a ``config.json``.

    Parameters
    ----------
    config : mapping or path
        As in :func:`guide_ml.hf_config.model_from_config`.
    accept_unknown : bool
        As there.

    Returns
    -------
    dict
        Fit for JSON: layers by kind with heads, cache and state; parameters; precision by module.

    Examples
    --------
    >>> tiny = dict(model_type="llama", hidden_size=2048, intermediate_size=5632,
    ...             num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4,
    ...             vocab_size=32000)
    >>> told = describe_config(tiny)
    >>> told["kv_bytes_per_token"], told["layers"][0]["heads"]
    (22528, '32 query, 4 KV, 64 wide')
    """
    return summary(read_config(config, None, accept_unknown))


def summary(reading: Reading) -> dict[str, Any]:
    """Tell what was read; see :func:`describe_config`."""
    made, model = reading.made, reading.model()
    whole, windowed = made.token_values(made.window)
    told: dict[str, Any] = {
        "model": model.model,
        "model_type": " > ".join(filter(None, (*reading.part.around, reading.part.model_type))),
        "source": reading.source,
        "params_total_b": round(model.params_total_b, 4),
        "params_active_b": round(model.params_active_b, 4),
        "num_layers": len(made.layers),
        "layers": _layers(made.layers),
        "hidden_size": model.hidden_size,
        "vocab_size": model.vocab_size,
        "max_position": model.max_position,
        "kv_bytes_per_token": round(whole * CACHE_BYTES),
        "kv_bytes_per_token_in_window": round(windowed * CACHE_BYTES),
        "sliding_window": made.window,
        "kv_gb_at_32k": made.cache_values(LONG) * CACHE_BYTES / GB,
        "state_bytes": made.state_values * STATE_BYTES,
        "runs_of_layers": made.loops,
        "native_dtype": model.native_dtype,
    }
    if precision := _precision(reading):
        told["precision"] = precision
        held = sum(m.weights * bits for m, bits in reading.stored())
        told["weights_gb"] = held / BITS_PER_BYTE / GB
    if cache := _cache_scheme(reading):
        told["kv_cache_as_published"] = cache
    if left_out := _left_out(reading):
        told["left_out"] = left_out
    return told


def _layers(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    """Group the layers by what they are made of, in the order of their first."""
    numbers: dict[Layer, list[int]] = {}
    for number, layer in enumerate(layers):
        numbers.setdefault(layer, []).append(number)
    return [_layer(layer, places) for layer, places in numbers.items()]


def _layer(layer: Layer, places: list[int]) -> dict[str, Any]:
    own = layer.norms + sum(p.weights for p in layer.parts)
    cached = [p for p in layer.parts if p.cached]
    found = {
        "count": len(places),
        "first": places[0],
        "kind": " + ".join(_kind(p) for p in layer.parts),
        "heads": ", ".join(filter(None, map(_heads, layer.parts))),
        "params_b": round(own / BILLION, 5),
        "kv_bytes_per_token": round(sum(p.token_values for p in cached) * CACHE_BYTES, 2),
        "window": next((p.window for p in cached if p.window), 0),
        "state_bytes": sum(p.state_values for p in layer.parts) * STATE_BYTES,
    }
    return {k: v for k, v in found.items() if v or k in ("count", "first")}


def _kind(part: Part) -> str:
    if isinstance(part, Attention):
        where = "windowed" if part.window else "full"
        return f"{where} attention" + ("" if part.cached else " without a cache of its own")
    if isinstance(part, Tied):
        return f"{_kind(part.part)} of a shared block"
    name = _PARTS.get(type(part).__name__, type(part).__name__)
    if isinstance(part, Mlp):
        return f"{name} {part.width} wide"
    if isinstance(part, Experts):
        shared = f", {part.shared.width} wide shared" if part.shared else ""
        beside = f", {part.beside.width} wide MLP beside" if part.beside else ""
        return f"{part.top_k} of {part.count} {name} {part.expert.width} wide{shared}{beside}"
    return name


def _heads(part: Part) -> str:
    if isinstance(part, Attention):
        return f"{part.heads} query, {part.kv_heads} KV, {part.head_dim} wide"
    if isinstance(part, LatentAttention):
        return f"{part.heads}, latent {part.kv_rank} + {part.rope_dim}"
    return ""


def _precision(reading: Reading) -> dict[str, dict[str, float]]:
    """Parameters and mean bits of each kind of module."""
    held: dict[str, list[tuple[int, float]]] = {}
    for module, bits in reading.stored():
        if module.weights > 0:
            label = "experts" if module.group == EXPERTS else module.label
            held.setdefault(label, []).append((module.weights, bits))
    return {
        label: {
            "params_b": round(sum(w for w, _ in parts) / BILLION, 4),
            "bits": round(sum(w * b for w, b in parts) / sum(w for w, _ in parts), 3),
        }
        for label, parts in held.items()
    }


def _cache_scheme(reading: Reading) -> str:
    scheme = reading.scheme.get("quantization_config") or {}
    if not isinstance(scheme, Mapping):
        return ""
    named = scheme.get("kv_cache_quant_algo")
    own = scheme.get("kv_cache_scheme")
    if not named and isinstance(own, Mapping):
        kind = {"float": "fp", "int": "int"}.get(str(own.get("type")), str(own.get("type")))
        named = f"{kind}{own.get('num_bits')}"
    return str(named).lower() if named else ""


def _left_out(reading: Reading) -> list[str]:
    """Name the parts of the checkpoint that are not counted."""
    values = reading.outer
    found = [
        label for key, label in _TOWERS.items() if isinstance(values.get(key), Mapping | list)
    ]
    layers = reading.keys.raw("num_nextn_predict_layers") or reading.keys.raw(
        "mtp_num_hidden_layers"
    )
    if isinstance(layers, int) and layers > 0:
        last, hidden = reading.made.layers[-1], reading.keys.whole("hidden_size")
        # Each is a layer like the last, behind a projection of two states side by side.
        own = last.norms + sum(p.weights for p in last.parts) + 2 * hidden**2 + 3 * hidden
        weights = f"{layers * own / BILLION:.3g} B weights without embeddings"
        found.append(f"layers for multi-token prediction: {layers}, {weights}")
    return found


_TOWERS = {
    "vision_config": "vision tower", "audio_config": "audio tower", "talker_config": "talker",
    "vision_tower": "vision tower", "speech_config": "speech tower",
}  # fmt: skip
