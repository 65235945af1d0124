"""What is taken for granted where a deployment does not say: every default in one place.

:func:`resolve` turns what :mod:`guide_ml.table.read` read into plain columns of numbers, one entry
a row, that the features work on. Rules for blanks are the same in training and in serving, so
that an unstated version means the same in both.

Stating what would have been assumed changes no number. So the columns that tell whether something
was stated (``fw_version_stated``, ``kv_stated``) are 1 only where what was stated differs from what
a blank stands for; where a blank stands for one value alone (``tp_stated``, ``weight_stated``) they
are always 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.catalogue.versions import newest
from guide_ml.describe.descriptors import MODES, STATS, Framework, Hardware, Model
from guide_ml.table import possible
from guide_ml.table.beside import beside
from guide_ml.table.device_memory import real_bytes
from guide_ml.table.engine_memory import engine_memory
from guide_ml.table.parallel import spread
from guide_ml.table.precisions import COMPUTE, FAMILIES, precisions
from guide_ml.table.rates import peak_tflops, topology, vector_tflops
from guide_ml.table.read import Codes, Columns, Floats, Raw
from guide_ml.table.reserve import reserve
from guide_ml.table.settings import settings

__all__ = ["COMPUTE", "FAMILIES", "Columns", "Resolved", "resolve"]

#: Interconnects that are no fast fabric between devices.
SLOW_LINKS = ("pcie", "none", "socket", "connectx")

#: Link of a device that states none: PCIe 3 of 16 lanes.
PCIE_GBS = 16.0

#: Lengths of a chat turn, taken where a table states none (the API asks for them).
INPUT_LEN, OUTPUT_LEN = 512.0, 256.0

#: Requests a slot of a benchmark run where nothing is said: the habit of serving benchmarks.
REQUESTS_PER_SLOT = 10.0


@dataclass(frozen=True)
class Resolved:
    """Deployments as numbers.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Numeric descriptors; codes for ``mode``, ``ttft_stat``, ``tpot_stat``.
    names : dict of str to array of shape (n,) of object
        Slugs in force: hardware, model, framework, version, backend, weight_dtype, kv_dtype.
    errors : array of shape (n,) of str
        Why a row cannot be used; blank if it can.
    """

    columns: Columns
    names: dict[str, NDArray[np.object_]]
    errors: NDArray[np.object_]


def resolve(raw: Raw) -> Resolved:
    """Fill the blanks and gather every descriptor as a column of numbers.

    Parameters
    ----------
    raw : Raw
        What :func:`guide_ml.table.read.read` gave.
    """
    columns: Columns = {}
    names: dict[str, NDArray[np.object_]] = {}
    _hardware(raw, columns, names)
    _model(raw, columns, names)
    _framework(raw, columns, names)
    _workload(raw, columns)
    precisions(raw, columns, names)
    spread(raw, columns)
    settings(raw, columns, names)
    beside(raw, columns, names)
    engine_memory(raw, columns, names)
    possible.check(raw, columns, names)
    return Resolved(columns, names, raw.errors)


_HARDWARE_NUMBERS = (
    "release_year", "memory_gb", "mem_bw_gbs", "l2_mb", "sm_count", "tdp_w", "link_gbs",
    "scale_up_domain", "slice_share",
)  # fmt: skip
_MODEL_NUMBERS = (
    "params_total_b", "params_active_b", "num_layers", "hidden_size", "intermediate_size",
    "num_attention_heads", "num_kv_heads", "head_dim", "vocab_size", "kv_lora_rank",
    "qk_rope_head_dim", "num_experts", "num_experts_per_tok", "moe_intermediate_size",
    "num_shared_experts", "first_dense_layers", "sliding_window", "kv_layers", "window_layers",
    "index_topk", "state_values", "cache_values", "window_values", "expert_bits", "body_bits",
    "vocabulary_bits", "tower_params_b", "max_position", "tie_embeddings", "gated_mlp",
    "encoder_decoder",
)  # fmt: skip


VENDORS = ("nvidia", "amd", "intel", "apple")
_HARDWARE_COLUMNS = (
    *(f"hw_{name}" for name in (*_HARDWARE_NUMBERS, *COMPUTE)), "hw_vector", "hw_nvlink",
    "hw_link_peers", "hw_link_adds", "hw_is_cdna", "hw_real_byte", "hw_own_memory",
    *(f"hw_is_{vendor}" for vendor in VENDORS),
)  # fmt: skip


@lru_cache(maxsize=1024)
def _device_numbers(device: Hardware) -> tuple[float, ...]:
    """Return the columns of a device; what it does not state is missing."""
    stated = [getattr(device, name) for name in _HARDWARE_NUMBERS]
    fast, made = not device.interconnect.startswith(SLOW_LINKS), device.architecture
    # Of AMD, by generation; by the link where that is not stated.
    cdna = device.vendor == "amd" and (fast if made == "unknown" else made.startswith("cdna"))
    return (
        *(math.nan if x is None else float(x) for x in stated),
        *(float(peak_tflops(device, c)) for c in COMPUTE),
        vector_tflops(device), float(fast), *topology(device), float(cdna),
        real_bytes(device), float(device.memory_kind == "own"),
        *(float(device.vendor == vendor) for vendor in VENDORS),
    )  # fmt: skip


def _hardware(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    codes = raw.codes["hardware"]
    columns |= codes.gather(_device_numbers, _HARDWARE_COLUMNS)
    link = columns["hw_link_gbs"]
    columns["hw_link_gbs"] = np.where(np.isnan(link), PCIE_GBS, link)
    names["hardware"] = _slugs(codes, "hardware")
    names["architecture"] = _slugs(codes, "architecture")


def _slugs(codes: Codes, attribute: str) -> NDArray[np.object_]:
    values = [getattr(v, attribute) if v is not None else "" for v in codes.values]
    return Codes(codes.index, values).objects()


@lru_cache(maxsize=4096)
def _model_numbers(model: Model) -> tuple[float, ...]:
    """Return the columns of a model."""
    return (*(float(getattr(model, name)) for name in _MODEL_NUMBERS),
            float(model.kv_lora_rank > 0))  # fmt: skip


def _model(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    codes = raw.codes["model"]
    columns |= codes.gather(_model_numbers, [*(f"m_{n}" for n in _MODEL_NUMBERS), "m_mla"])
    names["model"] = _slugs(codes, "model")
    names["family"] = _slugs(codes, "family")


def _framework(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Date each distinct (engine, version); settle the backend by vendor and engine."""
    engine, version = raw.codes["framework"], raw.codes["framework_version"]
    backend = raw.codes["backend"]
    vendor = Codes(raw.codes["hardware"].index, [_vendor_backend(h) for h in
                                                 raw.codes["hardware"].values])  # fmt: skip
    together = (engine, version, backend, vendor)
    places, index = _distinct(together)
    rows = [_engine(*(_at(c, k) for c, k in zip(together, ks, strict=True))) for ks in places]
    found = Codes(index, rows)
    columns["fw_release_year"] = found.numbers(lambda r: r[0].release_year if r[0] else None)
    columns["fw_version_known"] = found.numbers(lambda r: r[1])
    columns["fw_version_stated"] = found.numbers(lambda r: r[1] and not _is_newest(r[0]))
    blocks = catalogue.framework_blocks()
    columns["pass_tokens"] = found.numbers(
        lambda r: blocks[r[0].framework].get("pass_tokens", math.inf) if r[0] else math.inf
    )
    raw.fail(found.numbers(lambda r: bool(r[2])) > 0, lambda i: rows[int(index[i])][2])
    for name, attribute in (("framework", "framework"), ("backend", "backend"),
                            ("framework_version", "version")):  # fmt: skip
        values = [getattr(r[0], attribute) if r[0] else "" for r in rows]
        names[name] = Codes(found.index, values).objects()
    reserve(columns, names["family"], found)


