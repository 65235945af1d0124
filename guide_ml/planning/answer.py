"""What the five questions are answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from guide_ml.answers.blocks import Block, Command, Words
from guide_ml.answers.prediction import Prediction
from guide_ml.answers.shown import Shown
from guide_ml.api import predict
from guide_ml.errors import GuideError
from guide_ml.planning import words
from guide_ml.planning.questions import Questions
from guide_ml.predictions.run import PredictorLike
from guide_ml.searching import Found, Plan

__all__ = ["Answer"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer(Shown):
    """The answer to five questions, in words and in numbers.

    Parameters
    ----------
    questions : Questions
    request : mapping
        The keywords of :func:`guide_ml.search` that the questions stand for.
    found : Found or None
        What the search found; ``None`` where the model fits no machine at all.
    refused : str
        Why then.
    narrowed : bool
        Whether weights of about 4 bits were taken since wider ones did not serve.
    guess : Plan or None
        What is cheaper than the plan that is advised and was left aside: nobody measured its like.
    predictor : Predictor or path, optional
        The estimators that were asked.
    """

    questions: Questions
    request: Mapping[str, Any]
    found: Found | None
    refused: str = ""
    narrowed: bool = False
    guess: Plan | None = None
    predictor: PredictorLike | None = field(default=None, repr=False)

    @property
    def best(self) -> Plan | None:
        """The plan that is advised; ``None`` where nothing keeps what was asked."""
        return self.found.best if self.found else None

    @property
    def serves(self) -> bool:
        """Whether something keeps what was asked."""
        return self.best is not None

    @cached_property
    def prediction(self) -> Prediction | None:
        """One replica of the plan under its share of the load, with intervals."""
        plan = self.best
        if plan is None or plan.model is None or plan.workload is None:
            return None
        w = plan.workload
        load: dict[str, Any] = (
            {"concurrency": plan.concurrency} if plan.concurrency else {"mode": "offline"}
        )
        try:
            return predict(
                hardware=plan.hardware, model=plan.model, framework=plan.framework,
                num_devices=plan.tp * plan.pp * plan.dp, tp=plan.tp, pp=plan.pp, dp=plan.dp,
                ep=plan.ep, weight_dtype=plan.weight_dtype, kv_dtype=plan.kv_dtype,
                input_len=w.input_len, output_len=w.output_len, predictor=self.predictor, **load,
            )  # fmt: skip
        except GuideError:  # the search knows of it, predict refuses it: no interval is told
            return None

    @cached_property
    def said(self) -> tuple[words.Said, ...]:
        """The answer in words, what matters most first."""
        return words.tell(self)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.said[0].text

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: sentences under plain headings, and how to start it."""
        said = self.said[:1] if brief else self.said
        out: list[Block] = [Words(title=one.title, lines=one.lines) for one in said]
        start = self.best.start if self.best else ""
        if start and not brief:
            out.append(Command(title="how to start a copy", line=start))
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :func:`json.dumps` takes."""
        asked = {f.name: getattr(self.questions, f.name) for f in fields(self.questions)}
        asked["countries"] = list(self.questions.countries)
        plain = {k: v for k, v in self.request.items() if k != "prices"}
        known = self.found.request.model.model if self.found else self.questions.llm_name
        plain["model"] = asked["model"] = known
        predicted = self.prediction
        return {
            "serves": self.serves, "headline": self.headline,
            "said": [one.to_dict() for one in self.said],
            "questions": asked | {"at_once": self.questions.in_flight},
            "request": plain | {"constraints": {k: list(v) if isinstance(v, tuple) else v
                                                for k, v in plain["constraints"].items()}},
            "narrowed": self.narrowed, "refused": self.refused,
            "guess": self.guess.to_dict() if self.guess else None,
            "prediction": predicted.to_dict() if predicted else None,
            "found": self.found.to_dict() if self.found else None,
        }  # fmt: skip
