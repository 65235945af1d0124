"""Times of single passes by calibrated physics: any number of tokens, any context."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from guide_ml.features import roofline
from guide_ml.features.load import Load
from guide_ml.physics.model import _factors, _pass
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = ["decode_s", "prefill_s"]


def prefill_s(load: Load, knobs: Columns, tokens: Floats, attended: Floats) -> Floats:
    """Time of a pass of one prompt's tokens, seconds.

    Parameters
    ----------
    load : Load
        One deployment a row.
    knobs : dict of str to array of shape (n,)
        Logarithms of its knobs.
    tokens, attended : array of shape (n,)
        New tokens of the pass; tokens that each of them attends to on average.
    """
    single = np.ones_like(tokens)
    bound = roofline.forward(load.columns, load.memory, single, tokens, attended)
    return _pass(load, bound, tokens, _factors(load, knobs), prefill=True).total_s


def decode_s(load: Load, knobs: Columns, sequences: Floats, context: Floats) -> Floats:
    """Time of a decode step, seconds, of so many sequences of so many tokens each.

    Parameters
    ----------
    load, knobs
        As of :func:`prefill_s`.
    sequences, context : array of shape (n,)
        Sequences that a replica decodes together; tokens that each looks back on. A pipeline's
        step is that of a micro-batch, which one of its stages has.
    """
    c = load.columns
    own = replace(load, stages=np.minimum(load.columns["pp"], sequences))
    part = sequences / own.stages
    bound = roofline.forward(c, load.memory, part, load.checked, context)
    running = part * c["attention_dp"]
    return _pass(own, bound, running, _factors(load, knobs), prefill=False).total_s
