from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from guide_ml import catalogue
from guide_ml.describe.descriptors import Framework, Hardware, Model
from guide_ml.errors import GuideError, InvalidInput, UnknownName
from guide_ml.table import given

CHIP: dict[str, Any] = {
    "hardware": "acme-one-64gb", "memory_gb": 64, "mem_bw_gbs": 2000, "fp16_tflops": 300,
}  # fmt: skip
CHIP_TOML = 'hardware = "acme-one-64gb"\nmemory_gb = 64\nmem_bw_gbs = 2000\nfp16_tflops = 300\n'
CONFIG = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632, "vocab_size": 32000,
    "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4,
}  # fmt: skip


@pytest.fixture
def chip_file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text(CHIP_TOML, "utf-8")
    return path


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(CONFIG), "utf-8")
    return path


@pytest.mark.parametrize("name", ["nvidia-h100-sxm-80gb", "h100", " H100 "])
def test_a_slug_and_an_alias_mean_the_catalogues_device(name: str) -> None:
    assert given.hardware(name) is catalogue.all_hardware()["nvidia-h100-sxm-80gb"]


def test_an_object_is_taken_as_it_is() -> None:
    device, llm = Hardware(**CHIP), given.model("llama-3.1-8b-instruct")
    assert given.hardware(device) is device
    assert given.model(llm) is llm


def test_hardware_as_a_dict_a_path_and_a_path_as_text_is_the_same(chip_file: Path) -> None:
    as_dict = given.hardware(CHIP)
    assert as_dict == Hardware(**CHIP)
    assert given.hardware(chip_file) == as_dict
    assert given.hardware(str(chip_file)) == as_dict


def test_what_the_catalogue_shows_of_a_device_can_be_given_back() -> None:
    device = given.hardware("h100")
    assert given.hardware(asdict(device)) == device


def test_a_toml_file_that_names_no_device_lends_its_own_name(chip_file: Path) -> None:
    chip_file.write_text(CHIP_TOML.split("\n", 1)[1], "utf-8")
    assert given.hardware(chip_file).hardware == "acme"


def test_a_toml_file_of_another_suffix_is_found_where_no_device_has_its_name(
    chip_file: Path,
) -> None:
    other = chip_file.rename(chip_file.with_suffix(".txt"))
    assert given.hardware(str(other)).hardware == "acme-one-64gb"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memory_gb = ", "must be a TOML file; "),
        ("memory_gb = 64", "must state mem_bw_gbs; `guide show"),
        (CHIP_TOML + "memory = 3", "unknown key in .*'memory'; did you mean memory_gb"),
        (CHIP_TOML.replace("64\n", '"64"\n'), r"memory_gb must be a number; got '64' \(str\)"),
        (CHIP_TOML.replace("= 64\n", "= -64\n"), "memory_gb must be a number from 0.1"),
        (CHIP_TOML.replace("300", "nan"), "fp16_tflops must be a number from"),
        (CHIP_TOML.replace("fp16", "fp4"), "one of fp16_tflops, bf16_tflops"),
        (CHIP_TOML + "vendor = 7", r"vendor must be text; got 7 \(int\)"),
        (CHIP_TOML.replace('"acme-one-64gb"', "[1]"), "hardware must have a name"),
        ("\x00\xff", "must be a TOML file"),
        ("a = " + "[" * 5000, "must be a TOML file"),
    ],
)
def test_a_bad_toml_file_is_refused_in_one_sentence(
    chip_file: Path, text: str, words: str
) -> None:
    chip_file.write_bytes(text.encode("latin-1"))
    with pytest.raises(GuideError, match=words) as caught:
        given.hardware(chip_file)
    assert "\n" not in str(caught.value)


def test_a_toml_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file"):
        given.hardware(str(tmp_path / "none.toml"))
    with pytest.raises(InvalidInput, match="must be a TOML file; Is a directory"):
        given.hardware(tmp_path)


