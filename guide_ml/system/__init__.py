"""What the operating system lends: locks, files written whole, folders, scratch, helpers.

In: a path that something is to be written to, or work for helper processes. Out: the file or
folder whole or untouched, one writer at a time, and one sentence where the disk says no.
A new kind of output takes ``writing.written`` (a file) or ``folders.put`` (a folder); a new lock
takes ``locks.claimed``; whatever is needed for a moment lies in ``private.scratch``.
"""
