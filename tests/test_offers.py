from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from guide_ml import catalogue, offers
from guide_ml.errors import GuideError, InvalidInput, UnknownName
from guide_ml.offers import refresh
from guide_ml.searching.caution import bargain, small_machines

EVERY = offers.catalogue_offers()
TABLE = EVERY.table


def test_every_offer_of_the_catalogue_is_there_or_counted() -> None:
    rows = pd.read_csv(Path(offers.__file__).parent / "prices.csv")
    assert len(TABLE) + sum(EVERY.left_out.values()) == len(rows) == 1808
    assert sorted(EVERY.left_out.values()) == [1, 137]


def test_offers_are_of_whole_known_devices() -> None:
    assert set(TABLE.hardware) <= set(catalogue.all_hardware())
    assert (TABLE.num_devices >= 1).all()
    assert TABLE.num_devices.dtype.kind == "i"


def test_a_price_has_a_date_or_none_but_never_a_commit() -> None:
    dated = TABLE[TABLE.as_of != ""].as_of
    assert all(date.fromisoformat(day) for day in dated.unique())
    assert (TABLE.as_of == "").sum() == 117


def test_spot_marketplace_and_undated_offers_are_left_out_unless_asked_for() -> None:
    plain = offers.select(TABLE)
    assert (plain.usd_h == plain.price_usd_h).all()
    assert not plain.spot.any()
    assert set(plain.tier) == {"on-demand"}
    assert (plain.as_of != "").all()
    assert not set(plain.provider) & {"vast", "akash", "salad", "tensordock", "spheron"}
    wide = offers.select(TABLE, spot=True, marketplace=True, undated=True)
    assert len(wide) == len(TABLE)
    assert (wide.usd_h[wide.spot] == wide.spot_usd_h[wide.spot]).all()


def test_offers_are_picked_by_what_they_are() -> None:
    found = offers.select(TABLE, hardware=["h100", "mi300x"], vendors=["AMD"], regions=["us"])
    assert set(found.hardware) == {"amd-mi300x-192gb"}
    assert found.region.str.contains("us").all()
    aws = offers.select(TABLE, providers=["aws"], max_usd_h=5, priced_since="2026-07-01")
    assert set(aws.provider) == {"aws"}
    assert aws.usd_h.max() <= 5
    assert aws.as_of.min() >= "2026-07-01"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"providers": ["awz"]}, "unknown provider 'awz'; did you mean aws"),
        ({"vendors": ["nvidea"]}, "did you mean nvidia"),
        ({"regions": ["atlantis"]}, "unknown region 'atlantis'"),
        ({"hardware": ["h1000"]}, "unknown hardware 'h1000'"),
        ({"priced_since": "soon"}, "priced_since must be a date such as"),
    ],
)  # fmt: skip
def test_a_wrong_filter_says_what_is_known(wrong: dict, says: str) -> None:
    with pytest.raises(GuideError, match=says):
        offers.select(TABLE, **wrong)


def test_an_hour_on_premises_pays_for_the_machine_used_or_not_and_for_the_power_used() -> None:
    machine = {"purchase_usd": 350_400, "lifetime_years": 5, "power_w": 10_000,
               "power_usd_kwh": 0.1}  # fmt: skip
    assert offers.on_premises_usd_h(**machine) == pytest.approx(8.0 + 1.0)
    half = offers.on_premises_usd_h(**machine, utilisation=0.5, pue=1.5, upkeep_usd_year=8760)
    assert half == pytest.approx(8.0 + 1.0 + 0.5 * 1.5)  # paid for all year, used or not


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"utilisation": 0}, "utilisation must be above 0 and up to 1; got 0"),
        ({"lifetime_years": -1}, "lifetime_years must be above 0; got -1"),
        ({"power_w": float("nan")}, "power_w must be 0 or more; got nan"),
        ({"pue": 0.5}, "pue must be from 1 to 5; got 0.5"),
    ],
)
def test_absurd_figures_of_a_machine_are_refused(wrong: dict, says: str) -> None:
    machine = {"purchase_usd": 1, "lifetime_years": 1, "power_w": 1, "power_usd_kwh": 1}
    with pytest.raises(InvalidInput, match=says):
        offers.on_premises_usd_h(**machine | wrong)


