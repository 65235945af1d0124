"""From knobs to times: one forward pass, and each target built from passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guide_ml.features import queueing
from guide_ml.features.load import Load, Rows
from guide_ml.features.roofline import Pass
from guide_ml.physics.knobs import KNOBS
from guide_ml.table.assume import Columns
from guide_ml.table.columns import pick
from guide_ml.table.read import Floats
from guide_ml.units import MS_PER_S

__all__ = ["PARTS", "Estimate", "Parts", "estimate"]

#: Sharpness of "the longer of two times": kernels overlap arithmetic with reads well, and
#: launches with execution badly.
OVERLAP, LAUNCH_OVERLAP = 2.5, 1.2

#: A server's work on a prompt grows with the root of its length beside this many tokens: it
#: takes a request as text, and longer ones cost less a token (tokenising, HTTP, scheduling).
HOST_TOKENS = 1024.0

#: Tokens of a prefill whose launches are as long as the knob says; of a decode step one.
RATED_TOKENS = 512.0

PARTS = ("compute_s", "weights_s", "unpack_s", "attention_s", "kv_s", "communication_s",
         "host_s", "launch_s", "overhead_s")  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """One pass in parts, seconds; ``total_s`` is less than their sum where they overlap.

    Unpacking small weights hardly overlaps with reading them. ``kv_s`` holds recurrent states too,
    ``host_s`` the wait for what stays in the host's memory.
    """

    compute_s: Floats
    weights_s: Floats
    unpack_s: Floats
    attention_s: Floats
    kv_s: Floats
    communication_s: Floats
    host_s: Floats
    launch_s: Floats
    overhead_s: Floats
    total_s: Floats

    def take(self, rows: Rows) -> Parts:
        """Keep some rows, in the order given; of rows x steps, a pair (rows, steps)."""
        return Parts(*[pick(getattr(self, name), rows) for name in (*PARTS, "total_s")])


@dataclass(frozen=True)
class Estimate:
    """Targets by calibrated physics, in the units of their names, and the passes under them.

    ``pace_s`` is the time of a token of each sequence (a speculative step yields some),
    ``handling_s`` the host's work on a request, ``waiting_s`` what the request waits for.
    """

    targets: dict[str, Floats]
    one: Parts
    whole: Parts
    step: Parts
    pace_s: Floats
    handling_s: Floats
    waiting_s: Floats

    def take(self, rows: Rows) -> Estimate:
        """Keep some rows, in the order given; of rows x steps, a pair (rows, steps)."""
        return Estimate(
            {k: pick(v, rows) for k, v in self.targets.items()},
            self.one.take(rows), self.whole.take(rows), self.step.take(rows),
            pick(self.pace_s, rows), pick(self.handling_s, rows), pick(self.waiting_s, rows),
        )  # fmt: skip


def either(a: Floats, b: Floats, sharpness: float) -> Floats:
    """Join two times that overlap: between the longer one and the sum.

    The p-norm (a^p + b^p)^(1/p): p = 1 is the sum, p -> infinity the longer of the two.
    """
    longest = np.maximum(a, b) + 1e-15
    total = (a / longest) ** sharpness + (b / longest) ** sharpness
    return np.asarray(longest * total ** (1.0 / sharpness))


def quicker(a: Floats, b: Floats, sharpness: float) -> Floats:
    """Choose of two ways to do one thing: below the shorter time, as work goes either way.

    (a^-p + b^-p)^(-1/p): p = 1 is both at once, p -> infinity the shorter of the two.
    """
    least = np.minimum(a, b) + 1e-15
    total = (least / (a + 1e-15)) ** sharpness + (least / (b + 1e-15)) ** sharpness
    return np.asarray(least * total ** (-1.0 / sharpness))


def _compute(bound: Pass, tokens: Floats, factors: Columns) -> Floats:
    """Arithmetic of the weight matrices: in tiles of the matrix units, or token by token.

    Tiles are filled up: each matrix costs as if it had ``saturation`` rows more than tokens. For
    few tokens engines multiply by vectors (GEMV) on the vector units, which wastes nothing.
    """
    full = tokens / (tokens + factors["saturation"] * bound.scatter * bound.chunks)
    tiled = bound.gemm_s / factors["arithmetic"] / full + bound.rescale_s * factors["rescale"]
    return quicker(tiled, bound.vector_s / factors["gemv"], OVERLAP) / factors["cores"]


def _pass(load: Load, bound: Pass, tokens: Floats, factors: Columns, prefill: bool) -> Parts:
    """Estimate one pass: bounds over efficiencies, plus launches, hops and a fixed step."""
    moe = load.columns["m_num_experts"] > 0
    compute = _compute(bound, tokens if prefill else tokens * load.checked, factors)
    weights = bound.weights_s / factors["weights"]
    unpack = bound.unpack_s * factors["unpack"] / factors["cores"]
    attention = bound.attention_s / factors["attention"] / factors["cores"]
    kv = (bound.kv_s + bound.state_s) / factors["kv_bandwidth"]
    link = bound.comm_s / factors["link"] + bound.comm_count * factors["hop"]
    launch = load.columns["m_num_layers"] * factors["prefill_launch" if prefill else "launch"]
    launch = launch * np.where(moe, 1.0 + factors["moe_launch"], 1.0)
    launch = launch * _grown(load, bound, tokens, prefill) ** factors["growth"]
    launch, fixed = launch * bound.chunks, factors["step"] * bound.chunks
    if not prefill:  # a decode step samples and schedules every sequence of its own
        fixed = fixed + factors["sequence"] * tokens / load.columns["attention_dp"]
    host = _host_pass(bound, factors)
    times = (compute, weights, unpack, attention, kv, link, host, launch, fixed)
    bias = factors["prefill_bias" if prefill else "step_bias"]
    # How well an engine's prefill uses a device says nothing of copies over PCIe.
    spared = host if prefill else np.zeros_like(host)
    return Parts(*times, (_total(times) - spared) * bias + spared)


def _host_pass(bound: Pass, factors: Columns) -> Floats:
    """Wait for what stays in the host's memory: used there, or copied to the device."""
    read = bound.host_read_s / factors["host_bandwidth"]
    there = either(read, bound.host_compute_s / factors["host_arithmetic"], OVERLAP)
    return quicker(there, bound.copy_s / factors["host_link"], OVERLAP)