def _distinct(
    together: tuple[Codes, ...]
) -> tuple[list[tuple[int, ...]], NDArray[np.intp]]:
    """List the distinct places among the values of some columns, and which one each row has."""
    sizes = tuple(len(c.values) + 1 for c in together)
    places = [np.where(c.index < 0, s - 1, c.index) for c, s in zip(together, sizes, strict=True)]
    if len(places[0]) == 1:
        return [tuple(int(p[0]) for p in places)], np.zeros(1, dtype=np.intp)
    flat, index = np.unique(np.ravel_multi_index(tuple(places), sizes), return_inverse=True)
    return list(zip(*np.unravel_index(flat, sizes), strict=True)), index.astype(np.intp)


def _at(codes: Codes, k: int) -> Any:
    return codes.values[k] if k < len(codes.values) else None


def _vendor_backend(device: Hardware | None) -> str:
    if device is None:
        return "cuda"
    if device.interconnect == "socket":
        return "cpu"
    if device.vendor == "intel":
        return "hpu" if "gaudi" in device.hardware else "xpu"
    return catalogue.VENDOR_BACKEND.get(device.vendor, "cuda")


def _engine(slug: str | None, version: str | None, backend: str | None, vendor: str) -> Any:
    """Return the engine, whether its version is known, and what is wrong if anything."""
    name = slug or "vllm"
    block = catalogue.framework_blocks()[name]
    if backend is None:
        backend = vendor if vendor in block["backends"] else block["backends"][0]
        if vendor not in block["backends"]:
            return None, False, (
                f"{name} does not run on this hardware: it needs one of the backends"
                f" {', '.join(block['backends'])}, the hardware has {vendor}"
            )  # fmt: skip
    try:
        return *catalogue.framework(name, version or "", backend), ""
    except catalogue.InvalidInput as error:
        return None, False, str(error)


