"""A deployment, ready to be simulated, and how wrong the times of its steps may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from guide_ml.errors import DoesNotFit, InvalidInput, UnknownName
from guide_ml.predictions import keywords
from guide_ml.predictions.run import PredictorLike, ask, run
from guide_ml.profiles import ProfileLike, profile_of
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.run import Replica
from guide_ml.simulation.steady import scaled
from guide_ml.table import given
from guide_ml.table.given import FrameworkLike, HardwareLike, ModelLike
from guide_ml.table.read import Definitions
from guide_ml.trust.intervals import check_level

__all__ = ["Served", "served"]

_TEXTS = ("framework_version", "backend", "weight_dtype", "kv_dtype", "spec_method", "host",
          "draft_model")  # fmt: skip
_NUMBERS = (
    "num_devices", "tp", "pp", "dp", "ep", "context_depth", "gpu_layers", "experts_on_cpu",
    "host_bandwidth_gbs", "threads", "vcpus", "draft_tokens", "accept_len", "prefix_hit_rate",
    "max_num_seqs", "max_num_batched_tokens", "memory_share", "lora_rank", "loras",
)  # fmt: skip
#: Users at whom intervals are asked for: as many as a busy replica has.
USERS = 16.0


@dataclass(frozen=True)
class Served:
    """A deployment.

    Parameters
    ----------
    own, slow, fast : Replica
        As predicted; with steps as long, and as short, as the ends of the intervals say.
    queues : int
        Queues of one deployment: its data-parallel ranks.
    text : str
        What it is, in words.
    """

    own: Replica
    slow: Replica
    fast: Replica
    queues: int
    text: str


def served(
    *, hardware: HardwareLike, model: ModelLike, input_len: float, output_len: float,
    framework: FrameworkLike | None = None, level: float = 0.9,
    predictor: PredictorLike | None = None, profile: ProfileLike | None = None,
    accept_unknown: bool = False, **more: Any,
) -> Served:  # fmt: skip
    """Prepare a deployment; parameters as of :func:`guide_ml.predict`, without a load.

    Raises
    ------
    UnknownName, InvalidInput, DoesNotFit
        As :func:`guide_ml.predict` does.
    """
    for name in more:
        if name not in (*_TEXTS, *_NUMBERS):
            raise UnknownName("option of a deployment", name, (*_TEXTS, *_NUMBERS))
    device, llm = given.hardware(hardware), given.model(model, accept_unknown)
    more.setdefault("num_devices", 1)
    texts = {name: more.get(name) for name in _TEXTS}
    numbers = {name: more.get(name) for name in _NUMBERS}
    numbers |= {"input_len": input_len, "output_len": output_len,
                "concurrency": USERS * float(more.get("dp") or 1)}  # fmt: skip
    row = keywords.texts(texts, given.framework(framework)) | keywords.numbers(numbers)
    row |= {"hardware": device.hardware.strip(), "model": llm.model.strip()}
    known = Definitions({row["hardware"]: device}, {row["model"]: llm})
    corrections = profile_of(profile)
    raw, resolved = ask(row, known)
    if resolved.errors[0]:
        raise InvalidInput(str(resolved.errors[0]))
    done = run(raw, resolved, predictor, check_level(level), corrections)
    if done.errors[0]:
        raise InvalidInput(str(done.errors[0]))
    if not done.fits[0]:
        raise DoesNotFit(done.shortages()[0])
    engine = str(resolved.names["framework"][0])
    own = prepared(resolved, 0, done.predictor, corrections, longest=float(llm.max_position))
    low, high = _ends(done, "low"), _ends(done, "high")
    count = int(resolved.columns["devices"][0])
    return Served(own, scaled(own, **high), scaled(own, **low), own.asked.replicas,
                  f"{llm.model} on {count} x {device.hardware}, {engine}")  # fmt: skip


def _ends(done: Any, end: str) -> Mapping[str, float]:
    """Return how many times as long prefills and steps take at an end of the intervals."""
    ends, values = getattr(done.judged, end), done.outcome.values
    ratios = {name: float(ends[f"{name}_ms"][0] / values[f"{name}_ms"][0])
              for name in ("ttft", "tpot")}  # fmt: skip
    return {name: r if np.isfinite(r) and r > 0 else 1.0 for name, r in ratios.items()}
