from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from guide_ml import catalogue
from guide_ml.catalogue.versions import decimal_year, newest, release_year
from guide_ml.describe.descriptors import BACKENDS, Hardware
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.precision.dtypes import DTYPES

FOLDER = Path(catalogue.__file__).parent
DEVICES, MODELS = catalogue.all_hardware(), catalogue.all_models()
ENGINES = catalogue.framework_blocks()


def rows(name: str) -> list[dict[str, str]]:
    folder = FOLDER.parent / "offers" if name == "prices.csv" else FOLDER
    with (folder / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def half(device: Hardware) -> float:
    return max(device.fp16_tflops or 0.0, device.bf16_tflops or 0.0)


def test_the_catalogue_does_not_shrink() -> None:
    assert len(DEVICES) >= 219
    assert len(MODELS) >= 487
    assert len(ENGINES) >= 20


@pytest.mark.parametrize(
    ("file", "key", "loaded"),
    [("hardware.csv", "hardware", DEVICES), ("models.csv", "model", MODELS)],
)
def test_every_row_loads_under_a_slug_of_its_own(
    file: str, key: str, loaded: dict[str, object]
) -> None:
    assert Counter(r[key] for r in rows(file)) == Counter(list(loaded))


@pytest.mark.parametrize("file", ["hardware.csv", "models.csv", "prices.csv"])
def test_every_row_names_its_source(file: str) -> None:
    assert not [r for r in rows(file) if not r["source"].strip()]


def test_cells_are_read_as_what_they_are() -> None:
    h100, llama = catalogue.hardware("nvidia-h100-sxm-80gb"), catalogue.model("gpt2")
    assert (h100.memory_gb, h100.scale_up_domain, h100.fp4_tflops) == (80.0, 8, None)
    assert (llama.tie_embeddings, llama.gated_mlp, llama.num_layers) == (True, False, 12)


def test_a_blank_cell_is_a_figure_that_the_device_does_not_have() -> None:
    blank = [r["hardware"] for r in rows("hardware.csv") if not r["fp8_tflops"]]
    assert blank
    assert all(DEVICES[name].fp8_tflops is None for name in blank)


def test_a_slug_that_tells_the_memory_tells_it_rightly() -> None:
    stated = {n: float(f[-1]) for n in DEVICES if (f := re.findall(r"-(\d+)gb", n))}
    assert len(stated) > 100
    assert not {n: gb for n, gb in stated.items() if abs(DEVICES[n].memory_gb / gb - 1) > 0.03}


def test_slugs_are_lower_case_and_begin_with_the_vendor_or_cpu() -> None:
    assert not [n for n in DEVICES if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9.]+)+", n)]
    assert not [n for n, d in DEVICES.items() if not n.startswith((d.vendor + "-", "cpu-"))]


def test_narrower_types_are_multiplied_no_slower() -> None:
    slower = [
        n for n, d in DEVICES.items()
        if (d.fp8_tflops and half(d) and d.fp8_tflops < half(d))
        or (d.fp4_tflops and d.fp4_tflops < max(d.fp8_tflops or 0.0, half(d)))
        or (half(d) and half(d) < (d.fp32_tflops or 0.0))
    ]  # fmt: skip
    assert not slower


def test_int8_is_no_slower_than_half_precision_but_on_blackwell_ultra() -> None:
    """Blackwell Ultra gave its int8 units up for fp4 ones."""
    slower = {n for n, d in DEVICES.items() if d.int8_tops and d.int8_tops < half(d)}
    assert slower == {"nvidia-b300-sxm-288gb", "nvidia-gb300-288gb"}


def test_peaks_are_dense() -> None:
    """Sparse figures would be twice as high: no unit multiplies fp8 more than twice as fast."""
    doubled = {n for n, d in DEVICES.items() if d.fp8_tflops and d.fp8_tflops > 2.05 * half(d)}
    assert not doubled


def test_a_slice_has_no_more_memory_than_its_share() -> None:
    slices = {n: d for n, d in DEVICES.items() if d.slice_share < 1}
    assert slices
    for name, part in slices.items():
        parent = [d for n, d in DEVICES.items()
                  if n.startswith(name.split("-vgpu")[0]) and d.slice_share == 1]  # fmt: skip
        assert part.memory_gb == pytest.approx(parent[0].memory_gb * part.slice_share, rel=0.01)


