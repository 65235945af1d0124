"""Traffic between devices against arithmetic on paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guide_ml.catalogue import hardware
from guide_ml.features import links
from guide_ml.table.assume import Resolved
from guide_ml.table.rates import topology

Deploy = Callable[..., Resolved]
GB = 1e9
SENT = 64 * 4096 * 2  # Llama-2-7B: two all-reduces in each of 32 layers, 4096 halves a token


def sent(deploy: Deploy, device: str, tp: int) -> float:
    """Bytes that a device sends for one token, in vectors of two all-reduces a layer."""
    c = deploy({"hardware": device, "num_devices": tp, "tp": tp}).columns
    return float(links.bytes_sent(c, c["tp"] * 0.0 + 1.0)[0]) / SENT


@pytest.mark.parametrize(
    ("device", "peers", "adds"),
    [("h100", 1, 1), ("a100-80gb", 1, 0), ("l40s", 1, 0), ("gb200", 1, 1), ("mi300x", 7, 0),
     ("gaudi2", 7, 0), ("nvidia-h100-nvl-94gb", 1, 0), ("nvidia-h200-nvl-141gb", 3, 0),
     ("nvidia-gh200-96gb", 1, 0)],
)  # fmt: skip
def test_the_kind_of_link_tells_how_it_is_laid(device: str, peers: int, adds: int) -> None:
    assert topology(hardware(device)) == (peers, adds)


@pytest.mark.parametrize(("tp", "added"), [(1, 0), (2, 1), (4, 5 / 4), (8, 9 / 8)])
def test_a_switch_that_adds_up_takes_the_vector_once(
    deploy: Deploy, tp: int, added: float
) -> None:
    assert sent(deploy, "h100", tp) == pytest.approx(added)


@pytest.mark.parametrize(("tp", "used"), [(2, 1), (4, 3), (8, 7)])
def test_without_a_switch_only_links_to_each_other_are_used(
    deploy: Deploy, tp: int, used: int
) -> None:
    rows = [{"hardware": device, "num_devices": tp, "tp": tp} for device in ("mi300x", "h100")]
    assert links.rate(deploy(*rows).columns) == pytest.approx([448 * GB * used / 7, 450 * GB])


def test_more_devices_than_are_wired_together_have_no_more_links(deploy: Deploy) -> None:
    rows = [{"hardware": "nvidia-h200-nvl-141gb", "num_devices": tp, "tp": tp} for tp in (2, 4, 8)]
    assert links.rate(deploy(*rows).columns) == pytest.approx([150 * GB, 450 * GB, 450 * GB])


def test_attention_replicas_use_the_links_to_each_other(deploy: Deploy) -> None:
    row = {"hardware": "mi300x", "model": "mistralai/Mixtral-8x7B-v0.1", "num_devices": 4, "tp": 1,
           "dp": 4, "ep": 4}  # fmt: skip
    assert links.rate(deploy(row).columns) == pytest.approx(448 * GB * 3 / 7)
