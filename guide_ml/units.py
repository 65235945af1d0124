"""The only conversion factors of the package."""

from __future__ import annotations

MS_PER_S = 1e3
GB = 1e9  # vendors' gigabyte: memory sizes and bandwidths are decimal
GIB = 2.0**30  # what labels of graphics cards count in
TERA = 1e12
BILLION = 1e9
BITS_PER_BYTE = 8
