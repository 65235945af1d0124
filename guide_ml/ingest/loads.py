"""The load of a server's run: closed, open, or a queue that is there at once."""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import number

__all__ = ["served"]

#: Share of a request rate that must be done for it to have been the load: arrivals are random.
KEPT = 0.9


def served(
    concurrency: object, rate: object = None, requests: object = None, reached: object = None,
    latency_s: object = None,
) -> dict[str, Any]:  # fmt: skip
    """Name the mode of a server's run by its load.

    A stated request rate is an open load; a cap alone a closed one; neither sends all requests
    at once, so that the engine drains a queue. A cap above the number of requests was never
    reached: those were all there at once, too.

    A rate under a cap is one of two loads. Where fewer requests a second were done than the rate
    sends, the cap held them back, so the load was closed at the cap. Where the rate was kept, the
    load is open, and flagged: clients start the clock when the cap lets a request go.

    Parameters
    ----------
    concurrency : object
        Requests that may be in flight, as asked for.
    rate : object
        Requests a second as asked for, or ``trace`` for arrivals of another kind.
    requests : object
        Requests that were sent.
    reached : object
        Requests a second that were done.
    latency_s : object
        Mean time of a request, seconds: a run ends so much after its last arrival.

    Examples
    --------
    >>> served(8), served(None, "inf"), served(64, "inf", 8)
    ({'mode': 'closed', 'concurrency': 8.0}, {'mode': 'offline'}, {'mode': 'offline'})
    >>> served(None, 2.5)
    {'mode': 'open', 'request_rate_rps': 2.5}
    >>> served(8, 50, 400, reached=21)
    {'mode': 'closed', 'concurrency': 8.0}
    """
    cap, pace, sent = number(concurrency), number(rate), number(requests)
    cap = cap if cap is not None and cap > 0 else None  # some write -1 for none
    if cap and pace and not (sent and cap > sent) and _held_back(pace, sent, reached, latency_s):
        return {"mode": "closed", "concurrency": cap}
    if (pace is not None and pace > 0) or rate == "trace":
        row: dict[str, Any] = {"mode": "open"}
        row |= {"request_rate_rps": pace} if pace is not None else {}
        return row | ({"flags": "rate-under-a-cap"} if cap and not (sent and cap > sent) else {})
    if not cap or (sent and cap > sent):
        return {"mode": "offline"}
    return {"mode": "closed", "concurrency": cap}


def _held_back(pace: float, sent: float | None, reached: object, latency_s: object) -> bool:
    """Tell whether requests were done more slowly than they were to arrive.

    N requests at a rate take N / rate, and the time of the last one; a cap that never holds one
    back adds nothing.
    """
    done, took = number(reached), number(latency_s) or 0.0
    if not done or not sent:
        return bool(done) and done < KEPT * pace  # type: ignore[operator]
    return done < KEPT * sent / (sent / pace + took)
