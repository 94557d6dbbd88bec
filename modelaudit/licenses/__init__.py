"""Conclude on the licence of a model: claims, base models, conclusion, answers and duties.

The folders follow the order of the work. ``recognition/`` names licence texts by their fingerprints. ``evidence/``
turns cards, metadata and texts into claims. ``lineage/`` follows base models. ``conclusion/`` compares all claims, and
``obligations/`` answers the intended use clause by clause. Imports between the folders point one way: ``recognition`` <
``evidence`` < ``obligations`` < ``lineage`` < ``conclusion``.
"""

from __future__ import annotations

from modelaudit.licenses.conclusion.concluding import conclude
from modelaudit.licenses.conclusion.subjects import KINDS, build_subjects
from modelaudit.licenses.evidence.claims import extract_claims

__all__ = ["KINDS", "build_subjects", "conclude", "extract_claims"]
