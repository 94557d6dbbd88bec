"""Licence evidence to a conclusion, what it answers to a use, and its obligations."""

from __future__ import annotations

from modelaudit.licenses.conclusion.concluding import conclude
from modelaudit.licenses.conclusion.subjects import build_subjects
from modelaudit.licenses.evidence.claims import extract_claims

__all__ = ["build_subjects", "conclude", "extract_claims"]
