"""Notebooks of Jupyter: what their cells of code do and hand to a shell, and the script that they show."""
