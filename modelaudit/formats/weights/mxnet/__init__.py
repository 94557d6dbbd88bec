"""MXNet: arrays of numbers (``.params``), and graphs in JSON (``-symbol.json``)."""