def _is_newest(engine: Framework) -> bool:
    """Tell whether an engine's version is of the date that a blank one stands for."""
    return engine.release_year == newest(catalogue.framework_blocks()[engine.framework])


def _workload(raw: Raw, columns: Columns) -> None:
    numbers = raw.numbers
    mode = raw.codes["mode"].numbers(MODES.index)
    batch, concurrency = numbers["batch_size"], numbers["concurrency"]
    blank = np.isnan(mode)
    raw.fail(np.isfinite(batch) & np.isfinite(concurrency),
             "give batch_size (a fixed batch) or concurrency (a server), not both")  # fmt: skip
    raw.fail(blank & np.isnan(batch) & np.isnan(concurrency),
             "give mode, or batch_size (a fixed batch), or concurrency (a server)")  # fmt: skip
    static, closed = float(MODES.index("static")), float(MODES.index("closed"))
    mode = np.where(blank, np.where(np.isfinite(concurrency), closed, static), mode)
    raw.fail((mode == closed) & np.isnan(concurrency), "mode closed needs concurrency; got none")
    raw.fail((mode != closed) & np.isfinite(concurrency) & (mode != MODES.index("offline")),
             "concurrency belongs to mode closed; give batch_size for a fixed batch")  # fmt: skip
    columns["mode"] = mode
    _lengths(raw, columns, mode)
    columns["batch"] = np.where(mode == closed, concurrency, np.where(np.isnan(batch), 1.0, batch))
    queue, asked = mode == MODES.index("offline"), numbers["num_requests"]
    columns["queued"] = np.where(queue & np.isfinite(asked), asked, np.inf)
    usual = (mode == closed) & np.isnan(asked)
    rounds = np.where(usual, REQUESTS_PER_SLOT, asked / columns["batch"])
    columns["requests_per_slot"] = np.where(queue, np.nan, np.maximum(rounds, 1.0))
    for stat in ("ttft_stat", "tpot_stat"):
        columns[stat] = raw.codes[stat].numbers(STATS.index, blank=0.0)
    columns["spec"] = raw.codes["spec_method"].numbers(lambda s: s != "none", blank=0.0)


def _lengths(raw: Raw, columns: Columns, mode: Floats) -> None:
    """Mean tokens a request, and the tokens already cached when it begins."""
    given_in, given_out = raw.numbers["input_len"], raw.numbers["output_len"]
    depth = raw.numbers["context_depth"]
    depth = np.where(np.isnan(depth), 0.0, depth)
    prefill, decode = mode == MODES.index("prefill"), mode == MODES.index("decode")
    raw.fail((given_in < 1) & ~decode, "input_len must be 1 or more; got 0")
    raw.fail((given_out < 1) & ~prefill, "output_len must be 1 or more; got 0")
    input_len = np.where(np.isnan(given_in), np.where(decode, 0.0, INPUT_LEN), given_in)
    output_len = np.where(np.isnan(given_out), np.where(decode, 128.0, OUTPUT_LEN), given_out)
    columns["input_stated"] = np.isfinite(given_in).astype(float)
    columns["output_stated"] = np.isfinite(given_out).astype(float)
    # A decode measurement's prompt is context that is there already; sources state either.
    columns["depth"] = np.where(decode, np.maximum(depth, input_len), depth)
    columns["input_len"] = np.where(decode, 1.0, np.maximum(input_len, 1.0))
    columns["output_len"] = np.where(prefill, 1.0, np.maximum(output_len, 1.0))
