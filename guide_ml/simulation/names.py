"""Words of open loads; nothing heavy is imported for them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["E2E", "METRICS", "OPEN_COLUMNS", "POOL_COLUMNS", "ROUTERS", "STATISTICS", "says_open"]

METRICS = ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms")
"""Latencies: to the first token, per further token of a request, between tokens, of all of it."""
E2E = ("e2e_ms", "e2e_ms_low", "e2e_ms_high")
"""Columns that a table has only if it has open loads."""
STATISTICS = ("mean", "median", "p90", "p95", "p99")
ROUTERS = ("round-robin", "least-loaded", "prefix-aware")
"""How replicas are chosen; the number of each is its place."""
OPEN_COLUMNS = ("arrival", "length_cv", "e2e_stat", "duration_s", "replicas", "router")
"""Columns that only open loads have, beside ``request_rate_rps``."""
POOL_COLUMNS = tuple(f"{kind}_{part}" for kind in ("prefill", "decode")
                     for part in ("workers", "tp", "dp", "ep"))  # fmt: skip
"""Layout of disaggregated deployments: workers that prefill and workers that decode."""


def says_open(row: Mapping[str, object]) -> bool:
    """Tell whether a call is simulated: it says an open load, or has what only those have.

    A disaggregated deployment is, whatever its load.

    Parameters
    ----------
    row : mapping
        What was given, by name.

    Examples
    --------
    >>> says_open({"request_rate_rps": 2.0}), says_open({"mode": "closed", "concurrency": 4})
    (True, False)
    """
    mode = str(row.get("mode", "")).strip().lower()
    if mode == "disagg" or any(name in row for name in POOL_COLUMNS):
        return True
    rate = "request_rate_rps" in row and not mode and not {"batch_size", "concurrency"} & {*row}
    return mode == "open" or rate or any(name in row for name in OPEN_COLUMNS)
