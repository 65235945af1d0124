"""lmdeploy's ``profile_throughput``, ``profile_generation``, ``profile_pipeline_api``: text, CSV.

Releases up to 0.6 print percentiles of single steps, of which those that brought no token count as
zero: they tell no TPOT. A fixed load of theirs gives the whole time of a request, from which it
follows. Newer releases print a table of means and percentiles in seconds. A CSV has no TPOT at all.
`profile_restful_api` of newer releases writes what SGLang's client does.
"""

from __future__ import annotations

import re

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import Importer, Row, failed, joined, per_request, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["LMDEPLOY", "LMDEPLOY_CSV"]

_OLD = re.compile(
    r"^[^\w\n]*concurrency: (\d+)(?:, test_round: (\d+))?[ \t]*\n(.*?)"
    r"(?=^[^\w\n-]*-{20,}|^[^\w\n]*concurrency: |\Z)",
    re.M | re.S,
)
_MEANS = r"[ _]token latency(?:\(s\))?\(min, max, ave\): [\d.]+s?, [\d.]+s?, ([\d.]+)"
_FIRST, _WHOLE = re.compile("first" + _MEANS), re.compile("total" + _MEANS)
_FIXED = re.compile(r"input_tokens: (\d+), output_tokens: (\d+)")
_CELL = re.compile(r"^[^\w\n]*([^:\n]+): ([\d.]+)", re.M)
_NEW = re.compile(
    r"^[^\w\n=]*=+ [^\n=]+ =+[ \t]*\n((?:[^\n]*\n){1,40}?)[^\w\n=]*={20,}", re.M
)
_LINE = re.compile(r"^[^\w\n]*([A-Z][^\n]*?)[ \t]{2,}(\S[^\n]*?)[ \t]*$", re.M)
_MODEL = re.compile(r"profile_\w+\.py\s+(?:\S+\.json\s+)?(?!-)(\S+)")
_LATENCIES = {
    "ttft": "Time to First Token (TTFT)",
    "tpot": "Time per Output Token (TPOT)",
    "e2e": "End-to-end Latency",
}
#: Step of the times that are printed.
WHOLE_MS = 1.0
#: Columns of its CSV that no other tool has together.
_COLUMNS = {"RPS", "throughput(out tok/s)", "throughput(total tok/s)"}
_FIXED_COLUMNS = {"completion_tokens", "throughput(out tok/s)", "throughput(total tok/s)"}


def _is_old(block: str) -> bool:
    return "token throughput (completion token)" in block or "throughput(output)" in block


def _is_new(block: str) -> bool:
    return "Output throughput (tok/s)" in block and _LATENCIES["e2e"] in block


def _runs(content: Content) -> list[tuple[int, Row]]:
    text = content.text
    found = [(m.start(), _old(*m.groups())) for m in _OLD.finditer(text) if _is_old(m[3])]
    return found + [(m.start(), _new(m[1])) for m in _NEW.finditer(text) if _is_new(m[1])]


def _rows(content: Content) -> list[Row]:
    names = set(_MODEL.findall(content.text))
    name = names.pop() if len(names) == 1 else None
    runs = sorted(_runs(content), key=lambda run: run[0])
    return [joined(_named(name), row) for _, row in runs]


def _named(name: str | None) -> Row:
    return joined({"framework": "lmdeploy"}, model_of(name), precision(model=name))


def _old(users: str, rounds: str | None, block: str) -> Row:
    cells = {k.strip(): number(v) for k, v in _CELL.findall(block)}
    first, whole, fixed = _FIRST.search(block), _WHOLE.search(block), _FIXED.search(block)
    first_s = number(first[1]) if first else None
    if fixed:
        return joined(
            served(users), _fixed(first_s, number(whole[1]) if whole else None, fixed),
            {"num_requests": float(users) * float(rounds) if rounds else None,
             "output_tok_s": cells.get("throughput(output)"),
             "total_tok_s": cells.get("throughput(total)")},
        )  # fmt: skip
    rate, took = cells.get("RPS (request per second)"), cells.get("elapsed_time")
    count = cells.get("number of prompts") or (round(rate * took) if rate and took else None)
    return joined(
        served(users, None, count), stats("ttft", [(first_s or 0.0) * MS_PER_S]),
        {"num_requests": count,
         "input_len": per_request(cells.get("number of prompt tokens"), count),
         "output_len": per_request(cells.get("number of completion tokens"), count),
         "output_tok_s": cells.get("token throughput (completion token)"),
         "total_tok_s": cells.get("token throughput (prompt + completion token)")},
    )  # fmt: skip


