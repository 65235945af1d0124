"""The least each target can be on given hardware: nothing may be predicted beyond it."""

from __future__ import annotations

import numpy as np

from guide_ml.features import roofline
from guide_ml.features.host import FLOP_PER_WEIGHT
from guide_ml.features.load import Load
from guide_ml.features.queueing import static_latency
from guide_ml.table.assume import Columns
from guide_ml.units import MS_PER_S, TERA

__all__ = ["floors"]

#: Tokens that one speculative step may yield at most (drafts of three and one of the model).
SPEC_TOKENS = 4.0
#: A server may run fewer sequences together than its users ask; beyond this many the bound
#: does not count their KV reads.
SURE_SLOTS = 128.0


def floors(load: Load) -> Columns:
    """Bound every target: latencies from below, throughput from above.

    TTFT: one prefill (static: the whole batch's). TPOT: a step reads the weights and the KV
    cache once. Batch latency: prefill and the further steps. Throughput: peak arithmetic of all
    devices over the arithmetic of a request; in a static batch, its tokens over its floor.
    Where the table did not state a length or dtype, the bound takes the most favourable one.

    Returns
    -------
    dict
        ``batch_latency_s``, ``ttft_ms``, ``tpot_ms`` (least), ``output_tok_s`` (most).
    """
    c, m = load.columns, load.memory
    server = load.is_mode("closed") | load.is_mode("offline")
    asked = np.where(c["input_stated"] > 0, c["input_len"], 1.0)
    shrink = np.minimum(asked / c["input_len"], 1.0)
    prefill = np.where(server, load.one.floor_s, load.whole.floor_s) * shrink
    kv = load.step.kv_s * np.minimum(SURE_SLOTS / load.held, 1.0)
    kv = np.where(c["input_stated"] > 0, kv, 0.0)
    compute = load.step.compute_s * np.minimum(SURE_SLOTS / load.held, 1.0)
    step = np.maximum(compute * (c["input_stated"] > 0), load.step.least_weights_s + kv)
    least = np.maximum(SPEC_TOKENS, np.maximum(c["drafted"] * c["drafted_stated"] + 1.0,
                                               np.nan_to_num(c["accept_len"], nan=1.0)))
    most_tokens = np.where(c["spec"] > 0, least, 1.0)
    step = step + np.minimum(load.step.host_read_s, load.step.copy_s)
    step = step / most_tokens
    batch = static_latency(prefill, step, c["output_len"])
    fastest = TERA * np.maximum(np.maximum(c["hw_fp8"], c["hw_fp4"]), c["hw_int8"])
    rate = np.where(c["weight_stated"] > 0, roofline.peak_flops(c), fastest)
    flop = FLOP_PER_WEIGHT * (m["p_body"] * 0.5 + m["p_experts_active"])
    flop = flop * (1.0 + asked * (1.0 - c["hit_rate"]) / c["output_len"])
    most = c["devices"] * rate / flop * most_tokens
    return {
        "batch_latency_s": batch,
        "ttft_ms": MS_PER_S * prefill,
        "tpot_ms": MS_PER_S * step,
        "output_tok_s": np.where(server, most, c["batch"] * c["output_len"] / batch),
    }
