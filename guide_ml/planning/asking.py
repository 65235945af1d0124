"""From the five questions to a search, and from what it found to an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.answers.progress import ProgressLike
from guide_ml.describe.descriptors import Hardware
from guide_ml.errors import DoesNotFit, UnknownName
from guide_ml.offers.read import HOURS_PER_MONTH
from guide_ml.planning import evidence
from guide_ml.planning.answer import Answer
from guide_ml.planning.presets import limits, presets
from guide_ml.planning.questions import Questions
from guide_ml.predictions.run import PredictorLike
from guide_ml.searching import Found, search
from guide_ml.searching.request import FRAMEWORKS

__all__ = ["OWN", "SMALL_WEIGHTS", "plan", "search_for"]

#: Who rents a machine of one's own out.
OWN = "own machine"
#: What desktop machines run, beside the servers.
DESKTOP = ("llama.cpp",)
#: Weights of about 4 bits: taken for a machine of one's own where wider ones do not fit.
SMALL_WEIGHTS = ("awq-int4", "q4_k_m")
W_PER_KW = 1000.0
#: Price of an hour of a machine whose draw nobody knows; nothing is told of it.
UNKNOWN_USD_H = 0.01


def plan(
    questions: Questions | Mapping[str, Any] | None = None, *,
    predictor: PredictorLike | None = None, progress: ProgressLike = None,
) -> Answer:  # fmt: skip
    """Answer the five questions.

    Parameters
    ----------
    questions : Questions or dict
        What was answered; what is left out gets what is usual.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package.
    progress : bool or callable, optional
        As :func:`guide_ml.search` takes it.

    Returns
    -------
    Answer

    Raises
    ------
    UnknownName, InvalidInput
        If an answer is none.

    Examples
    --------
    >>> found = plan({"use": "chat", "people": 20, "where": "own", "hardware": "l4",
    ...               "model": "qwen3-8b", "feel": "relaxed"})
    >>> found.serves, found.questions.in_flight
    (True, 1.0)
    """
    asked = questions if isinstance(questions, Questions) else _read(questions or {})
    request = search_for(asked)
    extra: dict[str, Any] = {"predictor": predictor, "progress": progress}
    found, refused = _tried(request, extra)
    narrowed = False
    if asked.where == "own" and (found is None or found.best is None):
        small = request | {"constraints": request["constraints"] | {"weight_dtypes": SMALL_WEIGHTS}}
        other, _ = _tried(small, extra)
        if other is not None and (other.best is not None or found is None):
            found, request, narrowed = other, small, True
    guess = None
    if found is not None and asked.where != "own":
        found, guess = evidence.prefer(found)
    return Answer(questions=asked, request=request, found=found, refused=refused,
                  narrowed=narrowed, guess=guess, predictor=predictor)  # fmt: skip


def _read(given: Mapping[str, Any]) -> Questions:
    known = [f.name for f in fields(Questions)]
    for name in given:
        if name not in known:
            raise UnknownName("question", str(name), known)
    return Questions(**given)


def _tried(request: Mapping[str, Any], extra: Mapping[str, Any]) -> tuple[Found | None, str]:
    try:
        return search(**request, **extra), ""
    except DoesNotFit as error:
        return None, str(error)


def search_for(asked: Questions) -> dict[str, Any]:
    """Return the keywords of :func:`guide_ml.search` that the answers stand for.

    Examples
    --------
    >>> found = search_for(Questions(people=200, budget=2000))
    >>> found["load"], found["constraints"]["max_usd_h"]
    ({'users': 8.0}, 2.7397)
    """
    input_len, output_len = asked.lengths
    request: dict[str, Any] = {
        "model": asked.llm, "workload": {"input_len": input_len, "output_len": output_len},
        "constraints": {},
    }  # fmt: skip
    if asked.pile:
        tokens = asked.pile_documents * output_len
        request["load"] = {"offline_tokens": tokens, "deadline_h": asked.pile_hours}
    else:
        request |= {"load": {"users": asked.in_flight}, "slo": limits(asked.feel)}
    limit: dict[str, Any] = request["constraints"]
    if asked.budget is not None:
        limit["max_usd_h"] = round(asked.budget / HOURS_PER_MONTH, 4)
    if asked.countries:
        places = presets()["places"]
        limit["regions"] = tuple(r for place in asked.countries for r in places[place])
    return request | (_own(asked, limit) if asked.where == "own" else {})


def _own(asked: Questions, limit: dict[str, Any]) -> dict[str, Any]:
    """Offer nothing but the machine that is there, at what its energy costs."""
    device = catalogue.hardware(str(asked.hardware))
    offer = {"hardware": device.hardware, "num_devices": asked.num_devices, "provider": OWN,
             "instance_type": OWN, "region": "here", "tier": "on-premises",
             "price_usd_h": power_usd_h(device, asked) or UNKNOWN_USD_H,
             "as_of": date.today().isoformat(), "source": OWN}  # fmt: skip
    limit |= {"providers": (OWN,), "max_devices": asked.num_devices,
              "frameworks": (*FRAMEWORKS, *DESKTOP)}  # fmt: skip
    limit.pop("max_usd_h", None)
    limit.pop("regions", None)
    return {"constraints": limit, "prices": pd.DataFrame([offer])}


def power_usd_h(device: Hardware, asked: Questions) -> float | None:
    """Energy of an hour of one's own machine: devices x draw x price of energy, USD."""
    if not device.tdp_w:
        return None
    price = asked.power_usd_kwh or presets()["power"]["usd_kwh"]
    return asked.num_devices * device.tdp_w / W_PER_KW * float(price)
