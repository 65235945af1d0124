"""Hugging Face ``config.json`` to :class:`guide_ml.descriptors.Model`.

``read`` takes the file apart, ``keys`` gives its entries one spelling, ``families`` says what
a model type leaves unsaid, ``build`` assembles the layers, ``parts`` and ``mixers`` count.
"""

from guide_ml.hf_config.read import model_from_config, read_config

__all__ = ["model_from_config", "read_config"]
