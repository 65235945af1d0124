"""Versions, the champion among them, promotion and rollback."""

from __future__ import annotations

import pytest

from guide_ml.errors import BadStore, InvalidInput
from guide_ml.registry.versions import CHAMPION, Registry, download, pinned


@pytest.fixture
def registry(new_store, tmp_path):
    """A registry with a first, a promoted and a rejected version; the second is champion."""
    found = Registry(new_store)
    for verdict in ("first", "promoted", "rejected"):
        number = found.register(str(tmp_path), "", None, {"guide.verdict": verdict})
        if verdict != "rejected":
            found.crown(number)
    return found


def test_versions_are_listed_newest_first_with_their_verdicts(registry):
    listed = registry.versions()
    assert [v.version for v in listed] == ["3", "2", "1"]
    assert [v.verdict for v in listed] == ["rejected", "promoted", "first"]
    assert [v.champion for v in listed] == [False, True, False]
    assert listed[1].followed == "1"
    assert registry.get(CHAMPION).version == "2"


def test_an_empty_store_has_neither_versions_nor_champion(new_store):
    registry = Registry(new_store)
    assert registry.versions() == []
    assert registry.champion() is None
    with pytest.raises(BadStore, match="there is no champion"):
        registry.rollback()
    with pytest.raises(BadStore, match=r"no version '1'.*guide retrain"):
        registry.promote("1")


def test_a_rejected_version_is_promoted_for_a_reason_only_which_is_kept(registry):
    with pytest.raises(InvalidInput, match=r"must have passed the gate.*'rejected'"):
        registry.promote("3")
    assert registry.champion().version == "2"
    found = registry.promote("3", "the gate knows nothing of the new data centre")
    assert (found.version, found.champion) == ("3", True)
    assert found.forced == "the gate knows nothing of the new data centre"
    assert found.followed == "2"


def test_rollback_goes_back_step_by_step_to_the_first(registry):
    registry.promote("3", "try")
    assert registry.rollback().version == "2"
    assert registry.rollback().version == "1"
    with pytest.raises(BadStore, match="version 1 is the first champion"):
        registry.rollback()
    assert registry.champion().version == "1"


def test_promoting_the_champion_changes_nothing(registry):
    before = registry.champion()
    assert registry.promote("2") == before


def test_unknown_versions_are_named_with_those_that_exist(registry):
    with pytest.raises(BadStore, match=r"no version '9'.*there are: 1, 2, 3"):
        registry.get("9")


def test_what_is_not_registered_cannot_be_fetched(registry):
    with pytest.raises(BadStore, match="no estimators at models:/guide/9"):
        download("models:/guide/9", registry.uri)


def test_an_alias_is_pinned_to_the_version_that_it_points_to_now(registry):
    before = pinned("models:/guide@champion", registry.uri)
    registry.promote("1")
    assert (before, pinned("models:/guide@champion", registry.uri)) == (
        "models:/guide/2", "models:/guide/1")  # fmt: skip
    assert pinned("models:/guide/3", registry.uri) == "models:/guide/3"
    assert pinned("some/folder@here", registry.uri) == "some/folder@here"
    with pytest.raises(BadStore, match="no model models:/guide@nobody"):
        pinned("models:/guide@nobody", registry.uri)
