"""Retraining in one call: gather, tune, fit, score, log, judge, register."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.answers.progress import Progress, ProgressLike, reporting
from guide_ml.errors import BadArtefact, BadStore, InvalidInput
from guide_ml.estimators import artefacts
from guide_ml.estimators.artefacts import Fitted
from guide_ml.registry.versions import ESTIMATORS, VERDICT, Registry
from guide_ml.system import private
from guide_ml.tracking import first, pictures, search
from guide_ml.tracking.calibration import coverage
from guide_ml.tracking.contest import Contender, pairs
from guide_ml.tracking.curve import learning_curve
from guide_ml.tracking.gate import Verdict, judge
from guide_ml.tracking.gather import Gathered, gather
from guide_ml.tracking.held_table import held_out
from guide_ml.tracking.log import RunLog, tracked
from guide_ml.tracking.model import log_model
from guide_ml.tracking.past import contender, keep
from guide_ml.tracking.plan import Plan, Result
from guide_ml.training.dataset import sparse
from guide_ml.training.train import Recipe, fit_set

__all__ = ["retrain"]

STEPS = 6


class _Clock:
    """Tells of steps and notes what they took."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress, self.seconds = progress, dict[str, float]()
        self.count, self.last, self.name = 0, time.perf_counter(), ""

    def step(self, name: str) -> None:
        now = time.perf_counter()
        if self.name:
            self.seconds[self.name] = now - self.last
        self.last, self.name = now, name
        if self.progress and name:
            self.progress(self.count, STEPS, name)
            self.count += 1


def retrain(plan: Plan, progress: ProgressLike = None) -> Result:
    """Train a challenger on measurements, track it, and let the gate decide on it.

    Interrupted anywhere, the store holds what was logged and the champion is what it was; run it
    again. Several may run at once: they are judged one after another.

    Parameters
    ----------
    plan : Plan
        What to do.
    progress : bool or callable, optional
        ``True`` shows a bar; a callable is told of each step and fold.

    Raises
    ------
    BadData
        If the measurements cannot be used.
    BadStore
        If the store cannot be reached.
    """
    plan.check()
    with reporting(progress) as tell:
        return _retrained(plan, _Clock(tell))


def _retrained(plan: Plan, clock: _Clock) -> Result:
    clock.step("reading measurements")
    gathered = gather(plan.data, plan.base, plan.base_path)
    clock.step("opening the store")
    registry = Registry(plan.tracking_uri)
    if plan.shipped and registry.champion() is None:
        first.check()  # now: once trained it would be too late
    with (
        private.scratch("retrain", temporary=True) as scratch,
        tracked(registry, plan.experiment, _title(gathered)) as log,
    ):
        return _run(plan, gathered, log, scratch, clock)


def _title(gathered: Gathered) -> str:
    return f"{Path(gathered.path).stem or 'project data'}, {gathered.own + gathered.project} rows"


def _run(plan: Plan, gathered: Gathered, log: RunLog, scratch: Path, clock: _Clock) -> Result:
    log.params({k: v for k, v in vars(plan).items() if k not in ("tracking_uri", "force")})
    log.data(gathered)
    clock.step("tuning")
    start = search.in_force(plan.rounds)
    params = search.tuned(gathered, plan.trials, start, log.trial, plan.jobs,
                          most_rounds=plan.rounds)  # fmt: skip
    log.params({f"{name}/{k}": v for name, values in params.items() for k, v in values.items()})
    clock.step("fitting")
    recipe = Recipe(plan.seed, params, plan.folds, plan.jobs)
    trained = fit_set(gathered.measured, gathered.data, recipe, clock.progress)
    clock.step("logging")
    held = held_out(gathered, trained, recipe)
    card = artefacts.save(trained.fitted, scratch / ESTIMATORS)
    fitted = replace(trained.fitted, card=card)
    shown = _log(log, gathered, fitted, held, recipe, scratch, plan.pictures)
    if plan.curve:
        clock.step("learning curve")
        _curve(log, gathered, recipe, scratch, clock.progress)
    info = log_model(log, scratch / ESTIMATORS, card)
    clock.step("judging")
    entered = Contender(trained.fitted, gathered.measured, gathered.data, held)
    outcome = _enter(plan, log, entered, info)
    clock.step("")
    log.metrics({f"seconds/{k.replace(' ', '_')}": v for k, v in clock.seconds.items()})
    return Result(**outcome, run_id=log.run_id, errors=shown, seconds=clock.seconds,
                  sparse=sparse(gathered.data.values.target))  # fmt: skip


