"""What is checked before a row is stored; each finding has a check's name and a sentence."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import pandas as pd

from guide_ml.describe.targets import TARGETS
from guide_ml.ingest.rows import FAULT, typed
from guide_ml.measurements.plausible import implausible
from guide_ml.measurements.read import KEPT, MEASURED, unusable
from guide_ml.table.read import DESCRIPTORS, NUMBERS

__all__ = ["DUPLICATE", "UNUSED", "Findings", "inspect", "keys"]

Key = tuple[Hashable, ...]
_REFERENCE = re.compile(r"#([0-9a-f]{12}:\d+)$")
DUPLICATE, CONTRADICTION = "duplicate", "contradiction"
#: Reasons for which training leaves a row out that is right nevertheless: it is kept.
UNUSED = ("mode is not predicted", "flagged by", "speculative decoding unknown")
#: Factor by which equal deployments may differ: nineteen in twenty repeats of the shipped set
#: lie within it.
CONTRADICTS = {"ttft_ms": 3.0, "tpot_ms": 2.0, "batch_latency_s": 2.0, "output_tok_s": 2.0}


#: What is said of a run without a figure.
NOTHING = "no request was completed, so that nothing was measured"
#: Flags of importers that say how requests shared their prompts, or arrived.
CACHING = {"multi-turn", "prefix-cached", "multimodal", "rate-under-a-cap"}
#: Figures that two files must share, and how far each may be rounded, to be of one run: no two
#: runs of a server agree so closely in so many.
FIGURES_OF_A_RUN, ROUNDED = 4, 1e-3
#: What files of one run all state or are given alike.
_CORE = ("hardware", "num_devices", "model", "framework", "weight_dtype", "mode", "concurrency",
         "request_rate_rps")  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What the checks say of each row, on its index.

    Parameters
    ----------
    check, reason : Series of str
        The check that a row failed and a sentence; blank if it passed all.
    unused : Series of str
        Why training will leave a row out that is stored; blank if it will not.
    """

    check: pd.Series
    reason: pd.Series
    unused: pd.Series

    def note(self, check: str, reasons: pd.Series) -> None:
        """Note the reasons of rows that have passed so far."""
        new = (self.check == "") & (reasons != "")
        self.check[new], self.reason[new] = check, reasons[new]


def inspect(rows: pd.DataFrame, stored: pd.DataFrame, others: pd.DataFrame) -> Findings:
    """Check new rows, by themselves and against what is known.

    Parameters
    ----------
    rows : DataFrame
        New rows under canonical columns, and the importers' faults.
    stored, others : DataFrame
        The table that they are meant for, and other measurements.
    """
    blank = pd.Series("", index=rows.index, dtype=object)
    table = typed(rows)[list(KEPT)]
    found = Findings(blank.copy(), blank.copy(), blank.copy())
    faults = rows[FAULT].astype("string").fillna("") if FAULT in rows else blank
    found.note("as read", faults.astype(object))
    found.note("as read", _empty(table))
    doubts = _doubts(table)
    for kind in ("units", "roofline floor", "Little's law", "consistency"):
        found.note(kind, doubts.where(doubts.map(_kind) == kind, ""))
    left = unusable(table)
    kept = left.str.startswith(UNUSED)
    found.unused[kept] = left[kept]
    found.note("schema", left.where(~kept, ""))
    _against(table, stored, others, found)
    return found


def _empty(table: pd.DataFrame) -> pd.Series:
    """Find runs that measured nothing: reports of sweeps hold them with zeros."""
    figures = table[list(MEASURED)]
    zeros = figures.notna().any(axis=1) & (figures.fillna(0.0) == 0).all(axis=1)
    none = zeros | (table["num_requests"] == 0)
    return pd.Series("", index=table.index, dtype=object).mask(none, NOTHING)


def _doubts(table: pd.DataFrame) -> pd.Series:
    """Hold rows against the hardware and themselves; flagged ones as far as their flag allows.

    Cached prompts may beat the floor of a first token, but no next token beats its own.
    """
    flags = table["flags"].fillna("").astype(object)
    served = _as_served(table)
    doubts = implausible(served).where(flags == "", "")
    own = flags.map(lambda f: bool(f) and set(str(f).split(";")) <= CACHING).astype(bool)
    if not own.any():
        return doubts
    blank = {c: float("nan") for c in (*MEASURED, "e2e_median_ms") if not c.startswith("tpot")}
    return doubts.where(~own, implausible(served.assign(**blank)))


def _as_served(table: pd.DataFrame) -> pd.DataFrame:
    """Let loads that are kept, but not predicted, have the floors of a server's.

    What a first or a next token takes at least does not depend on how requests arrive.
    """
    kept = table["mode"].isin(["open", "disagg"])
    seen = table.assign(mode=table["mode"].where(~kept, "closed"))
    seen["concurrency"] = seen["concurrency"].where(~(kept & seen["concurrency"].isna()), 1.0)
    return seen.assign(output_tok_s=seen["output_tok_s"].where(~kept))


