"""Decide whether a text that a class of the source holds is what an access of its attribute gives.

``A.name`` is the text in the body of ``A`` only if nothing answers for the attribute and nothing sets it. The search
goes by the spelling of names: an attribute of the same name that code sets anywhere counts, whatever the object.
"""

from __future__ import annotations

import ast
from typing import Final

from modelaudit.languages.python.name_uses import SourceTree

# Names by which code sets attributes without writing them out, or answers for them.
_REFLECTIVE: Final = frozenset(
    {"__dict__", "__class__", "vars", "delattr", "__setattr__", "__delattr__", "__set_name__",
     "__init_subclass__", "__prepare__", "__mro_entries__", "__new__", "__subclasses__", "__bases__", "__mro__",
     "__slots__", "__get__", "mro", "_load_from_state_dict"}
)  # fmt: skip
_BASES: Final = frozenset({"object"})


class ClassTexts:
    """The classes of one source, whose tree another part reads."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._settled: dict[int, tuple[ast.ClassDef, bool]] = {}

    def is_settled(self, owner: ast.ClassDef, name: str, holder: ast.expr) -> bool:
        """Whether a text in the body of a class is what an access of its attribute gives.

        Args:
            owner: the class.
            name: the name of the attribute.
            holder: the expression whose attribute is taken: the class, or an object of it.
        """
        if self._tree.sets_attribute(name) or not self._is_kept(owner, holder):
            return False
        known = self._settled.get(id(owner))
        if known is None:
            known = self._settled[id(owner)] = owner, self._is_plain(owner)
        return known[1]

    def _is_kept(self, owner: ast.ClassDef, holder: ast.expr) -> bool:
        """Whether an expression is the class, a new object of it, or an object whose members alone are taken."""
        if isinstance(holder, ast.Call):
            holder = holder.func
        if not isinstance(holder, ast.Name):
            return False
        return holder.id == owner.name or all(map(self._is_member_access, self._tree.list_uses(holder.id)))

    def _is_member_access(self, node: ast.AST) -> bool:
        """Whether a use of a name takes a member of what it holds."""
        parent = self._tree.get_parent(node)
        return isinstance(parent, ast.Attribute) and parent.value is node

    def _is_plain(self, owner: ast.ClassDef) -> bool:
        """Whether a class has no bases, and the source only reads its members or makes objects of it."""
        if owner.keywords or owner.decorator_list or any(map(self._reaches_members, _REFLECTIVE)):
            return False
        if "__getattribute__" in self._tree.bound_names:
            return False
        if any(not isinstance(each, ast.Name) or each.id not in _BASES for each in owner.bases):
            return False
        return all(map(self._is_plain_use, self._tree.list_uses(owner.name)))

    def _reaches_members(self, name: str) -> bool:
        """Whether the source uses or binds a name of ``_REFLECTIVE``, but to read a namespace or that of a module."""
        is_read = all(map(self._reads_namespace, self._tree.list_uses(name)))
        return name in self._tree.bound_names or not is_read

    def _reads_namespace(self, node: ast.AST) -> bool:
        """Whether a use reads one item of a namespace, or takes that of a module: ``os.__dict__``, ``vars(os)``."""
        parent = self._tree.get_parent(node)
        holder: ast.AST | None = getattr(node, "value", None)
        if isinstance(parent, ast.Call) and parent.func is node and len(parent.args) == 1:
            holder, node, parent = parent.args[0], parent, self._tree.get_parent(parent)
        if isinstance(holder, ast.Name) and holder.id in self._tree.imported_names:
            return True
        if isinstance(holder, ast.Call) and isinstance(parent, ast.Call):  # the argument of a function
            return True
        is_item = isinstance(parent, ast.Subscript) and parent.value is node and isinstance(parent.ctx, ast.Load)
        is_got = isinstance(parent, ast.Attribute) and parent.value is node and parent.attr in ("get", "keys")
        return holder is not None and (is_item or is_got)

    def _is_plain_use(self, node: ast.AST) -> bool:
        """Whether a use of a class reads a member or makes an object."""
        parent = self._tree.get_parent(node)
        if isinstance(parent, ast.Attribute):
            return parent.value is node and isinstance(parent.ctx, ast.Load)
        return isinstance(parent, ast.Call) and parent.func is node