def _grown(load: Load, bound: Pass, tokens: Floats, prefill: bool) -> Floats:
    """Tokens of one device's pass beside those for which launches are rated.

    The small kernels between the matrices (norms, rotations, routing) take longer with more rows.
    """
    rows = tokens / load.columns["attention_dp"] / bound.chunks
    return np.maximum(rows, 1.0) / (RATED_TOKENS if prefill else 1.0)


def _factors(load: Load, knobs: Columns) -> Columns:
    """Turn knobs, which are logarithms, into factors."""
    out = {knob.name: np.exp(knobs[knob.name]) for knob in KNOBS}
    moe = load.columns["m_num_experts"] > 0
    reach = load.columns["core_reach"]
    out["weights"] = reach * np.exp(
        knobs["bandwidth"] + np.where(moe, knobs["moe_bandwidth"], 0.0)
    )
    out["kv_bandwidth"] = reach * out["kv_bandwidth"]
    out["cores"] = load.columns["cores_share"]
    return out


def estimate(load: Load, knobs: Columns) -> Estimate:
    """Estimate every target of every deployment by calibrated physics.

    Parameters
    ----------
    load : Load
        Bounds of the passes.
    knobs : dict of str to array of shape (n,)
        Logarithm of each knob of :data:`guide_ml.physics.knobs.KNOBS`.
    """
    c, account, held = load.columns, load.memory, load.held
    batch = account["replica_batch"]
    factors = _factors(load, knobs)
    one = _pass(load, load.one, load.new, factors, prefill=True)
    whole = _pass(load, load.whole, load.new * load.together, factors, prefill=True)
    running = held / load.stages * c["attention_dp"]
    step = _pass(load, load.step, running, factors, prefill=False)
    request, (own, crowd) = factors["request"], _host(load, factors)
    pace = step.total_s * _speculation(c, factors)
    # Prefills of others run in the other stages of a pipeline meanwhile.
    # A burst's prompts cost between one pass each and passes filled with them: their mean, of logs.
    packed = np.minimum(whole.total_s / load.together, one.total_s)
    server = queueing.closed(
        c, held, one.total_s, pace, factors["interference"] / load.stages,
        np.sqrt(packed / one.total_s) * factors["burst"] / load.stages, factors["queue"],
    )  # fmt: skip
    closed, offline = load.is_mode("closed"), load.is_mode("offline")
    latency = queueing.static_latency(
        whole.total_s + request, queueing.waves(batch, held) * pace, c["output_len"]
    )
    ttft = np.where(closed, server.ttft_s + own + crowd, whole.total_s) + request
    ttft = ttft * factors["ttft_statistic"]
    flight = np.where(offline, _queue(load, whole, step, pace), request + server.running_s)
    rate = np.where(closed | offline, queueing.request_rate_tok_s(c, held, flight),
                    c["batch"] * c["output_len"] / latency)  # fmt: skip
    targets = {
        "batch_latency_s": latency, "ttft_ms": MS_PER_S * ttft,
        "tpot_ms": MS_PER_S * np.where(closed, server.tpot_s, pace), "output_tok_s": rate,
    }  # fmt: skip
    waiting = np.where(closed, np.maximum(server.ttft_s - one.total_s, 0.0) + crowd, 0.0)
    handling = request + np.where(closed, own, 0.0)
    return Estimate(targets, one, whole, step, pace, handling, waiting)


