"""From one prediction to its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from guide_ml.answers.explanation import Explanation, Variant, percent
from guide_ml.answers.prediction import Prediction
from guide_ml.describe.targets import TARGETS
from guide_ml.explaining.account import account, bounds, parts
from guide_ml.explaining.moved import moves
from guide_ml.explaining.variants import variants
from guide_ml.explaining.words import describe
from guide_ml.predictions.run import Run, ask, run
from guide_ml.profiles import Profile
from guide_ml.table.read import Definitions

__all__ = ["Explainer"]


@dataclass(frozen=True, eq=False)
class Explainer:
    """What is needed to explain a prediction later, when somebody asks.

    Parameters
    ----------
    done : Run
        The only row, as predicted.
    asked : dict
        The row as it was asked for.
    known : Definitions
        Hardware and models that the catalogue lacks.
    released : float or None
        Release date of a framework that was given as an object.
    profile : Profile, optional
        What it was corrected with.
    """

    done: Run
    asked: dict[str, Any]
    known: Definitions
    released: float | None
    profile: Profile | None

    def __call__(self, found: Prediction) -> Explanation:
        """Explain the prediction that came of it."""
        fitted = self.done.predictor.fitted
        values = {t.name: v for t in TARGETS if (v := getattr(found, t.name)) is not None}
        accounts = {t.name: account(self.done.resolved, fitted, t) for t in TARGETS
                    if t.name in values}  # fmt: skip
        words = describe(found)
        return Explanation(
            predicted=values,
            parts=parts(accounts, values),
            bounds=bounds(next(iter(accounts.values()))),
            efficiency=self._efficiency(found, values),
            physics={k: own.physics(k) for k, own in accounts.items()},
            moved={k: moves(fitted, k, own, words) for k, own in accounts.items()
                   if k != "output_tok_s" or len(accounts) == 1},
            trust=next(iter(accounts.values())).trust,
            profile_percent=self._by_profile(values),
            variants=self._variants(found),
        )  # fmt: skip

    @staticmethod
    def _efficiency(found: Prediction, values: dict[str, float]) -> dict[str, float]:
        out = {}
        for target in TARGETS:
            bound = found.floors.get(target.name)
            if target.name in values and bound is not None:
                value = values[target.name]
                out[target.name] = bound / value if target.is_time else value / bound
        return out

    def _variants(self, found: Prediction) -> tuple[Variant, ...]:
        def predict(table: pd.DataFrame) -> Run:
            raw, resolved = ask(table, self.known, self.released)
            return run(raw, resolved, self.done.predictor, profile=self.profile)

        return variants(found, self.asked, predict)

    def _by_profile(self, values: dict[str, float]) -> dict[str, float]:
        """Compare with what would have been predicted without the profile."""
        if self.profile is None:
            return {}
        plain = self.done.predictor.predict(self.done.resolved).values
        moved = {k: percent(v / float(plain[k][0])) for k, v in values.items()}
        return {k: v for k, v in moved.items() if abs(v) > 1e-9}
