"""Files of Python source, told by their names or first line."""