def _speculation(c: Columns, factors: Columns) -> Floats:
    """Time of a token beside that of a step: drafts cost a share each, and a step yields some."""
    accepted = np.where(np.isnan(c["accept_len"]), factors["accepted"], c["accept_len"])
    drafting = 1.0 + factors["draft"] * c["drafted"]
    return np.where(c["spec"] > 0, drafting / accepted, 1.0)


def _queue(load: Load, whole: Parts, step: Parts, pace: Floats) -> Floats:
    """Time that an offline queue takes for each time that it fills the slots.

    Requests of one length go through the slots in rounds. The last round may fill a part of them
    only, but takes all decode steps: sequences fewer, so each is shorter, though not in proportion.
    """
    prefill = load.held / load.together * whole.total_s / load.stages
    decode = np.maximum(load.columns["output_len"], 1.0) * pace
    ends = np.isfinite(load.rounds)
    if not ends.any():
        return prefill + decode
    rounds = np.where(ends, load.rounds, 1.0)
    full = np.floor(rounds)
    rest = rounds - full
    times = [getattr(step, name) for name in PARTS]
    part = np.where(rest > 0, _total(times, rest) / _total(times), 0.0)
    return np.asarray(prefill + decode * (full + part) / rounds)


def _total(times: Sequence[Floats], share: Floats | float = 1.0) -> Floats:
    """Join the parts of a pass, in the order of :data:`PARTS`, with a share of its sequences."""
    compute, weights, unpack, attention, kv, link, host, launch, fixed = times
    device = either(share * compute, weights + unpack, OVERLAP) + share * (
        either(attention, kv, OVERLAP) + link
    )
    return either(device, launch, LAUNCH_OVERLAP) + host + share * fixed


def _host(load: Load, factors: Columns) -> tuple[Floats, Floats]:
    """Seconds that a server's host works on a prompt, and on those of the others before it."""
    c = load.columns
    own = factors["host"] * np.sqrt(c["input_len"] / HOST_TOKENS)
    others = np.maximum(c["batch"] / c["dp"] - 1.0, 0.0)
    return own, own * factors["crowd"] * others
