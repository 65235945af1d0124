"""Trained sets broken in ways that nobody would train, each with hashes made to match.

Shared by the tests that run with every change, the long fuzzing and its figures.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import guide_ml
from guide_ml.errors import GuideError
from guide_ml.estimators.predictor import Predictor

__all__ = [
    "BOOSTER_WAYS", "NUMBERS", "broken_bytes", "broken_card", "broken_text", "outcome", "put",
    "small_copy",
]  # fmt: skip

ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 10**400, 1e308, -1e308, float("nan"), float("inf"), "", "x",
    "\ud800", [], {}, [[]], [None], {"": {}}, "../x", "a/b", ["extra", "extra"], "9", 9.0,
)  # fmt: skip
ASKED: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm"}
LOADS: tuple[dict[str, Any], ...] = (
    {"concurrency": 8, "input_len": 512, "output_len": 128},
    {"batch_size": 4, "input_len": 100, "output_len": 20},
    {"mode": "offline", "num_requests": 100, "input_len": 512, "output_len": 128},
)


def small_copy(source: Path, target: Path) -> Path:
    """Copy a set that a test may break."""
    return Path(shutil.copytree(source, target))


def put(folder: Path, name: str, data: bytes) -> None:
    """Write a file and make all hashes of the card match it."""
    (folder / name).write_bytes(data)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card["files"][name] = hashlib.sha256(data).hexdigest()
    lines = "".join(f"{k}:{v}\n" for k, v in sorted(card["files"].items()))
    card["artefact_sha256"] = hashlib.sha256(lines.encode()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card), "utf-8")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value[:6]):
            yield from _places(inner, (*path, key))


def broken_card(text: str, rng: random.Random) -> bytes:
    """Change one to three places of a JSON file: take out, double, or put something else."""
    found = json.loads(text)
    top = [(key,) for key in found]
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(top if rng.random() < 0.3 else list(_places(found)) or top)
        holder = found
        try:
            for key in path[:-1]:
                holder = holder[key]
            if rng.random() < 0.3:
                del holder[path[-1]]
            else:
                holder[path[-1]] = rng.choice(ODD)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    return json.dumps(found).encode("utf-8", "surrogatepass")


NUMBERS = (b"-1", b"0", b"1", b"99999", b"2147483648", b"1e999", b"nan", b"-nan", b"inf", b"",
           b"-2147483649", b"1e308", b"x", b"0x10", b" ", b"-1e308", b"1.5", b"--1", b"7 7")
LINES = (b"average_output", b"num_cat=3", b"is_linear=1", b"Tree=5", b"tree_sizes=1 2 3", b"",
         b"cat_boundaries=0 1")
BOOSTER_WAYS = ("number", "line", "cut", "byte", "twice", "swap", "head", "insert")


def broken_text(data: bytes, rng: random.Random, way: str) -> bytes:
    """Change a booster's text in one way."""
    lines = data.split(b"\n")
    row = rng.randrange(len(lines) if rng.random() < 0.7 else 30)
    if way == "number":
        row = next((k for k in range(row, len(lines)) if b"=" in lines[k]), 8)
        name, _, value = lines[row].partition(b"=")
        parts = value.split(b" ")
        parts[rng.randrange(len(parts))] = rng.choice(NUMBERS)
        lines[row] = name + b"=" + b" ".join(parts)
    elif way == "line":
        del lines[row]
    elif way == "cut":
        return data[: rng.randrange(len(data))]
    elif way == "byte":
        at = rng.randrange(len(data))
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    elif way == "twice":
        lines.insert(row, lines[row])
    elif way == "swap":
        other = rng.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
    elif way == "head":
        row = rng.randrange(min(12, len(lines)))
        lines[row] = lines[row].partition(b"=")[0] + b"=" + rng.choice(NUMBERS)
    else:
        lines.insert(row, rng.choice(LINES))
    return b"\n".join(lines)


def outcome(folder: Path) -> str:
    """Load a set and ask it; say how that ended: ``sound``, or ``refused`` in one sentence.

    Raises
    ------
    AssertionError
        If an answer is no number.
    """
    try:
        predictor = Predictor.load(folder)
    except GuideError as error:
        _one_line(error)
        return "refused"
    for load in LOADS:
        try:
            found = guide_ml.predict(**ASKED, **load, predictor=predictor, level=_level(predictor))
        except GuideError as error:
            _one_line(error)
            continue
        numbers = [found.batch_latency_s, found.ttft_ms, found.tpot_ms, found.output_tok_s,
                   *found.low.values(), *found.high.values()]
        told = [x for x in numbers if x is not None]
        assert told
        assert all(0 <= x < float("inf") for x in told), told
    return "sound"


def _one_line(error: GuideError) -> None:
    assert len(str(error).splitlines()) == 1, error


def _level(predictor: Predictor) -> float | None:
    return 0.9 if predictor.fitted.knowledge else None


def broken_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes, half of them near the end, where Parquet says what it holds."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        back = rng.randrange(min(9000, len(out)))
        out[rng.randrange(len(out)) if rng.random() < 0.5 else len(out) - 1 - back] = (
            rng.randrange(256)
        )
    return bytes(out)
