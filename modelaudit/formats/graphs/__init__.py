"""Formats that hold a computation graph, a layer configuration or a tree ensemble."""
