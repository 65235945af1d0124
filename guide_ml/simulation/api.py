"""``guide_ml.simulate``: a traffic on a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from guide_ml.describe.descriptors import Framework
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.predictions import keywords
from guide_ml.predictions.run import PredictorLike, ask, predictor_of, run
from guide_ml.profiles import ProfileLike, profile_of
from guide_ml.simulation.names import ROUTERS
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.result import Simulated
from guide_ml.simulation.trace import told
from guide_ml.table import given
from guide_ml.table.given import FrameworkLike, HardwareLike, ModelLike
from guide_ml.table.read import DESCRIPTORS, TEXTS, Definitions
from guide_ml.traffic import Traffic
from guide_ml.trust.intervals import LEVEL, check_level

__all__ = ["simulate"]

#: Descriptors that the traffic says.
_SAID = ("mode", "batch_size", "concurrency", "request_rate_rps", "num_requests", "input_len",
         "output_len", "ttft_stat", "tpot_stat")  # fmt: skip
_LIMITS = ("ttft_ms", "tpot_ms", "e2e_ms")


def simulate(
    *,
    hardware: HardwareLike,
    model: ModelLike,
    traffic: Traffic,
    framework: FrameworkLike | None = None,
    seed: int = 0,
    replicas: int = 1,
    router: str = "least-loaded",
    limits: Mapping[str, float] | None = None,
    level: float | None = LEVEL,
    predictor: PredictorLike | None = None,
    profile: ProfileLike | None = None,
    accept_unknown: bool = False,
    **deployment: Any,
) -> Simulated:
    """Simulate a traffic on a deployment, request by request.

    Parameters
    ----------
    hardware, model, framework, accept_unknown
        As of :func:`guide_ml.predict`.
    traffic : Traffic
        What comes: :class:`guide_ml.Traffic`.
    seed : int
        Of what is drawn; the same seed gives the same answer to the bit.
    replicas : int
        Copies of the deployment behind a router.
    router : {"least-loaded", "round-robin", "prefix-aware"}
        How a copy is chosen.
    limits : mapping of str to float, optional
        Milliseconds by ``ttft_ms``, ``tpot_ms``, ``e2e_ms``: the goodput is what keeps them all.
    level : float, optional
        Share of like cases that each interval is to hold; ``None`` for none.
    predictor, profile
        As of :func:`guide_ml.predict`.
    **deployment
        The other descriptors of :func:`guide_ml.predict` that are no load: ``tp``,
        ``weight_dtype``, ``max_num_seqs``, ...

    Returns
    -------
    Simulated

    Raises
    ------
    UnknownName, InvalidInput
        If a name is unknown or a value absurd.
    DoesNotFit
        If the model does not fit.

    Examples
    --------
    >>> import guide_ml
    >>> lengths = guide_ml.Lengths.fixed(512, 128)
    >>> traffic = guide_ml.Traffic.poisson(4.0, lengths, num_requests=300, seed=1)
    >>> s = guide_ml.simulate(hardware="h100", model="llama-3.1-8b-instruct", traffic=traffic)
    >>> s.figures["ttft_ms"]["p99"] > s.figures["ttft_ms"]["median"], s.overloaded
    (True, False)
    """
    kept = _checked(traffic, seed, replicas, router, limits)
    check_level(level)
    device, llm = given.hardware(hardware), given.model(model, accept_unknown)
    prompt, answer = _means(traffic, float(llm.max_position))
    row = _row(deployment, framework) | {
        "hardware": device.hardware.strip(), "model": llm.model.strip(), "mode": "closed",
        "input_len": prompt, "output_len": answer, "concurrency": 1.0,
    }  # fmt: skip
    known = Definitions({row["hardware"]: device}, {row["model"]: llm})
    released = framework.release_year if isinstance(framework, Framework) else None
    chosen, corrections = predictor_of(predictor), profile_of(profile)
    raw, resolved = ask(row, known, released)
    done = run(raw, resolved, chosen)
    if done.errors[0]:
        raise InvalidInput(str(done.errors[0]))
    if not done.fits[0]:
        raise DoesNotFit(done.shortages()[0])
    own = prepared(resolved, 0, chosen, corrections, longest=_longest(resolved))

    def at(users: float) -> Any:
        asked = ask(row | {"concurrency": max(users, 1.0)}, known, released)
        return run(*asked, chosen, level, corrections)

    return told(own, traffic, seed=int(seed), replicas=int(replicas), router=router, limits=kept,
                level=level, closed=at)  # fmt: skip


def _means(traffic: Traffic, longest: float) -> tuple[float, float]:
    """Mean tokens of the prompts and the answers that a model of such a context takes."""
    prompts, answers = traffic.input_tokens, traffic.output_tokens
    taken = prompts + answers <= (longest if longest > 0 else float("inf"))
    if not taken.any():  # all are refused, and that is told
        taken[:] = True
    return float(np.mean(prompts[taken])), float(np.mean(answers[taken]))


def _longest(resolved: Any) -> float:
    """Longest request that the model takes, tokens; infinite where its context is not known."""
    longest = float(resolved.columns["m_max_position"][0])
    return longest if longest > 0 else float("inf")


def _row(deployment: Mapping[str, Any], framework: FrameworkLike | None) -> dict[str, Any]:
    """Lay the descriptors out as the row of a table."""
    wrong = [name for name in deployment if name not in DESCRIPTORS or name in _SAID]
    if wrong:
        why = "the traffic says it" if wrong[0] in _SAID else "it is no descriptor"
        raise InvalidInput(f"simulate() takes no {wrong[0]}: {why}")
    texts = {k: v for k, v in deployment.items() if k in TEXTS}
    numbers = {k: v for k, v in deployment.items() if k not in TEXTS}
    return keywords.texts(texts, given.framework(framework)) | keywords.numbers(numbers)


def _checked(
    traffic: Traffic, seed: object, replicas: object, router: str, limits: Any
) -> dict[str, float]:
    """Check what is said of the simulation; return the limits."""
    if not isinstance(traffic, Traffic):
        raise InvalidInput(f"traffic must be a guide_ml.Traffic; got {type(traffic).__name__}")
    for name, value, least in (("seed", seed, 0), ("replicas", replicas, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InvalidInput(f"{name} must be a whole number from {least} up; got {value!r}")
    if router not in ROUTERS:
        raise InvalidInput(f"router must be one of {', '.join(ROUTERS)}; got {router!r}")
    found = dict(limits or {})
    for name, value in found.items():
        if name not in _LIMITS:
            raise InvalidInput(f"limits are of {', '.join(_LIMITS)}; got {name!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise InvalidInput(f"the limit of {name} must be a number above 0; got {value!r}")
    return {k: float(v) for k, v in found.items()}
