"""The one training loop, on a line that it can learn exactly."""

from __future__ import annotations

import io
import math

import pytest
import torch
from torch import nn

from companion import runtime, training
from companion.runtime import seeded


@pytest.fixture
def line():
    """A model, its batches for y = 2x + 1, and an optimizer."""
    with seeded(0):
        model = nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 16).reshape(-1, 1)
    batches = list(zip(x.split(4), (2 * x + 1).split(4), strict=True))
    return model, batches, torch.optim.SGD(model.parameters(), lr=0.2)


def test_it_learns_a_line(line):
    model, batches, optimizer = line
    training.fit(model, batches, nn.functional.mse_loss, optimizer, epochs=60)
    assert model.weight.item() == pytest.approx(2, abs=1e-3)
    assert model.bias.item() == pytest.approx(1, abs=1e-3)


def test_the_history_holds_every_step_and_epoch(line):
    model, batches, optimizer = line
    history = training.fit(model, batches, nn.functional.mse_loss, optimizer, epochs=3)
    assert len(history.steps) == 12
    assert [epoch["loss"] for epoch in history.epochs] == pytest.approx(
        [sum(history.steps[i : i + 4]) / 4 for i in (0, 4, 8)]
    )


def test_the_mean_loss_counts_examples_not_batches(line):
    model, _, optimizer = line
    optimizer.param_groups[0]["lr"] = 0.0
    x = torch.ones(3, 1)
    batches = [(x[:2], x[:2] * 5), (x[:1], x[:1] * 9)]
    history = training.fit(model, batches, nn.functional.mse_loss, optimizer)
    whole = nn.functional.mse_loss(model(x), torch.tensor([[5.0], [5.0], [9.0]])).item()
    assert history.epochs[0]["loss"] == pytest.approx(whole)


def test_validation_runs_in_evaluation_mode_without_gradients(line):
    model, batches, optimizer = line
    seen = []

    def validate(model):
        seen.append((model.training, torch.is_grad_enabled()))
        return {"accuracy": 0.5}

    history = training.fit(
        model, batches, nn.functional.mse_loss, optimizer, epochs=2, validate=validate
    )
    assert seen == [(False, False)] * 2
    assert history.epochs[0]["accuracy"] == 0.5


@pytest.mark.parametrize("mode", [True, False])
def test_the_model_comes_back_in_the_mode_it_came_in(line, mode):
    model, batches, optimizer = line
    model.train(mode)
    training.fit(model, batches, nn.functional.mse_loss, optimizer, validate=lambda _: {})
    assert model.training is mode


def test_stop_ends_the_training_early(line):
    model, batches, optimizer = line
    history = training.fit(
        model,
        batches,
        nn.functional.mse_loss,
        optimizer,
        epochs=50,
        stop=lambda history: len(history.epochs) == 2,
    )
    assert len(history.epochs) == 2


def test_clipping_bounds_the_step(line):
    model, batches, optimizer = line
    before = model.weight.item(), model.bias.item()
    x, y = batches[0]
    training.fit(model, [(x, y * 1e6)], nn.functional.mse_loss, optimizer, max_norm=1.0)
    moved = torch.tensor([model.weight.item() - before[0], model.bias.item() - before[1]])
    assert moved.norm().item() == pytest.approx(0.2, rel=1e-4)


