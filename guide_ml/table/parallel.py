"""How a model is spread over devices where a deployment does not say, or says it in part.

Engines split a model by tensor (every device holds a slice of each layer) or by layer; what
is left of the devices holds further replicas.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.describe.descriptors import MODES
from guide_ml.table.read import Columns, Floats, Raw

__all__ = ["spread"]


def spread(raw: Raw, columns: Columns) -> None:
    """Settle tp, pp, dp, ep; devices that are left over hold further replicas.

    Parameters
    ----------
    raw : Raw
        What the table states; rows of impossible layouts get their error.
    columns : dict of str to array of shape (n,)
        Gains ``tp``, ``pp``, ``dp``, ``ep``, ``attention_dp``, ``devices`` and ``tp_stated``.
    """
    n = raw.numbers
    tp, pp, dp, devices = n["tp"], n["pp"], n["dp"], n["num_devices"]
    tp = _attention_group(tp, pp, dp, devices, columns)
    given = _or_one(tp) * _or_one(pp) * _or_one(dp)
    raw.fail(np.isfinite(devices) & (given > devices),
             lambda i: "tp * pp * dp must not exceed num_devices;"
                       f" got {given[i]:g} on {devices[i]:g}")  # fmt: skip
    devices = np.where(np.isnan(devices), given, devices)
    by_layer = raw.codes["framework"].numbers(
        lambda f: catalogue.framework_blocks()[f]["split"] == "pp", blank=0.0
    )
    columns["tp_stated"] = np.ones(len(tp))  # a blank one stands for one value alone
    loose = np.isnan(tp)
    free = np.maximum(np.floor(devices / np.maximum(given, 1)), 1)
    spread_tp = np.isnan(tp) & (by_layer == 0) & ~(np.isfinite(pp) & (pp > 1))
    spread_pp = np.isnan(pp) & (by_layer == 1)
    tp = np.where(spread_tp, _whole_heads(free, columns), _or_one(tp))
    pp = np.where(spread_pp, free, _or_one(pp))
    moe = columns["m_num_experts"] > 0
    # TensorRT-LLM's tables give a MoE layout as tp x ep of one tensor-parallel group.
    ep = _or_one(n["ep"])
    grouped = moe & (ep > 1) & (ep * tp * pp == devices) & ~(_or_one(dp) > 1)
    tp = np.where(grouped, ep * tp, tp)
    columns["devices"], columns["tp"], columns["pp"], columns["ep"] = devices, tp, pp, ep
    # Engines that are given a data-parallel size for a MoE model share its experts over it;
    # devices beyond tp * pp * dp, and replicas of dense models, are independent copies.
    columns["attention_dp"] = np.where(moe, _or_one(dp), 1.0)
    columns["dp"] = np.maximum(np.floor(devices / (tp * pp)), 1)
    _offline_replicas(columns, loose)


def _attention_group(tp: Floats, pp: Floats, dp: Floats, devices: Floats,
                     columns: Columns) -> Floats:  # fmt: skip
    """Read a layout in which attention replicas lie inside of the tensor-parallel group.

    SGLang states ``--tp 8 --dp 8`` (with ``--enable-dp-attention``) for eight devices: experts are
    spread over all of them, each of the 8 replicas of the attention takes ``tp / dp``.
    """
    inside = (columns["m_num_experts"] > 0) & (_or_one(dp) > 1) & (np.mod(tp, dp) == 0)
    inside &= (tp * _or_one(pp) == devices) & (tp * _or_one(pp) * dp > devices)
    return np.where(inside, tp / dp, tp)


def _or_one(numbers: Floats) -> Floats:
    return np.where(np.isnan(numbers), 1.0, numbers)


def _whole_heads(free: Floats, columns: Columns) -> Floats:
    """Largest power of two (or all devices) that divides the attention heads."""
    heads = columns["m_num_attention_heads"]
    whole = np.where(np.mod(heads, free) == 0, free, 2 ** np.floor(np.log2(free)))
    return _or_one(np.maximum(whole, 1))


def _offline_replicas(columns: Columns, loose: NDArray[np.bool_]) -> None:
    """Give an offline engine of unstated layout the most replicas that hold the weights.

    Tuned throughput systems prefer replicas to tensor parallelism, which only costs
    communication once the weights fit (MLPerf submitters' configurations).
    """
    loose = loose & (columns["mode"] == MODES.index("offline"))
    loose &= columns["pp"] == 1  # split by layer: the devices are taken
    weights_gb = columns["m_params_total_b"] * columns["weight_bits"] / 8
    need = np.ceil(weights_gb / (0.7 * columns["hw_memory_gb"]))
    tp = np.minimum(2 ** np.ceil(np.log2(np.maximum(need, 1))), columns["devices"])
    columns["tp"] = np.where(loose, _or_one(tp), columns["tp"])
    columns["dp"] = np.maximum(np.floor(columns["devices"] / (columns["tp"] * columns["pp"])), 1)
