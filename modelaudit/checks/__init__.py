"""Structures against rules: findings."""
