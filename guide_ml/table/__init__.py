"""From a table of descriptors to columns of numbers: the one way in for one row or a million.

In: a data frame, as callers write it. Out: :class:`guide_ml.table.assume.Resolved`, where every
blank has been filled. ``given`` turns names, files and fields into value objects; ``read`` parses;
``words`` knows names; ``assume`` holds every default, ``parallel``, ``reserve`` and ``rates`` the
longer ones of those rules.
A new default belongs to ``assume``.
"""
