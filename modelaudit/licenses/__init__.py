"""Licence evidence to a conclusion, what it answers to a use, and its obligations."""

from __future__ import annotations

from modelaudit.licenses.claims import claims_of
from modelaudit.licenses.conclusion import conclude
from modelaudit.licenses.subjects import subjects_of

__all__ = ["claims_of", "conclude", "subjects_of"]
