"""Features: memory account, roofline floors and queueing as one vectorised path.

A single deployment, a training set and a million candidates pass through
:func:`guide_ml.features.load.build` and :func:`guide_ml.features.floors.floors`.

In: resolved columns. Out: floors in seconds, bytes, loads; no name is seen here.
A new bound is a file here and a line in ``floors`` or ``load``.
"""
