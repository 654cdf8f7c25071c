"""The version of protonats, written nowhere else."""

__all__ = ["__version__"]

__version__ = "0.1.0"
