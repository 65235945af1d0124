"""The service ``guide serve``: the Python functions over HTTP, and a page for people.

``app`` puts it together, ``bodies`` and ``replies`` type what comes in and goes out, ``values``
lets names in that the catalogue knows and nothing else, ``guard`` holds limits, ``work`` runs what
takes time, ``routes`` and ``searches`` are the addresses, ``static`` is the page.

It needs the extra ``web``; nothing but ``guide serve`` imports it.

In: JSON objects with the keywords of the Python functions, or tables. Out: their ``to_dict()``.
A new address is a function of ``routes`` or ``searches`` with its types in ``bodies``.
"""
