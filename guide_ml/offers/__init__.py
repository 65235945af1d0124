"""What machines can be rented, or run on premises, and what an hour of them costs.

Everything is in USD; the price is that of a whole instance, however few of its devices are used.

In: price lists (``prices.csv``, files of one's own, providers' catalogues). Out: offers as a table.
A new price is a row of ``prices.csv``.
"""

from guide_ml.offers.own import on_premises_usd_h
from guide_ml.offers.read import COLUMNS, HOURS_PER_MONTH, Offers, catalogue_offers, own_offers
from guide_ml.offers.select import by_size, select

__all__ = [
    "COLUMNS", "HOURS_PER_MONTH", "Offers", "by_size", "catalogue_offers", "on_premises_usd_h",
    "own_offers", "select",
]  # fmt: skip
