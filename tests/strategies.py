"""What hypothesis puts before the public entries: odd cells, tables, lines, grids and keywords."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from guide_ml.table.read import DESCRIPTORS

__all__ = ["cells", "conditions", "grids", "json_lines", "keywords", "tables"]

NAMES = tuple(sorted(DESCRIPTORS))
RIGHT: dict[str, tuple[Any, ...]] = {
    "hardware": ("h100", "l4", "nvidia-a100-sxm-80gb"),
    "model": ("llama-3.1-8b-instruct", "Qwen/Qwen2.5-7B-Instruct"),
    "framework": ("vllm", "sglang", "llama.cpp"), "concurrency": (1, 8, 64.0),
    "input_len": (1, 512, 4096.0), "output_len": (1, 128), "tp": (1, 2), "num_devices": (1, 2, 8),
    "weight_dtype": ("bf16", "fp8", ""), "mode": ("closed", "offline", ""),
}  # fmt: skip

odd_numbers = st.one_of(
    st.integers(), st.integers(min_value=2**62, max_value=2**70), st.just(10**400),
    st.floats(allow_nan=True, allow_infinity=True), st.booleans(), st.complex_numbers(),
)  # fmt: skip
odd_texts = st.one_of(
    st.text(max_size=12), st.sampled_from(["nan", "None", "1e999", "0x10", "-1", "\ud800", "\0",
                                           "h100\n", "=1+1", "1,5", "\uff18", "a" * 5000]),
)  # fmt: skip
odd_things = st.one_of(
    st.none(), st.just(pd.NA), st.just(pd.NaT), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2), st.binary(max_size=4),
    st.just(datetime.date(2026, 1, 1)), st.just(datetime.timedelta(days=3)),
    st.just(pd.Timestamp("2026-01-01", tz="UTC")), st.just(np.float32(8)), st.just(np.int8(8)),
    st.just(np.zeros(2)), st.just(frozenset({1})), st.just(slice(1)), st.just(object()),
    st.decimals(allow_nan=True, allow_infinity=True), st.fractions(), st.just(pd.Interval(0, 1)),
    st.just(pd.Period("2026-01")),
)  # fmt: skip
cells = st.one_of(odd_numbers, odd_texts, odd_things)
KINDS = ("category", "string", "Int64", "float32", "boolean", "datetime64[ns]", "object",
         "timedelta64[ns]", "Float64", "complex128", "string[pyarrow]",
         "int64[pyarrow]")  # fmt: skip


@st.composite
def columns(draw: st.DrawFn, name: str, rows: int) -> pd.Series:
    """Draw a column, most of it right, some of it odd, of some kind."""
    right = st.sampled_from(RIGHT.get(name, (None, "", 1)))
    mix = draw(st.sampled_from([right, right, st.one_of(right, cells), cells]))
    values = draw(st.lists(mix, min_size=rows, max_size=rows))
    series = pd.Series(np.empty(rows, dtype=object))
    for k, value in enumerate(values):
        series.array[k] = value
    kind = draw(st.sampled_from((*(None,) * 6, "infer", *KINDS)))
    try:
        if kind == "infer":
            return pd.Series(values)
        whole: Any = series
        return series if kind is None else whole.astype(kind)
    except Exception:  # not every value can be of every kind
        return series


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a table of a few rows with odd cells, kinds, names of columns or an odd index."""
    rows = draw(st.integers(0, 4))
    names = ["hardware", "model", *draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True))]
    names = [n for k, n in enumerate(names) if n not in names[:k]]
    frame = pd.DataFrame({name: draw(columns(name, rows)) for name in names}, index=range(rows))
    extra = draw(st.sampled_from(["none"] * 6 + ["twice", "odd", "multi", "lost", "number"]))
    if extra == "twice":
        frame = pd.concat([frame, frame.iloc[:, :1]], axis=1)
    elif extra == "odd":
        frame[draw(st.one_of(st.text(max_size=4), st.integers(), st.none(), st.just((1, 2))))] = 1
    elif extra == "multi":
        frame.columns = pd.MultiIndex.from_tuples([(n, "x") for n in frame.columns])
    elif extra == "lost":
        frame = frame.drop(columns="hardware")
    elif extra == "number":
        frame.columns = pd.Index(range(frame.shape[1]))
    index = draw(st.sampled_from(["plain"] * 5 + ["same", "text", "multi", "time", "nan"]))
    made: Any = {
            "same": lambda: pd.Index([7] * rows), "text": lambda: pd.Index(list("abcd"[:rows])),
            "multi": lambda: pd.MultiIndex.from_tuples([(k, "x") for k in range(rows)])
            if rows else frame.index,
            "time": lambda: pd.date_range("2026", periods=rows),
            "nan": lambda: pd.Index([np.nan] * rows)}.get(index)  # fmt: skip
    if made is not None:
        frame.index = made()
    return frame


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**70), st.floats(),
              odd_texts, st.sampled_from(["h100", "llama-3.1-8b-instruct", 8, 512])),
    lambda inner: st.one_of(st.lists(inner, max_size=2),
                            st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=4,
)  # fmt: skip


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    """Draw JSON Lines whose rows are JSON objects with cells of all kinds."""
    keys = st.one_of(st.sampled_from(NAMES), odd_texts)
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 19)) == 0:
            lines.append(b'{"model": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
            continue
        row = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "concurrency": 8}
        row |= draw(st.dictionaries(keys, json_values, max_size=3))
        lines.append(json.dumps(row).encode())
    return b"\n".join(lines) + b"\n"


