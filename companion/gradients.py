"""What becomes of a gradient on its way back: probes, first weights, norms, skips, clipping."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from companion._numbers import number
from companion.runtime import whole

__all__ = [
    "BatchNorm",
    "LayerNorm",
    "Reader",
    "Residual",
    "by_layer",
    "clip_norm",
    "deep",
    "he_",
    "normal_",
    "norms",
    "open_forget_gate",
    "orthogonal_",
    "recall",
    "saturation",
    "through_time",
    "xavier_",
]

Kind = type[nn.Module] | tuple[type[nn.Module], ...]
BENDS = (
    *(nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.GELU, nn.ELU, nn.SiLU),
    *(nn.PReLU, nn.CELU, nn.SELU, nn.Mish, nn.Softplus, nn.Softsign, nn.LogSigmoid),
    *(nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish),
)


# Probes: questions that any module can be asked.


def norms(model: nn.Module) -> dict[str, float]:
    """Return the Euclidean norm of each parameter's gradient, as ``backward`` left it.

    Parameters
    ----------
    model
        Any module after a backward pass. Parameters without a gradient are left out.

    Returns
    -------
    dict
        The parameter's name to the norm, 0 or more.

    Raises
    ------
    ValueError
        If no parameter has a gradient.
    FloatingPointError
        If a gradient holds NaN or infinity; the message names the parameters.

    Examples
    --------
    >>> model = nn.Linear(4, 1)
    >>> model(torch.ones(1, 4)).sum().backward()  # (N, D) -> (N, K)
    >>> norms(model)
    {'weight': 2.0, 'bias': 1.0}
    """
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    if not found:
        raise ValueError("no parameter has a gradient: call backward() on a loss first")
    sick = [
        f"{name} ({'NaN' if g.isnan().any() else 'infinite'})"
        for name, g in found.items()
        if not g.isfinite().all()
    ]
    if sick:
        raise FloatingPointError(f"gradients that are no finite numbers: {', '.join(sick)}")
    return {name: g.double().norm().item() for name, g in found.items()}


def by_layer(
    model: nn.Module, x: Tensor, *, loss: Callable[[Any], Tensor], layers: Kind = nn.Linear
) -> dict[str, float]:
    """Return the norm of the gradient of a loss at the output of each layer, first layer first.

    The gradients that parameters hold are left as they are.

    Parameters
    ----------
    model
        Any module.
    x
        Its input.
    loss
        Takes the model's output and gives a scalar.
    layers
        The kind of module that counts as a layer, or several kinds. Each gives a tensor, which is
        taken before anything changes it in place.

    Returns
    -------
    dict
        The layer's name to the norm, in the order of the forward pass. A layer that runs more than
        once has an entry for each run, as ``"0"`` and ``"0 (run 2)"``, or its next name if it has
        several.

    Raises
    ------
    TypeError, ValueError
        If the model has no such layer, or one gives no tensor.
    FloatingPointError
        If a gradient is NaN or infinite; the message names the layers.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 4), nn.Identity())
    >>> by_layer(model, torch.ones(1, 2), loss=torch.sum)  # (N, D); four ones have the norm 2
    {'0': 2.0}
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, _: nn.Module, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor):
            raise TypeError(f"{name} must give a tensor, got {type(output).__name__}")
        outputs[name] = output
        return output.clone()  # the next layer may write into this one

    with _listening(model, layers, after=keep):
        value = loss(model(x))
    slopes = torch.autograd.grad(value, list(outputs.values()), materialize_grads=True)
    found = {name: g.double().norm().item() for name, g in zip(outputs, slopes, strict=True)}
    sick = [name for name, norm in found.items() if not math.isfinite(norm)]
    if sick:
        raise FloatingPointError(f"gradients that are no finite numbers at: {', '.join(sick)}")
    return found


