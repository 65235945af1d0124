"""The verb ``guide ingest``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from guide_ml.answers.blocks import Block, Words, listing
from guide_ml.cli import options as o
from guide_ml.cli.parts import show_or_json
from guide_ml.errors import InvalidInput

if TYPE_CHECKING:
    from guide_ml.ingest import Summary

__all__ = ["EXAMPLES", "ingest"]

EXAMPLES = (
    "guide ingest serve.json --out mine.parquet --hardware h100 --num-devices 2 --tp 2"
    " --framework vllm --weight-dtype bf16",
    "guide ingest llama-bench.md --out mine.parquet --hardware rtx-4090"
    " --model meta-llama/Llama-3.1-8B-Instruct --num-devices 1",
    "guide ingest results/*.json --facts machine.toml --out mine.parquet --dry-run --json",
    "guide ingest --formats",
)
_NOTHING_READ, _ALL_REJECTED = 2, 1
#: Rows that a dry run shows at most.
MOST_SHOWN = 12


def ingest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Results of a benchmark tool; - is standard input."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Table to add to: .parquet or .csv.")
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(help="Slug or alias of the device (`guide list hardware`).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Hugging Face id or alias (`guide list models`).")
    ] = None,
    framework: o.FrameworkOption = None,
    framework_version: o.VersionOption = None, backend: o.BackendOption = None,
    num_devices: o.DevicesOption = None, tp: o.TpOption = None, pp: o.PpOption = None,
    dp: o.DpOption = None, ep: o.EpOption = None, weight_dtype: o.WeightOption = None,
    kv_dtype: o.KvOption = None, spec_method: o.SpecOption = None, mode: o.ModeOption = None,
    batch_size: o.BatchOption = None, concurrency: o.ConcurrencyOption = None,
    num_requests: o.RequestsOption = None, input_len: o.InputOption = None,
    output_len: o.OutputOption = None, context_depth: o.DepthOption = None,
    facts: Annotated[
        Path | None,
        typer.Option(help="TOML or JSON of what the files do not say; the options win over it."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Source of the rows; the tool's name by default.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected rows; OUT.rejects.csv by default.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write nothing; show the rows beside what the files say."),
    ] = False,
    formats: Annotated[
        bool, typer.Option("--formats", help="List the tools and files that can be read.")
    ] = False,
    as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Add the results of benchmark tools to a table of measurements.

    Reads vllm bench, sglang.bench_serving, GuideLLM, AIPerf and GenAI-Perf, trtllm-bench,
    llama-bench, optimum-benchmark, LLMPerf, InferenceX, inference-perf, evalscope, and more
    (`--formats` lists them); the format is told by the content. Each row is checked against its
    schema, the hardware's floors, Little's law and what is stored; what fails goes to a file of
    rejects with its reason. What a file says and what is given must not contradict each other.

    Ends with 0 if rows were stored or are there already, 1 if all were rejected, 2 if nothing
    could be read.
    """
    options = {k: v for k, v in locals().items() if k not in _NO_FACTS}
    if formats:
        _list_formats(as_json)
        return
    if not files or out is None:
        what = "FILE" if not files else "--out"
        raise InvalidInput(f"{what} must be given: `guide ingest FILE... --out mine.parquet`")
    with Console(stderr=True).status("reading"):
        from guide_ml import ingest as package
        from guide_ml.ingest.facts import checked, read_side_file

        known = (read_side_file(facts) if facts else {}) | checked(options)
        done = package.ingest(files, out, facts=known, source=source, rejects=rejects,
                              dry_run=dry_run)  # fmt: skip
    show_or_json(_plain(done), lambda: _shown(done), as_json)
    for read in done.files:
        if read.error:
            typer.echo(f"guide: {read.error}", err=True)
    raise typer.Exit(_status(done))


_NO_FACTS = ("files", "out", "facts", "source", "rejects", "dry_run", "formats", "as_json")


def _list_formats(as_json: bool) -> None:
    from guide_ml.ingest.importers import formats

    columns = {"tool": "tool", "file": "file", "versions": "versions read", "gives": "what it says"}
    show_or_json(formats(), lambda: [listing(formats(), columns, "what can be read")], as_json)


def _status(done: Summary) -> int:
    if not done.count("read"):
        return _NOTHING_READ
    kept = done.count("stored") + done.count("duplicates")
    return 0 if kept else _ALL_REJECTED


def _plain(done: Summary) -> dict[str, Any]:
    counts = {k: done.count(k) for k in ("read", "stored", "duplicates", "rejected")}
    return counts | asdict(done)


def _shown(done: Summary) -> list[Block]:
    columns = {"file": "file", "importer": "tool", "read": "read", "stored": "stored",
               "duplicates": "stored before", "rejected": "rejected"}  # fmt: skip
    verb = "would be stored" if done.dry_run else "stored"
    title = f"{done.count('stored')} of {done.count('read')} rows {verb} in {done.out}"
    rows: list[dict[str, Any]] = [asdict(f) for f in done.files if not f.error]
    parts: list[Block] = [listing(rows, columns, title)] if rows else []
    if done.reasons:
        rows = [{"check": k, "rows": n, "reason": _first(done, k)} for k, n in done.reasons.items()]
        names = {"check": "check", "rows": "rows", "reason": "first of them"}
        parts.append(listing(rows, names, f"rejected, see {done.rejects_file}"))
    if done.unused:
        rows = [{"rows": n, "reason": k} for k, n in done.unused.items()]
        names = {"rows": "rows", "reason": "reason"}
        parts.append(listing(rows, names, "stored, but left out of training"))
    if done.dry_run:
        parts += [_row(r) for r in done.rows[:MOST_SHOWN]]
        if len(done.rows) > MOST_SHOWN:
            more = f"and {len(done.rows) - MOST_SHOWN} more rows; --json has all"
            parts.append(Words(lines=(more,)))
    return parts


def _row(row: dict[str, Any]) -> Block:
    """Show a row as it would be stored, beside what the file says of each column."""
    said = row.get("said", {})
    lines = [{"column": k, "stored": v, "said": said.get(k, "")} for k, v in row.items()
             if k not in ("said", "source_ref")]  # fmt: skip
    names = {"column": "column", "stored": "as stored", "said": "the file says"}
    return listing(lines, names, row["source_ref"])


def _first(done: Summary, check: str) -> str:
    return next(r["reason"] for r in done.rejects if r["check"] == check)
