"""The base of the enums of defect kinds. A small module, because the registry of formats has to be light."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class DefectKind(StrEnum):
    """Base of the enums in which each format declares its kinds of defects.

    The value is a permanent kebab word such as ``overlapping-tensors``: rules match on it and fingerprints contain it.
    A kind that no rule has to judge is declared with the reason: ``NOT_UTF_8 = "not-utf-8", "it is read whole"``.

    Attributes:
        harmless: why no rule has to judge this kind; empty where a defect of the kind must be judged.
    """

    harmless: str

    def __new__(cls, value: str, harmless: str = "") -> Self:
        """Make a member of the value, and keep the reason beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.harmless = harmless
        return member
