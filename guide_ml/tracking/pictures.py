"""Pictures of a retraining; drawn if matplotlib (the extra `plot`) is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.estimators.artefacts import Fitted
from guide_ml.explaining.picture import plain
from guide_ml.tracking.held_table import ESTIMATORS, errors_by

__all__ = ["can_draw", "draw", "draw_curve", "importance"]

GROUPS = ("source", "hardware", "framework", "mode")
MOST = 20  # groups or inputs shown


def can_draw() -> bool:
    """Tell whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def importance(fitted: Fitted) -> pd.DataFrame:
    """Share of each input in the gain of each target's boosters.

    Returns
    -------
    DataFrame with columns target, kind, input, share
        Shares of one booster sum to 1; largest first.
    """
    rows = []
    for target, members in fitted.members.items():
        for kind, member in members.items():
            booster = getattr(getattr(member, "member", member), "booster", None)  # Lazy or not
            gain = _gain(booster, fitted.inputs[target])
            total = sum(gain.values()) or 1.0
            rows += [{"target": target, "kind": kind, "input": name, "share": value / total}
                     for name, value in gain.items()]  # fmt: skip
    table = pd.DataFrame(rows, columns=["target", "kind", "input", "share"])
    return table.sort_values(["target", "share"], ascending=[True, False], ignore_index=True)


def _gain(booster: Any, inputs: list[str]) -> dict[str, float]:
    """Total gain by input; boosters number their inputs."""
    if hasattr(booster, "feature_importance"):
        return dict(zip(inputs, map(float, booster.feature_importance("gain")), strict=True))
    if hasattr(booster, "get_score"):
        score = booster.get_score(importance_type="total_gain")
        return {name: float(score.get(f"f{i}", 0.0)) for i, name in enumerate(inputs)}
    return {}


def draw(
    folder: Path, held: pd.DataFrame, shares: pd.DataFrame,
    calibration: pd.DataFrame,
) -> list[Path]:  # fmt: skip
    """Draw all pictures but the learning curve as PNG files; none without matplotlib.

    Parameters
    ----------
    folder : Path
        Where to.
    held : DataFrame
        :func:`guide_ml.tracking.held_table.held_out`.
    shares : DataFrame
        :func:`importance`.
    calibration : DataFrame
        :func:`guide_ml.tracking.calibration.coverage`.
    """
    if not can_draw():
        return []
    found = {"predicted_measured": _scatter(held), "importance": _bars(shares)}
    for column in GROUPS:
        found[f"error_by_{column}"] = _by_group(held, column)
    found["calibration"] = _lines(calibration, "level", "covered", "share within interval")
    return _save(folder, found)


def draw_curve(folder: Path, curve: pd.DataFrame) -> list[Path]:
    """Draw :func:`guide_ml.tracking.curve.learning_curve`; nothing without matplotlib."""
    return _save(folder, {"learning_curve": _curve(curve)}) if can_draw() else []


def _save(folder: Path, found: dict[str, Any]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in found.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=90)
    return paths


def _figure(
    rows: int, columns: int, width: float = 10.0, height: float = 8.0, title: str = ""
) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # no pyplot: no state, any thread

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _scatter(held: pd.DataFrame) -> Any:
    """Predicted against measured, deployment unseen, one panel a target."""
    figure, axes = _figure(2, 2, title="Predicted against measured, deployments held out")
    part = held[(held["split"] == "deployment") & (held["statistic"] == 0)]
    for axis, target in zip(axes.flat, TARGETS, strict=True):
        mine = part[part["target"] == target.name]
        measured, predicted = np.exp(mine["log_measured"]), np.exp(mine[ESTIMATORS])
        axis.loglog(measured, predicted, ".", markersize=2, alpha=0.3)
        if len(mine):
            ends = [measured.min(), measured.max()]
            axis.loglog(ends, ends, color="black", linewidth=0.8)
        axis.set(title=target.title, xlabel=f"measured {target.name}", ylabel="predicted")
    return figure


def _by_group(held: pd.DataFrame, column: str) -> Any:
    """Median error of the groups with most values, deployment unseen."""
    title = f"Median error by {column}, deployments held out (in brackets: values)"
    figure, axes = _figure(1, len(NAMES), 16.0, 6.0, title)
    table = errors_by(held, column)
    for axis, target in zip(axes.flat, TARGETS, strict=True):
        mine = table[table["target"] == target.name].nlargest(MOST, "rows")
        mine = mine.sort_values("median_ape")
        names = [plain(f"{n} ({int(c)})") for n, c in zip(mine[column], mine["rows"], strict=True)]
        axis.barh(names, mine["median_ape"])
        axis.set(title=target.title, xlabel="median error, %")
        axis.tick_params(axis="y", labelsize=6)
    return figure


def _bars(shares: pd.DataFrame) -> Any:
    """Largest shares of the gain."""
    figure, axes = _figure(1, len(NAMES), 16.0, 6.0, "Inputs that the boosters gain most by")
    for axis, target in zip(axes.flat, TARGETS, strict=True):
        mine = shares[shares["target"] == target.name].groupby("input")["share"].mean()
        mine = mine.nlargest(MOST).sort_values()
        axis.barh(mine.index.astype(str), mine.to_numpy())
        axis.set(title=target.title, xlabel="share of gain")
        axis.tick_params(axis="y", labelsize=6)
    return figure


def _lines(table: pd.DataFrame, x: str, y: str, label: str) -> Any:
    """Draw one line a split, beside the diagonal."""
    figure, axes = _figure(1, 1, 6.0, 6.0, "How often intervals hold, by what was held out")
    axis = axes[0][0]
    for split, part in table.groupby("split", sort=False):
        axis.plot(part[x], part[y], marker="o", label=str(split))
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    axis.set(xlabel=x, ylabel=label)
    axis.legend()
    return figure


def _curve(curve: pd.DataFrame) -> Any:
    """Error against share of the data, a panel a target, a line a split."""
    figure, axes = _figure(2, 2, title="Error against share of the data, by what was held out")
    colours = {split: f"C{k}" for k, split in enumerate(curve["split"].unique())}
    for axis, target in zip(axes.flat, TARGETS, strict=True):
        mine = curve[curve["target"] == target.name]
        for split, part in mine.groupby("split", sort=False):
            axis.plot(part["share"], part["median_ape"], marker="o", color=colours[split],
                      label=str(split))  # fmt: skip
        axis.set(title=target.title, xlabel="share of the data", ylabel="median error, %")
        axis.set(xlim=(0, 1.05), ylim=(0, None))
        if len(mine):
            axis.legend()
    return figure

