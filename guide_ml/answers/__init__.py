"""What is returned: a prediction with its memory, evidence and explanation, as value objects.

``blocks`` says what is shown (tables, sentences, commands), ``layout`` fits tables to a width, and
``pages`` writes them as text or as HTML: the one place for that, for prompts, notebooks and the
command line. ``shown`` is the base of what shows itself, ``progress`` draws bars.

In: numbers that others computed. Out: objects that print themselves. Nothing here predicts.
A new part of an answer is a field here, and a block of those that its ``blocks()`` returns.
"""
