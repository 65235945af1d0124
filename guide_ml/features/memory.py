"""Memory account: weights, KV cache, activations and runtime overhead on each device.

All sizes in bytes. A *replica* is one copy of the attention part (``tp * pp`` devices); with
expert parallelism the routed experts are spread over more devices than one replica has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.features import accounts, pools
from guide_ml.features.accounts.rules import VLLM, is_rule
from guide_ml.features.beside import beside
from guide_ml.features.cache import Cache, cache_shape, index_bytes, kv_bytes, state_bytes
from guide_ml.features.paging import Pages, pages
from guide_ml.features.weights import on_device
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = ["PASS_TOKENS", "LogLines", "extract", "log_lines"]

#: Prompt tokens that an engine puts into one pass, where a queue offers them and no limit of its
#: own is known (the default of ``max_num_batched_tokens`` on large devices).
PASS_TOKENS = 8192.0
#: Since then vLLM logs the tokens of requests of the longest length, before that those of a group.
LOGS_REQUESTS_SINCE = 2026.3
#: vLLM keeps the latent vector of MLA since 0.7 (0.7.1, to the month).
LATENT_SINCE = 2024.99


def extract(columns: Columns) -> Columns:
    """Compute the memory account of each deployment.

    KV budget = what the engine's own rule leaves (:mod:`guide_ml.features.accounts`;
    PagedAttention, arXiv 2309.06180); a replica holds as many sequences as fit in there. An engine
    may set more aside than a sequence fills (``kv_reserve``, blocks of
    :mod:`guide_ml.features.paging`), so fewer run together.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        :func:`guide_ml.table.assume.resolve`.

    Returns
    -------
    dict
        Per device in bytes: ``weights_byte`` (``towers_byte`` of them towers), ``draft_byte``,
        ``adapters_byte``, ``activations_byte``, ``graphs_byte``,
        ``runtime_byte``, ``kv_budget_byte``, ``kv_need_byte`` (the asked batch at full length);
        ``kv_tokens`` (of a replica, as the engine logs them); ``slots`` (sequences a replica holds
        at full length), ``running`` (those that a server or a queue has there, of all lengths up
        to full), ``replica_batch`` (asked sequences a replica), ``fits`` (1 or 0: weights and one
        sequence, for vLLM of the longest length that was stated), and the parameter counts of
        :func:`guide_ml.features.weights.split_params` as ``p_*``.
    """
    stored = on_device(columns)
    shape = cache_shape(columns)
    extra = beside(columns, stored.parts, stored.bits, shape.width)
    plan = accounts.plan(columns, stored.held + extra.drafts + extra.adapters)
    budget = plan.budget
    room = _room(columns, shape, extra.layers)
    prompt = columns["depth"] + columns["input_len"]
    length = prompt + columns["output_len"]
    replica_batch = np.maximum(columns["batch"] / columns["dp"], 1.0)
    sequence = room.of(length)
    slots = _sequences(columns, budget, sequence)
    usual = room.of(prompt + columns["output_held"] * columns["output_len"])
    running = np.maximum(_sequences(columns, budget, usual), slots)
    # vLLM does not start where the longest request that it may let in has no room.
    strict = is_rule(columns, VLLM) & (columns["max_len_stated"] > 0)
    longest = room.of(columns["max_len"], columns["flight_tokens"])
    starts = ~strict | (budget >= longest)
    out = {"weights_byte": stored.held, "draft_byte": extra.drafts,
           "adapters_byte": extra.adapters, "draft_kv_layers": extra.layers,
           "towers_byte": stored.towers, "activations_byte": plan.activations,
           "graphs_byte": plan.graphs, "runtime_byte": plan.runtime, "kv_budget_byte": budget,
           "kv_need_byte": replica_batch * sequence, "kv_tokens": _tokens(columns, budget, room,
                                                                          longest),
           "slots": slots, "running": running, "replica_batch": replica_batch,
           "fits": ((slots >= 1) & starts).astype(float)}  # fmt: skip
    expert_bits, body_bits, vocabulary_bits = stored.bits
    out |= {"host_body_bits": body_bits, "host_expert_bits": expert_bits,
            "host_head_bits": vocabulary_bits}  # fmt: skip
    return out | {"p_" + k: v for k, v in stored.parts.items()}


class LogLines(NamedTuple):
    """What an engine says of its cache at start.

    Parameters
    ----------
    requests : array
        Requests of the longest length that a replica holds at once.
    longest : array
        Tokens of the longest request that fits, at most the model's longest context.
    """

    requests: Floats
    longest: Floats


def log_lines(columns: Columns, account: Columns) -> LogLines:
    """Say what the budget of an account holds, in the words of the engines' logs."""
    budget, most = account["kv_budget_byte"], columns["max_len"]
    room = _room(columns, cache_shape(columns), account["draft_kv_layers"])
    budget = np.maximum(budget, 0.0)
    requests = budget / np.maximum(room.of(most, columns["flight_tokens"]), 1.0)
    blocks = np.floor(budget / room.paged.held)
    paged = room.paged.longest(blocks)
    plain = _plain_longest(columns, budget, room)
    apart = (columns["window_pool"] > 0) | (columns["state_pool"] > 0)
    plain = np.where(apart, np.floor(budget / pools.a_token(columns, most, room.kept)), plain)
    grouped = room.paged.grouped > 0
    requests = np.where(grouped, blocks / room.paged.of(most, columns["flight_tokens"]), requests)
    blocks_each = columns["block_tokens"]
    longest = np.where(grouped, paged, np.floor(plain / blocks_each) * blocks_each)
    return LogLines(requests, np.minimum(longest, columns["m_max_position"]))


