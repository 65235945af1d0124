"""Work of the vector units on weights that are stored smaller than they are multiplied.

Four-bit weights, and eight-bit ones where the matrix engines have no eight-bit type, have to be
unpacked before they are multiplied. With few tokens at a time this takes its share of a step on
devices that have much bandwidth for their vector units (A100, H200), and hardly any on those that
have little (L4, Strix Halo).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.assume import COMPUTE, FAMILIES, Columns
from guide_ml.table.read import Floats
from guide_ml.units import TERA

__all__ = ["Unpacking", "chosen_compute", "multiplied_bits", "unpacking"]

#: Weights of fewer bits than this share of the multiplied ones are unpacked.
PACKED = 0.75
HALF_BITS = 16.0
#: Kernels of other formats than GGUF's own unpack a weight once for a tile of tokens and scale sums
#: once, not once for each block of 32 weights: about a tenth of the work for each token.
BY_TILE = 0.1


class Unpacking(NamedTuple):
    """Seconds of the vector units for one operation on each weight, each of shape (n,).

    Parameters
    ----------
    fixed_s, experts_s : array
        Weights that every token needs, and all routed experts.
    token_s : array
        Weights that one token is multiplied with; of formats other than GGUF a tenth of them.
    """

    fixed_s: Floats
    experts_s: Floats
    token_s: Floats


def chosen_compute(columns: Columns) -> NDArray[np.intp]:
    """Place in :data:`~guide_ml.table.assume.COMPUTE` of a dtype's arithmetic; fp16 if unknown."""
    compute = columns["compute"]
    return np.where(np.isnan(compute), COMPUTE.index("fp16"), compute).astype(np.intp)


def multiplied_bits(columns: Columns) -> Floats:
    """Bits of the numbers that are multiplied: wider ones where none fit the dtype.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors; a device without a type has the rate of the next wider one.
    """
    half, eight, four = columns["hw_fp16"], columns["hw_fp8"], columns["hw_fp4"]
    fp8 = np.where(eight > half, 8.0, HALF_BITS)
    int8 = np.where(columns["hw_int8"] > half, 8.0, HALF_BITS)
    return np.asarray(np.choose(chosen_compute(columns), [
        32.0, HALF_BITS, fp8, int8, np.where(four > eight, 4.0, fp8),
    ]))  # fmt: skip


def unpacking(
    columns: Columns, memory: Columns, bits: tuple[Floats, Floats, Floats], experts_on: Floats
) -> Unpacking:
    """Count the weights on a device that have to be unpacked, over its vector rate.

    Parameters
    ----------
    columns, memory : dict
        Resolved descriptors and :func:`guide_ml.features.memory.extract`.
    bits : tuple of array
        :func:`guide_ml.features.memory.weight_bits`.
    experts_on : array of shape (n,)
        Devices that share the experts.
    """
    expert_bits, body_bits, vocabulary_bits = bits
    wide, tp = multiplied_bits(columns), columns["tp"]
    vector = columns["hw_vector"] * TERA
    body = memory["p_body"] * (body_bits < PACKED * wide) / tp
    head = memory["p_head"] * (vocabulary_bits < PACKED * HALF_BITS) / tp
    routed = (expert_bits < PACKED * wide) / experts_on
    active = memory["p_experts_active"] * columns["attention_dp"] * routed
    by_block = np.where(columns["family"] == FAMILIES.index("gguf"), 1.0, BY_TILE)
    return Unpacking((body + head) / vector, memory["p_experts"] * routed / vector,
                     by_block * (body + active) / vector)  # fmt: skip
