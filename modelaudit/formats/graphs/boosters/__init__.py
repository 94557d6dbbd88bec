"""Trees of XGBoost, LightGBM and CatBoost: numbers that run nothing, read for what their loaders believe of them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Magic
from modelaudit.model.defect_kind import DefectKind


class TreeDefect(DefectKind):
    """Defects of decision trees."""

    TREE_INVALID = "tree-invalid"
    TREE_SIZE = "tree-size"


class TreeNumberDefect(DefectKind):
    """Defects of the counts that a model of trees states."""

    NUMBER_ABSURD = "number-absurd"


DECLARATIONS: Final = (
    Declaration(
        "ubjson",
        read=f"{__name__}.ubjson:read",
        recognise=f"{__name__}.ubjson:recognises",
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration(
        "xgboost-binary",
        read=f"{__name__}.xgboost_binary:read",
        recognise=f"{__name__}.xgboost_binary:recognises",
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration("catboost", read=f"{__name__}.catboost:read", recognise=Magic((b"CBM1",)), defects=(TreeDefect,)),
    Declaration(
        "xgboost",
        read=f"{__name__}.xgboost_text:read",
        recognise=f"{__name__}.xgboost_text:recognises",
        fallback=100,
        extensions=TEXT_EXTENSIONS,
        defects=(TreeDefect, TreeNumberDefect),
    ),
    Declaration(
        "lightgbm",
        read=f"{__name__}.lightgbm:read",
        recognise=f"{__name__}.lightgbm:recognises",
        fallback=180,
        extensions=TEXT_EXTENSIONS,
        defects=(TreeDefect, TreeNumberDefect),
    ),
)
