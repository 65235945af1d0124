"""Bits and arithmetic of number formats: from a name like ``fp8`` or ``q4_k_m`` to facts.

In: a name. Out: bits a weight with scales included, the matrix rate that it runs at.
A new precision is a line of :mod:`guide_ml.precision.dtypes`.
"""
