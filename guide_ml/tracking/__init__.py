"""Retraining: tracked runs, held-out tables, a gate before the champion, monitoring.

In: measurements of one's own and the champion. Out: a run, a registered version, a verdict.
``retrain`` and ``monitor`` are the ways in; a new test of a challenger belongs to ``gate``.
"""
