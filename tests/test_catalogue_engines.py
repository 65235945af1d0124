"""The engines of the catalogue: backends under their names, forks by data, versions by date."""

from __future__ import annotations

import re

import pytest

from guide_ml import catalogue
from guide_ml.catalogue.versions import decimal_year, newest, release_year
from guide_ml.describe.backends import BACKEND_ALIASES, BACKENDS, VENDOR_BACKEND, backend
from guide_ml.errors import InvalidInput

ENGINES = catalogue.framework_blocks()


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("cuda", "cuda"), ("HIP", "rocm"), ("tt-metalium", "tt"), ("Ascend", "cann"),
        ("hexagon", "npu"), ("neuronx", "neuron"), ("mps", "metal"), (" sycl ", "sycl"),
        ("gpu", None),
    ],
)  # fmt: skip
def test_a_backend_is_found_under_its_names(name: str, canonical: str | None) -> None:
    assert backend(name) == canonical


def test_an_unknown_backend_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"got 'vulcan'; did you mean vulkan\?"):
        backend("vulcan")


def test_names_of_backends_do_not_clash() -> None:
    assert len(set(BACKENDS)) == len(BACKENDS)
    assert not set(BACKEND_ALIASES) & set(BACKENDS)
    assert set(BACKEND_ALIASES.values()) <= set(BACKENDS)


def test_the_first_backends_keep_their_places() -> None:
    """Estimators that were trained before know them by number."""
    assert BACKENDS[:8] == ("cuda", "rocm", "vulkan", "metal", "hpu", "xpu", "rdu", "cpu")


def test_makers_of_accelerators_have_a_backend() -> None:
    assert VENDOR_BACKEND["tenstorrent"] == "tt"
    assert VENDOR_BACKEND["rockchip"] == VENDOR_BACKEND["qualcomm"] == "npu"
    vendors = {d.vendor for d in catalogue.all_hardware().values() if d.interconnect != "socket"}
    assert vendors - set(VENDOR_BACKEND) == {"intel"}  # Gaudi and GPUs differ


def test_every_backend_is_used_by_an_engine() -> None:
    assert {b for e in ENGINES.values() for b in e["backends"]} == set(BACKENDS)


def test_a_fork_takes_over_what_it_does_not_say() -> None:
    fork, parent = ENGINES["ik_llama.cpp"], ENGINES["llama.cpp"]
    assert fork["like"] == "llama.cpp"
    assert (fork["kind"], fork["split"], fork["pass_tokens"]) == ("local", "pp", 512)
    assert "builds" not in fork
    assert fork["backends"] != parent["backends"]
    assert "like" not in parent


def test_likenesses_end_at_an_engine_that_is_like_none() -> None:
    for slug, block in ENGINES.items():
        seen = {slug}
        while "like" in block:
            assert block["like"] not in seen
            seen.add(block["like"])
            block = ENGINES[block["like"]]


@pytest.mark.parametrize(
    ("engine", "version", "month"),
    [
        ("llama.cpp", "b8373", "2026-03"), ("llama.cpp", "b10298", "2026-08"),
        ("openvino", "2025.4", "2025-12"), ("openvino", "2026.x", "2026-05"),
        ("rkllm", "1.2.3", "2025-11"), ("ktransformers", "kt-kernel + sglang", "2025-11"),
        ("tt-metal", "v0.62.0-rc35", "2025-09"), ("tt-metal", "tt_transformers", "2025-06"),
        ("transformers-neuronx", "2.18.1", "2024-04"), ("mindie", "2.1RC1", "2025-07"),
        ("mlx", "0.28.2", "2025-10"), ("vllm", "0.26.0", "2026-07"),
        ("sglang", "0.5.16", "2026-08"),
    ],
)  # fmt: skip
def test_versions_of_the_new_engines_are_dated(engine: str, version: str, month: str) -> None:
    found, stated = catalogue.framework(engine, version)
    assert stated
    assert found.release_year == decimal_year(month)


def test_the_newest_measured_version_stands_in_for_an_unstated_one() -> None:
    assert newest(ENGINES["llama.cpp"]) == decimal_year("2025-12")
    assert catalogue.framework("llama.cpp")[0].release_year == decimal_year("2025-12")


