"""Kinds of defects in the front matter of a model card."""

from __future__ import annotations

from modelaudit.model.defect_kind import DefectKind


class CardDefect(DefectKind):
    """Defects in the YAML front matter of a README."""

    DUPLICATE_KEY = "duplicate-key"
    FRONT_MATTER_INVALID = "front-matter-invalid"
    FRONT_MATTER_SPELLING = "front-matter-spelling"
    FRONT_MATTER_TYPE = "front-matter-type"
