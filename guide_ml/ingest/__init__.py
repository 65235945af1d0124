"""Bring in measurements that people already have: one file an importer, checked before stored."""

from guide_ml.ingest.importers import IMPORTERS
from guide_ml.ingest.run import FileRead, Summary, ingest

__all__ = ["IMPORTERS", "FileRead", "Summary", "ingest"]
