"""Names of any text stay in their comment, shell word or YAML scalar; the balancer carries."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guide_ml import catalogue
from guide_ml.describe.descriptors import Deployment, Framework, Workload
from guide_ml.errors import InvalidInput
from guide_ml.launch.containers import NGINX
from guide_ml.launch.yaml_text import to_yaml

LOAD = Workload(mode="closed", input_len=1000, output_len=300, concurrency=64)
MODEL = catalogue.model("meta-llama/Llama-3.1-8B-Instruct")
PRINTED = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=30)
ANY = st.text(st.characters(min_codepoint=0, max_codepoint=0x2FFF, exclude_categories=["Cs"]),
              max_size=30)  # fmt: skip


def deployment(version: str = "", **fields) -> Deployment:
    engine = Framework(framework="vllm", backend="cuda", release_year=2026.8, version=version)
    asked = {"hardware": catalogue.hardware("h100"), "model": MODEL} | fields
    return Deployment(framework=engine, **asked)


def comments(text: str) -> str:
    """Return what is left of a text without its comments at the start."""
    lines = text.split("\n")
    while lines and lines[0].startswith("# "):
        lines.pop(0)
    return "\n".join(lines)


@settings(max_examples=25, deadline=None)
@given(version=ANY)
def test_versions_never_leave_their_comment(version):
    start = deployment(version).launch(LOAD)
    plain = deployment().launch(LOAD)
    assert comments(start.header + start.command) == plain.command
    assert yaml.safe_load(start.compose()) == yaml.safe_load(plain.compose())
    assert list(yaml.safe_load_all(start.kubernetes())) == list(
        yaml.safe_load_all(plain.kubernetes())
    )
    assert len(start.header.splitlines()) == len(start.notes)


@settings(max_examples=25, deadline=None)
@given(checkpoint=PRINTED)
def test_checkpoints_are_one_word_or_refused(checkpoint):
    if checkpoint.startswith("-") or not checkpoint.strip() or not checkpoint.isprintable():
        with pytest.raises(InvalidInput, match="checkpoint must be a name"):
            deployment().launch(LOAD, checkpoint=checkpoint)
        return
    start = deployment().launch(LOAD, checkpoint=checkpoint)
    assert start.argv[2] == checkpoint
    assert tuple(shlex.split(start.command.replace(" \\\n", " "))) == start.argv
    (service,) = yaml.safe_load(start.compose())["services"].values()
    inside = start.container_args[0]
    assert service["command"][0].replace("$$", "$") == inside
    made, _ = yaml.safe_load_all(start.kubernetes())
    args = made["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[0].replace("$$(", "$(") == inside


@pytest.mark.parametrize("name", ["a\nb", "--host", "", " ", "a\x00b", "a\u2028b", "a\x1b[31m"])
@pytest.mark.parametrize("option", ["checkpoint", "draft", "image"])
def test_names_that_no_command_can_hold_are_refused(option, name):
    with pytest.raises(InvalidInput, match=f"{option} must be a name or path of one line"):
        deployment().launch(LOAD, **{option: name})


@pytest.mark.parametrize("name", ["org/a b'c", 'org/a"b', "org/a: b # c", "org/$(id)", "org/{x}"])
def test_models_of_one_s_own_make_files_of_plain_names(name):
    start = deployment(model=replace(MODEL, model=name), weight_dtype="awq-int4").launch(LOAD)
    assert re.fullmatch(r"models/[A-Za-z0-9._-]+", start.argv[2])
    assert yaml.safe_load(start.compose())["services"]


def test_draft_models_stay_in_their_json():
    start = deployment(spec_method="eagle3").launch(LOAD, draft='org/a"b')
    told = json.loads(start.argv[start.argv.index("--speculative-config") + 1])
    assert told["model"] == 'org/a"b'


def test_a_folder_with_a_colon_is_mounted_whole():
    start = deployment().launch(LOAD, checkpoint="/data:x/own")
    (service,) = yaml.safe_load(start.compose())["services"].values()
    assert service["volumes"][0]["source"] == "/data:x"


def test_yaml_keeps_order_and_writes_no_anchors():
    same = ["x"]
    assert to_yaml({"b": same, "a": same}) == "b:\n- x\na:\n- x\n"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def balancer(folder: Path, replica: int) -> Iterator[int]:
    """Run nginx as the Compose file configures it."""
    port = free_port()
    scratch = " ".join(f"{kind}_temp_path {folder};" for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    text = NGINX % (f"    server 127.0.0.1:{replica};", port)
    text = text.replace("http {", f"http {{ access_log off; {scratch}", 1)
    path = folder / "nginx.conf"
    path.write_text(f"pid {folder}/pid;\nerror_log {folder}/error;\n{text}", encoding="utf-8")
    server = subprocess.Popen(["nginx", "-c", str(path), "-g", "daemon off;"],
                              stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        yield port
    finally:
        server.terminate()
        server.wait(10)


async def asked(port: int, size: int) -> int:
    """Send a body, return the status."""
    for _ in range(50):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.1)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    writer.write(head.encode() + b"x" * size)
    await writer.drain()
    line = await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    return int(line.split()[1])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_the_balancer_carries_six_hundred_requests_and_long_prompts(tmp_path):
    held = 0

    async def run() -> list[int]:
        full = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal held
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = re.search(rb"content-length: (\d+)", head)
            await reader.readexactly(int(found.group(1)) if found else 0)
            held += 1
            if held >= 600:
                full.set()
            await asyncio.wait_for(full.wait(), 60)  # none is answered before all are here
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
            writer.close()

        replica = free_port()
        server = await asyncio.start_server(answer, "127.0.0.1", replica, backlog=2048)
        with balancer(tmp_path, replica) as port:
            sizes = [2_000_000] + [10] * 599
            found = await asyncio.gather(*(asked(port, size) for size in sizes))
        server.close()
        return found

    assert asyncio.run(run()) == [200] * 600
