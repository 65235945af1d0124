"""Hugging Face ``config.json`` to :class:`guide_ml.describe.descriptors.Model`.

``read`` takes the file apart, ``keys`` gives its entries one spelling, ``families`` says what
a model type leaves unsaid, ``build`` assembles the layers, ``parts`` and ``mixers`` count.

In: a file or a dict. Out: layers by kind, counted.
A new model type is a line of ``families``; a new kind of layer belongs to ``mixers`` or ``parts``.
"""

from guide_ml.hf_config.read import model_from_config

__all__ = ["model_from_config"]
