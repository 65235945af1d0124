"""Traffic between devices: what a pass sends, how often, and how quickly it goes."""

from __future__ import annotations

import numpy as np

from guide_ml.features.weights import HALF_BYTES
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.units import GB

__all__ = ["bytes_sent", "crossings", "exchanges", "machine", "rate"]

#: Devices of an ordinary machine, where no fabric reaches further.
MACHINE = 8.0
#: Network between machines, a device's share of it: 400 Gbit/s.
NETWORK_GBS = 50.0


def bytes_sent(columns: Columns, tokens: Floats) -> Floats:
    """Bytes that one device sends in a pass over `tokens` tokens a replica.

    Two all-reduces a layer under tensor parallelism (Megatron-LM, arXiv 1909.08053). In a ring a
    device sends 2 (t-1)/t of its vector (Patarasuk and Yuan, J. Parallel Distrib. Comput. 69,
    2009). A switch that adds up takes the vector once, and the sum of the device's share of it:
    (t+1)/t (Klenk et al., ISCA 2020); the less of the two counts there. Attention replicas that
    share experts send each token to every other replica that holds one of its k experts, d - 1
    of them with probability 1 - (1 - 1/d)^k each, and get the sums back (GShard, arXiv 2006.16668).

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    tokens : array of shape (n,)
        Tokens of the pass.

    Returns
    -------
    array of shape (n,)
    """
    tp = columns["tp"]
    vector = tokens * columns["m_hidden_size"] * HALF_BYTES
    ring, added = 2.0 * (tp - 1.0) / tp, (tp + 1.0) / tp
    copies = np.where(columns["hw_link_adds"] > 0, np.minimum(ring, added), ring)
    reduced = 2.0 * columns["m_num_layers"] * vector * copies
    replicas = columns["attention_dp"]
    if not (replicas > 1).any():
        return np.asarray(reduced)
    chosen = 1.0 - (1.0 - 1.0 / replicas) ** columns["m_num_experts_per_tok"]
    return np.asarray(
        reduced + 2.0 * _expert_layers(columns) * vector * (replicas - 1.0) * chosen
    )


def rate(columns: Columns) -> Floats:
    """Bytes a second that a device can send to those that it works with, of shape (n,).

    A group that is larger than a machine sends over the network. Where devices are wired one to
    another without a switch, a part of the links goes to each of the others, and those to devices
    that take no part lie idle.
    """
    group = columns["tp"] * columns["attention_dp"]
    others = np.maximum(group - 1.0, 1.0)
    used = np.minimum(others / columns["hw_link_peers"], 1.0)
    near = columns["hw_link_gbs"] * GB * used
    return np.where(group > machine(columns), np.minimum(near, NETWORK_GBS * GB), near)


def machine(columns: Columns) -> Floats:
    """Devices that reach each other without a network, of shape (n,)."""
    return np.maximum(columns["hw_scale_up_domain"], MACHINE)


def crossings(columns: Columns) -> Floats:
    """Networks that a pass crosses from machine to machine: 0 within one, of shape (n,)."""
    replica = columns["tp"] * columns["attention_dp"] * columns["pp"]
    return np.asarray(np.ceil(replica / machine(columns)) - 1.0)


def exchanges(columns: Columns) -> Floats:
    """All-reduces, exchanges of tokens and pipeline hand-overs of a pass, of shape (n,)."""
    reduces = np.where(columns["tp"] > 1, 2.0 * columns["m_num_layers"], 0.0)
    tokens = np.where(columns["attention_dp"] > 1, 2.0, 0.0) * _expert_layers(columns)
    return np.asarray(reduces + tokens + columns["pp"] - 1.0)


def _expert_layers(columns: Columns) -> Floats:
    """Layers with routed experts."""
    layers = columns["m_num_layers"] - columns["m_first_dense_layers"]
    return np.where(columns["m_num_experts"] > 0, layers, 0.0)
