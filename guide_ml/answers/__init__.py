"""What is returned: a prediction with its memory, evidence and explanation, as value objects.

In: numbers that others computed. Out: objects that print themselves. Nothing here predicts.
A new part of an answer is a field here.
"""