def saturation(
    model: nn.Module, x: Tensor, *, below: float = 0.05, layers: Kind = BENDS
) -> dict[str, float]:
    """Return for each bend the share of its entries that let next to no gradient through.

    Parameters
    ----------
    model
        Any module whose activation functions are modules.
    x
        Its input.
    below
        An entry counts as saturated where the slope of the bend is smaller than this, 0 or more.
    layers
        The kinds of module that count as a bend; each works on single entries.

    Returns
    -------
    dict
        The bend's name to a share from 0 to 1, in the order of the forward pass. A bend that is
        used more than once has an entry for each use, named as by :func:`by_layer`.

    Raises
    ------
    TypeError, ValueError
        If the model has no such module, or ``below`` is no number from 0.

    Examples
    --------
    >>> saturation(nn.Sequential(nn.ReLU()), torch.tensor([-1.0, 1.0, 2.0, 3.0]))
    {'0': 0.25}
    """
    below = number("below", below, "0 or more", lambda x: x >= 0)
    found: dict[str, float] = {}

    def measure(name: str, bend: nn.Module, given: Tensor) -> None:
        z = given.detach().clone().requires_grad_()
        with torch.enable_grad():  # a bend may write into what it gets, but not into a leaf
            (slope,) = torch.autograd.grad(bend.forward(z.clone()).sum(), z)
        found[name] = (slope.abs() < below).double().mean().item()

    with _listening(model, layers, before=measure), torch.no_grad():
        model(x)
    return found


def through_time(layer: nn.Module, x: Tensor) -> Tensor:
    """Return how strongly the last state answers to each input: the norms of its gradients.

    What is derived is the sum of the last output, over all units and examples.

    Parameters
    ----------
    layer
        A recurrent layer in one direction, torch's with ``batch_first=True`` or ours. It gives
        (B, T, H), or a tuple that begins with it.
    x
        The input, shape (B, T, D).

    Returns
    -------
    Tensor
        Shape (T,), 0 or more.

    Raises
    ------
    ValueError
        If the layer wants time first or also reads from the end, or ``x`` has another shape.

    Examples
    --------
    >>> through_time(nn.LSTM(3, 5, batch_first=True), torch.zeros(2, 40, 3)).shape  # (B, T, D)
    torch.Size([40])
    """
    _check_layer(layer)
    _check_batch(x)
    x = x.detach().clone().requires_grad_()
    output = layer(x)
    output = output[0] if isinstance(output, tuple) else output  # (B, T, H)
    (slope,) = torch.autograd.grad(output[:, -1].sum(), x)  # (B, T, D)
    norm: Tensor = slope.norm(dim=(0, 2))
    return norm


def _check_layer(layer: nn.Module) -> None:
    """Refuse a recurrent layer whose last output is not what it says when it has read all."""
    if not getattr(layer, "batch_first", True):
        raise ValueError("the layer must be made with batch_first=True, it wants time first")
    if getattr(layer, "bidirectional", False):
        raise ValueError("the layer must read in one direction, got a bidirectional one")


def _check_batch(x: Tensor) -> None:
    """Refuse what is no batch of sequences."""
    if x.dim() != 3:
        raise ValueError(f"x must have shape (B, T, D), got {tuple(x.shape)}")


