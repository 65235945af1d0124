"""What users see of disaggregated workers: at a rate, or with so many requests in flight."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from guide_ml.simulation.loads import OpenLoad
from guide_ml.simulation.names import METRICS, STATISTICS
from guide_ml.simulation.pools import Pools
from guide_ml.simulation.run import Replica
from guide_ml.simulation.split import simulate_split
from guide_ml.simulation.statistics import figures
from guide_ml.simulation.steady import EACH, FEWEST, FULL, MOST, START, Seen
from guide_ml.simulation.workers import pass_s
from guide_ml.units import MS_PER_S

__all__ = ["LINK_BYTE_S", "Split", "seen_closed", "seen_open"]

#: Bytes a second of a device's link to other machines: one port of 400 Gb/s, as servers have for
#: each accelerator (NVIDIA ConnectX-7 data sheet, 2022).
LINK_BYTE_S = 50e9
#: Turns of the bisections; each halves what is left.
_TURNS = 60


@dataclass(frozen=True)
class Split:
    """Workers that prefill and workers that decode.

    Parameters
    ----------
    prefill, decode : Replica
        A rank of a worker of either kind.
    pools : Pools
        How many, and how large.
    token_s : float
        Seconds that the link takes for the KV cache of a token.
    """

    prefill: Replica
    decode: Replica
    pools: Pools
    token_s: float

    @property
    def ranks(self) -> tuple[int, int]:
        """Queues of either kind: workers times their data-parallel ranks."""
        few, many = self.pools.workers
        return few * self.prefill.asked.replicas, many * self.decode.asked.replicas

    def pass_s(self, prompts: float) -> float:
        """Return the time of a rank for so many prompts together; long ones go in chunks.

        What a lone request is predicted to take beyond it is no work of the device, and bounds no
        rate.
        """
        asked = self.prefill.asked
        new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
        budget = float(self.prefill.rules["budget"][0])
        chunks = max(math.ceil(prompts * new / budget), 1)
        return chunks * pass_s(self.prefill, prompts * new / chunks)

    def token_time_s(self, sequences: float) -> float:
        """Return the time per token of each of so many sequences of a rank that decodes."""
        asked, s = self.decode.asked, self.decode.surface
        context = asked.input_len + 0.5 * asked.output_len
        place = min(sequences, len(s.decode) - 1.0)
        low = int(place)
        rows = s.decode[[low, min(low + 1, len(s.decode) - 1)]]
        ends = [float(np.interp(context, s.contexts, row)) for row in rows]
        return (ends[0] + (place - low) * (ends[1] - ends[0])) / asked.accept

    def most_sequences(self) -> float:
        """Return how many sequences a rank decodes together at most."""
        asked = self.decode.asked
        whole = asked.input_len + asked.output_len + asked.extra
        return float(max(min(self.decode.rules["seqs"][0], asked.room / whole), 1.0))

    def capacities_rps(self) -> tuple[float, float]:
        """Return the requests a second that all workers of either kind carry."""
        asked = self.prefill.asked
        new = max(asked.input_len * (1.0 - asked.hit_rate), 1.0)
        together = max(float(self.prefill.rules["budget"][0]) // new, 1.0)
        b = self.most_sequences()
        return (self.ranks[0] * together / self.pass_s(together),
                self.ranks[1] * b / (self._further() * self.token_time_s(b)))  # fmt: skip

    def _further(self) -> float:
        return max(self.decode.asked.output_len - 1.0, 1e-9)

    def sequences(self, rate_rps: float) -> float:
        """Return how many sequences a rank decodes together at a rate of the whole deployment."""
        low, high = 0.0, self.most_sequences()
        share = rate_rps / self.ranks[1] * self._further()
        for _ in range(_TURNS):
            b = 0.5 * (low + high)
            low, high = (b, high) if share * self.token_time_s(max(b, 1.0)) > b else (low, b)
        return high

    def first_s(self, rate_rps: float, full_rps: float) -> float:
        """Return the time to the first token at a rate, seconds.

        The wait for one of c ranks is that of Sakasegawa (1977) for even services:
        ``s * rho^(sqrt(2 (c + 1)) - 1) / (2 c (1 - rho))``.
        """
        c, rho = float(self.ranks[0]), min(rate_rps / full_rps, 1.0 - 1e-9)
        alone = self.pass_s(1.0)
        wait = alone * math.pow(rho, math.sqrt(2.0 * (c + 1.0)) - 1.0) / (2.0 * c * (1.0 - rho))
        moved = self.token_s * self.prefill.asked.input_len
        return float(self.prefill.asked.loads.ttft_s[0]) + wait + moved


def seen_closed(own: Split, users: float) -> Seen:
    """Find the rate at which so many requests are in flight (Little's law); only means follow.

    Parameters
    ----------
    own : Split
        What serves.
    users : float
        Requests in flight of the whole deployment.
    """
    full, most = own.capacities_rps()
    low, high = 0.0, min(full, most)
    further = max(own.decode.asked.output_len - 1.0, 0.0)
    for _ in range(_TURNS):
        rate = 0.5 * (low + high)
        token = own.token_time_s(max(own.sequences(rate), 1.0))
        flight = rate * (own.first_s(rate, full) + further * token)
        low, high = (rate, high) if flight < users else (low, rate)
    rate, token = high, own.token_time_s(max(own.sequences(high), 1.0))
    whole = max(users / max(rate, 1e-12), own.pass_s(1.0) + further * token)
    means = {"ttft_ms": whole - further * token, "e2e_ms": whole,
             "tpot_ms": token if further else math.nan}  # fmt: skip
    means["itl_ms"] = means["tpot_ms"] * own.decode.asked.accept
    blank = dict.fromkeys(STATISTICS, math.nan)
    found = {name: blank | {"mean": MS_PER_S * means[name]} for name in METRICS}
    return Seen(found, rate * own.decode.asked.output_len, rate, users, False, 0.0,
                min(full, most))  # fmt: skip


def seen_open(own: Split, load: OpenLoad, router: str, seed: int) -> Seen:
    """Simulate requests at a rate.

    Parameters
    ----------
    own : Split
        What serves.
    load : OpenLoad
        What comes, of the whole deployment.
    router : str
        How workers are chosen.
    seed : int
        Of what is drawn.
    """
    most = min(own.capacities_rps())
    run = load.num_requests or (load.duration_s and round(load.rate_rps * load.duration_s)) or 0
    if not run and load.rate_rps > FULL * most:
        full = seen_closed(own, own.ranks[1] * own.most_sequences())
        blank = dict.fromkeys(STATISTICS, math.nan)
        kept = {**full.figures, "ttft_ms": blank, "e2e_ms": blank}
        return Seen(kept, most * load.output_len, most, full.in_flight, True,
                    60.0 * (load.rate_rps - most), most)  # fmt: skip
    further = max(load.output_len - 1.0, 0.0)
    flight = load.rate_rps * (own.pass_s(1.0) + further * own.token_time_s(1.0))
    n = int(run) or int(np.clip(EACH * flight, FEWEST, MOST))
    found = simulate_split(
        load.traffic(n, seed), own.prefill, own.decode, prefill_workers=own.ranks[0],
        decode_workers=own.ranks[1], token_s=own.token_s, router=router,
    )  # fmt: skip
    chosen = np.isfinite(found.e2e_s) & ((np.arange(n) >= START * n) | bool(run))
    told = figures(found, chosen)
    if not run:
        rate, flight = load.rate_rps, load.rate_rps * told["e2e_ms"]["mean"] / MS_PER_S
        return Seen(told, rate * load.output_len, rate, flight, False, 0.0, most)
    took = max(float(np.nanmax(found.world.books["finish"], initial=0.0)), 1e-9)
    done = int(chosen.sum())
    return Seen(told, done * load.output_len / took, done / took,
                float(np.nansum(found.e2e_s)) / took, False, 0.0, math.nan)  # fmt: skip