def _plain_longest(columns: Columns, budget: Floats, room: _Room) -> Floats:
    """Tokens of one sequence that a budget holds; layers with a window stop growing at it."""
    left = budget - state_bytes(columns)
    edge = np.where(np.isfinite(room.kept.window), room.kept.window, np.inf)
    window = np.where(np.isfinite(edge), edge, 1.0)
    at = kv_bytes(columns, window, room.kept) + index_bytes(columns, window)
    further = (kv_bytes(columns, window + 1.0, room.kept)
               + index_bytes(columns, window + 1.0) - at)  # fmt: skip
    beyond = window + (left - at) / np.maximum(further, 1e-9)
    inside = left / np.maximum(at / window, 1e-9)
    found = np.where(np.isfinite(edge) & (left > at), beyond, inside)
    return np.floor(np.maximum(found, 0.0))


class _Room(NamedTuple):
    """How a sequence takes its place: in blocks that kinds of layers share, or each by itself."""

    columns: Columns
    kept: Cache
    paged: Pages

    def of(self, tokens: Floats, ahead: Floats | float = 0.0) -> Floats:
        """All that a sequence of so many tokens keeps on one device."""
        c = self.columns
        blocks = c["block_tokens"]
        filled = np.ceil(tokens / blocks) * blocks
        plain = pools.of(c, filled, self.kept)
        if not np.any(self.paged.grouped):
            return plain
        return np.where(self.paged.grouped > 0, self.paged.of(tokens, ahead) * self.paged.held,
                        plain)  # fmt: skip


def _room(columns: Columns, shape: Cache, drafts: Floats) -> _Room:
    """Lay the caches out; what drafts keeps its own, counted as further layers."""
    shape = shape._replace(whole=shape.whole + drafts)
    # Without groups or pools of their own, layers with a window keep what others keep.
    kept = shape._replace(window=np.where(columns["no_windows"] > 0, np.inf, shape.window),
                          width=_latent_width(columns, shape.width))  # fmt: skip
    return _Room(columns, kept, pages(columns, shape))


def _latent_width(columns: Columns, width: Floats) -> Floats:
    """Width of a layer's cache; vLLM kept keys and values of all heads before it knew MLA.

    Heads were padded to a power of two, 192 to 256 (0.6.6, model_executor/models/deepseek_v2.py).
    """
    before = is_rule(columns, VLLM) & (columns["m_mla"] > 0)
    before &= columns["fw_release_year"] < LATENT_SINCE
    padded = 2.0 ** np.ceil(np.log2(columns["m_head_dim"]))
    heads = np.maximum(columns["m_num_attention_heads"] / columns["tp"], 1.0)
    return np.where(before, 2.0 * heads * padded, width)


def _tokens(columns: Columns, budget: Floats, room: _Room, longest: Floats) -> Floats:
    """Tokens that the caches of a replica hold, as its engine logs them."""
    most, blocks = columns["max_len"], columns["block_tokens"]
    budget = np.maximum(budget, 0.0)
    each = pools.a_token(columns, most, room.kept)
    plain = np.floor(budget / np.maximum(each * blocks, 1.0)) * blocks
    paged = room.paged
    if not np.any(paged.grouped):
        return plain
    there = np.floor(budget / paged.held)
    groups = paged.whole + paged.windowed + paged.recurrent
    of_group = np.floor(there / groups) * paged.tokens
    of_requests = np.floor(there / np.maximum(longest / paged.held, 1.0) * most)
    new = columns["fw_release_year"] >= LOGS_REQUESTS_SINCE
    return np.where(paged.grouped > 0, np.where(new, of_requests, of_group), plain)


def _sequences(columns: Columns, budget: Floats, sequence: Floats) -> Floats:
    """Count the sequences of so many bytes that a budget has room for."""
    room = np.floor(np.maximum(budget, 0.0) / np.maximum(sequence, 1.0))
    # What is set aside keeps others out, never the only sequence.
    return np.maximum(np.floor(room / columns["kv_reserve"]), np.minimum(room, 1.0))
