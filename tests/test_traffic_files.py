from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from guide_ml import BadData, Lengths, Traffic, UnknownName
from guide_ml.cli.main import app
from guide_ml.traffic.described import describe
from guide_ml.traffic.reading import FORMATS
from guide_ml.traffic.reuse import reused
from guide_ml.traffic.shipped import SAMPLES

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"


def written(folder: Path, text: str, name: str = "requests.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "format_", "requests", "rate"), [
    ("azure-code", "azure", 1500, 2.48), ("azure-conv", "azure", 1500, 4.85),
    ("burstgpt", "burstgpt", 4, 0.028), ("mooncake", "mooncake", 400, 2.84),
    ("vllm", "csv", 300, 10.3),
])  # fmt: skip
def test_a_sample_of_each_is_read_as_what_it_is(name, format_, requests, rate):
    found = Traffic.read(name)
    assert f"({format_}" in found.text
    assert len(found) == requests
    assert found.rate_rps == pytest.approx(rate, rel=0.02)
    assert found.arrival_s[0] == 0.0
    others = [f for f in FORMATS.values() if f.recognises(SAMPLES[name].read_text()[:60_000])]
    assert next(iter(others)).name == format_


def test_samples_are_small_and_name_their_licence():
    folder = SAMPLES["azure-code"].parent
    assert sum(p.stat().st_size for p in folder.iterdir()) < 300_000
    told = (folder / "README.md").read_text("utf-8")
    assert {p.name for p in folder.iterdir()} == {p.name for p in SAMPLES.values()} | {"README.md"}
    for name, path in SAMPLES.items():
        (row,) = [line for line in told.splitlines() if line.startswith(f"| `{name}`")]
        assert path.name in row
        assert any(word in row for word in ("CC-BY", "Apache-2.0", "MIT", "the same"))


def test_times_of_azure_keep_their_ten_millionths(tmp_path):
    text = AZURE + "2023-11-16 18:17:03.9799600,10,2\n2023-11-16 18:17:04.0319607,11,3\n"
    assert Traffic.read(written(tmp_path, text)).arrival_s[1] == pytest.approx(0.0520007, abs=1e-9)
    later = AZURE + "2024-05-10 00:00:00.009930+00:00,10,2\n2024-05-10 00:00:01+00:00,11,3\n"
    assert Traffic.read(written(tmp_path, later)).arrival_s[1] == pytest.approx(0.99007, abs=1e-9)


def test_failed_requests_of_burstgpt_are_counted_and_left_out(tmp_path):
    text = BURST + "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,0,0,0,API log\n" \
        "50,GPT-4,417,0,417,API log\n60,GPT-4,417,276,693,Conversation log\n"  # fmt: skip
    found = Traffic.read(written(tmp_path, text))
    assert found.arrival_s.tolist() == [0.0, 55.0]
    assert sum(found.left_out.values()) == 2
    assert "Left out: 2 failed" in describe(found).summary()


def test_blocks_of_mooncake_become_conversations_that_a_cache_finds():
    """What the two arrays say a cache holds is what the blocks themselves say, within a tenth."""
    lines = [json.loads(line) for line in SAMPLES["mooncake"].read_text().splitlines()]
    seen: set[int] = set()
    hits = []
    for line in lines:
        known = [b in seen for b in line["hash_ids"]]
        leading = known.index(False) if False in known else len(known)
        hits.append(min(512 * leading, line["input_length"]))
        seen |= set(line["hash_ids"])
    found = reused(Traffic.read("mooncake"))
    assert sum(hits) > 0.1 * sum(line["input_length"] for line in lines)
    assert found.sum() == pytest.approx(sum(hits), rel=0.1)
    assert np.abs(found - hits).mean() < 0.03 * np.mean([line["input_length"] for line in lines])


def test_rounded_times_are_told_and_can_be_spread():
    found = Traffic.read("mooncake")
    assert any("steps of about 3 s" in note for note in describe(found).notes)
    even = found.spread(seed=1)
    assert not describe(even).notes
    assert np.abs(np.sort(even.arrival_s) - found.arrival_s).max() <= 3.1
    assert np.diff(even.arrival_s).min() >= 0
    assert describe(even).gap_cv == pytest.approx(1.0, abs=0.2)
    lone = Traffic.constant(2.0, Lengths.fixed(5, 5), num_requests=9)
    assert np.array_equal(lone.spread().arrival_s, lone.arrival_s)


