"""Traffic by value: what comes, said in JSON, never a file of the server."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.web.public import public

__all__ = ["traffic"]

#: Ways in which requests come and lengths are drawn; none of them reads a file.
ARRIVALS = ("poisson", "gamma", "constant", "ramp", "closed")
LENGTHS = ("fixed", "uniform", "lognormal", "recorded")
MOST = 200_000


def traffic(told: Any) -> Any:
    """Return the :class:`guide_ml.Traffic` that is meant.

    Parameters
    ----------
    told : mapping
        ``arrival`` names a way (:data:`ARRIVALS`), the other keys are its keywords; ``lengths``
        likewise has ``kind`` (:data:`LENGTHS`) and its keywords.

    Raises
    ------
    UnknownName, InvalidInput
        If a way or a keyword is unknown, or there are too many requests.
    """
    if not isinstance(told, Mapping):
        raise InvalidInput("traffic must be given by value: an object with arrival, lengths and"
                           f" their keywords; got {type(told).__name__}")  # fmt: skip
    own, drawn = dict(told), dict(told.get("lengths") or {})
    arrival, kind = own.pop("arrival", "poisson"), drawn.pop("kind", "fixed")
    lengths = _made(public("Lengths"), LENGTHS, "kind of lengths", str(kind), drawn)
    if not 0 < float(own.get("num_requests") or 1) <= MOST:
        raise InvalidInput(f"num_requests must be from 1 to {MOST:,}; got {own['num_requests']}")
    rate, seconds = float(own.get("rate_rps") or 0), float(own.get("duration_s") or 0)
    if rate * seconds > MOST:
        raise InvalidInput(f"rate_rps x duration_s must be {MOST:,} requests at most;"
                           f" got {rate * seconds:,.0f}")  # fmt: skip
    return _made(public("Traffic"), ARRIVALS, "arrival", str(arrival), own | {"lengths": lengths})


def _made(owner: Any, ways: tuple[str, ...], word: str, way: str, given: dict[str, Any]) -> Any:
    if way not in ways or not hasattr(owner, way):
        raise UnknownName(word, way, ways)
    make = getattr(owner, way)
    known = inspect.signature(make).parameters
    for name in given:
        if name not in known:
            raise UnknownName(f"keyword of {way}:", name, known)
    missing = [name for name, p in known.items() if p.default is p.empty and name not in given]
    if missing:
        raise InvalidInput(f"{way} needs {', '.join(missing)}")
    return make(**given)
