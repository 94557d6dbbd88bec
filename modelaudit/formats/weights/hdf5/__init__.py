"""HDF5, read structure by structure and without the library."""

from modelaudit.formats.weights.hdf5.reader import READER

__all__ = ["READER"]
