"""Tables of deployments from files to files: streamed in batches, in parts that survive a kill.

``sources`` read, ``sinks`` write, ``batch`` predicts, ``parts`` keep what is done beside the
output, ``job`` runs them, ``grid`` describes candidates instead of listing them, and ``cluster``
spreads the same over Dask workers.

In: a table or a grid of candidates. Out: the same rows with predictions and costs.
A new file format is an entry of ``formats``, with its reader and its sink.
"""

from guide_ml.scoring.batch import Options
from guide_ml.scoring.job import Summary, score
from guide_ml.scoring.sources import Source, open_source

__all__ = ["Options", "Source", "Summary", "open_source", "score"]
