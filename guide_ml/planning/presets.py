"""What stands for plain words: typical lengths, shares of busy people, feel, models, places."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from guide_ml import catalogue
from guide_ml.errors import UnknownName
from guide_ml.units import MS_PER_S

__all__ = ["S_PER_MIN", "choices", "feel_words", "limits", "lookup", "presets", "reading_tok_s",
           "reading_words", "suggested"]  # fmt: skip

S_PER_MIN = 60.0
_TIMES = {1: "as fast as you read", 2: "twice as fast as you read", 4: "four times as fast as you"
          " read"}  # fmt: skip


@cache
def presets() -> Mapping[str, Any]:
    """Read the table of presets."""
    return tomllib.loads(files(__package__).joinpath("presets.toml").read_text(encoding="utf-8"))


def lookup(kind: str, name: str) -> Mapping[str, Any]:
    """Return an entry of ``uses``, ``busy`` or ``feel``.

    Raises
    ------
    UnknownName
        If there is none of that name.

    Examples
    --------
    >>> lookup("busy", "usual")["share"]
    0.04
    """
    known = presets()[kind]
    if name not in known:
        raise UnknownName(_KINDS[kind], str(name), known)
    found: Mapping[str, Any] = known[name]
    return found


_KINDS = {"uses": "use", "busy": "busy-ness", "feel": "feel"}


def reading_tok_s() -> float:
    """Tokens a second that an adult reads: words a minute / 60 / words a token.

    Examples
    --------
    >>> round(reading_tok_s(), 2)
    5.29
    """
    told = presets()["reading"]
    return float(told["words_per_min"]) / S_PER_MIN / float(told["words_per_token"])


def reading_words(tok_s: float) -> str:
    """Say how fast text comes beside reading.

    Examples
    --------
    >>> reading_words(5.3), reading_words(53.0), reading_words(4.0)
    ('as fast as people read', '10 times as fast as people read', 'slower than people read')
    """
    times = tok_s / reading_tok_s()
    if times < 0.95:
        return "slower than people read"
    if times < 1.5:
        return "as fast as people read"
    return f"{times:,.0f} times as fast as people read"


def limits(feel: str) -> dict[str, float]:
    """Return the limits that a feel stands for: time to the first token, time per further token.

    Examples
    --------
    >>> limits("brisk")
    {'ttft_ms': 1000.0, 'tpot_ms': 94.5}
    """
    told = lookup("feel", feel)
    tpot = MS_PER_S / (reading_tok_s() * told["reading"])
    return {"ttft_ms": float(told["ttft_ms"]), "tpot_ms": round(tpot, 1)}


def feel_words(feel: str) -> str:
    """Say what a feel means.

    Examples
    --------
    >>> feel_words("brisk")
    'starts within 1 second, then writes twice as fast as you read'
    """
    told = lookup("feel", feel)
    seconds = told["ttft_ms"] / MS_PER_S
    unit = "second" if seconds == 1 else "seconds"
    return f"starts within {seconds:g} {unit}, then writes {_TIMES[told['reading']]}"


def suggested(use: str) -> str:
    """Return the model that is taken for a use where none is chosen: the first listed for it.

    Examples
    --------
    >>> suggested("coding")
    'Qwen/Qwen3-Coder-30B-A3B-Instruct'
    """
    return str(next(m["model"] for m in presets()["models"] if m["uses"][0] == use))


def choices() -> dict[str, Any]:
    """Return everything that can be chosen, in words, for a page or a wizard."""
    told = presets()
    return {
        "uses": {name: dict(use) for name, use in told["uses"].items()},
        "busy": {name: dict(one) for name, one in told["busy"].items()},
        "busy_source": told["busy_source"]["text"],
        "feel": {name: dict(one) | limits(name) | {"words": feel_words(name)}
                 for name, one in told["feel"].items()},
        "reading": dict(told["reading"]) | {"tok_s": reading_tok_s()},
        "models": [_sized(one) for one in told["models"]],
        "models_source": told["models_source"]["text"],
        "suggested": {name: suggested(name) for name in told["uses"]},
        "places": list(told["places"]),
        "power": dict(told["power"]), "hours": dict(told["hours"]),
    }  # fmt: skip


def _sized(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Add the size that the catalogue knows."""
    model = catalogue.model(entry["model"])
    return dict(entry) | {"params_total_b": model.params_total_b,
                          "params_active_b": model.params_active_b,
                          "max_position": model.max_position}  # fmt: skip
