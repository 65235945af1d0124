"""Traffic: when requests arrive, how long they are, and what their prompts share.

In: a way of arriving (``arrivals``), lengths (``lengths``), or a file of requests (``reading``).
Out: :class:`guide_ml.Traffic`, six NumPy arrays of one value a request. ``sharing`` finds
conversations and shared beginnings, ``described`` counts what a traffic is like.
A new way of arriving is a function in ``arrivals`` and a constructor of ``Traffic``; a new format
of files is one file here and a line in ``reading``.
"""

from guide_ml.traffic.lengths import Lengths
from guide_ml.traffic.traffic import Traffic

__all__ = ["Lengths", "Traffic"]
