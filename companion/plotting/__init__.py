"""Arrays in, axes out: figures that follow the page's light and dark, and say what they show."""

from companion.plotting.charts import plot_curves, plot_images, plot_landscape
from companion.plotting.depth import plot_heat
from companion.plotting.graph import plot_graph
from companion.plotting.intervals import plot_intervals
from companion.plotting.maps import plot_lattice, plot_mosaic, plot_points, plot_units, plot_words
from companion.plotting.paper import figure, show
from companion.plotting.products import plot_bars, plot_product, plot_regions, plot_shapes
from companion.plotting.series import plot_forecast
from companion.plotting.words import plot_matrix, plot_reading, plot_timeline

__all__ = [
    "figure",
    "plot_bars",
    "plot_curves",
    "plot_forecast",
    "plot_graph",
    "plot_heat",
    "plot_images",
    "plot_intervals",
    "plot_landscape",
    "plot_lattice",
    "plot_matrix",
    "plot_mosaic",
    "plot_points",
    "plot_product",
    "plot_reading",
    "plot_regions",
    "plot_shapes",
    "plot_timeline",
    "plot_units",
    "plot_words",
    "show",
]
