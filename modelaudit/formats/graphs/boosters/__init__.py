"""Read models of decision trees: XGBoost, LightGBM and CatBoost.

Such a model holds numbers and runs no code. Its loader trusts counts, sizes and indices in it, so the readers check
these.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Magic, Sign
from modelaudit.model.defect_kind import DefectKind


class TreeDefect(DefectKind):
    """Defects of decision trees: nodes or features out of range, and sizes that disagree."""

    TREE_INVALID = "tree-invalid"
    TREE_SIZE = "tree-size"


class TreeNumberDefect(DefectKind):
    """Defects of the counts in a model: numbers of features or classes that no model has."""

    NUMBER_ABSURD = "number-absurd"


DECLARATIONS: Final = (
    Declaration(
        "ubjson",
        read=f"{__name__}.ubjson:read",
        recognise=f"{__name__}.ubjson:recognises",
        signs=(Sign((b"{i", b"{U", b"{I", b"{l", b"{L")),),
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration(
        "xgboost-binary",
        read=f"{__name__}.xgboost_binary:read",
        recognise=f"{__name__}.xgboost_binary:recognises",
        signs=(Sign((bytes(7),), offset=137), Sign((bytes(7),), offset=141)),
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration("catboost", read=f"{__name__}.catboost:read", recognise=Magic((b"CBM1",)), defects=(TreeDefect,)),
    Declaration(
        "xgboost",
        read=f"{__name__}.xgboost_text:read",
        recognise=f"{__name__}.xgboost_text:recognises",
        signs=(Sign(is_text=True, holds=(b'"learner"',)),),
        fallback=100,
        extensions=TEXT_EXTENSIONS,
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration(
        "lightgbm",
        read=f"{__name__}.lightgbm:read",
        recognise=f"{__name__}.lightgbm:recognises",
        signs=(Sign((b"tree\n", b"tree\r\n")),),
        fallback=180,
        extensions=TEXT_EXTENSIONS,
        defects=(TreeDefect, TreeNumberDefect),
    ),
)
