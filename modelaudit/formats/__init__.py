"""Decode file formats into structures, one room a format. No judgement and no execution."""
