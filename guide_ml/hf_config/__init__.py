"""Hugging Face ``config.json`` to :class:`guide_ml.describe.descriptors.Model`.

``read`` takes the file apart, ``text`` finds the language model in it, ``keys`` gives its entries
one spelling, ``families`` says what a model type leaves unsaid and ``classes`` what its class fills
in, ``prepare`` what odd keys mean. ``kinds``, ``per_layer`` and ``sharing`` tell the layers apart,
``build`` assembles them, ``parts``, ``mixers`` and ``states`` count, ``nas`` and ``shared_block``
the odd ones. ``known`` refuses what would be a guess, ``bits`` reads quantisation, ``gguf`` GGUF
files, ``summary`` tells what was read.

In: a file or a dict. Out: layers by kind, counted.
A new model type is a line of ``families``; a new kind of layer belongs to ``mixers`` or ``states``.
With a new release of transformers ``make models`` writes the tables of classes and limits anew.
"""

from guide_ml.hf_config.gguf import describe_gguf, model_from_gguf
from guide_ml.hf_config.read import model_from_config, read_config
from guide_ml.hf_config.summary import describe_config

__all__ = [
    "describe_config", "describe_gguf", "model_from_config", "model_from_gguf", "read_config",
]  # fmt: skip
