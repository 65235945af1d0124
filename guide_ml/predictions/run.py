"""The one path from a table of deployments to predictions; one row and a million take it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.prediction import MemoryAccount, Prediction
from guide_ml.describe.descriptors import (
    MODES,
    STATS,
    Deployment,
    Framework,
    Hardware,
    Model,
    Workload,
)
from guide_ml.describe.settings import RANGES, Settings
from guide_ml.describe.targets import NAMES
from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import Outcome, Predictor, default_predictor
from guide_ml.features.load import OFFLINE_SLOTS, SERVER_SLOTS
from guide_ml.features.memory import log_lines
from guide_ml.predictions import advice
from guide_ml.predictions import assumed as explain
from guide_ml.predictions.notes import notes
from guide_ml.profiles import Profile, apply
from guide_ml.system.lazily import pandas as pd
from guide_ml.table import assume
from guide_ml.table import read as tables
from guide_ml.trust.knowledge import Judgement, within_latency
from guide_ml.units import GB

__all__ = ["PredictorLike", "Run", "ask", "corrected", "predictor_of", "run"]

PredictorLike = Predictor | str | os.PathLike[str]

OPEN_LOAD = (
    "request_rate_rps (an open load) stands alone: give it without another load, or give"
    " concurrency (mode closed) or"
    f" batch_size (modes {', '.join(m for m in MODES if m != 'closed')})"
)


@dataclass(frozen=True)
class Run:
    """A table on its way: as read, as resolved, as predicted.

    Parameters
    ----------
    raw : Raw
        What was given.
    resolved : Resolved
        What is in force.
    outcome : Outcome
        What was predicted.
    predictor : Predictor
        What predicted it.
    judged : Judgement, optional
        How sure the predictions are, if that was asked for.
    """

    raw: tables.Raw
    resolved: assume.Resolved
    outcome: Outcome
    predictor: Predictor
    judged: Judgement | None = None

    @property
    def errors(self) -> NDArray[np.object_]:
        """Why rows are bad; blank if they are not."""
        return self.outcome.errors

    @property
    def fits(self) -> NDArray[np.bool_]:
        """Rows that are right and fit in memory: those that are predicted."""
        fits: NDArray[np.bool_] = (self.errors == "") & (self.outcome.memory["fits"] == 1)
        return fits

    @property
    def unfit(self) -> NDArray[np.intp]:
        """Rows that are right but do not fit."""
        return np.flatnonzero((self.errors == "") & ~self.fits)

    def shortages(self) -> list[str]:
        """Tell why the rows of `unfit` do not fit, and what would."""
        return advice.unfit(self.resolved, self.outcome.memory, self.unfit)

    def prediction(self) -> Prediction:
        """Gather what is known of the only row, which fits."""
        found = self.outcome.values
        values: dict[str, Any] = {t: _or_none(v[0]) for t, v in found.items()}
        floors = {t: _or_none(v[0]) for t, v in self.outcome.floors.items()}
        return Prediction(
            **{t: values[t] for t in NAMES}, **self._judged(values),
            floors={t: floors[t] if values[t] is not None else None for t in NAMES},
            memory=self._memory(), deployment=self._deployment(), workload=self._workload(),
            assumed=explain.assumptions(self.raw, self.resolved), notes=notes(self.resolved),
        )  # fmt: skip

    def _judged(self, values: Mapping[str, float | None]) -> dict[str, Any]:
        """Gather intervals, domain and evidence of the only row."""
        if self.judged is None:
            return {}
        judged, known, resolved = self.judged, self.predictor.knowledge, self.resolved
        return {
            "level": judged.level,
            "low": {t: _or_none(judged.low[t][0]) for t in values if t in NAMES},
            "high": {t: _or_none(judged.high[t][0]) for t in values if t in NAMES},
            "domain": known.domain(judged),
            "find_evidence": lambda: known.evidence(resolved),
        }

    def _number(self, name: str) -> float:
        return float(self.resolved.columns[name][0])

    def _memory(self) -> MemoryAccount:
        account = {k: float(v[0]) for k, v in self.outcome.memory.items()}
        asked, offline = account["replica_batch"], self._number("mode") == MODES.index("offline")
        limit = self._number("max_seqs")
        usual = OFFLINE_SLOTS if offline else SERVER_SLOTS
        most = min(limit if np.isfinite(limit) else usual, OFFLINE_SLOTS if offline else asked)
        filled = account["kv_need_byte"] / asked * min(most, account["slots"])
        cache = min(filled * self._number("kv_reserve"), account["kv_budget_byte"])
        total = self._number("hw_real_byte") / GB
        # The budget is what engines plan with less all else, so the rest is what they leave alone.
        parts = ("weights", "draft", "adapters", "activations", "kv_budget")
        used = sum(account[f"{part}_byte"] for part in parts)
        lines = log_lines(self.resolved.columns, self.outcome.memory)
        return MemoryAccount(
            weights_gb=account["weights_byte"] / GB, draft_gb=account["draft_byte"] / GB,
            adapters_gb=account["adapters_byte"] / GB, towers_gb=account["towers_byte"] / GB,
            kv_cache_gb=cache / GB,
            activations_gb=account["activations_byte"] / GB, reserved_gb=total - used / GB,
            free_gb=(account["kv_budget_byte"] - cache) / GB, total_gb=total,
            fits=True, largest_batch=int(account["slots"] * self._number("dp")),
            kv_budget_gb=account["kv_budget_byte"] / GB, kv_tokens=int(account["kv_tokens"]),
            longest_request=int(self._number("max_len")),
            requests_at_longest=float(lines.requests[0]), longest_context=int(lines.longest[0]),
        )  # fmt: skip

    def _deployment(self) -> Deployment:
        names = {k: str(v[0]) for k, v in self.resolved.names.items()}
        hardware: Hardware = self.raw.codes["hardware"].objects()[0]
        model: Model = self.raw.codes["model"].objects()[0]
        return Deployment(
            hardware=hardware, model=model,
            framework=Framework(
                framework=names["framework"], version=names["framework_version"],
                backend=names["backend"], release_year=self._number("fw_release_year"),
            ),
            num_devices=int(self._number("devices")),
            tp=int(self._number("tp")), pp=int(self._number("pp")),
            dp=int(self._number("dp")), ep=int(self._number("ep")),
            weight_dtype=names["weight_dtype"], kv_dtype=explain.kv_dtype(self.raw, self.resolved),
            spec_method=explain.spec_method(self.raw), settings=self._settings(),
            planned=self._planned(),
        )  # fmt: skip

    def _settings(self) -> Settings:
        stated = {k: _or_none(self.raw.numbers[k][0]) for k in RANGES}
        whole: dict[str, Any] = {
            k: int(v) if v is not None and RANGES[k].whole else v for k, v in stated.items()
        }
        host = self.raw.codes["host"].objects()[0]
        draft: Model | None = self.raw.codes["draft_model"].objects()[0]
        return Settings(host=host.hardware if host else None,
                        draft_model=draft.model if draft else None, **whole)  # fmt: skip

    def _planned(self) -> Settings:
        """Gather the limits that the engine is taken to have by itself."""
        tokens, seqs = self._number("pass_tokens"), self._number("max_seqs")
        return Settings(
            max_num_batched_tokens=int(tokens) if np.isfinite(tokens) else None,
            max_num_seqs=int(seqs) if np.isfinite(seqs) else None,
        )

    def _workload(self) -> Workload:
        mode = MODES[int(self._number("mode"))]
        load = _whole(self._number("batch"))
        numbers = {k: _or_none(v[0]) for k, v in self.raw.numbers.items()}
        fixed = mode != "closed" and not (mode == "offline" and numbers["batch_size"] is None)
        return Workload(
            mode=mode, batch_size=load if fixed else None,
            concurrency=load if mode == "closed" else None, num_requests=numbers["num_requests"],
            input_len=numbers["input_len"] or 0 if mode == "decode"
            else _whole(self._number("input_len")),
            output_len=_whole(self._number("output_len")),
            context_depth=_whole(self._number("depth")),
            ttft_stat=STATS[int(self._number("ttft_stat"))],
            tpot_stat=STATS[int(self._number("tpot_stat"))],
        )  # fmt: skip


def ask(
    table: pd.DataFrame | Mapping[str, Any], known: tables.Definitions,
    released: float | None = None,
) -> tuple[tables.Raw, assume.Resolved]:  # fmt: skip
    """Take a table through reading and resolving; no estimators are needed for that.

    Parameters
    ----------
    table : DataFrame or mapping
        Deployments, or the cells of a single one.
    known : Definitions
        Hardware and models that the catalogue lacks.
    released : float, optional
        Release date of the framework as a decimal year, for versions without a known one.
    """
    raw = tables.read_row(table, known) if isinstance(table, Mapping) else tables.read(table, known)
    raw.fail(np.isfinite(raw.numbers["request_rate_rps"]), OPEN_LOAD)
    resolved = assume.resolve(raw)
    if released is not None and np.any(resolved.columns["fw_release_year"] != released):
        resolved.columns["fw_release_year"][:] = released
        resolved.columns["fw_version_stated"][:] = 1.0
        resolved.columns["fw_version_known"][:] = 1.0
    return raw, resolved


def run(
    raw: tables.Raw, resolved: assume.Resolved, predictor: PredictorLike | None,
    level: float | None = None, profile: Profile | None = None,
) -> Run:  # fmt: skip
    """Predict what was asked.

    Parameters
    ----------
    raw, resolved : Raw, Resolved
        From :func:`ask`.
    predictor : Predictor or path, optional
        Estimators; those of the package by default.
    level : float, optional
        Share of cases that intervals are to hold; none are made without.
    profile : Profile, optional
        Corrections by one's own measurements.
    """
    chosen = predictor_of(predictor)
    outcome = chosen.predict(resolved)
    judged = None if level is None else chosen.judge(resolved, outcome, level)
    done = Run(raw, resolved, outcome, chosen, judged)
    return done if profile is None else corrected(done, profile)


def corrected(done: Run, profile: Profile) -> Run:
    """Correct what was predicted by a profile, and narrow its intervals.

    Raises
    ------
    InvalidInput
        If the profile was made with another trained set.
    """
    profile.require(str(done.predictor.card.get("artefact_sha256", "")))
    resolved, outcome, judged = done.resolved, done.outcome, done.judged
    moved = done.predictor.predict(resolved, profile=profile).values
    values = apply.values(profile, resolved, outcome.values, moved, outcome.floors)
    if judged is not None:
        width = profile.width(resolved.columns, resolved.names)
        low, high = (
            apply.ends(width, resolved, outcome.values, ends, values, outcome.floors)
            for ends in (judged.low, judged.high)
        )
        within_latency(resolved.columns, values, high)
        judged = replace(judged, low=low, high=high)
    return replace(done, outcome=replace(outcome, values=values), judged=judged)


def predictor_of(given: PredictorLike | None) -> Predictor:
    """Return the predictor that a caller means: an object, a folder, or the package's own."""
    if given is None:
        return default_predictor()
    if isinstance(given, str | os.PathLike):
        return Predictor.load(given)
    if not callable(getattr(given, "predict", None)):
        raise InvalidInput(f"predictor must be a Predictor or the folder of one; got {given!r}")
    return given


def _or_none(value: float) -> float | None:
    """Return a plain number; ``None`` for NaN."""
    return None if np.isnan(value) else _whole(float(value))


def _whole(value: float) -> float:
    """Return 8 for 8.0."""
    return int(value) if value.is_integer() else value
