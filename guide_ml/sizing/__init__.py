"""How much traffic a deployment carries within limits, and how many replicas some traffic needs.

In: a deployment (``served``), traffic (``loads``), limits on means and percentiles (``limits``).
Out: the highest rate at which the limits hold (``carried``), the least number of replicas
(``sustained``), both by simulation (``looks``). A new statistic is a line in ``limits``.
"""

from guide_ml.sizing.carried import Capacity, capacity

__all__ = ["Capacity", "capacity"]
