"""Jinja templates: by their syntax tree what they reach for, what they cost and what they say. None is rendered."""
