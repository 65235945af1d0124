"""The list of importers: a new tool is one file and one line here."""

from __future__ import annotations

from guide_ml.errors import BadData
from guide_ml.ingest.aiperf import AIPERF_CSV, AIPERF_JSON
from guide_ml.ingest.aiperf_many import AGGREGATE, SWEEP
from guide_ml.ingest.aiperf_text import AIPERF_TEXT
from guide_ml.ingest.canonical import CANONICAL
from guide_ml.ingest.content import Content
from guide_ml.ingest.evalscope import EVALSCOPE
from guide_ml.ingest.genai_bench import GENAI_BENCH
from guide_ml.ingest.guidellm import GUIDELLM
from guide_ml.ingest.guidellm_csv import GUIDELLM_CSV
from guide_ml.ingest.guidellm_text import GUIDELLM_TEXT
from guide_ml.ingest.hints import HINTS
from guide_ml.ingest.inference_perf import INFERENCE_PERF
from guide_ml.ingest.inferencex import INFERENCEX
from guide_ml.ingest.llama_batched import LLAMA_BATCHED
from guide_ml.ingest.llama_bench import LLAMA_BENCH
from guide_ml.ingest.llama_benchy import LLAMA_BENCHY
from guide_ml.ingest.llama_timings import LLAMA_TIMINGS
from guide_ml.ingest.llmd import LLMD
from guide_ml.ingest.llmperf import LLMPERF, LLMPERF_TABLE
from guide_ml.ingest.lmdeploy import LMDEPLOY, LMDEPLOY_CSV
from guide_ml.ingest.local_runs import KTRANSFORMERS, LM_STUDIO, MLX_LM, OLLAMA
from guide_ml.ingest.mlperf import MLPERF
from guide_ml.ingest.optimum import OPTIMUM
from guide_ml.ingest.printed import PRINTED
from guide_ml.ingest.rows import Importer, Row
from guide_ml.ingest.sglang import OFFLINE, ONE_BATCH, SGLANG
from guide_ml.ingest.sglang_text import ONE_BATCH_TEXT
from guide_ml.ingest.trtllm import TRTLLM
from guide_ml.ingest.trtllm_log import TRTLLM_LOG
from guide_ml.ingest.vllm import LATENCY, SERVE, THROUGHPUT
from guide_ml.ingest.vllm_text import MULTI_TURN, OFFLINE_TEXT

__all__ = ["IMPORTERS", "formats", "opened", "read", "recognise"]

IMPORTERS: tuple[Importer, ...] = (
    SERVE,
    PRINTED,
    MULTI_TURN,
    LATENCY,
    THROUGHPUT,
    OFFLINE_TEXT,
    SGLANG,
    ONE_BATCH,
    ONE_BATCH_TEXT,
    OFFLINE,
    GUIDELLM,
    GUIDELLM_CSV,
    GUIDELLM_TEXT,
    AIPERF_JSON,
    AIPERF_CSV,
    AIPERF_TEXT,
    AGGREGATE,
    SWEEP,
    TRTLLM,
    TRTLLM_LOG,
    LMDEPLOY,
    LMDEPLOY_CSV,
    LLAMA_BENCH,
    LLAMA_BENCHY,
    LLAMA_BATCHED,
    LLAMA_TIMINGS,
    OPTIMUM,
    LLMPERF,
    LLMPERF_TABLE,
    INFERENCEX,
    INFERENCE_PERF,
    LLMD,
    EVALSCOPE,
    GENAI_BENCH,
    MLPERF,
    OLLAMA,
    KTRANSFORMERS,
    LM_STUDIO,
    MLX_LM,
    CANONICAL,
)

MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError,
             RecursionError)  # fmt: skip
"""What reading raises where a file is built otherwise than its tool does."""


def formats() -> list[dict[str, str]]:
    """List what can be read.

    Returns
    -------
    list of dict
        ``tool``; ``file``; ``versions``, those whose files or, where it says so, source were read;
        ``gives``, what a file says of a run.
    """
    return [{"tool": i.name, "file": i.reads, "versions": i.versions, "gives": i.gives}
            for i in IMPORTERS]  # fmt: skip


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
        If no importer knows it; a file of a known tool is told which of its files to give.
    """
    return opened(content)[0]


def opened(content: Content) -> tuple[Importer, Content]:
    """Find whose file it is, and the part of it that is this tool's.

    People put results of several runs into a file of their own: where nobody knows the file, but
    somebody knows the objects in it, those are the part.

    Raises
    ------
    BadData
        As :func:`recognise`.
    """
    if importer := _importer(content):
        return importer, content
    for hint in HINTS:
        try:
            if hint.recognises(content):
                raise BadData(f"{content.path} is {hint.what} ({hint.tool}); give {hint.give}")
        except MALFORMED:
            continue
    inside = content.unwrapped()
    if inside and (importer := _importer(inside)):
        return importer, inside
    known = "; ".join(i.reads for i in IMPORTERS)
    raise BadData(f"{content.path} is of no known format; what can be read: {known}")


def _importer(content: Content) -> Importer | None:
    for importer in IMPORTERS:
        try:
            if importer.recognises(content):
                return importer
        except MALFORMED:  # a part that it looks at is built otherwise: another tool's
            continue
    return None
