"""Bring in measurements that people already have: one file an importer, checked before stored.

In: result files of benchmark clients and facts that they leave out. Out: rows of the measurement
table, and rejects with reasons. A new importer is one file here and a line in ``importers``.
"""

from guide_ml.ingest.importers import IMPORTERS
from guide_ml.ingest.run import FileRead, Summary, ingest

__all__ = ["IMPORTERS", "FileRead", "Summary", "ingest"]
