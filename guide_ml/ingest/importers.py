"""The list of importers: a new tool is one file and one line here."""

from __future__ import annotations

from guide_ml.errors import BadData
from guide_ml.ingest.aiperf import AIPERF_CSV, AIPERF_JSON
from guide_ml.ingest.canonical import CANONICAL
from guide_ml.ingest.content import Content
from guide_ml.ingest.guidellm import GUIDELLM
from guide_ml.ingest.inferencex import INFERENCEX
from guide_ml.ingest.llama_bench import LLAMA_BENCH
from guide_ml.ingest.llmperf import LLMPERF
from guide_ml.ingest.optimum import OPTIMUM
from guide_ml.ingest.rows import Importer, Row
from guide_ml.ingest.sglang import SGLANG
from guide_ml.ingest.trtllm import TRTLLM
from guide_ml.ingest.vllm import LATENCY, SERVE, THROUGHPUT

__all__ = ["IMPORTERS", "read", "recognise"]

IMPORTERS: tuple[Importer, ...] = (
    SERVE, LATENCY, THROUGHPUT, SGLANG, GUIDELLM, AIPERF_JSON, AIPERF_CSV, TRTLLM, LLAMA_BENCH,
    OPTIMUM, LLMPERF, INFERENCEX, CANONICAL,
)  # fmt: skip

MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError)
"""What reading raises where a file is built otherwise than its tool does."""


def read(importer: Importer, content: Content) -> list[Row]:
    """Read the rows of a file that was recognised.

    Raises
    ------
    BadData
        If parts of it are not built as the tool builds them.
    """
    try:
        return importer.rows(content)
    except MALFORMED as error:
        raise BadData(
            f"{content.path} looks like a file of {importer.name} but is not built like one:"
            f" {type(error).__name__}, {error}"
        ) from error


def recognise(content: Content) -> Importer:
    """Find whose file it is, by what it holds.

    Raises
    ------
    BadData
        If no importer knows it.
    """
    for importer in IMPORTERS:
        try:
            if importer.recognises(content):
                return importer
        except MALFORMED:  # a part that it looks at is built otherwise: another tool's
            continue
    known = "; ".join(i.reads for i in IMPORTERS)
    raise BadData(f"{content.path} is of no known format; what can be read: {known}")