@pytest.mark.parametrize(
    ("slug", "memory", "bandwidth", "fp16", "fp8", "link"),
    [  # vendors' data sheets, dense; one direction of the link
        ("nvidia-h100-sxm-80gb", 80, 3350, 989, 1979, 450),
        ("nvidia-a100-sxm-80gb", 80, 2039, 312, None, 300),
        ("nvidia-h200-sxm-141gb", 141, 4800, 989, 1979, 450),
        ("nvidia-l4-24gb", 24, 300, 121, 242, 31.5),
        ("amd-mi300x-192gb", 192, 5300, 1307.4, 2614.9, 448),
        ("nvidia-t4-16gb", 16, 320, 65, None, 15.75),
    ],
)
def test_well_known_devices_have_their_data_sheets_figures(
    slug: str, memory: float, bandwidth: float, fp16: float, fp8: float | None, link: float
) -> None:
    d = DEVICES[slug]
    found = (d.memory_gb, d.mem_bw_gbs, d.fp16_tflops, d.fp8_tflops, d.link_gbs)
    assert found == (memory, bandwidth, fp16, fp8, link)


def test_query_heads_share_key_heads_evenly() -> None:
    assert not [n for n, m in MODELS.items() if m.num_attention_heads % m.num_kv_heads]


def test_kinds_of_attention_have_their_heads() -> None:
    heads = {n: (m.num_attention_heads, m.num_kv_heads) for n, m in MODELS.items()}
    kind = {n: m.attention for n, m in MODELS.items()}
    assert not [n for n in MODELS if kind[n] == "mha" and heads[n][0] != heads[n][1]]
    assert not [n for n in MODELS if kind[n] == "mqa" and heads[n][1] != 1]
    assert not [n for n in MODELS if kind[n] == "gqa" and not 1 < heads[n][1] < heads[n][0]]


def test_layers_with_a_cache_are_some_of_all_layers() -> None:
    for name, m in MODELS.items():
        whole = m.num_layers if not m.encoder_decoder else 2 * m.num_layers
        assert 0 < m.kv_layers <= whole, name
        assert 0 <= m.window_layers <= m.kv_layers, name
        assert bool(m.window_layers) == bool(m.sliding_window), name
        assert m.attention == "hybrid" or m.kv_layers >= m.num_layers, name


def test_what_keeps_no_cache_keeps_a_state() -> None:
    # A state is a matrix of some hundred to some thousand rows and columns a layer.
    for name, m in MODELS.items():
        assert bool(m.state_values) == (m.attention == "hybrid"), name
        if m.state_values:
            layers = m.num_layers - m.kv_layers
            assert 2e5 < m.state_values / layers < 4.3e6, name


def test_experts_are_told_whole_or_not_at_all() -> None:
    for name, m in MODELS.items():
        assert bool(m.num_experts) == bool(m.num_experts_per_tok), name
        assert bool(m.num_experts) == bool(m.moe_intermediate_size), name
        assert m.num_experts_per_tok <= m.num_experts, name
        assert (m.params_active_b < m.params_total_b) == bool(m.num_experts), name


def test_parameters_follow_from_the_shape_of_plain_dense_models() -> None:
    """Attention: 2 h (q + kv); MLP: 3 or 2 h f; embedding and head: V h each. Vision is extra."""
    checked = 0
    for name, m in MODELS.items():
        if m.num_experts or m.attention in ("mla", "hybrid") or m.family == "nemotron-nas":
            continue
        if m.encoder_decoder:
            continue
        wide = 2 * (m.num_attention_heads + m.num_kv_heads) * m.head_dim
        mlp = (3 if m.gated_mlp else 2) * m.intermediate_size
        vocabulary = (1 if m.tie_embeddings else 2) * m.vocab_size
        billions = m.hidden_size * (m.num_layers * (wide + mlp) + vocabulary) / 1e9
        assert m.params_total_b == pytest.approx(billions, rel=0.12), name
        checked += 1
    assert checked > 250


def test_a_size_in_the_name_is_the_number_of_parameters() -> None:
    """Llama 4 names the active parameters; a decimal underscore is no decimal point here."""
    for name, m in MODELS.items():
        found = re.search(r"(?<![\d._])[-_/](\d+(?:\.\d+)?)[bB](?![\w.])", name)
        if found and m.family != "llama-4" and not m.num_experts:
            assert m.params_total_b == pytest.approx(float(found[1]), rel=0.35), name


