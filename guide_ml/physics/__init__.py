"""Calibrated physics: the roofline with efficiencies that measurements taught.

A handful of *knobs* (efficiency of memory and arithmetic, launch time a layer, latency of an
all-reduce, ...) turn the bounds of :mod:`guide_ml.features` into estimates. Each knob is a sum
of a constant, of slopes on numeric descriptors, and of small shrunken corrections for what is
known by name (engine, release series, architecture, dtype family, device, model), which vanish
for the unknown.
All targets and modes are fitted together, so that what a static batch of a small model teaches
of launches serves a large one under load, too.

In: loads and floors. Out: calibrated times, which boosters correct.
A new efficiency is a line of ``knobs``; what it depends on belongs to ``drivers`` or ``design``.
"""