def test_an_engine_accepts_other_names_of_its_backends() -> None:
    assert catalogue.framework("tt-metal", backend="tt-metalium")[0].backend == "tt"
    assert catalogue.framework("openvino", backend="gpu")[0].backend == "xpu"
    assert catalogue.framework("rknn-llm", backend="rknpu")[0].backend == "npu"


def test_a_wording_dates_only_itself() -> None:
    block = {"versions": {"0.9": "2025-05", "fork 3d": "2024-01"}}
    assert release_year(block, "12.2") == decimal_year("2025-05")
    assert release_year(block, "fork 3d") == decimal_year("2024-01")


@pytest.mark.parametrize("slug", ENGINES)
def test_every_engine_is_dated_and_runs_somewhere(slug: str) -> None:
    block = ENGINES[slug]
    assert 2023 <= newest(block) < 2027
    assert set(block["backends"]) <= set(BACKENDS)
    assert block["split"] in {"tp", "pp"}
    assert block["kind"] in {"server", "local", "library"}
    found, stated = catalogue.framework(slug)
    assert (found.backend, stated) == (block["backends"][0], False)
    assert found.release_year == newest(block)


@pytest.mark.parametrize("slug", [s for s, b in ENGINES.items() if "versions" in b])
def test_a_later_version_was_not_released_earlier(slug: str) -> None:
    dates = {v: m for v, m in ENGINES[slug]["versions"].items() if re.fullmatch(r"[\d.]+", v)}
    ordered = sorted(dates, key=lambda v: [int(p) for p in v.split(".")])
    years = [decimal_year(dates[v]) for v in ordered]
    assert years == sorted(years)
    assert all(release_year(ENGINES[slug], v) == decimal_year(m) for v, m in dates.items())


@pytest.mark.parametrize(
    ("engine", "version", "month"),
    [  # months as frameworks.toml lists them
        ("vllm", "0.6.1", "2024-09"), ("vllm", "v0.6.3.post1", "2024-10"),
        ("vllm", "vllm/vllm-openai:v0.8.5", "2025-05"), ("vllm", "0.10.1", "2025-07"),
        ("sglang", "0.4.9.post2", "2025-07"), ("sglang", "lmsysorg/sglang:v0.5.5", "2025-11"),
        ("tensorrt-llm", "0.21.0", "2025-07"), ("tensorrt-llm", "1.1.0rc5", "2025-11"),
        ("tensorrt-llm", "tensorrt 10.8", "2025-02"), ("llama.cpp", "b4753", "2025-02"),
        ("llama.cpp", "b1000", "2023-11"), ("llama.cpp", "b99999", "2026-08"),
        ("tgi", "2.0.1", "2024-05"), ("deepspeed", "anything", "2024-06"),
    ],
)  # fmt: skip
def test_a_version_is_dated_as_people_write_it(engine: str, version: str, month: str) -> None:
    found, stated = catalogue.framework(engine, version)
    assert stated
    assert found.version == version
    assert found.release_year == decimal_year(month)


def test_a_build_between_two_dated_ones_is_dated_between_them() -> None:
    # b4000: 2024-10, b4753: 2025-02, four months later
    found = release_year(ENGINES["llama.cpp"], "b4376")
    assert found == pytest.approx(2024 + 9 / 12 + 4 / 12 * 376 / 753)


def test_a_month_is_a_twelfth_of_a_year_and_january_its_start() -> None:
    assert decimal_year("2025-01") == 2025.0
    assert decimal_year("2025-12") == pytest.approx(2025 + 11 / 12)


@pytest.mark.parametrize("version", ["main branch", "", "nightly"])
def test_a_version_without_a_number_stands_for_the_newest(version: str) -> None:
    found, stated = catalogue.framework("vllm", version)
    assert not stated
    assert found.release_year == newest(ENGINES["vllm"])


def test_a_version_before_the_first_listed_one_is_not_dated() -> None:
    assert release_year(ENGINES["vllm"], "0.1.7") is None


def test_an_engine_is_refused_on_a_backend_that_it_does_not_have() -> None:
    with pytest.raises(InvalidInput, match="tensorrt-llm runs on cuda; got backend 'rocm'"):
        catalogue.framework("tensorrt-llm", backend="rocm")
