"""Files of Torch7 (``.t7``), in binary and in text: tables, tensors, and functions of Lua, which are code."""
