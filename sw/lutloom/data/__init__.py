"""Data sets: MNIST as shipped, or any other of its kind; splits and thresholds."""

from lutloom.data.dataset import Dataset, load
from lutloom.data.split import quantile_thresholds, split_validation

__all__ = ["Dataset", "load", "quantile_thresholds", "split_validation"]
