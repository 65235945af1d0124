"""Partial offload: weights that stay in the host's memory, and the two ways to use them.

For few tokens the host's processor multiplies them where they are: it reads them at the host's
bandwidth. For many it is quicker to copy them to the device over PCIe and to multiply there; the
engines of llama.cpp's family do so for passes of 32 tokens and more (ggml's ``op_offload``).
Devices wait meanwhile, as layers follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.units import BITS_PER_BYTE, GB, TERA

__all__ = ["FLOP_PER_WEIGHT", "Host", "HostTimes", "on_host"]

#: Tokens of a pass from which weights are copied to the device.
COPIED_FROM = 32.0
FLOP_PER_WEIGHT = 2.0  # one multiply and one add for each token (arXiv 2001.08361, sec. 2.1)


class HostTimes(NamedTuple):
    """Seconds of one pass: reads and arithmetic on the host, or the copy; each of shape (n,)."""

    read_s: Floats
    compute_s: Floats
    copy_s: Floats


@dataclass(frozen=True)
class Host:
    """What stays in the host's memory, each of shape (n,).

    Parameters
    ----------
    layers, experts : array
        Shares of the layers, and of the layers' routed experts, on the host.
    head_off : array
        Share of the output matrix on the device: all of it, unless no layer is there.
    fixed_byte, experts_byte : array
        Weights on the host that every token needs, and all of its routed experts.
    fixed_weights, expert_weights : array
        Weights there that one token is multiplied with.
    bandwidth, rate, link : array
        Of the host, byte/s and FLOP/s; of the way to the device, byte/s.
    """

    layers: Floats
    experts: Floats
    head_off: Floats
    fixed_byte: Floats
    experts_byte: Floats
    fixed_weights: Floats
    expert_weights: Floats
    bandwidth: Floats
    rate: Floats
    link: Floats

    def times(
        self, tokens: Floats, chunks: Floats, coverage: Floats, kv_byte: Floats
    ) -> HostTimes:
        """Bound the host's part of one pass over `tokens` tokens in `chunks` pieces.

        Parameters
        ----------
        tokens, chunks : array of shape (n,)
            Tokens of the pass, and pieces that it is cut into.
        coverage : array of shape (n,)
            Share of the routed experts that some token of a piece needs.
        kv_byte : array of shape (n,)
            KV cache of all layers that the pass reads.
        """
        weights = self.fixed_byte + self.experts_byte * coverage
        moved = chunks * weights
        read = (moved + kv_byte * self.layers) / self.bandwidth
        active = self.fixed_weights + self.expert_weights
        compute = FLOP_PER_WEIGHT * tokens * active / self.rate
        copies = tokens / chunks >= COPIED_FROM
        return HostTimes(read, compute, np.where(copies, moved / self.link, np.inf))


def on_host(columns: Columns, memory: Columns) -> Host:
    """Work out what stays on the host.

    Parameters
    ----------
    columns, memory : dict
        Resolved descriptors and :func:`guide_ml.features.memory.extract`.
    """
    layers, experts = columns["host_layers"], columns["host_experts"]
    body, routed = memory["p_body"] * layers, memory["p_experts"] * experts
    head_off = (layers < 1.0).astype(float)
    head = memory["p_head"] * (1.0 - head_off)
    bits = memory["host_body_bits"], memory["host_expert_bits"], memory["host_head_bits"]
    return Host(
        layers, experts, head_off,
        fixed_byte=(body * bits[0] + head * bits[2]) / BITS_PER_BYTE,
        experts_byte=routed * bits[1] / BITS_PER_BYTE,
        fixed_weights=body + head, expert_weights=memory["p_experts_active"] * experts,
        bandwidth=columns["host_gbs"] * GB, rate=columns["host_tflops"] * TERA,
        link=columns["host_link_gbs"] * GB,
    )  # fmt: skip
