"""Gradient-boosted trees: fitted by LightGBM and XGBoost, kept as text, walked by compiled loops.

In: a matrix of features. Out: one number a row. ``boosters`` fits and asks, ``files`` and ``text``
read and write, ``compiled`` and ``walker`` are the fast way through.
A new kind of booster belongs to ``boosters``.
"""
