"""Why a deployment does not fit in memory, and what would.

Candidates change the layout or the weights of all rows at once and go through the same memory
account as the deployments themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.catalogue import framework_blocks
from guide_ml.features import memory
from guide_ml.precision.dtypes import DTYPES
from guide_ml.table.assume import FAMILIES, Columns, Resolved
from guide_ml.table.read import Floats
from guide_ml.units import GB

__all__ = ["unfit"]

#: Devices that one copy of a model is spread over, smallest first.
DEVICES = (2, 4, 8, 16, 32, 64)
#: Weight dtypes of engines that read GGUF files, from wide to narrow.
GGUF = ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k")
#: Requests together that an engine may be held to, most first.
FEWER = (512.0, 256.0, 128.0, 64.0, 16.0)
#: A dtype that saves less than a tenth is no advice.
WORTH_IT = 0.9


def unfit(resolved: Resolved, account: Columns, rows: NDArray[np.intp]) -> list[str]:
    """Say by how much deployments do not fit, and what would.

    Parameters
    ----------
    resolved : Resolved
        Deployments.
    account : dict of str to array
        Their memory, from :func:`guide_ml.features.memory.extract`.
    rows : array of int
        Those of them that do not fit.

    Returns
    -------
    list of str
        A sentence for each of `rows`.
    """
    if not len(rows):
        return []
    columns = {k: v[rows] for k, v in resolved.columns.items()}
    names = {k: v[rows] for k, v in resolved.names.items()}
    needs = {k: account[k][rows] for k in
             ("weights_byte", "kv_budget_byte", "kv_need_byte", "replica_batch")}  # fmt: skip
    # Slices of a device have no way to each other, so more of them are no remedy.
    whole = columns["hw_slice_share"] >= 1.0
    width = np.where(whole, _least_width(columns, names["framework"]), 0.0)
    narrower = _widest_dtype(columns)
    by_layer, beside = _by_layer(names["framework"]), _beside(columns)
    fewer = _fewer(columns)
    ways = [_remedy(width[i], columns["devices"][i], bool(by_layer[i]), narrower[i], beside[i],
                    fewer[i]) for i in range(len(rows))]  # fmt: skip
    return [f"{_shortage(i, columns, names, needs)}; {way}" for i, way in enumerate(ways)]


def _by_layer(framework: NDArray[np.object_]) -> NDArray[np.bool_]:
    split = {slug: block["split"] == "pp" for slug, block in framework_blocks().items()}
    return np.asarray([split.get(f, False) for f in framework], dtype=bool)


def _least_width(columns: Columns, framework: NDArray[np.object_]) -> Floats:
    """Fewest devices a copy that hold the model; 0 where none of `DEVICES` does."""
    by_layer = _by_layer(framework)
    best = np.zeros(len(framework))
    one = np.ones(len(framework))
    for n in DEVICES:
        tp, pp = np.where(by_layer, 1.0, n), np.where(by_layer, float(n), 1.0)
        dp = np.maximum(np.floor(columns["devices"] / n), 1.0)
        spread = columns | {"tp": tp, "pp": pp, "dp": dp, "attention_dp": one}
        even = np.where(by_layer, columns["m_num_layers"] >= n,
                        np.mod(columns["m_num_attention_heads"], n) == 0)  # fmt: skip
        wider = n > columns["tp"] * columns["pp"]
        fits = memory.extract(spread)["fits"] == 1
        best = np.where((best == 0) & even & wider & fits, float(n), best)
    return best


def _widest_dtype(columns: Columns) -> list[str]:
    """Widest smaller weight dtype that fits as things stand; blank where none does."""
    gguf, has_fp8 = columns["gguf_file"] > 0, columns["hw_fp8"] > columns["hw_fp16"]
    usable = {"fp8": ~gguf & has_fp8, "int8": ~gguf & ~has_fp8, "int4": ~gguf}
    usable |= dict.fromkeys(GGUF, gguf)
    best = np.full(len(gguf), "", dtype=object)
    for name, possible in usable.items():
        bits, family = DTYPES[name].bits, FAMILIES.index(DTYPES[name].family)
        other = {"weight_bits": np.full(len(gguf), bits), "family": np.full(len(gguf), family),
                 "rest_bits": np.zeros(len(gguf)), "as_published": np.zeros(len(gguf))}  # fmt: skip
        smaller = bits < WORTH_IT * columns["weight_bits"]
        fits = memory.extract(columns | other)["fits"] == 1
        best = np.where((best == "") & possible & smaller & fits, name, best)
    return [str(b) for b in best]


def _fewer(columns: Columns) -> list[str]:
    """Most requests together that leave room for one, where the pass over all takes it."""
    best = np.full(len(columns["tp"]), "", dtype=object)
    for n in FEWER:
        fits = memory.extract(columns | {"max_seqs": np.full(len(best), n)})["fits"] == 1
        less = ~(columns["max_seqs"] <= n)
        best = np.where((best == "") & less & fits, f"max_num_seqs={n:.0f}", best)
    return [str(b) for b in best]


def _beside(columns: Columns) -> list[str]:
    """Least part that has to stay in the host's memory, of engines that can leave some there.

    Experts first: a token needs few of them, so the host reads little. The least part that fits is
    the quickest, as every byte is read faster on the device.
    """
    gguf, experts = columns["gguf_file"] > 0, columns["m_num_experts"] > 0
    layers = columns["m_num_layers"]
    apart = _least(columns, "host_experts", layers, gguf & experts)
    left = _least(columns, "host_layers", layers, gguf & np.isnan(apart))
    out = []
    for n, k, total in zip(apart.tolist(), left.tolist(), layers.tolist(), strict=True):
        way = f"experts_on_cpu={n:.0f}" if n == n else f"gpu_layers={total - k:.0f}" * (k == k)
        out.append(way and f"{way} (the rest in the host's memory)")
    return out


def _least(columns: Columns, name: str, layers: Floats, possible: NDArray[np.bool_]) -> Floats:
    """Fewest layers of which that has to stay on the host, by bisection; NaN where none helps."""

    def fits(count: Floats) -> NDArray[np.bool_]:
        share = count / layers
        moved = {"host_experts": np.maximum(share, columns["host_experts"])}
        if name == "host_layers":
            moved["host_layers"] = share
        return np.asarray(memory.extract(columns | moved)["fits"] == 1)

    helps = possible & (columns[name] < 1.0) & fits(layers)
    low, high = np.floor(columns[name] * layers), layers.copy()
    for _ in range(int(np.ceil(np.log2(np.max(layers)))) + 1):
        middle = np.floor(0.5 * (low + high))
        enough = fits(middle)
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return np.where(helps, high, np.nan)


def _shortage(
    i: int, columns: Columns, names: dict[str, NDArray[np.object_]], needs: Columns
) -> str:
    sequence = needs["kv_need_byte"][i] / needs["replica_batch"][i] / GB
    short = sequence - needs["kv_budget_byte"][i] / GB
    length = sum(columns[c][i] for c in ("depth", "input_len", "output_len"))
    spread = f"tp={columns['tp'][i]:.0f}, pp={columns['pp'][i]:.0f}"
    return (
        f"{names['model'][i]} in {names['weight_dtype'][i]} does not fit {names['hardware'][i]}"
        f" with {spread}: each device of {columns['hw_memory_gb'][i]:g} GB is {_gb(short)} GB short"
        f" (weights {_gb(needs['weights_byte'][i] / GB)} GB,"
        f" KV cache of one sequence of {length:,.0f} tokens {_gb(sequence)} GB)"
    )


def _gb(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def _remedy(width: float, devices: float, by_layer: bool, narrower: str, beside: str,
            fewer: str) -> str:  # fmt: skip
    ways = []
    if width:
        ways.append(f"num_devices={max(width, devices):.0f} with {'pp' if by_layer else 'tp'}"
                    f"={width:.0f}")  # fmt: skip
    if narrower:
        ways.append(f"weight_dtype='{narrower}'")
    if beside:
        ways.append(beside)
    if fewer:
        ways.append(fewer)
    if ways:
        return " or ".join(ways) + " would fit"
    return f"neither up to {DEVICES[-1]} devices nor smaller weights alone would do"
