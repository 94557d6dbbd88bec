"""Formats that are told by their bytes and whose content is not read: engines of TensorRT and RKNN, CNTK, RAR."""