def _kind(doubt: str) -> str:
    if "looks like" in doubt or "mixed up" in doubt:
        return "units"
    if doubt.startswith("Little's law"):
        return "Little's law"
    return "roofline floor" if "hardware" in doubt else "consistency"


def keys(table: pd.DataFrame, columns: tuple[str, ...]) -> list[Key]:
    """Return what rows are told apart by: cells as text, numbers to six digits."""
    t = table.reindex(columns=list(columns))
    out: dict[str, list[str]] = {}
    for name in columns:
        if name in NUMBERS or name in MEASURED:
            numbers = pd.to_numeric(t[name], errors="coerce").tolist()
            out[name] = ["" if v != v else f"{v:.6g}" for v in numbers]
        else:
            blank = "mean" if name.endswith("_stat") else ""
            out[name] = [str(v).lower() if isinstance(v, str) and v else blank for v in t[name]]
    return list(zip(*out.values(), strict=True))


@dataclass(frozen=True)
class _Row:
    """One measurement as it is looked up: content, deployment, its core, figures, file's row."""

    content: Key
    deployment: Key
    core: Key
    figures: dict[str, float]
    all_figures: dict[str, float]
    run: str

    @classmethod
    def of(cls, table: pd.DataFrame) -> list[_Row]:
        """Take a table apart; figures of flagged rows are left out, since they may be wrong."""
        t = table.reindex(columns=list(KEPT))
        figures = t[[x.name for x in TARGETS]].apply(pd.to_numeric).to_dict("records")
        sound = t["flags"].astype("string").fillna("").eq("").tolist()
        known = [{str(n): v for n, v in f.items() if ok and v > 0}
                 for f, ok in zip(figures, sound, strict=True)]  # fmt: skip
        every = [{k: v for k, v in f.items() if v > 0} for f in
                 t[list(MEASURED)].apply(pd.to_numeric).to_dict("records")]  # fmt: skip
        parts = (
            keys(t, (*DESCRIPTORS, *MEASURED)),
            keys(t, DESCRIPTORS),
            keys(t, _CORE),
            known,
            every,
            map(_run, t["source_ref"]),
        )
        return [cls(*p) for p in zip(*parts, strict=True)]


class _Known:
    """All measurements so far."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self.contents: set[Key] = set()
        self.values: dict[Key, dict[str, list[float]]] = {}
        self.alike: dict[Key, list[dict[str, float]]] = {}
        self.runs: set[str] = set()
        for row in rows:
            self.add(row)

    def add(self, row: _Row) -> None:
        self.contents.add(row.content)
        self.runs.add(row.run)
        self.alike.setdefault(row.core, []).append(row.all_figures)
        mine = self.values.setdefault(row.deployment, {})
        for name, value in row.figures.items():
            mine.setdefault(name, []).append(value)

    def judge(self, row: _Row) -> tuple[str, str]:
        """Return the check that a row fails and the reason; blanks if it is new and agrees."""
        if row.content in self.contents:
            return DUPLICATE, "stored already"
        if any(_alike(row.all_figures, other) for other in self.alike.get(row.core, ())):
            return DUPLICATE, "stored already: another file of the same run"
        if row.run and row.run in self.runs:
            return CONTRADICTION, "this run is stored under other facts; remove that row first"
        known = self.values.get(row.deployment, {})
        for name in sorted(row.figures.keys() & known.keys()):
            value = row.figures[name]
            factor, nearest = min((max(v / value, value / v), v) for v in known[name])
            if factor > CONTRADICTS[name]:
                return CONTRADICTION, (
                    f"{name} {value:.4g} is {value / nearest:.2g} times the {nearest:.4g} that is"
                    " known of the same deployment and load"
                )
        return "", ""


def _alike(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two rows are of one run: a tool's CSV rounds what its JSON holds."""
    both = one.keys() & other.keys()
    near = (abs(one[k] - other[k]) <= ROUNDED * other[k] for k in both)
    return len(both) >= FIGURES_OF_A_RUN and all(near)


def _run(reference: object) -> str:
    """Hash and row of a reference that ingestion wrote: the file may have been renamed."""
    found = _REFERENCE.search(reference) if isinstance(reference, str) else None
    return found[1] if found else ""


def _against(
    rows: pd.DataFrame, stored: pd.DataFrame, others: pd.DataFrame, found: Findings
) -> None:
    """Find copies and contradictions; each accepted row becomes known.

    A row may agree with one that is accepted after it, so what contradicts is looked at again
    until nothing changes: the order of the rows does not matter, and a second run finds the same.
    """
    alike = others["hardware"].isin(rows["hardware"]) & others["model"].isin(rows["model"])
    known = _Known([*_Row.of(others[alike]), *_Row.of(stored)])
    open_rows = [(i, r) for i, r in zip(rows.index, _Row.of(rows), strict=True)
                 if not found.check[i]]  # fmt: skip
    accepted = True
    while accepted:
        accepted, again = False, []
        for index, row in open_rows:
            found.check[index], found.reason[index] = known.judge(row)
            if found.check[index] == "":
                known.add(row)
                accepted = True
            elif found.check[index] == CONTRADICTION:
                again.append((index, row))
        open_rows = again
