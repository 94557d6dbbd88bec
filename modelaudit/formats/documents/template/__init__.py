"""Templates that are files of their own, or that a container says to be some."""
