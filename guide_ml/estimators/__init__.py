"""The trained set in use: calibrated physics, corrected by boosters, bounded by heavier loads.

In: resolved columns. Out: the four targets. ``artefacts`` is the only reader and writer of a
trained set; ``predictor`` loads and asks one; ``estimate`` computes; ``heavier_loads`` and
``load_order`` see to it that more load never lowers a latency.

A new file of a trained set belongs to ``artefacts``; a new step of the estimate to ``estimate``.
"""
