"""Networks that remember: RNN, LSTM and GRU, as cells and as layers, and a writer."""

from companion.recurrent.cells import (
    CoupledLSTMCell,
    GRUCell,
    LSTMCell,
    PeepholeLSTMCell,
    RNNCell,
)
from companion.recurrent.layers import GRU, LSTM, RNN
from companion.recurrent.writing import generate

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "CoupledLSTMCell",
    "GRUCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "RNNCell",
    "generate",
]
