"""Measured runs: read, checked, named.

In: Parquet or CSV files of one schema. Out: :class:`guide_ml.measurements.read.Measurements`, with
what was left out counted by reason. ``plausible`` tells figures that cannot be meant as written,
``evaluation`` splits rows into groups that are held out together. ``columns`` lists what a row
carries beside descriptors, ``laboratories`` which sources belong together.
A new column of measurements belongs to ``columns``; a new importer of files to
:mod:`guide_ml.ingest`.
"""
