"""What moves the knobs: numeric drivers, and names in groups."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES, STATS
from guide_ml.features.links import crossings
from guide_ml.table.assume import Columns
from guide_ml.table.columns import distinct, joined
from guide_ml.table.read import Floats

__all__ = ["GROUPS", "LABORATORY", "by_load", "groups", "numeric"]

#: Watts for each TFLOP/s of the vector units of an ordinary device.
USUAL_W = 8.0
#: Half-precision TFLOP/s of an ordinary server device.
USUAL_TFLOPS = 300.0

Names = Mapping[str, NDArray[np.object_]]

#: Who measured: known while physics is fitted, so that one's habits do not bend what is common.
LABORATORY = "laboratory"

#: Group name -> the descriptors whose names make its levels.
GROUPS: dict[str, tuple[str, ...]] = {
    "framework": ("framework",), "architecture": ("architecture",), "backend": ("backend",),
    "dtype": ("dtype_family",), "device": ("hardware",),
    "engine": ("framework", "backend"), "model": ("model",),
    "series": ("framework", "backend", "quarter"),
    "dtype_architecture": ("dtype_family", "architecture"),
    "engine_dtype": ("framework", "dtype_family"), "engine_mode": ("framework", "mode"),
    "spec": ("spec_method",), "isa": ("isa",), "isa_dtype": ("isa", "dtype_family"),
    LABORATORY: (LABORATORY,),
}  # fmt: skip


def numeric(columns: Columns, statistic: Floats, held: Floats | None = None) -> Columns:
    """Compute the numeric drivers, centred so that 0 is ordinary.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    statistic : array of shape (n,)
        Statistic that the row's value is of, a code of :data:`guide_ml.describe.descriptors.STATS`.
    held : array of shape (n,), optional
        As of :func:`by_load`.
    """
    c, mode = columns, columns["mode"]
    moe = (c["m_num_experts"] > 0).astype(float)
    expert = np.log(np.maximum(c["m_moe_intermediate_size"], 1.0) / c["tp"]) - 7.0
    served = (mode == MODES.index("closed")).astype(float)
    out = {
        "release": c["fw_release_year"] - 2025.0, "unstated": 1.0 - c["fw_version_stated"],
        "width": np.log(c["m_hidden_size"] / c["tp"]) - 7.5, "tp": np.log2(c["tp"]),
        "pp": np.log2(c["pp"]), "hw_age": (c["hw_release_year"] - 2022.0) / 3.0,
        "amd": c["hw_is_amd"], "cdna": c["hw_is_cdna"],
        "power": _power(c), "nvlink": c["hw_nvlink"], "slice": np.log(c["hw_slice_share"]),
        "mla": c["m_mla"], "moe": moe, "ep": moe * (c["ep"] > 1), "expert_width": moe * expert,
        "experts_per_token": np.log(np.maximum(c["m_num_experts_per_tok"], 1.0)),
        "wide_kv": (c["kv_bits"] > 8).astype(float), "padded": c["padded"],
        # New devices come with new processors; years, as the trend is steep.
        "hw_year": c["hw_release_year"] - 2022.0, "speed": np.log(c["hw_fp16"] / USUAL_TFLOPS),
        "kv_heads": (1.0 - c["m_mla"]) * np.log2(np.maximum(c["m_num_kv_heads"] / c["tp"], 1.0)),
        "far": np.log1p(crossings(c)),
        "adp": np.log(c["attention_dp"]), "cpu": c["is_cpu"], "sockets": np.log2(c["sockets"]),
        "cpu_reach": c["is_cpu"] * np.log(c["core_reach"]),
        "cpu_cores": c["is_cpu"] * np.log(c["cores_used"]),
        "cpu_share": c["is_cpu"] * np.log(c["cores_share"]),
        "cpu_matrix": c["is_cpu"] * np.log(np.maximum(c["hw_fp16"], c["hw_int8"]) / c["hw_vector"]),
        "drafted": np.log(np.maximum(c["drafted"], 1.0)) - 1.0,
    }  # fmt: skip
    # Prompts of an offline queue or a batch share passes, which fill the experts' tiles.
    out["moe_prefill"] = moe * (mode == MODES.index("prefill"))
    out["moe_closed"] = moe * served
    out |= by_load(c, held)
    # How long prompts were that nobody stated is unknown: they must not bend what is known.
    out["unstated_prompt"] = (1.0 - c["input_stated"]) * (mode != MODES.index("decode"))
    piped = _piped(c)
    out["piped"], out["piped_far"] = piped, piped * (out["pp"] - 1.0)
    for stat in ("median", "p99"):
        out[stat] = served * (statistic == STATS.index(stat))
    for name in ("static", "prefill", "decode", "closed", "offline"):
        out["is_" + name] = (mode == MODES.index(name)).astype(float)
    return out


def by_load(c: Columns, held: Floats | None = None) -> Columns:
    """Compute the drivers that change with the load alone.

    Parameters
    ----------
    c : dict
        Resolved descriptors.
    held : array of shape (n,), optional
        Sequences that a replica decodes together; by default all that are asked. Users who wait
        for room slow no step.
    """
    served = (c["mode"] == MODES.index("closed")).astype(float)
    users = np.maximum(c["batch"] / c["dp"], 1.0)
    users = users if held is None else np.minimum(users, held)
    return {
        "prompt": np.log(c["input_len"]) - 6.5,
        "users": served * (np.log(users) - 2.5),
        "long_output": served * (np.log(c["output_len"]) - 5.5),
    }


def _piped(c: Columns) -> Floats:
    """Share of a prompt's passes that run in several stages of a local engine at once."""
    prompt = np.where(c["mode"] == MODES.index("decode"), 1.0, c["input_len"])
    chunks = np.maximum(prompt / c["pass_tokens"], 1.0)
    return np.where((c["gguf_file"] > 0) & (c["pp"] > 1), 1.0 - 1.0 / chunks, 0.0)


