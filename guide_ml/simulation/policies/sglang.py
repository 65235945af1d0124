"""SGLang's scheduler: prompts go first, in steps of their own."""

from __future__ import annotations

from guide_ml.simulation.policies.general import Policy

__all__ = ["SGLANG"]

#: ``--chunked-prefill-size`` 8192, ``--enable-mixed-chunk`` off, radix cache, pages of one token.
#: A request is let in if a share of all answers to come has room: SGLang begins with 0.7
#: (``SGLANG_INIT_NEW_TOKEN_RATIO``) and lets it fall to 14 % of that over 600 steps; under steady
#: load it is near its least, and 0.15 lies between.
SGLANG = Policy(
    seqs=2048, budget=8192, block=1, chunked=True, mixed=False, reserve=0.15, remember=True,
    source="SGLang 0.5 documentation: Server Arguments, Hyperparameter Tuning",
)  # fmt: skip
