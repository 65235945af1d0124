from __future__ import annotations

import csv
from pathlib import Path

import pytest

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.precision import dtypes
from guide_ml.precision.dtypes import ALIASES, DTYPES, KV_DTYPES, dtype


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("fp32", 32.0), ("fp16", 16.0), ("bf16", 16.0), ("fp8", 8.0),
        ("q8_0", 8.5),  # 34 byte a block of 32: 34 * 8 / 32
        ("mxfp4", 4.25),  # 4 + 8-bit scale / 32
        ("mxfp8", 8.25),  # 8 + 8-bit scale / 32
        ("nvfp4", 4.5),  # 4 + 8-bit scale / 16
        ("gptq-int4", 4.16),  # 4 + (16-bit scale + 4-bit zero) / 128 = 4.156
        ("awq-int4", 4.16),
        ("nf4", 4.13),  # 4 + 8-bit scale / 64 + 32 / (64 * 256) = 4.127
        ("q6_k", 6.56),  # 210 byte a block of 256: 6.5625
        ("q4_k_m", 4.85), ("iq3_m", 3.66),  # as llama.cpp prints for Llama-class models
    ],
)  # fmt: skip
def test_bits_count_scales_and_zero_points(name: str, bits: float) -> None:
    assert dtype(name).bits == pytest.approx(bits, abs=0.005)


@pytest.mark.parametrize(
    ("name", "block_bits"),
    [
        ("q4_0", 4.5),  # 18 byte a block of 32
        ("q4_1", 5.0),  # 20 byte a block of 32
        ("q4_k_s", 4.5), ("q4_k_m", 4.5),  # 144 byte a block of 256
        ("q5_k_m", 5.5),  # 176 byte a block of 256
        ("q3_k_m", 3.4375),  # 110 byte a block of 256
        ("q2_k", 2.625),  # 84 byte a block of 256
        ("iq4_xs", 4.25),  # 136 byte a block of 256
    ],
)  # fmt: skip
def test_a_gguf_mix_holds_its_plain_blocks_and_some_wider_ones(
    name: str, block_bits: float
) -> None:
    assert block_bits < dtype(name).bits < 1.2 * block_bits


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_is_found_by_its_name_in_any_case(name: str) -> None:
    assert dtype(f" {name.upper()} ") is DTYPES[name]
    assert DTYPES[name].name == name


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_has_known_arithmetic_and_plausible_bits(name: str) -> None:
    found = DTYPES[name]
    assert found.compute in {"fp32", "fp16", "fp8", "int8", "fp4"}
    assert found.family in {"float", "fp8", "int8", "int4", "fp4", "gguf"}
    assert found.activations in {"fp32", "fp16", "fp8", "int8", "fp4"}
    assert 1.5 < found.bits <= 32


def test_every_row_of_the_table_says_where_its_bits_come_from() -> None:
    path = Path(dtypes.__file__).with_name("dtypes.csv")
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(DTYPES) > 100
    assert all(r["source"] for r in rows)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("iq1_s", 2.0), ("iq2_k", 2.375), ("iq4_ks", 4.25), ("iq6_k", 6.625), ("tq2_0", 2.06),
        ("q8_k_xl", 10.8), ("mlx-4bit", 4.5), ("mlx-int3", 3.5), ("int4-sym", 4.125),
        ("bfloat8_b", 8.5), ("bfp4", 4.5), ("w4a16-g32", 4.5), ("mxfp6", 6.25), ("hqq", 4.5),
        ("UD-Q4_K_XL", 4.9), ("iq4_k_r4", 4.5), ("q4_0_r8", 4.55), ("3.93bpw", 3.93),
        ("exl2-4.5bpw", 4.6), ("int6", 6.5),
    ],
)  # fmt: skip
def test_formats_are_found_under_the_names_that_engines_write(name: str, bits: float) -> None:
    assert dtype(name).bits == pytest.approx(bits, abs=0.005)


def test_activations_meet_gguf_in_eight_bits_and_bfp8_at_its_own_rate() -> None:
    assert all(d.activations == "int8" for d in DTYPES.values() if d.family == "gguf")
    assert dtype("gptq-int4").activations == dtype("mlx-4bit").activations == "fp16"
    assert (dtype("bfp8").compute, dtype("bfp4").compute) == ("fp8", "fp4")
    assert dtype("w4a8_int8").compute == "int8"


@pytest.mark.parametrize("name", ["0.5bpw", "64bpw"])
def test_absurd_bits_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="must have 1 to 32 bits a weight"):
        dtype(name)


def test_bits_in_a_name_are_kept_exactly() -> None:
    assert dtype("2.58bpw") is dtype("2.58BPW")
    assert (dtype("2.58bpw").name, dtype("2.58bpw").family) == ("2.58bpw", "gguf")


def test_weight_only_formats_multiply_in_sixteen_bits() -> None:
    for name in ("awq-int4", "gptq-int4", "w8a16", "nf4", "q4_k_m", "q8_0"):
        assert dtype(name).compute == "fp16"
    assert dtype("w8a8").compute == "int8"
    assert dtype("w4a8").compute == "fp8"


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_is_another_name_of_a_dtype(alias: str) -> None:
    assert alias not in DTYPES
    assert dtype(alias) is DTYPES[ALIASES[alias]]


@pytest.mark.parametrize("name", KV_DTYPES)
def test_every_kv_dtype_has_its_bits(name: str) -> None:
    assert dtype(name).name == name


def test_an_unknown_dtype_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown dtype 'q4_k_n'; did you mean .*q4_k_m"):
        dtype("q4_k_n")


@pytest.mark.parametrize("bad", [None, 16, 4.5, ["fp16"]])
def test_what_is_no_text_is_no_dtype(bad: object) -> None:
    with pytest.raises(InvalidInput, match="must be a name"):
        dtype(bad)  # type: ignore[arg-type]