def _fixed(first_s: float | None, whole_s: float | None, lengths: re.Match[str]) -> Row:
    """Read a fixed load: TPOT = (whole time - first token) / (answer - 1)."""
    inside, outside = map(float, lengths.groups())
    row: Row = {"input_len": inside, "output_len": outside}
    row |= stats("ttft", [(first_s or 0.0) * MS_PER_S])
    if first_s and whole_s and outside > 1:
        row |= stats("tpot", [MS_PER_S * (whole_s - first_s) / (outside - 1)])
    return row


def _new(block: str) -> Row:
    cells = {k.strip(): v for k, v in _LINE.findall(block)}
    done, sent = number(cells.get("Successful requests")), number(cells.get("Total requests"))
    inside, speed = (number(cells.get(f"{k} throughput (tok/s)")) for k in ("Input", "Output"))
    users = number(cells.get("Concurrency"))
    row = joined(
        served(users, None, sent) if users else {},
        {"num_requests": done,
         "input_len": per_request(cells.get("Total input tokens"), done),
         "output_len": per_request(cells.get("Total generated tokens"), done),
         "output_tok_s": speed, "total_tok_s": inside + speed if inside and speed else None},
        failed(sent - done if sent is not None and done is not None else None, done),
    )  # fmt: skip
    heading = next((li.split() for li in block.splitlines() if li.split()[:1] == ["mean"]), [])
    for column, name in _LATENCIES.items():
        figures = dict(zip(heading, str(cells.get(name, "")).split(), strict=False))
        row |= stats(column, (figures.get(s) for s in ("mean", "P50", "P99")), MS_PER_S)
    return _finer(row)


def _finer(row: Row) -> Row:
    """Work TPOT out of longer times where these tell the same: it is printed in whole ms."""
    whole, first, stated, tokens = (row.get(k) for k in ("e2e_ms", "ttft_ms", "tpot_ms",
                                                         "output_len"))  # fmt: skip
    if not (whole and first and stated and tokens and tokens > 1):
        return row
    told = (whole - first) / (tokens - 1)
    return row | {"tpot_ms": told} if abs(told - stated) <= WHOLE_MS / 2 else row


def _is_csv(content: Content) -> bool:
    heading = set(content.records[0]) if content.records else set()
    return heading >= _COLUMNS or heading >= _FIXED_COLUMNS


def _csv(content: Content) -> list[Row]:
    return [_line(r) for r in content.table]


def _line(cells: dict[str, str]) -> Row:
    """Read a line: lengths follow from rates where they do not stand there."""
    speed, total = (number(cells.get(f"throughput({k} tok/s)")) for k in ("out", "total"))
    rate = number(cells.get("RPS"))
    count = number(cells.get("num_promts") or cells.get("num_prompts"))
    users = cells.get("batch") or cells.get("concurrency")
    inside, outside = (number(cells.get(f"{k}_tokens")) for k in ("prompt", "completion"))
    if rate and speed and total:
        inside, outside = (total - speed) / rate, speed / rate
    first_s = number(cells.get("FTL(ave)(s)"))
    return joined(
        _named(None), served(users, None, count) if users else {},
        {"num_requests": count, "input_len": inside, "output_len": outside,
         "output_tok_s": speed, "total_tok_s": total},
        stats("ttft", [(first_s or 0.0) * MS_PER_S]),
    )  # fmt: skip


LMDEPLOY = Importer(
    "lmdeploy", "what lmdeploy's profile_throughput, profile_generation and profile_pipeline_api"
    " print: text", lambda c: bool(_runs(c)), _rows, versions="fields of 0.0.8 to 0.10",
    gives="load, lengths, TTFT, throughput; TPOT of newer releases and of fixed loads",
)  # fmt: skip
LMDEPLOY_CSV = Importer(
    "lmdeploy", "lmdeploy's profile_throughput.csv, profile_generation.csv", _is_csv, _csv,
    versions="fields of 0.0.8 to 0.10", gives="load, lengths, TTFT, throughput",
)  # fmt: skip
