"""From a version as people write it to the date on which it was released.

Engines get faster with time, so the date is a descriptor. Versions come as ``0.11.1``, as
container tags, build numbers (llama.cpp) or the version of a wrapper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

_NUMBER = re.compile(r"(?<![\d.])v?(\d+(?:\.\d+)+|\d+(?=a\b))")
_PLAIN = re.compile(r"^[\d.]+$")  # a listed version that is no wording
_BUILD = re.compile(r"^b(\d{4,5})$")
_DATE = re.compile(r"(20[2-3]\d)(0[1-9]|1[0-2])([0-3]\d)")


def decimal_year(month: str) -> float:
    """Turn ``"2024-07"`` into 2024.5.

    Examples
    --------
    >>> decimal_year("2024-07")
    2024.5
    """
    year, number = month.split("-")
    return int(year) + (int(number) - 1) / 12


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(p) for p in re.findall(r"\d+", version))


def _floor_entry(dates: Mapping[str, str], version: str) -> float | None:
    """Date of the newest listed version that is not above `version`."""
    want = _parts(version)
    below = [v for v in dates if _PLAIN.match(v) and _parts(v) <= want]
    return decimal_year(dates[max(below, key=_parts)]) if below else None


def _build_year(builds: Mapping[str, str], build: int) -> float:
    """Interpolate a build number between dated builds."""
    points = sorted((int(b), decimal_year(m)) for b, m in builds.items())
    if build <= points[0][0]:
        return points[0][1]
    for (b0, y0), (b1, y1) in pairwise(points):
        if build <= b1:
            return y0 + (y1 - y0) * (build - b0) / (b1 - b0)
    return points[-1][1]


def newest(block: Mapping[str, Any]) -> float:
    """Date of the newest version that an engine's block of frameworks.toml lists.

    ``unstated`` overrides it: the newest version that was measured, where newer ones are known.
    """
    if "unstated" in block:
        return decimal_year(block["unstated"])
    months = list(block.get("versions", {}).values()) or list(block.get("builds", {}).values())
    return max(decimal_year(m) for m in months or [block["released"]])


def release_year(block: Mapping[str, Any], version: str) -> float | None:
    """Find when a version was released.

    Parameters
    ----------
    block : mapping
        The engine's block of frameworks.toml.
    version : str
        Version, container tag or build number.

    Returns
    -------
    float or None
        Decimal year, or ``None`` if the text holds no version that the block can date.

    Examples
    --------
    >>> release_year({"versions": {"0.6": "2024-09", "0.10": "2025-07"}}, "0.6.1.post2")
    2024.6666666666667
    """
    text = version.strip().lower()
    versions: Mapping[str, str] = block.get("versions", {})
    if text in versions:
        return decimal_year(versions[text])
    if (match := _BUILD.match(text)) and "builds" in block:
        return _build_year(block["builds"], int(match.group(1)))
    for wrapper, dates in block.get("wrappers", {}).items():
        if wrapper in text and (found := _after(text, wrapper)):
            return _floor_entry(dates, found)
    if (match := _DATE.search(text)) and "nightly" in text:
        return int(match.group(1)) + (int(match.group(2)) - 1) / 12
    found = _engine_number(text)
    year = _floor_entry(versions, found) if found else None
    return year if year is not None else block_year(block, text)


def block_year(block: Mapping[str, Any], text: str) -> float | None:
    """Use the only date of an engine whose versions are not told apart."""
    return decimal_year(block["released"]) if text and "released" in block else None


def _after(text: str, word: str) -> str | None:
    found = _NUMBER.search(text, text.index(word) + len(word))
    return found.group(1) if found else None


def _engine_number(text: str) -> str | None:
    """Pick the engine's own number out of a container tag: the one after its name."""
    for word in ("vllm-", "vllm ", "vllm-openai:", "sglang-rocm:", "sglang-", "sglang ", "sglang:",
                 "sgl-dev:", "-atom", "_atom", "release:"):  # fmt: skip
        if word in text and (found := _after(text, word)):
            return found
    first = _NUMBER.search(text)
    return first.group(1) if first else None
