"""Data: languages that the book writes itself, and real texts by their hub names."""
