"""The licence that follows from all claims, the conflicts between them, and the subjects that rules match.

In comes an ``Evidence``: everything that was read of one model. Out comes a ``LicenseConclusion`` with its reasoning.
Only agreeing evidence is concluded; a doubt never becomes a permission.
"""
