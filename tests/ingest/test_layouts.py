"""Files as people have them: other line ends, colours, quotes, logs around, several in one."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import BadData
from guide_ml.ingest.content import Content
from guide_ml.ingest.importers import opened, read

FILES = Path(__file__).parent / "made_up"
COMPOSE, RUNTIME = "client-1  | ", "2026-09-01T01:02:03.123456789Z stdout F "
TEXTS = [f.name for f in FILES.iterdir() if f.suffix in (".txt", ".md") and f.name != "README.md"]


def given(name: str) -> str:
    return (FILES / name).read_text("utf-8")


def rows(raw: bytes) -> list[dict[str, Any]]:
    importer, part = opened(Content(Path("f"), raw))
    return read(importer, part)


def before(start: str, words: str) -> bytes:
    return "".join(f"{start}{line}\n" for line in words.splitlines()).encode()


def coloured(words: str) -> bytes:
    return "".join(f"\x1b[32m{line}\x1b[0m\n" for line in words.splitlines()).encode()


LAYOUTS = {
    "Windows": lambda w: w.replace("\n", "\r\n").encode(),
    "PowerShell": lambda w: w.encode("utf-16"),
    "a byte order mark": lambda w: w.encode("utf-8-sig"),
    "colours": coloured,
    "a quote": lambda w: before("> ", w),
    "compose": lambda w: before(COMPOSE, w),
    "a container's log": lambda w: before(RUNTIME, w),
    "a progress bar": lambda w: f"\r  0%|     | 0/160\r100%|#####| 160/160\n{w}".encode(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_alike_however_it_was_copied(name: str, layout: str) -> None:
    assert rows(LAYOUTS[layout](given(name))) == rows(given(name).encode())


#: Objects of one tool, as lists, lines, one after the other, in a log and in a file of one's own.
def collections() -> dict[str, bytes]:
    one = json.loads(given("vllm_serve.json"))
    two = [one, one | {"max_concurrency": 32}]
    lines = "\n".join(map(json.dumps, two))
    texts = "\n".join(json.dumps(o, indent=2) for o in two)
    return {
        "a list": json.dumps(two).encode(), "lines": lines.encode(), "in a row": texts.encode(),
        "in a log": f"INFO 09-01 starting\n{lines}\n[09-01 12:00] done".encode(),
        "after a prompt": f"$ cat result*.json\n{texts}\n$\n".encode(),
        "under a name": json.dumps({"machine": "mine", "results": two}).encode(),
        "by name": json.dumps({"first": two[0], "second": two[1]}).encode(),
    }  # fmt: skip


@pytest.mark.parametrize("way", collections())
def test_several_results_in_one_file_are_all_read(way: str) -> None:
    found = rows(collections()[way])
    assert [r["concurrency"] for r in found] == [16, 32]
    assert {r["ttft_ms"] for r in found} == {120}


def test_a_log_before_json_and_a_file_that_was_cut_off_keep_whole_rows() -> None:
    whole = rows(given("llama_bench.json").encode())
    log = "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: NVIDIA GeForce RTX 4090, VMM: yes\n"
    assert rows((log + given("llama_bench.json")).encode()) == whole
    assert rows(given("llama_bench.json")[:-400].encode()) == whole[:-1]


def test_tables_with_tabs_or_semicolons_are_tables_but_decimal_commas_are_refused() -> None:
    found = json.loads(given("vllm_serve.json"))
    one = {k: v for k, v in found.items() if v is not None and not isinstance(v, list)}
    for mark in ",\t;":
        table = mark.join(one) + "\n" + mark.join(map(str, one.values())) + "\n"
        assert rows(table.encode())[0]["ttft_ms"] == 120
    table = table.replace("120.0", "120,5")
    with pytest.raises(BadData, match="decimal commas"):
        rows(table.encode())


def test_a_line_with_more_cells_than_headings_is_no_row() -> None:
    found = json.loads(given("vllm_serve.json"))
    one = {k: v for k, v in found.items() if v is not None and not isinstance(v, list)}
    whole = ",".join(map(str, one.values()))
    table = f"{','.join(one)}\n{whole}\n1,2,{whole}\n"
    assert len(rows(table.encode())) == 1


@pytest.mark.parametrize(
    "part", ["\n", "-", "[[\n", "==== X ====\nabc\n", "concurrency: 1\nx\n", "| a | b |\n"]
)
def test_long_text_of_one_mark_is_refused_at_once(part: str) -> None:
    start = time.process_time()
    with pytest.raises(BadData):
        rows(b"x\n" + part.encode() * 10_000)
    assert time.process_time() - start < 3.0  # quadratic patterns took a minute


@pytest.mark.parametrize(
    ("raw", "way_out"),
    [
        (gzip.compress(b"{}"), "give the file inside"),
        (b"PK\x03\x04" + b"\0" * 9, "as CSV"),
        (b"%PDF-1.7 \0", "the JSON, the CSV or the printed text"),
        (b"<!DOCTYPE html><html>", "the JSON or the CSV of the same run"),
        (b'{"gguf": "m.gguf", "spec_flags": "", "results": []}', "what llama-bench prints"),
        (b"model,performance,metric\nx,1,tflops\n", "the printed block"),
        (b"| Test name | GPU | Tput (req/s) |\n|---|---|---|\n", "the JSON of each of its tests"),
    ],
)
def test_what_holds_no_run_is_told_what_to_give(raw: bytes, way_out: str) -> None:
    with pytest.raises(BadData, match=way_out):
        rows(raw)
