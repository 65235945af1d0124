"""Predictions written down first, measurements on a GPU after."""
