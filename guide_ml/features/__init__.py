"""Features: memory account, roofline floors and queueing as one vectorised path.

A single deployment, a training set and a million candidates pass through
:func:`guide_ml.features.load.build` and :func:`guide_ml.features.floors.floors`.
"""
