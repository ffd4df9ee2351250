"""The long runs of the book: python -m runs KIND [TOPIC]; they need a clone of the repository."""