def _power(c: Columns) -> Floats:
    """Watts that a device may draw for its rate: with few of them it does not keep its clock."""
    known = np.isfinite(c["hw_tdp_w"]) & (c["hw_slice_share"] >= 1.0)  # a slice's are not its own
    per_tflops = np.where(known, c["hw_tdp_w"], 1.0) / c["hw_vector"]
    return np.where(known, np.log(per_tflops / USUAL_W), 0.0)


def groups(columns: Columns, names: Names) -> dict[str, tuple[NDArray[np.intp], list[str]]]:
    """Name each row's level in every group: a code for each row, and the levels as text."""
    text = {k: distinct(names[k]) for k in ("framework", "architecture", "backend", "hardware",
                                            "spec_method", "isa")}  # fmt: skip
    unknown = (np.zeros(len(columns["tp"]), dtype=np.intp), [""])
    text[LABORATORY] = distinct(names[LABORATORY]) if LABORATORY in names else unknown
    # ROCm is two things: kernels for Instinct accelerators, and other ones for Radeon cards.
    cpu = names["backend"] == "cpu"
    radeon = np.where(cpu, 0.0, columns["hw_is_amd"] - columns["hw_is_cdna"])
    text["backend"] = joined(text["backend"], distinct(radeon))
    text |= {"dtype_family": distinct(columns["family"]), "mode": distinct(columns["mode"])}
    # As splits do: checkpoints of one architecture are one model.
    size = distinct(np.round(columns["m_params_total_b"], 1))
    text["model"] = joined(size, distinct(columns["m_num_layers"]))
    # Engines change from release to release by more than a trend over the years tells.
    quarter = np.floor(4.0 * columns["fw_release_year"]) / 4.0
    text["quarter"] = distinct(np.where(columns["fw_version_stated"] > 0, quarter, 0.0))
    return {
        group: reduce(joined, (text[member] for member in members))
        for group, members in GROUPS.items()
    }