def _log(
    log: RunLog, gathered: Gathered, fitted: Fitted, held: pd.DataFrame, recipe: Recipe,
    scratch: Path, draw: bool,
) -> pd.DataFrame:  # fmt: skip
    """Log what the run found; return errors by split, target and method."""
    shown = log.errors(held, scratch)
    keep(log, gathered.measured, held, scratch)
    log.json("card.json", fitted.card)
    log.tags({f"version.{k}": v for k, v in fitted.card["versions"].items()})
    shares = pictures.importance(fitted)
    log.table("tables/importance.csv", shares.round(5), scratch)
    covered = coverage(gathered, held, recipe)
    log.table("tables/calibration.csv", covered.round(4), scratch)
    log.metrics({f"{row['split']}/coverage_{100 * row['level']:.0f}": row["covered"]
                 for row in covered.to_dict("records")})  # fmt: skip
    if draw:
        for path in pictures.draw(scratch / "pictures", held, shares, covered):
            log.file(path, "pictures")
    return shown


def _curve(
    log: RunLog, gathered: Gathered, recipe: Recipe, scratch: Path, progress: Progress | None
) -> None:
    """Measure, log and draw the learning curve."""
    found = learning_curve(gathered, recipe.params, jobs=recipe.jobs, progress=progress)
    log.table("tables/learning_curve.csv", found.round(3), scratch)
    log.curve(found)
    for path in pictures.draw_curve(scratch / "pictures", found):
        log.file(path, "pictures")


def _enter(plan: Plan, log: RunLog, entered: Contender, info: Any) -> dict[str, Any]:
    """Judge and register under the store's lock, so that champions are beaten one at a time."""
    registry = log.registry
    with registry.locked():
        if plan.shipped and registry.champion() is None:
            first.register(registry, plan.experiment)
        judged, before = _judged(registry, entered, plan.seed)
        word = "first" if before == "" else "promoted" if judged.passed else "rejected"
        if plan.force and word == "rejected":
            word = "forced"
        log.json("verdict.json", {"verdict": word, "against": before, "forced": plan.force}
                 | judged.to_dict())  # fmt: skip
        log.tags({VERDICT: word, "guide.against": before, "guide.reason": judged.reason})
        tags = {VERDICT: word, "guide.reason": judged.reason[:1000],
                "guide.rows": str(len(entered.measured.table)),
                "guide.data": entered.measured.sha256}  # fmt: skip
        version = registry.register(info.model_uri, log.run_id, info.model_id, tags)
        if word != "rejected":
            registry.crown(version, plan.force if word == "forced" else "")
        now = registry.champion()
    return {"version": version, "champion": now.version if now else "", "verdict": word,
            "judged": judged}  # fmt: skip


def _judged(registry: Registry, entered: Contender, seed: int) -> tuple[Verdict, str]:
    """Compare with the champion of the moment; again, if another machine moves it meanwhile."""
    for _ in range(3):
        champion = registry.champion()
        if champion is None:
            return Verdict(True, "there is no champion yet"), ""
        try:
            found = judge(pairs(contender(registry, champion), entered), seed)
        except BadStore as error:  # a run that was deleted: only a reason can overrule that
            found = Verdict(False, f"version {champion.version} cannot be compared with: {error}")
        except BadArtefact as error:  # of another version of guide-ml, or broken: serves nobody
            found = Verdict(True, f"version {champion.version} cannot be used: {error}")
        now = registry.champion()
        if now and now.version == champion.version:
            return found, champion.version
    raise InvalidInput("the champion kept changing while it was compared with; run it again")