CONDITION_PARTS = ("tp", "num_devices", "hardware", "1", "2", "0", "'h100'", "+", "-", "*", "/",
                   "//", "%", "**", "<", "<=", "==", "!=", "in", "not in", "and", "or", "not", "(",
                   ")", "[", "]", ",", "1e999", "9" * 30, "'a'", "lambda: 1", "tp.x", "f''",
                   "[1, 2]", "is", "~", "if", "else", "\0", "\ud800", "10**9", "'%s' % tp",
                   "[tp]")  # fmt: skip
conditions = st.lists(st.sampled_from(CONDITION_PARTS), min_size=1, max_size=9).map(" ".join)

toml_values = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.text(max_size=6),
    st.lists(st.one_of(st.integers(-5, 9), st.floats(0, 9), st.text(max_size=3)), max_size=4),
    st.dictionaries(st.sampled_from(["from", "to", "step", "times", "count", "x"]),
                    st.one_of(st.integers(-2, 10**13), st.floats()), max_size=4),
)  # fmt: skip


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value.encode("utf-8", "replace").decode())
    return repr(value)


@st.composite
def grids(draw: st.DrawFn) -> str:
    """Draw the description of a grid."""
    lines = ["[[grid]]", 'hardware = ["h100", "l4"]', 'model = "llama-3.1-8b-instruct"',
             "concurrency = [1, 8]"]  # fmt: skip
    names = st.sampled_from(("tp", "num_devices", "input_len", "together", "where", "x"))
    for name in draw(st.lists(names, max_size=3, unique=True)):
        if name == "where" and draw(st.booleans()):
            lines.append(f"where = [{_toml(draw(conditions))}]")
        else:
            lines.append(f"{name} = {_toml(draw(toml_values))}")
    return "\n".join(lines) + "\n"


@st.composite
def keywords(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a caller may hand over for one deployment."""
    given = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "concurrency": 8,
             "input_len": 512, "output_len": 128}  # fmt: skip
    names = st.sampled_from([n for n in NAMES if n not in ("open", "row")])
    for name in draw(st.lists(names, max_size=4)):
        right = st.sampled_from(RIGHT.get(name, (None, 1, "")))
        given[name] = draw(cells if draw(st.booleans()) else right)
    return given
