"""CSV files of requests: Azure's traces, BurstGPT, and plain ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.errors import BadData
from guide_ml.traffic.rows import Floats, Rows, checked
from guide_ml.traffic.sharing import Shared, numbered
from guide_ml.units import MS_PER_S

__all__ = ["azure", "burstgpt", "is_azure", "is_burstgpt", "is_plain", "plain"]

AZURE = ("timestamp", "contexttokens", "generatedtokens")
BURSTGPT = ("timestamp", "requesttokens", "responsetokens")
FAILED = "failed: no token was answered"

#: Spellings of a plain file's columns, in letters and digits.
PLAIN = {
    "arrival_s": ("arrivals", "arrival", "arrivaltime", "arrivaltimes", "arrivedat", "time",
                  "times", "timestamp", "timestamps", "t"),
    "arrival_ms": ("arrivalms", "arrivaltimems", "timems", "timestampms"),
    "input_tokens": ("inputtokens", "input", "inputlen", "inputlength", "prompttokens", "prompt",
                     "promptlen", "promptlength", "numprefilltokens", "contexttokens"),
    "output_tokens": ("outputtokens", "output", "outputlen", "outputlength", "completiontokens",
                      "answer", "answertokens", "numdecodetokens", "generatedtokens"),
    "conversation": ("conversation", "conversationid", "session", "sessionid", "chatid"),
    "shared_prefix": ("sharedprefix", "sharedprefixid", "prefix", "prefixid", "prefixgroup",
                      "group"),
    "shared_tokens": ("sharedtokens", "sharedprefixtokens", "sharedprefixlen", "prefixtokens",
                      "prefixlen"),
}  # fmt: skip
#: Columns of a plain file without a heading.
IN_ORDER = ("arrival_s", "input_tokens", "output_tokens", "conversation", "shared_prefix",
            "shared_tokens")  # fmt: skip


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _heading(head: str) -> list[str]:
    first = head.lstrip().split("\n", 1)[0]
    return [_key(name) for name in first.split(",")]


def is_azure(head: str) -> bool:
    """Whether a file begins as Azure's traces do."""
    return set(AZURE) <= set(_heading(head))


def is_burstgpt(head: str) -> bool:
    """Whether a file begins as BurstGPT's do."""
    return set(BURSTGPT) <= set(_heading(head))


def is_plain(head: str) -> bool:
    """Whether a file begins as a plain table of requests does."""
    names = _named(_heading(head))
    timed = "arrival_s" in names or "arrival_ms" in names
    return (timed and {"input_tokens", "output_tokens"} <= set(names)) or _bare(head)


def _named(heading: list[str]) -> dict[str, int]:
    """Find the columns of a plain file, by what they hold."""
    return {name: next(heading.index(s) for s in spellings if s in heading)
            for name, spellings in PLAIN.items() if set(spellings) & set(heading)}  # fmt: skip


def _bare(head: str) -> bool:
    """Whether the first line holds numbers alone: a file without a heading."""
    parts = head.lstrip().split("\n", 1)[0].strip().split(",")
    numbers = [_number(part) for part in parts[:3]]
    return len(parts) in range(3, len(IN_ORDER) + 1) and all(numbers)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def azure(path: Path) -> Rows:
    """Read ``TIMESTAMP,ContextTokens,GeneratedTokens``, times of day in 100 ns."""
    table, lines = _table(path, dict(zip(("time", "inside", "outside"), AZURE, strict=True)))
    times = _seconds(table["time"])
    inside, outside = _numbers(table["inside"]), _numbers(table["outside"])
    checked(path, lines, times, inside, outside, least_output=0)
    return _answered(times, inside, outside)


def burstgpt(path: Path) -> Rows:
    """Read BurstGPT; a failed request has no token, and part 3 has sessions."""
    columns = dict(zip(("time", "inside", "outside"), BURSTGPT, strict=True))
    table, lines = _table(path, columns, {"session": "sessionid"})
    times = _numbers(table["time"])
    inside, outside = _numbers(table["inside"]), _numbers(table["outside"])
    empty = (inside == 0) & (outside == 0)  # failed before it was counted
    checked(path, lines, times, np.where(empty, 1, inside), outside, least_output=0)
    sessions = table["session"].fillna("").tolist() if "session" in table else None
    return _answered(times, inside, outside, sessions)


def _answered(
    times: Floats, inside: Floats, outside: Floats, sessions: list[Any] | None = None
) -> Rows:
    done = outside > 0
    left_out = {FAILED: int((~done).sum())} if not done.all() else {}
    shared = None
    if sessions is not None:
        talks = numbered([s for s, kept in zip(sessions, done, strict=True) if kept])
        shared = Shared(talks, np.full(len(talks), -1), np.zeros(len(talks), np.int64))
    return Rows(times[done], inside[done].astype(np.int64), outside[done].astype(np.int64),
                shared, left_out)  # fmt: skip


