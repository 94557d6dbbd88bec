"""Describe a model: facts from its card, its configurations, its weights and its code, and where they contradict.

``rules/description/`` states which key, heading or label means what; the modules here apply it.
"""
