from __future__ import annotations

import pytest

from guide_ml import errors
from guide_ml.errors import GuideError, UnknownName, nearest

DEVICES = ["nvidia-h100-sxm-80gb", "nvidia-h100-pcie-80gb", "nvidia-l4-24gb", "amd-mi300x-192gb"]


CLASSES = [n for n in errors.__all__ if n[0].isupper() and n != "GuideError"]


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_can_be_caught_as_guide_error(name: str) -> None:
    assert issubclass(getattr(errors, name), GuideError)


def test_a_guide_error_is_no_error_of_pythons_own() -> None:
    assert GuideError.__mro__[1] is Exception


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("h100-sxm", "nvidia-h100-sxm-80gb"),  # a part of the name
        ("NVIDIA H100 PCIe 80GB", "nvidia-h100-pcie-80gb"),  # case and separators
        ("amd-mi30x-192gb", "amd-mi300x-192gb"),  # a slip of the finger
        ("some-org/nvidia_l4_24gb", "nvidia-l4-24gb"),  # another organisation
    ],
)
def test_the_nearest_name_comes_first(name: str, first: str) -> None:
    assert nearest(name, DEVICES)[0] == first


def test_names_unlike_any_other_have_no_neighbour() -> None:
    assert nearest("zzz", DEVICES) == []
    assert nearest("", DEVICES) == []
    assert nearest("h100", []) == []


def test_at_most_as_many_neighbours_are_named_as_asked_and_each_once() -> None:
    found = nearest("nvidia", DEVICES, n=2)
    assert len(found) == len(set(found)) == 2


def test_a_name_that_is_spelt_in_two_ways_is_offered_in_its_first() -> None:
    assert nearest("llama-2-7b", ["meta/Llama-2-7b-hf", "meta/llama-2-7b-hf"]) == [
        "meta/Llama-2-7b-hf"
    ]


def test_an_unknown_name_says_what_came_what_is_near_and_what_to_do() -> None:
    text = str(UnknownName("hardware", "h100-sxm", DEVICES, "See the list."))
    assert text.startswith("unknown hardware 'h100-sxm'; did you mean nvidia-h100-sxm-80gb")
    assert text.endswith("? See the list.")


def test_an_unknown_name_unlike_any_other_says_so() -> None:
    many = [f"model-{i}" for i in range(50)]
    assert str(UnknownName("model", "zzz", many)) == (
        "unknown model 'zzz'; no model is spelt like it."
    )


def test_a_few_names_are_listed() -> None:
    assert str(UnknownName("objective", "zzz", ("cost", "latency"))) == (
        "unknown objective 'zzz'; there are cost, latency."
    )


def test_a_very_long_name_is_cut_in_the_message() -> None:
    text = str(UnknownName("model", "x" * 10_000, DEVICES))
    assert len(text) < 200
    assert "xxx..." in text
