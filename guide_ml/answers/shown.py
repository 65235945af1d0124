"""Answers that show themselves: as a short table in a terminal, as HTML in a notebook."""

from __future__ import annotations

import shutil

from guide_ml.answers import pages
from guide_ml.answers.blocks import Block

__all__ = ["Shown", "width"]


def width() -> int:
    """Columns of the window; 80 where none is known."""
    return max(shutil.get_terminal_size((80, 24)).columns, 20)


class Shown:
    """Base of what is returned to people; a child says of which blocks it consists."""

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it.

        Parameters
        ----------
        brief : bool
            Only what a prompt or a notebook shows; otherwise everything.
        """
        raise NotImplementedError

    def summary(self, width: int = 100) -> str:
        """Tell everything in plain text.

        Parameters
        ----------
        width : int
            Columns of a line, at most where words allow.
        """
        return pages.text(self.blocks(), width)

    def __repr__(self) -> str:
        return pages.text(self.blocks(brief=True), width())

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """Return what notebooks show."""
        return pages.html(self.blocks(brief=True))
