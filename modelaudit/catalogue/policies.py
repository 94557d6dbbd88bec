"""Read ``rules/policies/`` and the policy files of users, each with the policies that it extends."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from modelaudit.catalogue.document import Data, Document, Place, read_document
from modelaudit.catalogue.policy_file import PolicyFile
from modelaudit.catalogue.policy_layer import Layer, PolicyWords
from modelaudit.catalogue.policy_layers import ROOT, lay_over
from modelaudit.catalogue.policy_names import DEFAULT, explain_unknown_policy
from modelaudit.catalogue.schema import Shape
from modelaudit.model.policy import Policy

POLICY_SHAPE: Final = Shape(
    PolicyFile, {"fail-on": "write a gate for each family of checks, such as gates: {security: high, integrity: high}"}
)


def read_policies(documents: Sequence[tuple[str, Document]], words: PolicyWords) -> dict[str, Policy]:
    """Read the policies of a rule set by their names, which are those of their files.

    Raises:
        ConfigurationError: a file is not a policy, two have one name, or they extend each other in a circle.
    """
    reader = _RuleSetReader(words)
    for name, document in documents:
        reader.add(name, document)
    return {name: reader.read(name) for name, _ in documents}


class _RuleSetReader:
    """Reads each policy of a rule set once, after the one that it extends."""

    def __init__(self, words: PolicyWords) -> None:
        self._words = words
        self._files: dict[str, tuple[Document, PolicyFile]] = {}
        self._policies: dict[str, Policy] = {}
        self._open: list[str] = []

    def add(self, name: str, document: Document) -> None:
        """Add the file ``name``.

        Raises:
            ConfigurationError: it is not a policy, or its name is taken or differs.
        """
        file = _read_file(document)
        if file.name is not None and file.name != name:
            raise document.error(f"name: {file.name!r} differs from the file's name, {name!r}", ("name",))
        if name in self._files:
            raise document.error(f"name: {name!r} is taken by another file", ("name",))
        self._files[name] = (document, file)

    def read(self, name: str) -> Policy:
        """Read one policy. Raises ``ConfigurationError`` as ``read_policies`` does."""
        if name in self._policies:
            return self._policies[name]
        document, file = self._files[name]
        self._open.append(name)
        base = file.extends or (DEFAULT if name != DEFAULT and DEFAULT in self._files else None)
        if base in self._open:
            circle = " extends ".join([*self._open[self._open.index(base) :], base])
            raise document.error(f"extends: {circle}; break the circle", ("extends",))
        if base is not None and base not in self._files:
            raise document.error(f"extends: {explain_unknown_policy(base, self._files)}", ("extends",))
        below = ROOT if base is None else self.read(base)
        self._open.pop()
        layer = Layer(document, file, name, None, dict(below.origins))
        self._policies[name] = lay_over(layer, below, self._words)
        return self._policies[name]


def read_policy_file(path: Path, words: PolicyWords, built_in: Mapping[str, Policy]) -> Policy:
    """Read a policy file of the user, with everything that it extends.

    Raises:
        ConfigurationError: a file is not a valid policy, or they extend each other in a circle.
    """
    return _UserFileReader(path.absolute().parent, words, built_in).read(path)


class _UserFileReader:
    """Reads a policy file of the user after those that it extends; ``root`` is the folder of the first one."""

    def __init__(self, root: Path, words: PolicyWords, built_in: Mapping[str, Policy]) -> None:
        self._root = root
        self._words = words
        self._built_in = built_in
        self._open: list[Path] = []

    def read(self, path: Path) -> Policy:
        """Read one file. Raises ``ConfigurationError`` as ``read_policy_file`` does."""
        document = read_document(path, str(path))
        file = _read_file(document)
        self._open.append(path.resolve())
        below = self._read_base(path, document, file.extends or DEFAULT)
        # Relative to the first file, so that an origin shows no path of this machine.
        label = Path(os.path.relpath(path.absolute(), self._root)).as_posix()
        policy = lay_over(Layer(document, file, label, path, dict(below.origins)), below, self._words)
        if policy.name.casefold() in self._built_in:
            # Reports would show the entries of this file under the name of another policy.
            raise document.error(f"name: {policy.name!r} is a policy of the rule set; choose another name", ("name",))
        return policy

    def _read_base(self, path: Path, document: Document, base: str) -> Policy:
        """Read the policy that a file extends: one of the rule set, or a file named relative to it."""
        if base in self._built_in:
            return self._built_in[base]
        other = path.parent / base
        if Path(base).is_absolute():
            raise document.error("extends: name the file relative to this one, without a leading slash", ("extends",))
        if not other.is_file():
            raise document.error(f"extends: {explain_unknown_policy(base, self._built_in)}", ("extends",))
        if other.resolve() in self._open:
            raise document.error(f"extends: {base} extends this file in turn; break the circle", ("extends",))
        return self.read(other)


def _read_file(document: Document) -> PolicyFile:
    """Read one file in the shape of a policy. Raises ``ConfigurationError`` if it has another shape."""
    for place in _list_empty_values(document.data, ()):
        raise document.error(f"{'.'.join(map(str, place))}: is empty; write a value, or remove the key", place)
    return POLICY_SHAPE.read(document)


def _list_empty_values(data: Data, place: Place) -> list[Place]:
    """List the places of values that are null; a document that is empty itself has none."""
    if isinstance(data, dict):
        return [each for key, value in data.items() for each in _list_empty_values(value, (*place, key))]
    if isinstance(data, list):
        return [each for index, value in enumerate(data) for each in _list_empty_values(value, (*place, index))]
    return [place] if data is None and place else []
