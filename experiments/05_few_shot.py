"""How many measurements of one's own does it take on hardware that nobody measured?

Physics and estimators are refitted without a device (split "hardware"; "source": without a whole
source). Then a profile is made of 3, 5, 10 or 20 of its measured rows, drawn at random several
times, and what it has not seen of that device is predicted with and without it. Rows are drawn in
two ways: from all deployments of the device, or from one (3, 5 rows), two (10) or three (20) of
them as somebody would measure who runs just these; then other loads of the same deployments and
other deployments on that device are judged apart. Spreads of the effects (guide_ml.profiles)
were fitted to held-out errors of every other device, "tuned" in the table, and of the rest; the
mean of the two is in use, so no device is wholly untouched by them. Corrections are judged as such:
the order along the load, which predictions keep, is left out. Writes results/05_few_shot.{md,csv}
and results/05_few_shot_summary.csv. Takes about 20 minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown, set_of, stamp

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import prepare, read_files
from guide_ml.profiles.effects import TRAITS, traits
from guide_ml.profiles.shrink import cells, solve
from guide_ml.training.crossval import out_of_fold
from guide_ml.training.dataset import build

RESULTS = Path(__file__).parent / "results"
SEED = 0
COUNTS = (3, 5, 10, 20)
DEPLOYMENTS = {3: 1, 5: 1, 10: 2, 20: 3}  # that the rows of the second way come from
DRAWS = 8
ROWS = 60  # measured rows that a device needs to be judged
JUDGED = 400  # values judged of a draw, at most
FEW = 8  # values of a target below which a draw is not judged
COVER = ["held_before", "held_after", "width"]  # values in their interval, its width: percent
Draw = tuple[str, int, pd.DataFrame, pd.DataFrame]  # way, rows, those drawn, those to judge
KEYS = ["split", "unit", "tuned", "draw", "n", "rows", "target"]


def tell(done: int, total: int, text: str) -> None:
    """Show progress."""
    print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)


def held_out(split: str, cache: Path | None, jobs: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Log-ratios of held-out values (means only), and the traits of every row."""
    measured = prepare(read_files())
    data = build(measured)
    file = cache / f"{split}-{measured.sha256[:12]}.npy" if cache else None
    if file and file.exists():
        predicted = np.load(file)
    else:
        predicted, _ = out_of_fold(measured, data, split, SEED, jobs, tell)
        if file:
            np.save(file, predicted)
    v, known = data.values, traits(measured.resolved.columns, measured.resolved.names)
    ratio = np.log(v.value) - predicted
    use = np.isfinite(ratio) & (v.statistic == 0)
    unit = evaluation.groups(measured, split)
    found = pd.DataFrame({"row": v.row, "target": v.target, "ratio": ratio, "unit": unit[v.row]})
    layout = [k for k in TRAITS if k not in ("mode", "params_active_b")]
    found["deployment"] = known.groupby(layout, sort=False).ngroup().to_numpy()[v.row]
    return found[use].reset_index(drop=True), known