def test_own_prices_come_as_toml(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[offer]]\nhardware = "h100"\nnum_devices = 8\nprovider = "lab"\nas_of = "2026-01-02"\n'
        "purchase_usd = 280320\nlifetime_years = 4\npower_w = 10000\npower_usd_kwh = 0.2\n"
        'utilisation = 0.8\n\n[[offer]]\nhardware = "l4"\nprice_usd_h = 0.5\n'
    )
    found = offers.own_offers(file).table
    assert found.price_usd_h.tolist() == pytest.approx([9.6, 0.5])
    assert found.hardware.tolist() == ["nvidia-h100-sxm-80gb", "nvidia-l4-24gb"]
    assert found.num_devices.tolist() == [8, 1]
    assert found.tier.tolist() == ["on-premises", "on-demand"]
    assert found.provider.tolist() == ["lab", "own"]
    assert found.as_of[0] == "2026-01-02"
    assert date.fromisoformat(found.as_of[1])  # the file's own day
    assert len(offers.select(found)) == 2


def test_own_prices_come_as_csv_with_the_catalogues_spelling_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("hardware,accelerator_count,price_usd_per_hour,instance_type\nh100,4,9.5,box\n")
    row = offers.own_offers(file).table.iloc[0]
    assert (row.num_devices, row.price_usd_h, row.instance_type) == (4, 9.5, "box")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[offer]]\nhardware = "h100"\n', "give either price_usd_h, or what the machine costs"),
        ('[[offer]]\nhardware = "h100"\npurchase_usd = 1\n', "lifetime_years must be given"),
        ('[[offer]]\nhardware = "h1000"\nprice_usd_h = 1\n', "unknown hardware 'h1000'"),
        ('[[offer]]\nhardware = "h100"\nprice_usd_h = -1\n', "price_usd_h must be above 0; got -1"),
        ('[[offer]]\nhardware = "h100"\nprice = 1\n', "did you mean price_usd_h"),
        ('[[offer]]\nhardware = "h100"\nprice_usd_h = "1"\n', "must be a number; got '1'"),
        ('[[offer]]\nhardware = "h100"\nprice_usd_h = 1\nnum_devices = 1.5\n', "whole number"),
        ("[offers]\n", r"must hold \[\[offer\]\] blocks"),
        ("= 1\n", "must be a TOML file"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_prices_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(GuideError, match=says):
        offers.own_offers(file)


def test_a_table_without_prices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must have the column price_usd_h"):
        offers.own_offers(pd.DataFrame({"hardware": ["h100"]}))
    with pytest.raises(InvalidInput, match="there is no file"):
        offers.own_offers(tmp_path / "none.csv")


def item(**changes: object) -> SimpleNamespace:
    usual = {"provider": "cloud", "location": "r1", "instance_name": "box-sxm", "gpu_name": "H100",
             "gpu_memory": 80.0, "gpu_count": 8, "price": 20.0, "spot": False}  # fmt: skip
    return SimpleNamespace(**usual | changes)


def test_fetched_offers_become_a_price_list() -> None:
    table, unknown = refresh.offers_of(
        [item(), item(price=8.0, spot=True), item(gpu_name="nothing"), item(price=21.0)],
        "2026-02-03",
    )
    assert unknown == 1
    row = table.iloc[0]
    assert len(table) == 1
    assert (row.price_usd_per_hour, row.spot_price_usd_per_hour) == (20.0, 8.0)
    own = offers.own_offers(table).table.iloc[0]
    assert (own.hardware, own.num_devices, own.as_of) == ("nvidia-h100-sxm-80gb", 8, "2026-02-03")


@pytest.mark.parametrize(
    ("name", "memory", "slug"),
    [("A100", 80.0, "nvidia-a100-sxm-80gb"), ("L40S", 48.0, "nvidia-l40s-48gb"),
     ("MI300X", 192.0, "amd-mi300x-192gb"), ("RTX4090", 24.0, "nvidia-rtx-4090-24gb"),
     ("H200", 141.0, "nvidia-h200-sxm-141gb"), (None, 1.0, None)],
)  # fmt: skip
def test_fetched_devices_are_known_by_name_and_memory(name: str, memory: float, slug: str) -> None:
    assert refresh.device(name, memory) == slug


def test_fetching_without_a_network_says_so(tmp_path: Path, monkeypatch) -> None:
    gpuhunt = pytest.importorskip("gpuhunt")

    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(gpuhunt.Catalog, "load", offline)
    with pytest.raises(InvalidInput, match="needs a network; gpuhunt says: no route to host"):
        refresh.write(tmp_path / "prices.csv")
    assert not list(tmp_path.iterdir())


def test_what_was_fetched_is_written_in_place(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(refresh, "fetch", lambda: [item(), item(gpu_name="nothing")])
    out = tmp_path / "prices.csv"
    assert refresh.write(out) == (1, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["prices.csv"]
    assert offers.own_offers(out).table.price_usd_h.tolist() == [20.0]
    with pytest.raises(InvalidInput, match="cannot be written"):
        refresh.write(tmp_path / "none" / "prices.csv")


def test_unknown_names_are_their_own_error() -> None:
    with pytest.raises(UnknownName):
        offers.own_offers(pd.DataFrame({"hardware": ["h1000"], "price_usd_h": [1.0]}))


def _plan(**fields: Any) -> Any:
    usual = {"hardware": "nvidia-l4-24gb", "provider": "cheap", "tp": 1, "pp": 1}
    return SimpleNamespace(**usual | fields)


def _market(*rows: tuple[str, int, float]) -> pd.DataFrame:
    return pd.DataFrame([{"hardware": "nvidia-l4-24gb", "provider": who, "num_devices": n,
                          "usd_h": usd, "tier": "on-demand"} for who, n, usd in rows])  # fmt: skip


@pytest.mark.parametrize(("next_usd", "warned"), [(0.89, False), (0.91, True)])
def test_a_price_three_times_below_the_next_is_marked(next_usd: float, warned: bool) -> None:
    said = bargain([_plan()], _market(("cheap", 2, 0.6), ("other", 1, next_usd)))
    assert bool(said) == warned
    assert not warned or ("cheap asks 0.30" in said[0] and "0.91" in said[0])
    assert bargain([], _market()) == []
    assert bargain([_plan(provider="other")], _market(("cheap", 1, 0.1), ("other", 1, 1.0))) == []


def test_it_is_said_whose_larger_machines_the_prices_lack() -> None:
    market = _market(("cheap", 8, 6.0), ("other", 1, 0.9), ("third", 1, 1.0))
    said = small_machines([_plan(tp=4)], market)
    assert "Of other, third the prices hold only machines of one nvidia-l4-24gb" in said[0]
    assert small_machines([_plan(tp=1)], market) == []
    assert small_machines([_plan(tp=4)], market[:1]) == []


def test_a_price_per_device_gives_machines_of_several() -> None:
    """Where a provider sells by the device, its larger machines are found; else they are not."""
    alone = {"hardware": "h100", "provider": "lab", "price_usd_h": 2.0, "as_of": "2026-01-01"}
    found = {}
    for most in (None, 8):
        listed = offers.own_offers(pd.DataFrame([alone | {"devices_up_to": most}])).table
        sizes = offers.by_size(offers.select(listed))
        found[most] = dict(zip(sizes.num_devices, sizes.usd_h, strict=True))
    assert found == {None: {1: 2.0}, 8: {1: 2.0, 2: 4.0, 4: 8.0, 8: 16.0}}
    with pytest.raises(InvalidInput, match="devices_up_to"):
        offers.own_offers(pd.DataFrame([alone | {"num_devices": 4, "devices_up_to": 2}]))


def test_the_list_tells_who_sells_by_the_device_and_where_that_stands() -> None:
    larger = TABLE[TABLE.devices_up_to > TABLE.num_devices]
    assert {"modal", "runpod"} <= set(larger.provider)
    assert (TABLE.devices_up_to >= TABLE.num_devices).all()
    raw = pd.read_csv(Path(offers.__file__).parent / "prices.csv")
    noted = raw[raw.devices_up_to.notna()].notes
    assert noted.str.contains(r"priced by the GPU, .*\.(?:com|io)").all()
