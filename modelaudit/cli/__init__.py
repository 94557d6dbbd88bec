"""The commands, one module each, without logic."""
