"""Figures of the platform on the machine at hand: `make bench`."""
