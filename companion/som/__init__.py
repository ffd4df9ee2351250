"""Maps that order themselves: Kohonen's rule, one sample at a time or all samples at once."""

from companion.som.map import SelfOrganizingMap, quantization_error, topographic_error

__all__ = ["SelfOrganizingMap", "quantization_error", "topographic_error"]
