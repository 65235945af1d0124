"""Where trained sets live: an MLflow store, opened and locked, and its registered versions.

In: a URI. Out: files of a trained set, and which version is champion.

A new question to the store belongs to ``versions``.
"""
