"""The grid of a self-organizing map: what is near, on squares, on hexagons, on a torus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

REACH = 1.5  # units nearer than this are neighbours: eight of them, or six on a hexagonal grid


@dataclass(frozen=True, kw_only=True)
class Grid:
    """R x C places; odd rows of a hexagonal grid stand half a step to the right."""

    rows: int
    columns: int
    hexagonal: bool
    toroidal: bool

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            if self.toroidal and getattr(self, name) == 2:
                raise ValueError(f"{name} of a toroidal map must be 1 or at least 3, got 2")
        if self.toroidal and self.hexagonal and self.rows % 2:
            raise ValueError(f"rows of a toroidal hexagonal map must be even, got {self.rows}")

    @property
    def kinds(self) -> int:
        """How many kinds of rows there are: even and odd ones differ on a hexagonal grid."""
        return 2 if self.hexagonal else 1

    def down(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distance between rows, in steps."""
        gap = (a - b).abs().double()
        gap = torch.minimum(gap, self.rows - gap) if self.toroidal else gap
        return gap * (0.75**0.5 if self.hexagonal else 1.0)

    def across(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distance between places (..., 2) along a row, in steps."""
        gap = a[..., 1] - b[..., 1] + (a[..., 0] % self.kinds - b[..., 0] % self.kinds) / 2
        gap = gap.abs().double()
        return torch.minimum(gap, self.columns - gap) if self.toroidal else gap

    def are_neighbours(self, a: Tensor, b: Tensor) -> Tensor:
        """Say of places (..., 2), row and column, whether they are neighbours."""
        square = self.down(a[..., 0], b[..., 0]) ** 2 + self.across(a, b) ** 2
        return (square > 0) & (square < REACH**2)

    def places(self) -> Tensor:
        """Return row and column of every unit, (R, C, 2)."""
        lines = torch.arange(self.rows), torch.arange(self.columns)
        return torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)

    def neighbours(self) -> tuple[Tensor, Tensor]:
        """Return the places around every place, (9, R, C, 2), and which of them are neighbours."""
        here = self.places()
        steps = torch.cartesian_prod(torch.arange(-1, 2), torch.arange(-1, 2))
        there = here + steps[:, None, None]
        size = torch.tensor((self.rows, self.columns))
        inside = ((there >= 0) & (there < size)).all(-1) | self.toroidal
        there = there % size
        return there, inside & self.are_neighbours(here, there)

    @cached_property
    def gaps(self) -> tuple[Tensor, Tensor]:
        """Distances between rows, (R, R), and along rows by their kinds, (kinds, kinds, C, C)."""
        rows = torch.arange(self.rows)
        lines = torch.arange(self.kinds), torch.arange(self.columns)
        sides = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)  # (kinds, C, 2)
        across = self.across(sides[:, None, :, None], sides[None, :, None])
        return self.down(rows[:, None], rows), across

    def window(self, sigma: float, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return h as two factors, since a Gaussian of a distance splits into its sides.

        ``h[(r, c), (i, j)] = down[r, i] * across[r % kinds, i, c, j]``, with shapes (R, R) and
        (kinds, R, C, C): no table of all pairs of units is ever made.
        """
        down, across = (torch.exp((gap / sigma) ** 2 / -2).to(like) for gap in self.gaps)
        if self.hexagonal:
            return down, across[:, torch.arange(self.rows) % 2]
        return down, across.expand(-1, self.rows, -1, -1)  # all rows are alike

    def smooth(self, sums: Tensor, sigma: float) -> Tensor:
        """Return each unit's sum over all units, weighted by h: (R, C, E) -> (R, C, E)."""
        down, across = self.window(sigma, sums)
        result = torch.empty_like(sums)
        if not self.hexagonal:
            torch.tensordot(down, across[0, 0] @ sums, 1, out=result)
            return result
        for kind in (0, 1):
            rows = slice(kind, None, 2)
            result[rows] = torch.tensordot(down[rows], across[kind] @ sums, 1)
        return result
