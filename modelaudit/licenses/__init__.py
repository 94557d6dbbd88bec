"""Licence evidence to a conclusion, what it answers to a use, and its obligations."""

from __future__ import annotations

from modelaudit.licenses.conclusion.concluding import conclude
from modelaudit.licenses.conclusion.subjects import subjects_of
from modelaudit.licenses.evidence.claims import claims_of

__all__ = ["claims_of", "conclude", "subjects_of"]