def test_native_dtypes_are_known() -> None:
    assert {m.native_dtype for m in MODELS.values()} <= set(DTYPES)


@pytest.mark.parametrize("kind", ["hardware", "model", "framework"])
def test_an_alias_points_to_a_slug(kind: str) -> None:
    known = catalogue.aliases(kind)
    assert known
    assert set(known.values()) <= set(catalogue.slugs(kind))


@pytest.mark.parametrize("kind", ["hardware", "framework"])
def test_an_alias_is_not_a_slug_too(kind: str) -> None:
    assert not set(catalogue.aliases(kind)) & set(catalogue.slugs(kind))


def test_aliases_of_the_table_are_of_known_kinds_and_come_once() -> None:
    listed = [(r["kind"], r["alias"]) for r in rows("aliases.csv")]
    assert {kind for kind, _ in listed} <= {"hardware", "model", "framework"}
    assert len(listed) == len(set(listed))


def test_names_are_found_in_any_case_and_models_without_their_owner() -> None:
    llama = catalogue.model("meta-llama/Llama-2-7b-hf")
    assert catalogue.model("llama-2-7b-hf") is llama
    assert catalogue.model(" META-LLAMA/llama-2-7B-HF ") is llama
    assert catalogue.hardware("NVIDIA-H100-SXM-80GB") is catalogue.hardware("h100")
    assert catalogue.framework("trtllm")[0].framework == "tensorrt-llm"


def test_an_unknown_device_is_told_with_the_nearest_and_what_to_do() -> None:
    with pytest.raises(UnknownName) as caught:
        catalogue.hardware("nvidia-h100-sxm-81gb")
    assert re.search("did you mean .*nvidia-h100-sxm-80gb", str(caught.value))
    assert "guide list hardware" in str(caught.value)


def test_an_unknown_model_is_told_with_the_nearest_in_its_own_spelling() -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*meta-llama/Llama-2-7b-hf"):
        catalogue.model("Llama-2-7b")


def test_an_unknown_framework_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"did you mean vllm\?"):
        catalogue.framework("vlm")


@pytest.mark.parametrize("bad", ["", "   ", None, 7])
def test_a_blank_name_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="hardware must be a name"):
        catalogue.hardware(bad)


def test_an_unknown_kind_of_slugs_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown kind 'models'; did you mean model"):
        catalogue.slugs("models")


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
        ("llama.cpp", "b1000", "2023-11"), ("llama.cpp", "b99999", "2025-12"),
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


def test_prices_are_positive_and_of_whole_or_sliced_devices() -> None:
    for row in rows("prices.csv"):
        given = [row["price_usd_per_hour"], row["spot_price_usd_per_hour"]]
        assert any(given), row
        assert all(0.01 < float(p) < 2000 for p in given if p), row
        assert 0 < float(row["accelerator_count"]) <= 16, row


def test_a_spot_price_is_no_higher_than_the_full_one() -> None:
    both = [(float(r["spot_price_usd_per_hour"]), float(r["price_usd_per_hour"]))
            for r in rows("prices.csv") if r["spot_price_usd_per_hour"] and r["price_usd_per_hour"]]
    assert both
    assert all(spot <= full for spot, full in both)


def test_priced_hardware_is_in_the_catalogue_but_for_old_consumer_cards() -> None:
    """Nobody serves an LLM on these; they are left out of offers and counted."""
    unlisted = {r["hardware"] for r in rows("prices.csv")} - set(DEVICES)
    assert unlisted == {
        "nvidia-p40-24gb", "nvidia-quadro-rtx-4000-8gb", "nvidia-gtx-1050-ti-4gb",
        "nvidia-gtx-1060-6gb", "nvidia-gtx-1080-ti-8gb", "nvidia-gtx-1650-4gb",
        "nvidia-gtx-1660-6gb", "nvidia-gtx-1660-super-6gb", "nvidia-rtx-2070-8gb",
        "nvidia-rtx-2080-8gb", "nvidia-rtx-3060-8gb",
    }  # fmt: skip


def test_every_price_is_dated_or_says_that_it_is_not() -> None:
    days = [r["as_of"] for r in rows("prices.csv")]
    dated = {day for day in days if not day.startswith("undated (")}
    assert all(date.fromisoformat(day) > date(2024, 1, 1) for day in dated)
    assert sum(day.startswith("undated (") for day in days) == 117
