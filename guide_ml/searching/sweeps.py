"""How cost moves with the load, a limit or a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import pandas as pd

from guide_ml.answers import pages
from guide_ml.answers.blocks import Sheet, listing
from guide_ml.answers.progress import ProgressLike, reporting
from guide_ml.answers.shown import width
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.searching.request import SLO, Constraints, Load, as_given
from guide_ml.searching.run import search

__all__ = ["COLUMNS", "SWEPT", "Sweep", "sweep"]

_LOADS = ("users", "requests_per_s", "tokens_per_s", "deadline_h")
_LIMITS = ("ttft_ms", "tpot_ms", "e2e_ms", "tok_s_per_user", "ttft_p99_ms", "tpot_p99_ms",
           "e2e_p99_ms")  # fmt: skip
_BUDGETS = ("max_usd_h", "max_devices")
SWEPT = (*_LOADS, *_LIMITS, *_BUDGETS)
"""What can be swept."""

COLUMNS = ("usd_h", "usd_month", "usd_per_m_output", "num_devices", "hardware", "layout",
           "framework", "weight_dtype", "provider", "region", "instance_type", "price_date",
           "ttft_ms", "tpot_ms", "capacity_tok_s", "headroom", "in_domain")  # fmt: skip


class Sweep(pd.DataFrame):
    """What a sweep found: a DataFrame, shown as a short table.

    What is cut out of it or computed from it is a plain DataFrame. ``rows()`` gives plain values.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def sheet(self) -> Sheet:
        """Return the table that is shown: cost and deployment by what was swept."""
        over = str(self.columns[0])
        headings = {over: over, "usd_h": "USD/h", "gpus": "GPUs", "layout": "layout",
                    "framework": "engine", "ttft_ms": "TTFT ms", "tpot_ms": "TPOT ms",
                    "provider": "provider", "usd_per_m_output": "USD/M out",
                    "proven": "proven"}  # fmt: skip
        return listing(map(_told, self.rows()), headings, f"cost by {over}", spare=3)

    def rows(self) -> list[dict[str, Any]]:
        """Return each row as plain values that :func:`json.dumps` takes; ``None`` for a blank."""
        plain = pd.DataFrame(self).astype(object)
        found = plain.where(plain.notna(), None).to_dict("records")
        return [{str(k): v for k, v in row.items()} for row in found]

    def __copy__(self, deep: bool = True) -> Sweep:
        return Sweep(self.copy(deep=deep))

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Sweep:
        return Sweep(self.copy(deep=True))

    def summary(self, width: int = 100) -> str:
        """Tell it as the text of a table.

        Parameters
        ----------
        width : int
            Columns of a line, at most where words allow.
        """
        return pages.text([self.sheet()], width) if self._whole else super().__repr__()

    def __repr__(self) -> str:
        return self.summary(width())

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str | None:
        """Return what notebooks show."""
        if not self._whole:
            return cast("str | None", cast(Any, super())._repr_html_())
        return pages.html([self.sheet()])

    @property
    def _whole(self) -> bool:
        """Whether it still has the columns that are shown; a caller may have taken some away."""
        return {*COLUMNS, "fits", "proven", "why"} <= set(self.columns)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Say in a row's cells which machines fit, or why none does."""
    gpus = str(row["why"]).split(" Proven:")[0].split(" Not proven:")[0]
    if row["fits"]:
        gpus = f"{int(row['num_devices'])} x {row['hardware']}"
    return row | {"gpus": gpus, "layout": str(row["layout"] or "").split(" = ")[-1]}


def sweep(
    *, over: str, values: Sequence[float], load: Load | Mapping[str, Any],
    slo: SLO | Mapping[str, Any] | None = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
    progress: ProgressLike = None, **kwargs: Any,
) -> Sweep:  # fmt: skip
    """Search once for each value of a load, a limit or a budget.

    Parameters
    ----------
    over : str
        One of SWEPT; a load must be said in the way that `load` is.
    values : sequence of float
        Values to try.
    load, slo, constraints
        As :func:`guide_ml.search` takes them; the swept field is replaced.
    progress : bool or callable, optional
        ``True`` shows a bar; a callable takes searches done, searches to do, and a word.
    kwargs
        Everything else that :func:`guide_ml.search` takes.

    Returns
    -------
    Sweep
        A DataFrame of shape (n, 4 + COLUMNS) that a notebook shows as a short table.
        A row each value: the value (named as ``over``; ``ttft_limit_ms`` and ``tpot_limit_ms``
        beside what is reached), ``fits``, ``proven``, ``why`` and the best plan's COLUMNS, blank
        where nothing fits.

    Examples
    --------
    >>> found = sweep(over="users", values=(4, 64), load={"users": 4},
    ...               model="llama-3.1-8b-instruct",
    ...               workload={"input_len": 512, "output_len": 128}, slo={"tpot_ms": 50},
    ...               constraints={"hardware": ("l4",), "frameworks": ("vllm",)})
    >>> found.fits.tolist(), bool(found.usd_h[1] > found.usd_h[0])
    ([True, True], True)
    """
    if over not in SWEPT:
        raise UnknownName("quantity to sweep", over, SWEPT)
    if not len(values):
        raise InvalidInput("sweep: give at least one value; got none")
    parts: dict[str, dict[str, Any]] = {
        "load": asdict(as_given(Load, load, "load")), "slo": asdict(as_given(SLO, slo, "slo")),
        "constraints": asdict(as_given(Constraints, constraints, "constraints")),
    }  # fmt: skip
    part = "load" if over in _LOADS else "slo" if over in _LIMITS else "constraints"
    if part == "load" and parts["load"][over] is None:
        raise InvalidInput(f"sweep: to sweep {over}, the load must be given as {over} too")
    name = over.replace("_ms", "_limit_ms") if over in COLUMNS else over
    rows = []
    with reporting(progress) as tell:
        for done, value in enumerate(values):
            tell(done, len(values), f"{over} {value:g}")
            if over == "max_devices" and value != int(value):
                raise InvalidInput(f"sweep: max_devices must be whole numbers; got {value:g}")
            number = int(value) if over == "max_devices" else float(value)
            changed = parts | {part: parts[part] | {over: number}}
            found = search(**(kwargs | changed))
            best = found.best.to_dict() if found.best else {}
            rows.append({name: value, "fits": bool(best), "proven": found.proven,
                         **{c: best.get(c) for c in COLUMNS}, "why": found.why[0]})  # fmt: skip
        tell(len(values), len(values), "done")
    return Sweep(rows)
