"""Five plain questions, and the answer in words: what to rent, what it costs, how it feels.

``presets`` knows what stands for plain words, ``questions`` checks what was answered, ``asking``
turns it into a search, ``words`` writes the answer, ``answer`` holds it, ``details`` adds what is
unfolded on demand. The terminal and the page say the same, since both show what is written here.

In: answers to five questions. Out: :class:`Answer`.
A new use, model or place is a block of ``presets.toml``; a new sentence is a function of ``words``.
"""

from guide_ml.planning.answer import Answer
from guide_ml.planning.asking import plan
from guide_ml.planning.details import details
from guide_ml.planning.presets import choices
from guide_ml.planning.questions import Questions

__all__ = ["Answer", "Questions", "choices", "details", "plan"]
