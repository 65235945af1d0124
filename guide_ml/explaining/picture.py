"""An explanation as a picture: times in parts, and what would change them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guide_ml.answers.explanation import PARTS, TITLES, Explanation
from guide_ml.answers.prediction import Prediction
from guide_ml.errors import InvalidInput
from guide_ml.system.writing import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "plain", "title"]

COLOURS = ("#4c72b0", "#dd8452", "#da8bc3", "#55a868", "#c44e52", "#64b5cd", "#937860",
           "#8c8c8c")
KINDS = (".png", ".svg", ".pdf")


def draw(explained: Explanation, path: str | os.PathLike[str], title: str = "") -> Path:
    """Draw the parts of each time as stacked bars, and the variants beside them.

    Parameters
    ----------
    explained : Explanation
        What to draw.
    path : path
        Where to write it: a ``.png``, ``.svg`` or ``.pdf`` file.
    title : str
        Above the picture.

    Returns
    -------
    Path

    Raises
    ------
    InvalidInput
        If matplotlib is not installed, or the file is of no kind that it writes.
    """
    where = Path(path)
    if where.suffix.lower() not in KINDS:
        raise InvalidInput(f"a picture must be a file ending in {', '.join(KINDS)}; got {where}")
    if not where.parent.is_dir():
        raise InvalidInput(f"the folder of a picture must exist; {where.parent} does not")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InvalidInput(
            "a picture needs matplotlib, which is not installed: pip install 'guide-ml[plot]'"
        ) from error
    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _times(left, explained)
    _changes(right, explained)
    figure.suptitle(plain(title))
    with written(where) as fresh:
        figure.savefig(fresh, format=where.suffix.lower()[1:], dpi=130)
    return where


def plain(text: str) -> str:
    r"""Keep matplotlib from reading what stands between two dollar signs as mathematics.

    Examples
    --------
    >>> print(plain("a $model$"))
    a \$model\$
    """
    return text.replace("$", r"\$")


def title(found: Prediction) -> str:
    """Say in a line what a picture explains."""
    d, w = found.deployment, found.workload
    users = w.concurrency or w.batch_size
    at = f", {users:,g} at a time" if users else ""
    return (
        f"{d.model.model} in {d.weight_dtype} on {d.num_devices} x {d.hardware.hardware},"
        f" {d.framework.framework}, {w.mode}{at}, {w.input_len:,g} tokens in, {w.output_len:,g} out"
    )


def _times(axes: Axes, explained: Explanation) -> None:
    """Draw a bar for each time, as shares, with the figure at its end."""
    names = list(explained.parts)[::-1]
    start = [0.0] * len(names)
    for (key, words), colour in zip(PARTS.items(), COLOURS, strict=True):
        width = [100 * explained.parts[n][key] / sum(explained.parts[n].values()) for n in names]
        if max(width) > 0.5:
            axes.barh(range(len(names)), width, left=start, color=colour, label=words, height=0.6)
        start = [s + w for s, w in zip(start, width, strict=True)]
    labels = []
    for name in names:
        unit = "s" if name == "batch_latency_s" else "ms"
        labels.append(f"{TITLES[name]}\n{sum(explained.parts[name].values()):.4g} {unit}")
    axes.set_yticks(range(len(names)), labels)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the time, %")
    axes.set_title("where the time goes")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False, fontsize=8)


def _changes(axes: Axes, explained: Explanation) -> None:
    """Draw by how much each variant moves each figure."""
    axes.set_title("what would change it")
    if not explained.variants:
        axes.text(0.5, 0.5, "no neighbour is possible", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    metrics = list(explained.predicted)
    height = 0.8 / len(metrics)
    for i, metric in enumerate(metrics):
        y = [k + height * (i - (len(metrics) - 1) / 2) for k in range(len(explained.variants))]
        width: list[Any] = [v.percent[metric] for v in explained.variants]
        axes.barh(y, width, height=height, label=TITLES[metric], color=COLOURS[i])
    axes.set_yticks(range(len(explained.variants)), [plain(v.change) for v in explained.variants])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("change, %")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False, fontsize=8)