@contextmanager
def _listening(
    model: nn.Module,
    layers: Kind,
    *,
    before: Callable[[str, nn.Module, Tensor], None] | None = None,
    after: Callable[[str, nn.Module, Tensor], Tensor] | None = None,
) -> Iterator[None]:
    """Call ``before(name, layer, input)`` or ``after(name, layer, output)`` in each run of a layer.

    What ``after`` returns goes on in the place of the output.
    """
    names: dict[nn.Module, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, layers):
            names.setdefault(module, []).append(name)
    if not names:
        kinds = layers if isinstance(layers, tuple) else (layers,)
        raise ValueError(f"the model has no {' or '.join(kind.__name__ for kind in kinds)}")
    runs: Counter[nn.Module] = Counter()

    def name_of(module: nn.Module) -> str:
        known, run = names[module], runs[module]
        runs[module] += 1
        return known[run] if run < len(known) else f"{known[-1]} (run {run + 1})"

    def hear(module: nn.Module, inputs: Any, named: dict[str, Any]) -> None:
        if before is not None:
            before(name_of(module), module, next(iter((*inputs, *named.values()))))

    def pass_on(module: nn.Module, _: Any, output: Any) -> Any:
        return output if after is None else after(name_of(module), module, output)

    handles = [m.register_forward_pre_hook(hear, with_kwargs=True) for m in names]
    handles += [m.register_forward_hook(pass_on) for m in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


# First weights.


@torch.no_grad()
def normal_(weight: Tensor, *, std: float) -> Tensor:
    """Fill a weight matrix with normal numbers around 0, in place, and return it.

    Parameters
    ----------
    weight
        Any tensor.
    std
        The standard deviation of its entries, 0 or more.

    Examples
    --------
    >>> normal_(torch.ones(2, 3), std=0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return weight.normal_(0, number("std", std, "0 or more", lambda x: x >= 0))


def xavier_(weight: Tensor) -> Tensor:
    """Fill a weight matrix so that signals keep their size one way and gradients the other.

    The two ask for the variances 1 / D and 1 / K, and get 2 / (D + K).

    Parameters
    ----------
    weight
        Shape (K, D), from D numbers to K, changed in place.

    References
    ----------
    Glorot and Bengio (2010). The chapter on gradients.

    Examples
    --------
    >>> round(xavier_(torch.empty(800, 200)).std().item(), 2)  # (K, D): sqrt(2 / 1000)
    0.04
    """
    return normal_(weight, std=math.sqrt(2 / sum(_sizes(weight))))


def he_(weight: Tensor) -> Tensor:
    """Fill a weight matrix so that signals keep their size although ReLU drops half of them.

    Parameters
    ----------
    weight
        Shape (K, D), from D numbers to K, changed in place.

    References
    ----------
    He, Zhang, Ren and Sun (2015). The chapter on gradients.

    Examples
    --------
    >>> round(he_(torch.empty(800, 200)).std().item(), 2)  # (K, D): sqrt(2 / 200)
    0.1
    """
    return normal_(weight, std=math.sqrt(2 / _sizes(weight)[1]))


@torch.no_grad()
def orthogonal_(weight: Tensor) -> Tensor:
    """Fill a weight matrix with a random rotation, which keeps all lengths.

    Parameters
    ----------
    weight
        Shape (K, D), changed in place. Its rows, or its columns if they are fewer, become
        orthogonal to each other and of length 1.

    References
    ----------
    Saxe, McClelland and Ganguli (2014). The chapter on gradients.

    Examples
    --------
    >>> turn = orthogonal_(torch.empty(3, 3))
    >>> torch.allclose(turn @ turn.T, torch.eye(3), atol=1e-5)
    True
    """
    rows, columns = _sizes(weight)
    start = weight.new_empty(rows, columns).normal_()
    q, r = torch.linalg.qr(start.T if rows < columns else start)
    q = q * r.diagonal().sign()  # else some rotations would be more likely than others
    return weight.copy_(q.T if rows < columns else q)


def _sizes(weight: Tensor) -> tuple[int, int]:
    """Return K and D of a weight matrix (K, D), or refuse it."""
    if weight.dim() != 2:
        raise ValueError(f"weight must have shape (K, D), got {tuple(weight.shape)}")
    return weight.shape[0], weight.shape[1]


def open_forget_gate(lstm: nn.Module, bias: float) -> None:
    """Give the forget gates of all layers of an LSTM a bias to begin with.

    Parameters
    ----------
    lstm
        ``torch.nn.LSTM`` or ours. Its two biases of the gate are set to this number and to 0.
    bias
        Large is open: the gate begins near ``sigmoid(bias)``.

    Raises
    ------
    TypeError
        If the layer has no four gates with biases.

    References
    ----------
    Gers, Schmidhuber and Cummins (2000). The chapter on gradients.

    Examples
    --------
    >>> lstm = nn.LSTM(2, 3)
    >>> open_forget_gate(lstm, 1.0)
    >>> lstm.bias_ih_l0[3:6].tolist()  # (4H,), in the order i, f, g, o
    [1.0, 1.0, 1.0]
    """
    named = {name: p for name, p in lstm.named_parameters() if name.startswith("bias_")}
    size = getattr(lstm, "hidden_size", 0)
    if not named or any(len(p) != 4 * size for p in named.values()):
        raise TypeError(f"an LSTM with biases is wanted, got {type(lstm).__name__}")
    with torch.no_grad():
        for name, p in named.items():
            p[size : 2 * size] = bias if name.startswith("bias_ih") else 0


# What stands between the layers.


class BatchNorm(nn.Module):
    """Gives each feature of a batch mean 0 and variance 1, then a scale and shift of its own.

    In training the mean and variance are those of the current batch. Running averages of them
    are kept on the side, and used in evaluation only.

    Parameters
    ----------
    features
        D, 1 or more.
    momentum
        How far the running averages move towards each batch, from 0 to 1.
    eps
        Is added to the variance.

    Raises
    ------
    ValueError
        If it is called with another shape than (N, D), or in training with a single example.

    References
    ----------
    Ioffe and Szegedy (2015). The chapter on gradients.

    Examples
    --------
    >>> BatchNorm(1)(torch.tensor([[1.0], [3.0]])).round().tolist()  # (N, D)
    [[-1.0], [1.0]]
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, features: int, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised batch, (N, D) like x."""
        if x.dim() != 2 or x.shape[1] != len(self.weight):
            raise ValueError(f"x must have shape (N, {len(self.weight)}), got {tuple(x.shape)}")
        mean, variance = self.running_mean, self.running_var
        if self.training:
            if len(x) < 2:
                raise ValueError("a batch of one example has no variance to divide by")
            mean, variance = x.mean(0), x.var(0, correction=0)  # (D,), (D,)
            self._remember(mean, variance * (len(x) / (len(x) - 1)))  # that of the population
        return self.weight * (x - mean) / (variance + self.eps).sqrt() + self.bias

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running averages a little towards these."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class LayerNorm(nn.Module):
    """Gives the features of each example mean 0 and variance 1; no example sees another.

    Parameters
    ----------
    features
        D, 1 or more.
    eps
        Is added to the variance.

    Raises
    ------
    ValueError
        If it is called with another shape than (..., D).

    References
    ----------
    Ba, Kiros and Hinton (2016). The chapter on gradients.

    Examples
    --------
    >>> LayerNorm(2)(torch.tensor([[1.0, 3.0], [10.0, 30.0]])).round().tolist()  # (..., D)
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(self, features: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised examples, (..., D) like x."""
        if x.shape[-1:] != self.weight.shape:
            raise ValueError(f"x must have shape (..., {len(self.weight)}), got {tuple(x.shape)}")
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        return self.weight * (x - mean) / (variance + self.eps).sqrt() + self.bias


class Residual(nn.Module):
    """Adds what a branch of layers makes of its input to that input: ``x + branch(x)``.

    Parameters
    ----------
    branch
        Any module that keeps the shape.

    References
    ----------
    He, Zhang, Ren and Sun (2016). The chapter on gradients.

    Examples
    --------
    >>> Residual(nn.ReLU())(torch.tensor([-1.0, 2.0]))  # any shape
    tensor([-1.,  4.])
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Return x + branch(x), in the shape of x."""
        y: Tensor = x + self.branch(x)
        return y


def deep(
    depth: int,
    width: int,
    outputs: int,
    *,
    bend: Callable[[], nn.Module] = nn.ReLU,
    initialise: Callable[[Tensor], Any] = he_,
    norm: Callable[[int], nn.Module] | None = None,
    residual: bool = False,
) -> nn.Sequential:
    """Return a network of many equal blocks: linear, perhaps a norm, a bend; and a head.

    Parameters
    ----------
    depth
        How many blocks, 1 or more.
    width, outputs
        From width numbers to as many in each block, and to outputs in the head.
    bend
        Makes the activation function.
    initialise
        Fills the weights of a block, in place. Their biases are 0.
    norm
        Makes a layer such as :class:`BatchNorm`, from the width.
    residual
        Whether each block is added to its input.

    Returns
    -------
    Sequential
        The blocks, and the head, which is initialised by Xavier's rule.

    Examples
    --------
    >>> len(deep(60, 64, 10, norm=BatchNorm, residual=True))
    61
    """
    depth, width = whole("depth", depth, 1), whole("width", width, 1)
    outputs = whole("outputs", outputs, 1)
    blocks: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        initialise(linear.weight)
        normal_(linear.bias, std=0)
        between = [] if norm is None else [norm(width)]
        block = nn.Sequential(linear, *between, bend())
        blocks.append(Residual(block) if residual else block)
    head = nn.Linear(width, outputs)
    xavier_(head.weight)
    return nn.Sequential(*blocks, head)


# Where gradients go too far: clipping; where they must go far: a task of distance.


def clip_norm(model: nn.Module, max_norm: float) -> float:
    """Shorten the gradient of a whole model to a norm, where it exceeds it; keep its direction.

    Parameters
    ----------
    model
        Any module after a backward pass.
    max_norm
        The largest norm allowed, all parameters taken together, above 0.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    TypeError, ValueError
        If ``max_norm`` is not above 0, or no parameter has a gradient.
    FloatingPointError
        If a gradient is NaN or infinite: no factor shortens that.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013). The chapter on gradients.

    Examples
    --------
    >>> model = nn.Linear(9, 1, bias=False)
    >>> model(torch.ones(1, 9)).sum().backward()  # (N, D) -> (N, K)
    >>> clip_norm(model, 0.5), round(norms(model)["weight"], 6)
    (3.0, 0.5)
    """
    max_norm = number("max_norm", max_norm, "above 0", lambda x: x > 0)
    total = math.hypot(*norms(model).values())
    if total > max_norm:
        for p in model.parameters():
            if p.grad is not None:
                p.grad *= max_norm / total
    return total


def recall(count: int, distance: int, *, kinds: int = 4) -> tuple[Tensor, Tensor]:
    """Return texts whose first word has to be known at their end, after words that do not matter.

    Parameters
    ----------
    count
        N, how many.
    distance
        How many words follow the first one, 0 or more.
    kinds
        How many first words there are, and as many others: 2 K words in all.

    Returns
    -------
    words, first
        One-hot words, shape (N, 1 + distance, 2 K), and the first of each as a number from 0 to
        K - 1, shape (N,).

    Examples
    --------
    >>> words, first = recall(5, 60)
    >>> words.shape, first.shape  # (N, T, 2 K), (N,)
    (torch.Size([5, 61, 8]), torch.Size([5]))
    """
    count, distance = whole("count", count, 0), whole("distance", distance, 0)
    kinds = whole("kinds", kinds, 1)
    first = torch.randint(kinds, (count, 1))
    others = torch.randint(kinds, 2 * kinds, (count, distance))
    return one_hot(torch.cat([first, others], 1), 2 * kinds).float(), first[:, 0]


class Reader(nn.Module):
    """Reads a sequence with a recurrent layer and answers once, from the last state.

    Parameters
    ----------
    layer
        A recurrent layer in one direction, torch's with ``batch_first=True`` or ours.
    outputs
        K, how many numbers the answer has.

    Raises
    ------
    TypeError, ValueError
        If the layer is none of these, or it is called with another shape than (B, T, D).

    Examples
    --------
    >>> Reader(nn.GRU(8, 32, batch_first=True), 4)(torch.zeros(5, 61, 8)).shape  # (B, T, D)
    torch.Size([5, 4])
    """

    def __init__(self, layer: nn.Module, outputs: int) -> None:
        super().__init__()
        if not hasattr(layer, "hidden_size"):
            raise TypeError(f"layer must be a recurrent layer, got {type(layer).__name__}")
        _check_layer(layer)
        self.layer = layer
        width: Any = getattr(layer, "proj_size", 0) or layer.hidden_size
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers (B, K) to sequences (B, T, D)."""
        _check_batch(x)
        output, _ = self.layer(x)
        answer: Tensor = self.head(output[:, -1])
        return answer
