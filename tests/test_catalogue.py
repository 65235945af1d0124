from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from guide_ml import catalogue
from guide_ml.describe.descriptors import Hardware
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.precision.dtypes import DTYPES

FOLDER = Path(catalogue.__file__).parent
DEVICES, MODELS = catalogue.all_hardware(), catalogue.all_models()
ENGINES = catalogue.framework_blocks()
#: Dense models with an embedding table for each layer, of which a token looks a row up.
LOOKED_UP = {
    "google/gemma-4-E2B-it", "google/gemma-4-E4B-it", "google/gemma-3n-E2B-it",
    "google/gemma-3n-E4B-it",
}  # fmt: skip
#: Families whose layers differ, or hold more than attention and an MLP.
OWN_SHAPES = {"nemotron-nas", "falcon-h1"}
#: A fifth of their layers looks at the picture alone.
PICTURES = {"meta-llama/Llama-3.2-11B-Vision-Instruct", "meta-llama/Llama-3.2-90B-Vision-Instruct"}


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
    """Sparse figures would be twice as high: no unit multiplies fp8 more than twice as fast.

    Trainium3 widened its fp8 units alone: 2,517 against 671 TFLOP/s, both dense.
    """
    doubled = {n for n, d in DEVICES.items() if d.fp8_tflops and d.fp8_tflops > 2.05 * half(d)}
    assert doubled == {"aws-trainium3-144gb"}


def test_a_slice_has_no_more_memory_than_its_share() -> None:
    slices = {n: d for n, d in DEVICES.items() if d.slice_share < 1 and "-vgpu" in n}
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
    # A state is a matrix of some hundred to some thousand rows and columns a layer; that of a
    # short convolution (LFM2) two vectors, DeepSeek-V4's the window that is not compressed.
    least = {"lfm2": 2000, "deepseek-v4": 6e4, "falcon-h1": 1.9e5, "jamba": 1e5}
    for name, m in MODELS.items():
        # Layers that look at a picture keep nothing of the text; Falcon-H1's keep a cache as well.
        both, pictures = m.family == "falcon-h1", name in PICTURES
        assert bool(m.state_values) == ((m.attention == "hybrid" and not pictures) or both), name
        if m.state_values:
            layers = m.num_layers if both else m.num_layers - m.kv_layers
            assert least.get(m.family, 2e5) < m.state_values / layers < 4.3e6, name


def test_experts_are_told_whole_or_not_at_all() -> None:
    for name, m in MODELS.items():
        assert bool(m.num_experts) == bool(m.num_experts_per_tok), name
        assert bool(m.num_experts) == bool(m.moe_intermediate_size), name
        assert m.num_experts_per_tok <= m.num_experts, name
        fewer = bool(m.num_experts) or name in LOOKED_UP
        assert (m.params_active_b < m.params_total_b) == fewer, name


def test_parameters_follow_from_the_shape_of_plain_dense_models() -> None:
    """Attention: 2 h (q + kv); MLP: 3 or 2 h f; embedding and head: V h each. Vision is extra."""
    checked = 0
    for name, m in MODELS.items():
        if m.num_experts or m.attention in ("mla", "hybrid") or m.family in OWN_SHAPES:
            continue
        if m.encoder_decoder or name in LOOKED_UP:
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
            size = m.params_active_b if name in LOOKED_UP else m.params_total_b
            assert size == pytest.approx(float(found[1]), rel=0.37), name


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
        catalogue.model("Llama-2-7b-hff")


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


def test_prices_are_positive_and_of_whole_or_sliced_devices() -> None:
    for row in rows("prices.csv"):
        given = [row["price_usd_per_hour"], row["spot_price_usd_per_hour"]]
        assert any(given), row
        assert all(0.01 < float(p) < 2000 for p in given if p), row
        assert 0 < float(row["accelerator_count"]) <= 16, row


def test_a_spot_price_is_no_higher_than_the_full_one() -> None:
    both = [
        (float(r["spot_price_usd_per_hour"]), float(r["price_usd_per_hour"]))
        for r in rows("prices.csv")
        if r["spot_price_usd_per_hour"] and r["price_usd_per_hour"]
    ]
    assert both
    assert all(spot <= full for spot, full in both)


def test_priced_hardware_is_in_the_catalogue_but_for_a_card_that_does_not_exist() -> None:
    """A GTX 1080 Ti has 11 GB; that offer is left out and counted."""
    unlisted = {r["hardware"] for r in rows("prices.csv")} - set(DEVICES)
    assert unlisted == {"nvidia-gtx-1080-ti-8gb"}


def test_every_price_is_dated_or_says_that_it_is_not() -> None:
    days = [r["as_of"] for r in rows("prices.csv")]
    dated = {day for day in days if not day.startswith("undated (")}
    assert all(date.fromisoformat(day) > date(2024, 1, 1) for day in dated)
    assert sum(day.startswith("undated (") for day in days) == 117
