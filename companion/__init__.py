"""The companion of the book *Deep learning for language*: every model of its chapters, tested."""

import os

# Keras 3 looks for TensorFlow unless it is told otherwise before its first import.
os.environ.setdefault("KERAS_BACKEND", "torch")

__version__ = "0.1.0"