@pytest.mark.parametrize("text", [
    "time,input,output\n0.5,10,2\n1.5,20,4\n", "0.5,10,2\n1.5,20,4\n",
    "arrival_s,input_tokens,output_tokens,conversation,shared_prefix\n0.5,10,2,,\n1.5,20,4,,\n",
    "output_len,timestamp_ms,input_len\n2,500,10\n4,1500,20\n",
    "Time,Prompt Tokens,Completion Tokens,model\n1700000000.5,10,2,x\n1700000001.5,20,4,y\n\n",
    "timestamp,input_length,output_length\n2026-01-01T00:00:00,10,2\n2026-01-01T00:00:01,20,4\n",
])  # fmt: skip
def test_plain_tables_are_read_however_their_columns_are_called(tmp_path, text):
    found = Traffic.read(written(tmp_path, text))
    assert found.arrival_s.tolist() == [0.0, 1.0]
    assert found.input_tokens.tolist() == [10, 20]
    assert found.output_tokens.tolist() == [2, 4]
    assert found.conversation.tolist() == [-1, -1]


def test_plain_tables_tell_conversations_and_shared_beginnings(tmp_path):
    text = ("time,input,output,conversation,shared_prefix,shared_tokens\n"
            "0,100,2,a,s1,64\n1,200,4,b,,\n2,300,4,a,s1,64\n")  # fmt: skip
    found = Traffic.read(written(tmp_path, text))
    assert found.conversation.tolist() == [0, 1, 0]
    assert found.shared_prefix.tolist() == [0, -1, 0]
    assert found.shared_tokens.tolist() == [64, 0, 64]
    assert reused(found).tolist() == [0, 0, 102]
    bare = Traffic.read(written(tmp_path, "0,100,2,7,3\n1,200,4,7,3\n2,300,4,8,3\n"))
    assert bare.conversation.tolist() == [0, 0, 1]
    assert bare.shared_tokens.tolist() == [100, 100, 100]
    assert "shortest prompt counts" in bare.text


GOOD: dict[str, Any] = {
    "vllm": {"completed": 3, "total_input_tokens": 30, "start_times": [7.0, 5.0, 6.0, 8.0],
             "input_lens": [10, 11, 12, 13], "output_lens": [2, 3, 4, 0]},
    "guidellm": {"benchmarks": [{"requests": {
        "successful": [
            {"request_start_time": 7.1, "prompt_tokens": 10, "output_tokens": 2,
             "info": {"timings": {"targeted_start": 7.0}}},
            {"request_start_time": 5.0, "prompt_tokens": 11, "output_tokens": 3},
            {"start_time": 6.0, "prompt_tokens": 12, "output_tokens": 4}],
        "errored": [{"request_start_time": 8.0, "prompt_tokens": 13}]}}]},
    "inference-perf": [
        {"start_time": 7.0, "end_time": 9.0, "error": None, "info": {
            "request_metrics": {"text": {"input_tokens": 10}},
            "response_metrics": {"output_tokens": 2}}},
        {"start_time": 5.0, "info": {"input_tokens": 11, "output_tokens": 3}, "error": None},
        {"start_time": 6.0, "computed_metrics": {"input_tokens": 12, "output_tokens": 4}},
        {"start_time": 8.0, "info": {}, "error": {"error_type": "timeout"}}],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(GOOD))
def test_logs_of_clients_are_put_in_order_and_failures_counted(tmp_path, name):
    found = Traffic.read(written(tmp_path, json.dumps(GOOD[name]), "log.json"))
    assert f"({name})" in found.text
    assert found.arrival_s.tolist() == [0.0, 1.0, 2.0]
    assert found.input_tokens.tolist() == [11, 12, 10]
    assert found.output_tokens.tolist() == [3, 4, 2]
    assert sum(found.left_out.values()) == 1


MOON = '{"timestamp": %s, "input_length": %s, "output_length": 3, "hash_ids": %s}\n'


