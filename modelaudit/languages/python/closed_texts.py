"""Fold the expressions that make a text of constants, see ``text_forms``."""

from __future__ import annotations

import ast
from collections.abc import Collection
from types import MappingProxyType

from modelaudit.languages.python.budget import TooDeepError, limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.shared_values import SharedValues
from modelaudit.languages.python.text_forms import CHANGING_METHODS, TEXT_FUNCTIONS, TextForms
from modelaudit.languages.python.values import Constant

__all__ = ["CHANGING_METHODS", "TEXT_FUNCTIONS", "ClosedTexts"]


class ClosedTexts(TextForms):
    """The names by which one source makes texts, and the texts themselves."""

    def __init__(
        self, tree: ast.Module, own_modules: Collection[str], imported: SharedValues = MappingProxyType({})
    ) -> None:
        """Collect the names of a source, see ``TextForms``."""
        super().__init__(tree, own_modules, imported)
        self._evaluator = Evaluator(limit_steps(""), shared=imported)
        self._evaluator.evaluate_statements([*self.imports, *self.constants.values()])

    def fold(self, node: ast.expr) -> str | bytes | None:
        """Return the text that an expression makes; ``None`` for anything else."""
        try:
            value = self._evaluator.evaluate(node)
        except (TooDeepError, RecursionError):
            return None
        return value.value if isinstance(value, Constant) and isinstance(value.value, str | bytes) else None
