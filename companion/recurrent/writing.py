"""A writer: let a language model go on with a text, token by token."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from companion._numbers import number
from companion.runtime import whole

__all__ = ["generate"]


def generate(
    model: nn.Module,
    prompt: Tensor,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    eos: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Let a language model continue a text, token by token.

    Token v is drawn with probability

    .. math:: p_v = \frac{e^{s_v / \tau}}{\sum_u e^{s_u / \tau}}

    where s are the logits of the step and :math:`\tau` is the temperature. Each step hands on the
    state, so the model reads every token once.

    Parameters
    ----------
    model
        Called as ``model(ids, state)`` with ids (1, T), and None as the first state; returns
        ``(logits, state)`` with logits (1, T, V). It runs in evaluation mode, without gradients.
    prompt
        Token ids, whole numbers of shape (T,), 1 or more.
    max_new_tokens
        How many tokens to add at most, 0 or more.
    temperature
        Above 0: near 0 the likeliest token always wins, at 1 the model is taken at its word.
    top_k
        If given, only the k likeliest tokens can be drawn; with 1, always the likeliest.
    top_p
        If given, only the likeliest tokens can be drawn, as few as together have this probability,
        above 0 and up to 1. ``top_k`` comes first.
    eos
        The token that ends the text. It is not returned.
    generator
        Where chance comes from, on the device of the logits; torch's default if not given.

    Returns
    -------
    Tensor
        The prompt and what follows, int64 of shape (T + new,).

    Raises
    ------
    TypeError, ValueError
        If one of these is out of range, or the logits are no numbers or all minus infinity.

    References
    ----------
    Holtzman et al. (2020) for ``top_p``. The chapter on recurrent networks.

    Examples
    --------
    >>> class Next(nn.Module):
    ...     def forward(self, ids, state):  # the next token is the last one plus 1
    ...         return nn.functional.one_hot(ids + 1, 10).float(), state
    >>> generate(Next(), torch.tensor([2, 3]), max_new_tokens=9, top_k=1, eos=7)
    tensor([2, 3, 4, 5, 6])
    """
    _check_prompt(prompt)
    max_new_tokens = whole("max_new_tokens", max_new_tokens, 0)
    temperature = number(
        "temperature", temperature, "above 0 and finite", lambda tau: 0 < tau < math.inf
    )
    top_k = None if top_k is None else whole("top_k", top_k, 1)
    if top_p is not None:
        top_p = number("top_p", top_p, "above 0 and up to 1", lambda p: 0 < p <= 1)
    eos = None if eos is None else whole("eos", eos, 0)
    modes = [(module, module.training) for module in model.modules()]
    text = unread = prompt.long()
    state = None
    model.eval()
    try:
        with torch.no_grad():
            for _ in range(max_new_tokens):
                logits, state = model(unread.unsqueeze(0), state)
                if logits.dim() != 3:
                    raise ValueError(f"logits must have shape (1, T, V), got {tuple(logits.shape)}")
                unread = _draw(logits[0, -1], temperature, top_k, top_p, generator)
                if unread == eos:
                    break
                text = torch.cat([text, unread])
    finally:
        for module, mode in modes:
            module.training = mode
    return text


def _draw(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator | None,
) -> Tensor:
    """Return one token, shape (1,), drawn by its logits (V,)."""
    logits, token = logits.float().sort(descending=True, stable=True)  # NaN comes first
    if not logits[0].isfinite():
        raise ValueError(f"logits must be finite, or minus infinity, got {logits[0].item()}")
    tau = max(temperature, torch.finfo(logits.dtype).tiny)  # less would become 0
    likeliest = (logits[:top_k] - logits[0]) / tau
    p = likeliest.softmax(0)
    if top_p is not None:
        before = p.cumsum(0) - p  # what the likelier tokens have together
        p = p * (before < top_p)
    return token[p.multinomial(1, generator=generator)]


def _check_prompt(prompt: Tensor) -> None:
    """Refuse what is no row of token ids."""
    if not isinstance(prompt, Tensor) or prompt.is_floating_point() or prompt.dtype == torch.bool:
        got = prompt.dtype if isinstance(prompt, Tensor) else type(prompt).__name__
        raise TypeError(f"prompt must be a tensor of whole numbers, got {got}")
    if prompt.dim() != 1 or not len(prompt):
        raise ValueError(f"prompt must have shape (T,), T at least 1, got {tuple(prompt.shape)}")
    if prompt.min() < 0:
        raise ValueError(f"prompt must hold token ids from 0, got {int(prompt.min())}")
