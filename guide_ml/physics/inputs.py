"""Inputs of the boosted estimators: descriptors, and the calibrated physics in parts.

Estimators learn log(measured / physics), so inputs are made scale-free where they can be.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.describe.backends import BACKENDS
from guide_ml.describe.descriptors import MODES
from guide_ml.features.load import Load
from guide_ml.physics.model import Estimate, Parts
from guide_ml.table.assume import Columns
from guide_ml.table.columns import distinct
from guide_ml.table.read import Floats
from guide_ml.units import GB

__all__ = [
    "BLIND", "INPUTS", "LOADED", "MEMORY", "MIXED", "MOVED", "PRECISION", "STATIC", "fixed",
    "inputs", "loaded",
]  # fmt: skip

PRECISION = (
    "weight_bits", "weight_stated", "family", "compute", "kv_bits", "kv_stated", "gguf_file",
)  # fmt: skip
MEMORY = ("kv_pressure", "log_slots", "weights_share", "log_weights_byte")
"""What physics accounts for, so that few estimators need to see it."""

STATIC_PLAIN = (
    "mode", "spec", "fw_release_year", "fw_version_stated", "input_stated", "output_stated",
    "weight_stated", "tp_stated", "kv_stated", "weight_bits", "family", "compute", "kv_bits",
    "tp", "pp", "dp", "attention_dp", "ep", "devices", "gguf_file", "m_mla", "m_num_layers",
    "m_encoder_decoder", "m_gated_mlp", "m_num_experts", "m_num_experts_per_tok", "m_head_dim",
    "hw_nvlink", "hw_is_nvidia", "hw_is_amd", "hw_is_intel", "hw_release_year", "hw_slice_share",
)  # fmt: skip
STATIC_LOG = (
    "m_hidden_size", "m_params_total_b", "m_params_active_b", "m_vocab_size", "hw_mem_bw_gbs",
    "hw_fp16", "hw_vector", "hw_fp8", "hw_fp4", "hw_memory_gb", "hw_link_gbs", "hw_l2_mb",
    "hw_sm_count", "hw_tdp_w",
)  # fmt: skip


STATIC = (
    *STATIC_PLAIN, *(f"log_{n}" for n in STATIC_LOG), "framework", "backend", "statistic",
    "kv_heads_per_device", "heads_per_device", "log_width_per_device", "log_expert_width",
    "is_cpu", "cores_share", "log_cores_used", "log_core_reach", "host_layers", "host_experts",
    "drafted", "hit_rate", "log_accept",
    "kv_layer_share", "window_share", "flop_per_byte", "log_launch", "log_prefill_launch",
    "log_hops", "log_weights_byte", "weights_share", "log_step_floor_one", "log_arithmetic",
    "log_bandwidth", "log_interference", "hw_years_supported",
)  # fmt: skip
LOADED = (
    "log_batch", "log_input", "log_output", "log_depth", "log_held", "log_prompt_tokens",
    "kv_pressure", "log_one", "log_whole", "log_step", "log_estimate",
    "requests_per_slot",
)  # fmt: skip
MIXED = (
    "log_slots", "in_out", "prefill_share", "interference_share", "waiting_share",
    "handling_share", "step_overhead",
    *(f"{p}_{s}" for p in ("one", "whole", "step")
      for s in ("compute", "weights", "kv", "attention", "link", "launch", "intensity")),
)  # fmt: skip
MOVED = ("log_prefill_launch", "log_interference")
"""Inputs among the static ones that a heavier load moves: its knobs are others."""
INPUTS = (*STATIC, *LOADED, *MIXED)
"""Every input in order."""
BLIND = tuple(n for n in INPUTS if not n.startswith(("hw_", "log_hw_")) and n != "flop_per_byte")
"""Inputs that do not tell devices apart but by what physics makes of them."""


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, 1e-12)))


def _code(text: NDArray[np.object_], known: tuple[str, ...]) -> Floats:
    """Turn names into numbers by their place in a fixed list; an unknown one is missing."""
    index, levels = distinct(text)
    place = {name: float(i) for i, name in enumerate(known)}
    return np.asarray([place.get(level, np.nan) for level in levels])[index]


def _copies(c: Columns) -> Floats:
    """Count the copies of a deployment that work each for itself.

    A request sees one of them and its share of the users, so more copies never slow it. Attention
    replicas that share their experts are one; a queue fills all copies, which few measure alone.
    """
    apart = (c["attention_dp"] == 1.0) & (c["mode"] != MODES.index("offline"))
    return np.where(apart, c["dp"], 1.0)


def fixed(load: Load, slugs: Mapping[str, NDArray[np.object_]], knobs: Columns) -> Columns:
    """Compute the inputs that a heavier load leaves as they are, but ``statistic``."""
    c, m = load.columns, load.memory
    out = {name: c[name] for name in STATIC_PLAIN}
    copies = _copies(c)
    out["dp"], out["devices"] = c["dp"] / copies, c["devices"] / copies
    out |= {f"log_{name}": _log(c[name]) for name in STATIC_LOG}
    out["framework"] = _code(slugs["framework"], catalogue.slugs("framework"))
    out["backend"] = _code(slugs["backend"], BACKENDS)
    out["kv_heads_per_device"] = c["m_num_kv_heads"] / c["tp"]
    out["heads_per_device"] = c["m_num_attention_heads"] / c["tp"]
    out["log_width_per_device"] = _log(c["m_hidden_size"] / c["tp"])
    out["log_expert_width"] = np.log1p(c["m_moe_intermediate_size"] / c["tp"])
    out["kv_layer_share"] = c["m_kv_layers"] / c["m_num_layers"]
    out["window_share"] = c["m_window_layers"] / np.maximum(c["m_kv_layers"], 1.0)
    out["flop_per_byte"] = _log(c["hw_fp16"] * 1e3 / c["hw_mem_bw_gbs"])
    out |= {k: c[k] for k in ("is_cpu", "cores_share", "host_layers", "host_experts", "drafted",
                              "hit_rate")}  # fmt: skip
    out["log_cores_used"], out["log_core_reach"] = _log(c["cores_used"]), _log(c["core_reach"])
    out["log_accept"] = _log(c["accept_len"])
    out["log_launch"] = knobs["launch"] + _log(c["m_num_layers"])
    out["log_hops"] = knobs["hop"] + np.log1p(load.step.comm_count)
    out["log_weights_byte"] = _log(m["weights_byte"])
    out["weights_share"] = m["weights_byte"] / (c["hw_memory_gb"] * GB)
    out["log_step_floor_one"] = _log(load.step.least_weights_s)
    out["log_arithmetic"], out["log_bandwidth"] = knobs["arithmetic"], knobs["bandwidth"]
    # How long engines had had to learn the device: the first versions for a new one are slow.
    out["hw_years_supported"] = c["fw_release_year"] - c["hw_release_year"]
    return out


def _loaded(load: Load, estimate: Estimate) -> Columns:
    c, m = load.columns, load.memory
    return {
        "log_batch": _log(m["replica_batch"]), "log_input": _log(c["input_len"]),
        "log_output": _log(c["output_len"]), "log_depth": np.log1p(c["depth"]),
        "log_held": _log(np.minimum(m["replica_batch"], 1024.0)),
        "log_prompt_tokens": _log(m["replica_batch"] * c["input_len"]),
        "kv_pressure": _log(m["replica_batch"] / np.maximum(m["slots"], 0.5)),
        "log_one": _log(estimate.one.total_s), "log_whole": _log(estimate.whole.total_s),
        "log_step": _log(estimate.step.total_s), "requests_per_slot": c["requests_per_slot"],
    }  # fmt: skip


def _shares(prefix: str, parts: Parts) -> Columns:
    """Share of a pass that each part would take alone."""
    matrices = parts.weights_s + parts.unpack_s
    return {
        f"{prefix}_compute": parts.compute_s / parts.total_s,
        f"{prefix}_weights": matrices / parts.total_s,
        f"{prefix}_kv": parts.kv_s / parts.total_s,
        f"{prefix}_attention": parts.attention_s / parts.total_s,
        f"{prefix}_link": parts.communication_s / parts.total_s,
        f"{prefix}_launch": parts.launch_s / parts.total_s,
        f"{prefix}_intensity": _log(parts.compute_s) - _log(matrices),
    }


def _mixed(load: Load, estimate: Estimate) -> Columns:
    c = load.columns
    one, whole, step = estimate.one, estimate.whole, estimate.step
    out = {
        "log_slots": _log(np.maximum(load.memory["slots"], 0.5)),
        "in_out": _log(c["input_len"] / c["output_len"]),
        "prefill_share": _log(whole.total_s) - _log(c["output_len"] * step.total_s),
        "interference_share": _log(load.held * one.total_s / c["output_len"])
        - _log(step.total_s),
        "waiting_share": estimate.waiting_s / (estimate.waiting_s + one.total_s),
        "handling_share": estimate.handling_s / (estimate.handling_s + one.total_s),
        "step_overhead": step.overhead_s / step.total_s,
    }
    for prefix, parts in (("one", one), ("whole", whole), ("step", step)):
        out |= _shares(prefix, parts)
    return out


def inputs(
    load: Load, slugs: Mapping[str, NDArray[np.object_]], knobs: Columns, estimate: Estimate
) -> Columns:
    """Compute every input but the two that belong to a target.

    Returns
    -------
    dict of str to array of shape (n,)
        :data:`INPUTS` without ``statistic`` (its code) and ``log_estimate`` (the logarithm of
        the physics estimate), which the caller adds for each target.
    """
    return fixed(load, slugs, knobs) | loaded(load, knobs, estimate)


def loaded(load: Load, knobs: Columns, estimate: Estimate) -> Columns:
    """Compute the inputs that change with the load alone, but ``log_estimate``."""
    moved = {"log_prefill_launch": knobs["prefill_launch"] + _log(load.columns["m_num_layers"]),
             "log_interference": knobs["interference"]}  # fmt: skip
    return moved | _loaded(load, estimate) | _mixed(load, estimate)