def corrected(
    known: pd.DataFrame, mine: pd.DataFrame, others: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Correct other values by a profile of mine: their log-ratios, and how intervals shrink."""
    solution = solve(cells(known.iloc[mine["row"]], mine["target"].to_numpy(),
                           mine["ratio"].to_numpy()))  # fmt: skip
    own = known.iloc[others["row"]]
    at = np.arange(len(own)), others["target"].to_numpy()
    return others["ratio"].to_numpy() - solution.mean(own)[at], solution.width(own)[at]


def draws(one: pd.DataFrame, rng: np.random.Generator) -> Iterator[Draw]:
    """Draw rows to calibrate with, each with the rows to judge."""
    rows = rng.permutation(one["row"].unique())
    rest = one[~one["row"].isin(rows[: max(COUNTS)])]
    deployments = rng.permutation(one["deployment"].unique())
    for n in COUNTS:
        yield "any", n, one[one["row"].isin(rows[:n])], rest
        chosen = deployments[: DEPLOYMENTS[n]]
        inside = one[one["deployment"].isin(chosen)]
        each = [rng.permutation(part["row"].unique())[: -(-n // len(chosen))]
                for _, part in inside.groupby("deployment")]  # fmt: skip
        taken = np.concatenate(each)[:n]
        if len(taken) < n:
            continue  # too few loads were measured of these
        mine = one[one["row"].isin(taken)]
        yield "own: same deployments", n, mine, inside[~inside["row"].isin(taken)]
        never = one[~one["deployment"].isin(deployments[: max(DEPLOYMENTS.values())])]
        yield "own: other deployments", n, mine, never


def median_ape(ratio: np.ndarray) -> float:
    """Median error in percent of predictions that are off by these log-ratios."""
    return float(np.median(evaluation.errors(np.exp(-ratio), np.ones(len(ratio)))))


def judge(found: pd.DataFrame, known: pd.DataFrame, split: str) -> pd.DataFrame:
    """Errors with and without a profile, of every device, draw, number of rows and target."""
    counts = found.groupby("unit")["row"].nunique()
    size = found.assign(size=found["ratio"].abs())
    units = sorted(counts[counts >= ROWS].index)
    out = []
    for place, unit in enumerate(units):
        one = found[found["unit"] == unit]
        # As an interval of the general model: nine in ten of the other devices' errors.
        wide = size[size["unit"] != unit].groupby("target")["size"].quantile(0.9)
        for draw in range(DRAWS):
            rng = np.random.default_rng([SEED, place, draw])
            for way, n, mine, others in draws(one, rng):
                judged = others.sample(min(len(others), JUDGED), random_state=draw)
                after, width = corrected(known, mine, judged)
                reach = wide.loc[judged["target"]].to_numpy()
                for target, part in judged.groupby("target"):
                    if len(part) >= FEW:
                        at = judged["target"].to_numpy() == target
                        out.append((split, unit, place % 2 == 0, draw, n, way, NAMES[int(target)],
                                    median_ape(part["ratio"].to_numpy()), median_ape(after[at]),
                                    100 * np.mean(part["ratio"].abs() <= wide[target]),
                                    100 * np.mean(np.abs(after) <= width * reach, where=at),
                                    100 * np.mean(width[at])))
        tell(place + 1, len(units), f"split {split}: draws")
    return pd.DataFrame(out, columns=[*KEYS, "before", "after", *COVER])


def by_unit(found: pd.DataFrame) -> pd.DataFrame:
    """Mean over draws, and whether a profile does harm beyond the noise of the draws."""
    keys = [k for k in KEYS if k != "draw"]
    groups = found.assign(gain=found["after"] - found["before"]).groupby(keys, sort=False)
    table = groups.agg(draws=("draw", "size"), before=("before", "mean"), after=("after", "mean"),
                       gain=("gain", "mean"), spread=("gain", "std"),
                       **{c: (c, "mean") for c in COVER}).reset_index()  # fmt: skip
    error = table["spread"].fillna(0.0) / np.sqrt(table["draws"])
    table["worse"] = (table["draws"] > 2) & (table["gain"] > np.maximum(2.0 * error, 1.0))
    return table.drop(columns=["gain", "spread"])


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over devices of their median errors, and how many a profile harmed."""
    tuned = table["tuned"]
    rows = []
    for name, part in {"all": table, "tuned": table[tuned], "not tuned": table[~tuned]}.items():
        for key, one in part.groupby(["split", "rows", "target", "n"], sort=False):
            before, after = one["before"].mean(), one["after"].mean()
            rows.append(dict(zip(("split", "rows", "target", "n"), key, strict=True)) | {
                "devices": name, "count": len(one), "before": before, "after": after,
                "ratio": after / before, "worse": int(one["worse"].sum()),
                **{c: one[c].mean() for c in COVER},
            })  # fmt: skip
    return pd.DataFrame(rows)


LIMITS = {
    "nothing": None, "the device": [], "device and engine": ["framework"],
    "... and precision and layout": ["framework", "weight_dtype", "tp", "pp", "dp"],
    "... and model": ["framework", "weight_dtype", "tp", "pp", "dp", "model", "mode"],
}  # fmt: skip


def limits(found: pd.DataFrame, known: pd.DataFrame, split: str) -> pd.DataFrame:
    """Errors if the mean log-ratio of all *other* values that share something were known.

    No number of measurements can do better with one factor for a group: the rest of the error
    differs within it, with the load above all.
    """
    counts = found.groupby("unit")["row"].nunique()
    judged = found[found["unit"].isin(counts[counts >= ROWS].index)]
    judged = judged.join(known.drop(columns=["hardware"]), on="row")
    clipped = judged["ratio"].clip(-1.5, 1.5)
    rows = []
    for name, keys in LIMITS.items():
        left = judged["ratio"]
        if keys is not None:
            group = clipped.groupby([judged[k] for k in ("unit", "target", *keys)])
            n = group.transform("size")
            left = left - (group.transform("sum") - clipped) / np.maximum(n - 1, 1)
        size = pd.Series(evaluation.errors(np.exp(-left), np.ones(len(left))), left.index)
        medians = size.groupby([judged["unit"], judged["target"]]).median().groupby("target").mean()
        rows.append({"unseen": split, "known fully": name}
                    | {NAMES[int(t)]: round(v, 1) for t, v in medians.items()})
    return pd.DataFrame(rows)


def wide(summary: pd.DataFrame, devices: str) -> pd.DataFrame:
    """Errors by number of rows, targets below each other: before > after."""
    own = summary[summary["devices"] == devices]
    out = []
    for key, one in own.groupby(["split", "rows", "target"], sort=False):
        line = dict(zip(("unseen", "rows drawn from", "target"), key, strict=True))
        for n in COUNTS:
            at = one[one["n"] == n]
            line[f"{n} rows"] = ("" if at.empty else
                                 f"{at['before'].iloc[0]:.1f} > {at['after'].iloc[0]:.1f}")
        ten = one[one["n"] == 10]
        line["10 rows / 0"] = "" if ten.empty else f"{ten['ratio'].iloc[0]:.2f}"
        line["90 % interval holds, its width"] = "" if ten.empty else (
            f"{ten['held_before'].iloc[0]:.0f} > {ten['held_after'].iloc[0]:.0f} %,"
            f" {ten['width'].iloc[0]:.0f} % as wide"
        )
        line["worse"] = f"{one['worse'].sum()} of {one['count'].sum()}"
        out.append(line)
    return pd.DataFrame(out)


def main() -> None:
    """Run the splits and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", nargs="+", default=["hardware", "source"])
    parser.add_argument("--cache", type=Path, help="folder that keeps held-out predictions")
    parser.add_argument("--jobs", type=int, default=2, help="folds at a time")
    asked = parser.parse_args()
    values = {s: held_out(s, asked.cache, asked.jobs) for s in asked.splits}
    found = pd.concat([judge(*one, split) for split, one in values.items()])
    bounds = pd.concat([limits(*one, split) for split, one in values.items()])
    table = by_unit(found)
    summary = summarise(table)
    RESULTS.mkdir(exist_ok=True)
    table.round(2).to_csv(RESULTS / "05_few_shot.csv", index=False)
    summary.round(2).to_csv(RESULTS / "05_few_shot_summary.csv", index=False)
    devices = table[(table["rows"] == "any") & (table["n"] == 10)]
    listed = devices[["split", "unit", "tuned", "target", "before", "after", "worse"]].round(1)
    parts = [
        "# A few measurements of one's own\n",
        "Median error in percent without > with a profile, mean over devices (or sources) with"
        f" {ROWS} rows or more and {DRAWS} draws each; both on the same values, none of them in"
        " the profile. *worse*: cases (device x number of rows) where the profile adds more than"
        " one point and more than twice the standard error of its draws. The interval before is as"
        " wide as nine in ten errors on other devices; the profile narrows it. Written by"
        " `experiments/05_few_shot.py`.\n",
        stamp([set_of(prepare(read_files()).sha256)]) + "\n",
        markdown(wide(summary, "all")),
        '\n## Every other device ("tuned" is the other half)\n',
        markdown(wide(summary, "not tuned")),
        "\n## What could one factor for all loads do?\n",
        "Median error, mean over devices, if the mean error of *all* other values that share the"
        " device, or more, were known: what is left differs within. Profiles know the load, too.\n",
        markdown(bounds),
        "\n## By device, 10 rows of any deployments\n", markdown(listed), "",
    ]  # fmt: skip
    (RESULTS / "05_few_shot.md").write_text("\n".join(parts), encoding="utf-8")
    print("\n".join(parts[:-2]))


if __name__ == "__main__":
    main()
