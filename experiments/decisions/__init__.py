"""Parts of 07_decisions.py: the score of decisions, and the two sets that they are judged on."""
