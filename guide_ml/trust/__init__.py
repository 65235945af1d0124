"""How sure a prediction is: intervals, distance from what was measured, the rows nearest by.

In: predictions and what the trained set knows of its data. Out: the ends of intervals, a level
of ``in_domain``, evidence. A new reason for doubt belongs to :mod:`guide_ml.trust.domain`.
"""
