"""Arrays as NumPy describes and stores them. Nothing here imports NumPy: its formats are read, not its code."""