@pytest.mark.parametrize(("text", "said"), [
    (AZURE + "2023-11-16 18:17:03,10,2\n2023-11-16 18:17:02,10,2\n", "line 3.*backwards"),
    (AZURE + "2023-11-16 18:17:03,10,2\nyesterday,10,2\n", "line 3: the time of arrival is miss"),
    (AZURE + "2023-11-16 18:17:03,,2\n", "line 2: the length of the prompt is missing"),
    (BURST + "5,x,4,3,7,l\n4,x,4,3,7,l\n", "line 3.*backwards"),
    (BURST + "5,x,4,-3,7,l\n", "line 2: the length of the answer must be .* got -3"),
    ("time,input,output\n0,5,5\n\n\n1,5,-1\n", "line 5.*got -1"),
    ("time,input,output\n0,5,5\n1,five,5\n", "line 3: the length of the prompt is missing or no"),
    ("time,input,output\n0,5,5\n1,5.5,5\n", "line 3.*got 5.5"),
    ("time,input,output\n0,5,0\n", "line 2.*got 0"),
    ("time,input,output\n2,5,5\n1,5,5\n3,-5,5\n", "line 3.*backwards"),
    ("time,input,output\n", "holds no request|no request below"),
    ("time,input,output,conversation,prefix,shared_tokens\n0,5,5,,a,-2\n", "line 2: shared tokens"),
    ("name,price\na,3\n", "line 1 is of no known format"),
    ("hello\n", "line 1 is of no known format.*'hello'"),
    (MOON % (0, 9, "[1]") + MOON % (-5, 9, "[1]"), "line 2.*backwards"),
    (MOON % (0, 9, "[1]") + MOON % (5, '"many"', "[1]"), "line 2: the length of the prompt"),
    (MOON % (0, 9, "[1]") + "{oops\n", "line 2 is no JSON object"),
    (MOON % (0, 9, '["a"]'), "line 1: hash_ids"),
    ('{"completed": 3, "total_input_tokens": 9}', "lacks start_times.*--save-detailed"),
    ('{"completed": 3, "total_input_tokens": 9,\n oops', "line 2 is no JSON"),
    ('{"input_lens": [1], "output_lens": [1, 2], "start_times": [1]}', "of one length"),
    ('{"input_lens": [null], "output_lens": [1], "start_times": [1]}', "request 1: the length of"),
    ('{"benchmarks": []}', "one benchmark"),
    ("\n", "is empty"),
])  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence_with_its_line(tmp_path, text, said):
    with pytest.raises(BadData, match=said) as caught:
        Traffic.read(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadData, match=r"cannot be read|there is no such file"):
        Traffic.read(tmp_path / "nothing.csv")
    (tmp_path / "zip").write_bytes(b"PK\0\0")
    with pytest.raises(BadData, match="is no text"):
        Traffic.read(tmp_path / "zip")
    with pytest.raises(UnknownName, match="azure"):
        Traffic.read("azure-code", "azur")
    with pytest.raises(BadData, match="lacks the column"):
        Traffic.read("azure-code", "burstgpt")


def test_a_poisson_traffic_is_described_as_one():
    found = describe(Traffic.poisson(5.0, Lengths.lognormal(800, 100, cv=0.5),
                                     num_requests=20_000, seed=1))  # fmt: skip
    assert found.gap_cv == pytest.approx(1.0, abs=0.03)
    assert found.dispersion["10"] == pytest.approx(1.0, abs=0.2)
    assert found.input_tokens["cv"] == pytest.approx(0.5, abs=0.02)
    assert sum(p["requests"] for p in found.rate_over_time) == 20_000
    assert found.reusable_share == 0.0


def test_the_command_describes_as_table_json_and_picture(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "traffic.png"
    done = CliRunner().invoke(app, ["traffic", "describe", "azure-code", "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    for part in ("requests", "rate at its peak", "burstiness", "p99", "over time"):
        assert part in done.stdout
    assert picture.read_bytes()[:4] == b"\x89PNG"
    done = CliRunner().invoke(app, ["traffic", "describe", "mooncake", "--spread", "--json"])
    told = json.loads(done.stdout)
    assert told["requests"] == 400
    assert told["reusable_share"] == pytest.approx(0.14, abs=0.01)
    done = CliRunner().invoke(app, ["traffic", "describe", str(tmp_path / "none.csv")])
    assert done.exit_code == 2
    done = CliRunner().invoke(app, ["traffic", "formats", "--json"])
    assert {row["format"] for row in json.loads(done.stdout)["formats"]} == set(FORMATS)


def test_closed_loops_and_single_requests_are_described_and_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from guide_ml.traffic import picture

    for traffic in (Traffic.closed(4, Lengths.fixed(5, 5), num_requests=8),
                    Traffic(arrival_s=np.zeros(1), input_tokens=np.full(1, 4),
                            output_tokens=np.ones(1, int))):  # fmt: skip
        assert describe(traffic).requests == len(traffic)
        assert describe(traffic).summary()
        picture.draw(traffic, tmp_path / "one.png")
        assert (tmp_path / "one.png").stat().st_size > 1000
