"""What the service answers equals the Python functions to the bit; errors are their sentences."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import guide_ml
from guide_ml.answers.prediction import Prediction
from guide_ml.planning import choices, details, plan
from guide_ml.scoring import Options, lines
from guide_ml.scoring.batch import score_batch
from guide_ml.web import bodies, replies
from guide_ml.web.plain import plain

pytestmark = pytest.mark.web
ONE: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
                       "concurrency": 16, "input_len": 1024, "output_len": 256}  # fmt: skip
MIXED: list[dict[str, Any]] = [
    ONE, ONE | {"level": None}, ONE | {"hardware": "mi300x", "weight_dtype": "fp8", "level": 0.8},
    {"hardware": "l4", "model": "qwen3-8b", "batch_size": 4, "input_len": 512, "output_len": 64},
    {"hardware": "rtx-4090", "model": "qwen3-8b", "framework": "llama.cpp", "concurrency": 1,
     "input_len": 512, "output_len": 64, "weight_dtype": "q4_k_m"},
    {"hardware": {"hardware": "mine", "memory_gb": 64, "mem_bw_gbs": 2000, "fp16_tflops": 300},
     "model": "llama-3.1-8b-instruct", "concurrency": 2, "input_len": 100, "output_len": 20},
]  # fmt: skip
SMALL: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 128},
    "load": {"users": 16}, "slo": {"tpot_ms": 60},
    "constraints": {"hardware": ["l4", "h100"], "frameworks": ["vllm"]},
}  # fmt: skip
OWN = {"use": "chat", "people": 20, "where": "own", "hardware": "l4", "model": "qwen3-8b",
       "feel": "relaxed"}  # fmt: skip


def test_predictions_equal_the_python_api_to_the_bit(service: Any) -> None:
    for asked in MIXED:
        status, found = service.post("/v1/predict", asked)
        assert status == 200, found
        assert found == plain(guide_ml.predict(**asked).to_dict())
        replies.PredictionReply.model_validate(found)


def rows() -> list[dict[str, Any]]:
    lengths = [64, 512, 2048]
    return [{"hardware": h, "model": "llama-3.1-8b-instruct", "framework": "vllm",
             "concurrency": c, "input_len": n, "output_len": 100, "team": "a,b"}
            for h in ("h100", "l4", "h1000") for c in (1, 8, 64) for n in lengths]  # fmt: skip


def test_scored_tables_equal_the_python_api_in_every_format(service: Any) -> None:
    table = pa.Table.from_pylist(rows())
    expected, _ = score_batch(table, Options(level=0.9, cost=True))
    stream, file = io.BytesIO(), io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, file)
    path = "/v1/score?level=0.9&cost=true"
    status, _, found = service.call("POST", path, stream.getvalue(),
                                    "application/vnd.apache.arrow.stream")  # fmt: skip
    assert status == 200, found[:300]
    assert pa.ipc.open_stream(found).read_all().equals(expected)
    status, _, found = service.call("POST", path, file.getvalue(), "application/vnd.apache.parquet")
    assert status == 200
    assert pq.read_table(io.BytesIO(found)).equals(expected)
    status, _, found = service.call("POST", path, json.dumps(rows()).encode(), "application/json")
    assert status == 200
    assert json.loads(found)["rows"] == plain(expected.to_pylist())
    text = pd.DataFrame(rows()).to_csv(index=False).encode()
    status, head, found = service.call("POST", path, text, "text/csv")
    assert status == 200
    assert head["content-type"].startswith("text/csv")
    read = pa.concat_tables(lines.csv_tables(io.BytesIO(text)))
    mine, _ = score_batch(read, Options(level=0.9, cost=True))
    back = pa.concat_tables(lines.csv_tables(io.BytesIO(found)))
    assert [float(x) if x else None for x in back["ttft_ms"].to_pylist()] == (
        mine["ttft_ms"].to_pylist())  # fmt: skip
    assert sum("unknown hardware 'h1000'" in x for x in back["error"].to_pylist()) == 9


def test_searches_equal_the_python_api(service: Any) -> None:
    status, found = service.post("/v1/search", SMALL)
    assert status == 200, found
    expected = plain(guide_ml.search(**_tuples(SMALL)).to_dict())
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}
    replies.FoundReply.model_validate(found)


def _tuples(asked: dict[str, Any]) -> dict[str, Any]:
    limits = {k: tuple(v) if isinstance(v, list) else v for k, v in asked["constraints"].items()}
    return asked | {"constraints": limits}


def test_offers_of_ones_own_come_by_value(service: Any) -> None:
    mine = [{"hardware": "l4", "num_devices": 1, "price_usd_h": 0.05, "provider": "cellar",
             "as_of": "2026-01-01"}]  # fmt: skip
    allowed = {"providers": ["cellar"], "frameworks": ["vllm"]}
    asked = SMALL | {"prices": mine, "constraints": allowed}
    status, found = service.post("/v1/search", asked)
    assert status == 200, found
    assert {p["provider"] for p in found["plans"]} == {"cellar"}


def test_sweeps_equal_the_python_api(service: Any) -> None:
    asked = SMALL | {"over": "users", "values": [4.0, 64.0]}
    status, found = service.post("/v1/sweep", asked)
    assert status == 200, found
    assert found["rows"] == plain(guide_ml.sweep(**_tuples(asked)).rows())


def events(text: str) -> list[tuple[str, Any]]:
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
            for name, data in parts]  # fmt: skip


def test_plans_equal_the_python_api_and_stream_their_progress(service: Any) -> None:
    expected = plain(plan(OWN).to_dict())
    expected["found"]["seconds"] = 0
    status, found = service.post("/v1/plan", OWN)
    assert status == 200, found
    replies.AnswerReply.model_validate(found)
    found["found"]["seconds"] = 0
    assert found == expected
    _, head, text = service.call("POST", "/v1/plan", json.dumps(OWN).encode(), "application/json",
                                 Accept="text/event-stream")  # fmt: skip
    told = events(text.decode())
    assert head["content-type"].startswith("text/event-stream")
    assert {name for name, _ in told} == {"progress", "result"}
    told[-1][1]["found"]["seconds"] = 0
    assert told[-1] == ("result", expected)


def test_what_is_unfolded_equals_the_python_api(service: Any) -> None:
    status, found = service.post("/v1/plan/details", ONE)
    assert status == 200, found
    assert found == plain(details(**ONE))
    replies.DetailsReply.model_validate(found)
    assert service.get("/v1/plan/choices") == (200, plain(choices()))


def test_starts_equal_the_python_api(service: Any) -> None:
    status, found = service.post("/v1/launch", ONE | {"port": 9000})
    assert status == 200, found
    p: Prediction = guide_ml.predict(**ONE)
    start = p.deployment.launch(p.workload, port=9000)
    assert (found["command"], found["compose"], found["kubernetes"]) == (
        start.command, start.compose(), start.kubernetes())  # fmt: skip
    replies.StartReply.model_validate(found)


@pytest.mark.parametrize("kind", ["hardware", "models", "frameworks", "offers"])
def test_the_catalogue_is_listed(service: Any, kind: str) -> None:
    status, found = service.get(f"/v1/catalogue/{kind}")
    assert status == 200
    assert len(found["rows"]) > 5
    _, some = service.get(f"/v1/catalogue/{kind}?text=nvidia")
    assert all("nvidia" in json.dumps(row).lower() for row in some["rows"])


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [("/v1/predict", ONE | {"hardware": "h1000"}, 404, "unknown hardware 'h1000'"),
     ("/v1/predict", ONE | {"concurrency": -1}, 422, "concurrency"),
     ("/v1/predict", ONE | {"concurency": 3}, 422, "concurency is not known"),
     ("/v1/predict", {"hardware": "h100"}, 422, "model must be given"),
     ("/v1/predict", ONE | {"input_len": "many"}, 422, "input_len"),
     ("/v1/predict", ONE | {"hardware": "l4", "model": "llama-3.1-70b-instruct"}, 422, "not fit"),
     ("/v1/predict", ONE | {"predictor": "x"}, 404, "unknown predictor"),
     ("/v1/search", SMALL | {"load": {}}, 422, "load: give one of"),
     ("/v1/search", SMALL | {"storage": "/tmp/x"}, 422, "storage is not known"),
     ("/v1/search", SMALL | {"prices": [{"hardware": "l4"}]}, 422, "price_usd_h"),
     ("/v1/sweep", SMALL | {"over": "moons", "values": [1]}, 404, "moons"),
     ("/v1/plan", {"use": "games"}, 404, "unknown use 'games'"),
     ("/v1/plan", {"people": 0}, 422, "people must be a number above 0"),
     ("/v1/plan", {"where": "own"}, 422, "hardware"),
     ("/v1/score", [{"hardware": "h100"}], 422, "needs the columns hardware and model")],
)  # fmt: skip
def test_errors_are_the_sentences_of_the_package(
    service: Any, path: str, body: Any, status: int, words: str
) -> None:
    found = service.post(path, body)
    assert found[0] == status, found
    assert words in found[1]["detail"]
    assert found[1]["status"] == status
    replies.ProblemReply.model_validate(found[1])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": 1e999}', b"nonsense"])
def test_what_is_no_json_object_is_told_so(service: Any, body: bytes) -> None:
    status, head, found = service.call("POST", "/v1/predict", body, "application/json")
    assert status in (400, 422), found
    assert head["content-type"] == "application/problem+json"
    assert json.loads(found)["detail"]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [(b"a,b\n1,2\n", "text/csv", 422), (b"PAR1xxxx", "application/vnd.apache.parquet", 400),
     (b"\x00\x01", "application/vnd.apache.arrow.stream", 400), (b"{", "application/json", 400),
     (b"x", "application/zip", 415), (b"3", "application/json", 422), (b"", "text/csv", 422)],
)  # fmt: skip
def test_tables_that_cannot_be_read_are_told_so(
    service: Any, body: bytes, media: str, status: int
) -> None:
    found = service.call("POST", "/v1/score", body, media)
    assert found[0] == status, found
    assert found[1]["content-type"] == "application/problem+json"


NAMES = ["/etc/passwd", "mine", "mine/config.json", "./mine", "tiny.gguf", "chip.toml", "../x",
         "models:/guide@champion", "http://127.0.0.1:1/config.json", "file:///etc/passwd"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_opens_a_file_an_address_or_a_store(service: Any, name: str) -> None:
    """All of these would be read if they were handed to the Python functions as they are."""
    for field in ("hardware", "model", "framework", "predictor", "profile", "host"):
        status, found = service.post("/v1/predict", ONE | {field: name})
        assert status in (404, 422), (field, found)
        assert "unknown" in found["detail"], (field, found)
    status, found = service.post("/v1/search", SMALL | {"model": name})
    assert status == 404
    status, found = service.post("/v1/plan", {"model": name})
    assert status == 404
    table = [{"hardware": name, "model": name, "concurrency": 1, "input_len": 9, "output_len": 9}]
    status, found = service.post("/v1/score", table)
    assert status == 200
    assert "unknown" in found["rows"][0]["error"]
    status, found = service.post(f"/v1/score?predictor={name}", table)
    assert status == 404


def test_the_schema_types_every_address_with_examples(service: Any) -> None:
    status, found = service.get("/openapi.json")
    assert status == 200
    wanted = {"/v1/predict", "/v1/search", "/v1/sweep", "/v1/score", "/v1/launch", "/v1/plan",
              "/v1/catalogue/{kind}", "/healthz", "/metrics"}  # fmt: skip
    assert wanted <= set(found["paths"])
    schemas = found["components"]["schemas"]
    body = schemas["PredictBody"]["properties"]
    assert body["input_len"]["description"] == "Mean prompt tokens a request."
    assert body["input_len"]["examples"] == [1024]
    assert schemas["PredictionReply"]["properties"]["ttft_ms"]["description"]
    given = set(bodies.PredictBody.model_fields) - {"level", "profile"}
    assert given <= set(bodies.DetailsBody.model_fields)


def test_bodies_have_the_keywords_of_the_python_functions() -> None:
    from inspect import signature

    predict = set(signature(guide_ml.predict).parameters)
    assert set(bodies.PredictBody.model_fields) == predict
    search = set(signature(guide_ml.search).parameters) - {"storage", "progress"}
    assert set(bodies.SearchBody.model_fields) == search | {"accept_unknown"}
    for body, kind in ((bodies.WorkloadBody, guide_ml.Workload), (bodies.LoadBody, guide_ml.Load),
                       (bodies.SloBody, guide_ml.SLO),
                       (bodies.ConstraintsBody, guide_ml.Constraints)):  # fmt: skip
        wanted = set(signature(kind).parameters) - {"mode", "batch_size", "concurrency",
                                                    "num_requests"}  # fmt: skip
        assert set(body.model_fields) == wanted, kind


def test_counts_go_up(service: Any) -> None:
    def count() -> float:
        text = service.call("GET", "/metrics")[2].decode()
        (line,) = (row for row in text.splitlines()
                   if row.startswith('guide_rows_total{path="/v1/predict"}'))  # fmt: skip
        return float(line.split()[-1])

    service.post("/v1/predict", ONE)
    before = count()
    service.post("/v1/predict", ONE)
    assert count() == before + 1


def test_answers_carry_headers_that_keep_browsers_safe(service: Any) -> None:
    for path in ("/", "/healthz", "/nothing"):
        head = service.call("GET", path)[1]
        assert head["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in head["content-security-policy"]
        assert "access-control-allow-origin" not in head
        assert "server" not in head
    assert service.call("GET", "/healthz", Host="evil.example")[0] == 400
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
        assert service.call("GET", path)[0] == 404
