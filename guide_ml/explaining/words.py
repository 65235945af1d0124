"""Inputs of the estimators in groups that a person knows, and their values in words."""

from __future__ import annotations

from guide_ml.answers.prediction import Prediction
from guide_ml.physics.inputs import MEMORY, PRECISION

__all__ = ["GROUPS", "describe", "group_of"]

GROUPS: dict[str, tuple[str, ...]] = {
    "engine": ("framework", "fw_", "backend", "log_launch", "log_prefill_launch",
               "log_interference", "spec"),
    "device": ("hw_", "log_hw_", "flop_per_byte", "log_arithmetic", "log_bandwidth"),
    "model": ("m_", "log_m_", "kv_layer_share", "window_share", "log_expert_width",
              "log_step_floor_one"),
    "precision": PRECISION,
    "layout": ("tp", "pp", "dp", "ep", "attention_dp", "devices", "kv_heads_per_device",
               "heads_per_device", "log_width_per_device", "log_hops"),
    "load": ("mode", "statistic", "input_stated", "output_stated", "log_batch", "log_input",
             "log_output", "log_depth", "log_held", "log_prompt_tokens", "in_out",
             "requests_per_slot"),
    "memory": MEMORY,
    "bottleneck": (),
}  # fmt: skip
"""Groups of inputs, by how the names start or are; what is in no other is ``bottleneck``: how
calibrated physics shares the time out."""

_EXACT = {"tp", "pp", "dp", "ep", "spec", "mode", "compute", "family", "devices"}


def group_of(name: str) -> str:
    """Return the group of an input.

    Examples
    --------
    >>> group_of("log_hw_mem_bw_gbs"), group_of("tp_stated"), group_of("one_compute")
    ('device', 'layout', 'bottleneck')
    """
    bare = name.removesuffix("_stated") if name.startswith(("tp", "pp", "dp")) else name
    for group, starts in GROUPS.items():
        for start in starts:
            if bare == start or (start not in _EXACT and bare.startswith(start)):
                return group
    return "bottleneck"


def describe(found: Prediction) -> dict[str, str]:
    """Say each group's descriptors of a deployment in words, with units."""
    d, w = found.deployment, found.workload
    device, model = d.hardware, d.model
    version = d.framework.version or "a version not stated"
    size = f"{model.params_total_b:.3g} B parameters"
    if model.num_experts:
        size += f", {model.params_active_b:.3g} B active"
    users = w.concurrency or w.batch_size
    tokens = f"{w.input_len:,g} tokens in, {w.output_len:,g} out"
    return {
        "engine": f"the engine, {d.framework.framework} ({version}) on {d.framework.backend}",
        "device": f"the device, {device.hardware} ({device.mem_bw_gbs:,g} GB/s of memory"
        " bandwidth)",
        "model": f"the model ({size}, {model.num_layers} layers)",
        "precision": f"the precision, {d.weight_dtype} weights and {d.kv_dtype} KV cache",
        "layout": f"the layout, {d.num_devices} device{'s' if d.num_devices > 1 else ''}"
        f" (tp={d.tp}, pp={d.pp}, dp={d.dp})",
        "load": f"the load, {w.mode}" + (f" with {users:,g} at a time" if users else "")
        + f", {tokens}",
        "memory": f"the room in memory ({found.memory.free_gb:,.1f} GB free)",
        "bottleneck": "the mix of arithmetic, reads and overhead",
        "usual": "all measurements together",
    }  # fmt: skip
