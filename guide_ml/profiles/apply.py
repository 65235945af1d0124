"""A profile put to predictions: floors, definitions and the order of intervals go on holding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import TARGETS
from guide_ml.profiles.profile import Profile
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.read import Floats

__all__ = ["ends", "values"]


def values(
    profile: Profile, resolved: Resolved, predicted: Columns, moved: Columns,
    floors: Mapping[str, Floats],
) -> Columns:  # fmt: skip
    """Correct n predictions.

    Parameters
    ----------
    profile : Profile
        Corrections.
    resolved : Resolved
        What was predicted.
    predicted, moved, floors : dict of str to array of shape (n,)
        Predictions without and with the profile, and physical bounds by target; NaN where there
        is none. Latencies are corrected while they are predicted, so that they still rise with
        the load, and a server's throughput follows from them; of `predicted`, that of a queue,
        which has no latencies, is corrected.
    """
    own = profile.correct(resolved.columns, resolved.names, predicted)
    queue = resolved.columns["mode"] == MODES.index("offline")
    rate = np.where(queue, own["output_tok_s"], moved["output_tok_s"])
    found = _bounded({t.name: moved[t.name] for t in TARGETS} | {"output_tok_s": rate}, floors)
    return _by_definition(resolved, found, found["batch_latency_s"])


def ends(
    width: Columns, resolved: Resolved, predicted: Columns, end: Mapping[str, Floats],
    corrected: Columns, floors: Mapping[str, Floats],
) -> Columns:  # fmt: skip
    """Move one end of n intervals with their prediction, and closer to it.

    Parameters
    ----------
    width : dict of str to array of shape (n,)
        :meth:`Profile.width`.
    resolved, predicted, floors
        As of :func:`values`.
    end : dict of str to array of shape (n,)
        Lower or upper ends around `predicted`.
    corrected : dict of str to array of shape (n,)
        What :func:`values` returned.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = {k: corrected[k] * (end[k] / predicted[k]) ** width[k] for k in end}
        # The low end of a static batch's throughput belongs to the high end of its latency.
        other = predicted["output_tok_s"] / end["output_tok_s"]
        latency = corrected["batch_latency_s"] * other ** width["batch_latency_s"]
    latency = np.maximum(latency, floors["batch_latency_s"])
    return _by_definition(resolved, _bounded(moved, floors), latency)


def _bounded(found: Columns, floors: Mapping[str, Floats]) -> Columns:
    """Keep what is predicted on its side of the physical bound."""
    clip = {t.name: np.maximum if t.is_time else np.minimum for t in TARGETS}
    return {k: clip[k](v, floors[k]) for k, v in found.items()}


def _by_definition(resolved: Resolved, found: Columns, latency_s: Floats) -> Columns:
    """Set a static batch's throughput to its tokens over its latency."""
    c = resolved.columns
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = c["batch"] * c["output_len"] / latency_s
    static = c["mode"] == MODES.index("static")
    return found | {"output_tok_s": np.where(static, rate, found["output_tok_s"])}