def test_a_model_as_a_dict_a_path_and_a_folder_is_the_same(config_file: Path) -> None:
    as_dict = given.model(CONFIG)
    assert round(as_dict.params_total_b, 1) == 1.1
    for form in (config_file, str(config_file), config_file.parent, str(config_file.parent)):
        found = given.model(form)
        assert found.model == "tiny"
        assert found.params_total_b == as_dict.params_total_b


def test_a_name_of_the_catalogue_goes_before_a_folder_of_that_name(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file.parent.rename(tmp_path / "llama-3.1-8b-instruct")
    monkeypatch.chdir(tmp_path)
    assert given.model("llama-3.1-8b-instruct").num_layers == 32
    assert given.model("./llama-3.1-8b-instruct").num_layers == 22


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "must be a JSON file"), ("[]", "must hold a JSON object"), ("{}", "config of 'tiny'"),
     (json.dumps(CONFIG | {"hidden_size": None}), "hidden_size"),
     (json.dumps(CONFIG | {"hidden_size": "big"}), "hidden_size")],
)  # fmt: skip
def test_a_bad_config_is_refused_in_one_sentence(config_file: Path, text: str, words: str) -> None:
    config_file.write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=words) as caught:
        given.model(config_file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "  ", 7, None, 1.5, ["h100"], b"h100", True])
def test_what_is_neither_name_nor_description_is_refused(name: Any) -> None:
    for read in (given.hardware, given.model):
        with pytest.raises(InvalidInput, match="must be a name"):
            read(name)


@pytest.mark.parametrize("name", ["h101", "a" * 5000, "\0", "no/such/place", "h100\n"])
def test_a_name_that_nothing_has_is_unknown_or_trimmed(name: str) -> None:
    if name.strip() == "h100":
        assert given.hardware(name).hardware == "nvidia-h100-sxm-80gb"
        return
    for read in (given.hardware, given.model):
        with pytest.raises(UnknownName, match="unknown") as caught:
            read(name)
        assert len(str(caught.value)) < 500


def test_a_model_object_with_text_for_a_truth_value_is_refused() -> None:
    known = asdict(given.model("llama-3.1-8b-instruct"))
    with pytest.raises(InvalidInput, match="tie_embeddings must be true or false; got 'no'"):
        given.model(Model(**known | {"tie_embeddings": "no"}))


def test_a_framework_is_a_name_an_alias_or_an_object() -> None:
    engine = Framework(framework="trtllm", version="1.0", backend="cuda", release_year=2025.7)
    assert given.framework("TRT-LLM") == {"framework": "tensorrt-llm"}
    assert given.framework(engine) == {
        "framework": "tensorrt-llm", "framework_version": "1.0", "backend": "cuda",
    }  # fmt: skip
    assert given.framework(None) == {}


def test_a_framework_that_no_table_knows_or_of_a_foreign_backend_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean vllm"):
        given.framework("vlllm")
    with pytest.raises(InvalidInput, match="framework must be a name or a Framework; got 3"):
        given.framework(3)  # type: ignore[arg-type]
    metal = Framework(framework="vllm", backend="metal", release_year=2025)
    with pytest.raises(InvalidInput, match=r"vllm runs on cuda.*got backend 'metal'"):
        given.framework(metal)


def test_definitions_are_named_by_key_or_by_themselves(chip_file: Path) -> None:
    device = Hardware(**CHIP)
    forms: list[Any] = [[device], device, [chip_file], str(chip_file), (CHIP for _ in "1")]
    for form in forms:
        assert given.named("hardware", form, given.hardware) == {"acme-one-64gb": device}
    assert given.named("hardware", {" mine ": CHIP}, given.hardware) == {"mine": device}
    assert given.named("model", None, given.model) == {}


@pytest.mark.parametrize(("form", "words"), [(3, "must be a dict by name or a list; got 3"),
                                             ({3: CHIP}, "names of hardware .* got 3"),
                                             ([3], "hardware must be a name")])  # fmt: skip
def test_definitions_of_another_form_are_refused(form: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        given.named("hardware", form, given.hardware)