def plain(path: Path) -> Rows:
    """Read a table of time, prompt, answer, and if wanted conversation and shared beginning."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    if _bare(head):
        names = dict(zip(IN_ORDER, range(len(head.split(","))), strict=False))
        table, lines = _read(path, names, header=False)
    else:
        table, lines = _read(path, _named(_heading(head)), header=True)
    stamps = table["arrival_s"] if "arrival_s" in table else table["arrival_ms"]
    times = _seconds(stamps) / (1.0 if "arrival_s" in table else MS_PER_S)
    inside, outside = _numbers(table["input_tokens"]), _numbers(table["output_tokens"])
    checked(path, lines, times, inside, outside)
    shared, note = _shared(path, table, lines, inside)
    return Rows(times, inside.astype(np.int64), outside.astype(np.int64), shared, note=note)


def _shared(
    path: Path, table: pd.DataFrame, lines: Any, inside: Floats
) -> tuple[Shared | None, str]:
    if not {"conversation", "shared_prefix", "shared_tokens"} & set(table):
        return None, ""
    n, note = len(table), ""
    none = np.full(n, -1, dtype=np.int64)
    talks = numbered(_names(table["conversation"])) if "conversation" in table else none
    groups = numbered(_names(table["shared_prefix"])) if "shared_prefix" in table else none
    tokens = np.zeros(n)
    if "shared_tokens" in table:
        tokens = np.nan_to_num(_numbers(table["shared_tokens"]))
        if (bad := (tokens < 0) | (tokens != np.floor(tokens))).any():
            i = int(np.argmax(bad))
            raise BadData(f"{path}: line {lines[i]}: shared tokens must be a whole number from 0"
                          f" on; got {tokens[i]:g}")  # fmt: skip
        if "shared_prefix" not in table:
            groups = np.where(tokens > 0, 0, -1)
            note = "; no column names groups, so all that share count as one"
    elif (groups >= 0).any():
        least = pd.Series(inside).groupby(groups).transform("min").to_numpy()
        tokens = np.where(groups >= 0, least, 0)
        note = "; no column says how many tokens a group shares, so its shortest prompt counts"
    return Shared(talks, groups, np.minimum(tokens, inside).astype(np.int64)), note


def _names(column: pd.Series) -> list[str]:
    """Return names of groups as text; 3 and 3.0 are the same, which a gap in a column makes."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string").fillna("").str.strip().tolist()


def _table(
    path: Path, columns: Mapping[str, str], more: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, Any]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        heading = _heading(file.readline())
    if lacking := [spelt for spelt in columns.values() if spelt not in heading]:
        raise BadData(f"{path}: line 1 lacks the column {lacking[0]}; got {','.join(heading)[:80]}")
    wanted = dict(columns) | {k: v for k, v in (more or {}).items() if v in heading}
    return _read(path, {name: heading.index(spelt) for name, spelt in wanted.items()}, header=True)


def _read(path: Path, names: Mapping[str, int], header: bool) -> tuple[pd.DataFrame, Any]:
    """Read columns by their place, and the line that each row stands in."""
    ordered = sorted(names, key=names.__getitem__)
    try:
        table = pd.read_csv(
            path, header=None, skiprows=1 if header else 0, usecols=[names[n] for n in ordered],
            skip_blank_lines=False, encoding="utf-8-sig", encoding_errors="replace",
            low_memory=False, skipinitialspace=True,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise BadData(f"{path} has a heading and no request below it") from None
    except pd.errors.ParserError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at.group(1)) if at else 2
        told = "it has another number of columns than line 1"
        raise BadData(f"{path}: line {line}: {told}") from None
    except ValueError:
        raise BadData(f"{path}: line {2 if header else 1}: it has fewer columns than are needed:"
                      f" {', '.join(ordered)}") from None  # fmt: skip
    table.columns = pd.Index(ordered)
    lines = np.arange(len(table)) + (2 if header else 1)
    blank = table.isna().all(axis=1).to_numpy()
    return table[~blank].reset_index(drop=True), lines[~blank]


def _numbers(column: pd.Series) -> Floats:
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _seconds(column: pd.Series) -> Floats:
    """Return seconds of numbers, or of times of day as ISO 8601 writes them; NaN of neither."""
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column, dtype=float)
    numbers = _numbers(column)
    if np.isfinite(numbers[:1]).all():
        return numbers
    stamps = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    known = stamps.dropna()
    if known.empty:
        return numbers
    return np.asarray((stamps - known.iloc[0]).dt.total_seconds(), dtype=float)
