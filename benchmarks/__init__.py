"""Figures that the project keeps itself to; each file says how it measures."""
