"""From one prediction to its explanation."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from guide_ml.answers.explanation import Explanation, Variant, percent
from guide_ml.answers.prediction import Prediction
from guide_ml.describe.targets import TARGETS
from guide_ml.errors import BadArtefact
from guide_ml.explaining.account import account, bounds, parts
from guide_ml.explaining.moved import moves
from guide_ml.explaining.variants import variants
from guide_ml.explaining.words import describe
from guide_ml.predictions.run import Run, ask, predictor_of, run
from guide_ml.profiles import Profile
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.read import Definitions

__all__ = ["Explainer"]


@dataclass(frozen=True, eq=False)
class Explainer:
    """What is needed to explain a prediction later, when somebody asks.

    Parameters
    ----------
    done : Run or None
        The only row, as predicted. It does not pickle, as it holds the trained set: who comes out
        of a pickle predicts again before it explains.
    asked : dict
        The row as it was asked for.
    known : Definitions
        Hardware and models that the catalogue lacks.
    released : float or None
        Release date of a framework that was given as an object.
    profile : Profile, optional
        What it was corrected with.
    origin : path, optional
        Where the estimators were loaded from; ``None`` of the shipped ones and of objects.
    trained_set : str
        Fingerprint of the estimators that predicted.
    """

    done: Run | None
    asked: dict[str, Any]
    known: Definitions
    released: float | None
    profile: Profile | None
    origin: str | os.PathLike[str] | None = None
    trained_set: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.done is not None:
            object.__setattr__(self, "trained_set", _fingerprint(self.done.predictor))

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickles: what was asked, and which estimators answered."""
        return vars(self) | {"done": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Explainer:
        """Return the same: nothing of it changes."""
        return self

    def __call__(self, found: Prediction) -> Explanation:
        """Explain the prediction that came of it."""
        done = self._done()
        fitted = done.predictor.fitted
        values = {t.name: v for t in TARGETS if (v := getattr(found, t.name)) is not None}
        accounts = {t.name: account(done.resolved, fitted, t) for t in TARGETS
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
            profile_percent=self._by_profile(done, values),
            variants=self._variants(done, found),
        )  # fmt: skip

    def _done(self) -> Run:
        """Return the run; of a pickled prediction, made again with the same estimators."""
        if self.done is not None:
            return self.done
        predictor = predictor_of(self.origin)
        if _fingerprint(predictor) != self.trained_set:
            raise BadArtefact(
                "a prediction that was pickled must be explained by the estimators that made it;"
                f" they were set {self.trained_set[:12] or 'without a card'}, here is set"
                f" {_fingerprint(predictor)[:12]}: call guide_ml.predict again with them"
            )
        done = run(*ask(self.asked, self.known, self.released), predictor, profile=self.profile)
        object.__setattr__(self, "done", done)
        return done

    @staticmethod
    def _efficiency(found: Prediction, values: dict[str, float]) -> dict[str, float]:
        out = {}
        for target in TARGETS:
            bound = found.floors.get(target.name)
            if target.name in values and bound is not None:
                value = values[target.name]
                out[target.name] = bound / value if target.is_time else value / bound
        return out

    def _variants(self, done: Run, found: Prediction) -> tuple[Variant, ...]:
        def predict(table: pd.DataFrame) -> Run:
            raw, resolved = ask(table, self.known, self.released)
            return run(raw, resolved, done.predictor, profile=self.profile)

        return variants(found, self.asked, predict)

    def _by_profile(self, done: Run, values: dict[str, float]) -> dict[str, float]:
        """Compare with what would have been predicted without the profile."""
        if self.profile is None:
            return {}
        plain = done.predictor.predict(done.resolved).values
        moved = {k: percent(v / float(plain[k][0])) for k, v in values.items()}
        return {k: v for k, v in moved.items() if abs(v) > 1e-9}


def _fingerprint(predictor: Any) -> str:
    """Return what tells a trained set from others; blank for one without a card."""
    return str(getattr(predictor, "card", {}).get("artefact_sha256", ""))