def test_a_model_of_two_inputs_gets_both():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))

        def forward(self, a, b):
            return self.w * a * b

    model = Product()
    batch = torch.full((2,), 2.0), torch.full((2,), 3.0), torch.full((2,), 12.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    training.fit(model, [batch], nn.functional.mse_loss, optimizer, epochs=60)
    assert model.w.item() == pytest.approx(2, abs=1e-3)


def test_divergence_names_the_step_and_keeps_the_history(line):
    model, batches, _ = line
    optimizer = torch.optim.SGD(model.parameters(), lr=1e30)
    with pytest.raises(training.Diverged, match=r"at step [23]") as caught:
        training.fit(model, batches, nn.functional.mse_loss, optimizer)
    assert len(caught.value.history.steps) in (2, 3)


class Root(nn.Module):
    """Its value is finite at 0, its slope is not."""

    def __init__(self):
        super().__init__()
        self.kept, self.deep = nn.Linear(1, 1), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.kept(x) + self.deep.sqrt() * 0  # 0 times infinity, on the way back


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_no_step_is_taken_on_a_gradient_that_is_no_number(line, max_norm):
    model, batches = Root(), line[1]
    before = {name: p.clone() for name, p in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(training.Diverged, match=r"in deep \(NaN\) at step 1: no step was taken"):
        training.fit(model, batches, nn.functional.mse_loss, optimizer, max_norm=max_norm)
    torch.testing.assert_close(model.state_dict(), before)


def test_a_parameter_that_only_the_loss_knows_is_guarded_too(line):
    model, batches, _ = line
    extra = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([*model.parameters(), extra], lr=0.1)

    def loss(y, target):
        return (y - target).square().mean() + 0 * extra.sqrt().sum()

    with pytest.raises(training.Diverged, match=r"number 2 of the optimizer \(NaN\)"):
        training.fit(model, batches, loss, optimizer)
    assert extra.item() == 0


def test_weights_that_the_last_step_threw_out_of_the_world_are_named(line):
    model, batches, _ = line
    optimizer = torch.optim.SGD(model.parameters(), lr=3e38)
    x, y = batches[0]
    with pytest.raises(training.Diverged, match=r"weights .* weight \(infinite\).* at step 1"):
        training.fit(model, [(x * 9, y * 1e3)], nn.functional.mse_loss, optimizer)


def test_who_clips_is_not_told_to_clip(line):
    model, batches, optimizer = line
    model.weight.data.fill_(torch.nan)
    with pytest.raises(training.Diverged, match=r"smaller learning rate$"):
        training.fit(model, batches, nn.functional.mse_loss, optimizer, max_norm=1.0)


def test_a_gradient_whose_square_overflows_is_clipped_and_not_lost(line):
    model, _, optimizer = line
    before = model.weight.item()
    batch = torch.full((4, 1), 1e15), torch.zeros(4, 1)  # the gradient is near 1e30
    training.fit(model, [batch], nn.functional.mse_loss, optimizer, max_norm=1.0)
    assert abs(model.weight.item() - before) == pytest.approx(0.2, rel=1e-4)


def test_sparse_gradients_are_guarded_as_well():
    model = nn.Sequential(nn.Embedding(4, 1, sparse=True), nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss(y, target):
        return (y - y.detach()).pow(0.5).sum() + (y * 0).sum()

    with pytest.raises(training.Diverged, match=r"0\.weight \((NaN|infinite)\)"):
        training.fit(model, [(torch.tensor([1]), torch.zeros(1))], loss, optimizer)


@pytest.mark.parametrize(
    ("max_norm", "fault"),
    [(-1.0, ValueError), (0, ValueError), (math.nan, ValueError), ("1", TypeError)],
)
def test_a_norm_to_clip_to_is_above_zero(line, max_norm, fault):
    model, batches, optimizer = line
    with pytest.raises(fault, match=r"max_norm must be .*above 0, got"):
        training.fit(model, batches, nn.functional.mse_loss, optimizer, max_norm=max_norm)


def test_a_generator_that_is_used_up_is_named(line):
    model, batches, optimizer = line
    with pytest.raises(ValueError, match="used up after one epoch"):
        training.fit(model, (b for b in batches), nn.functional.mse_loss, optimizer, epochs=2)


def test_no_epoch_is_refused(line):
    model, batches, optimizer = line
    with pytest.raises(ValueError, match="1 or more, got 0"):
        training.fit(model, batches, nn.functional.mse_loss, optimizer, epochs=0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("quiet", "shown"), [("0", True), ("1", False)])
def test_the_bar_shows_on_a_terminal_unless_quiet(line, monkeypatch, quiet, shown):
    model, batches, optimizer = line
    screen = Terminal()
    monkeypatch.setenv("COMPANION_QUIET", quiet)
    monkeypatch.setattr("sys.stderr", screen)
    training.fit(model, batches, nn.functional.mse_loss, optimizer)
    assert ("epoch" in screen.getvalue()) is shown


def test_the_bar_shows_in_a_notebook(line, monkeypatch):
    model, batches, optimizer = line
    screen = io.StringIO()
    shell = type("Shell", (), {"kernel": object()})()
    monkeypatch.setattr(runtime, "get_ipython", lambda: shell)
    monkeypatch.setenv("COMPANION_QUIET", "0")
    monkeypatch.setattr("sys.stderr", screen)
    training.fit(model, batches, nn.functional.mse_loss, optimizer)
    assert "epoch" in screen.getvalue()


def test_no_bar_is_written_into_a_file(line, monkeypatch):
    model, batches, optimizer = line
    log = io.StringIO()
    monkeypatch.setenv("COMPANION_QUIET", "0")
    monkeypatch.setattr("sys.stderr", log)
    training.fit(model, batches, nn.functional.mse_loss, optimizer)
    assert log.getvalue() == ""


def test_a_scheduler_moves_the_rate_after_each_step():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    batch = torch.zeros(4, 1), torch.ones(4, 1)
    training.fit(
        model, [batch, batch], nn.functional.mse_loss, optimizer, epochs=2, scheduler=scheduler
    )
    assert scheduler.get_last_lr() == [0.5**4]
