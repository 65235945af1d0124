"""YAML from plain values by PyYAML, in the order given, the same text every time."""

from __future__ import annotations

__all__ = ["to_yaml"]


def to_yaml(value: object) -> str:
    r"""Write mappings, lists, texts, numbers and truth values as YAML.

    Texts of several lines are blocks, as far as YAML lets them be.

    Examples
    --------
    >>> to_yaml({"ports": ["8000:8000"], "tty": True})
    'ports:\\n- 8000:8000\\ntty: true\\n'
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes every value out: no anchors."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000
    )
    return written
