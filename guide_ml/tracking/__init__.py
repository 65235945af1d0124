"""Retraining: tracked runs, held-out tables, a gate before the champion, monitoring."""
