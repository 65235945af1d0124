"""The one path from a table of deployments to predictions; one row and a million take it.

In: descriptors and a trained set. Out: what was predicted, what was assumed in words, and why a
deployment does not fit. A new keyword of ``predict`` belongs to ``keywords``.
"""
