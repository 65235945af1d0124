"""The command ``guide``: parses, calls one function, prints.

In: arguments. Out: tables or JSON, and an exit code. One file a command; ``options`` holds what
they share, ``report`` and ``report_search`` the tables, ``plots`` the pictures.
A new command is a file here and a line in ``main``.
"""
