"""Read settings and texts of any language: keys that name a model, and addresses of files on the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.names import is_revision
from modelaudit.model.copies import replace
from modelaudit.model.discovery import LOCAL, ModelUse, UseKind
from modelaudit.model.lazy_pattern import defer_pattern

_WORD_BREAK: Final = defer_pattern(r"(?<=[a-z0-9])(?=[A-Z])|[-.]")
_MODEL_ENDINGS: Final = ("_model", "_model_id", "_model_name")
"""Endings of keys that name a model where the value is a name with an owner: ``DEFAULT_EMBEDDING_MODEL``."""
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_VARIABLE: Final = defer_pattern(r"\$\{\{?[^}]*\}?\}|\$\([^)]*\)|\$\w+|\{\{[^}]*\}\}|%\w+%|<<.*?>>")
_DEFAULT: Final = defer_pattern(r"\$\{\w+:?-([^${}]+)\}")
ADDRESS_FORM: Final = "address"


def normalize_key(key: str) -> str:
    """Return a key in lower case with underscores: ``modelId``, ``MODEL_ID`` and ``model-id`` are one key."""
    normalized = _WORD_BREAK.sub("_", key.strip().lstrip("-")).lower()
    return re.sub(r"_+", "_", normalized)


def find_variable(text: str) -> str:
    """Return the variable or template that a text holds, such as ``$MODEL``; empty if it holds none."""
    match = _VARIABLE.search(text)
    return match[0] if match is not None else ""


def take_default(text: str) -> str:
    """Return ``org/model`` for ``${MODEL:-org/model}``, and any other text unchanged."""
    return _DEFAULT.sub(r"\1", text)


class SettingReader:
    """Reads settings of one file."""

    def __init__(self, file: CodeFile) -> None:
        self._file = file
        self._names = file.names
        self._rules = file.rules

    def list_uses(
        self, key: str, text: str, line: int, siblings: Mapping[str, str], needs_owner: bool = False
    ) -> Iterator[ModelUse]:
        """Yield the use that a setting declares, if its key says that it names a model.

        Args:
            key: as it is written.
            text: its value.
            line: of the value.
            siblings: the other settings of the same mapping, by normalised key.
            needs_owner: whether only a name with an owner counts, whatever the key.
        """
        normalized = normalize_key(key)
        form = self._rules.keys.get(normalized)
        if form is None and needs_owner and normalized.endswith(_MODEL_ENDINGS):
            form = next((each for each in self._rules.keys.values() if each.name_form.needs_owner), None)
        if form is None:
            return
        text = take_default(text.strip())
        revision = next((siblings[each] for each in sorted(self._rules.revision_keys) if each in siblings), None)
        trusts = any(siblings.get(each, "").lower() in _TRUE for each in self._rules.trust_keys)
        written, separator, pinned = text.partition("@")
        name = None
        if not self._names.is_of_other_service(text) and not (needs_owner and "/" not in text):
            name = self._names.read_name(
                written if separator and is_revision(pinned) else text, form.name_form, self._file.folder
            )
        if name is not None and name.source == LOCAL:
            # Settings name paths of many things, so that only one which leads to a model counts.
            if self._names.holds_model(text, self._file.folder):
                yield self._file.make_use(name, line, key, trusts_remote_code=trusts)
            return
        if name is not None:
            revision = (pinned if separator and is_revision(pinned) else None) or revision or None
            use = self._file.make_use(name, line, key, revision=revision, trusts_remote_code=trusts)
            yield replace(use, kind=_read_kind(siblings, name.kind))
        elif self._is_unknown(text) and normalized in self._rules.keys and not form.name_form.needs_owner:
            yield ModelUse(self._file.file, line, key, None, form.name_form.kind, trusts_remote_code=trusts,
                           detail=f"it holds {find_variable(text)}")  # fmt: skip

    def _is_unknown(self, text: str) -> bool:
        """Whether a value is, as a whole, a variable or a template."""
        variable = find_variable(text)
        return bool(variable) and not _VARIABLE.sub("", text).strip()


def _read_kind(siblings: Mapping[str, str], kind: UseKind) -> UseKind:
    """Return the kind that a sibling ``repo_type`` states."""
    stated = siblings.get("repo_type", "")
    return UseKind(stated) if stated in tuple(UseKind) else kind


class AddressReader:
    """Reads addresses of files on the Hub in the texts of one file."""

    def __init__(self, file: CodeFile) -> None:
        self._file = file
        hosts = "|".join(re.escape(host) for host in file.rules.hosts)
        self._quick = file.rules.hosts
        self._pattern = re.compile(
            rf"https?://(?:{hosts})/(?P<path>[\w.${{}}()/@%-]{{1,300}}?)/(?:resolve|raw)/(?P<revision>[^/\s\"'?#]{{1,200}})/"
        )

    def list_uses(self, text: str, line: int) -> Iterator[ModelUse]:
        """Yield a use for each address of a file in a text that begins at ``line``."""
        if not any(host in text for host in self._quick):
            return
        for match in self._pattern.finditer(text):
            number = line + text.count("\n", 0, match.start())
            name = self._file.names.read_address(match[0])
            variable = find_variable(match["path"])
            if name is not None and not variable:
                revision = match["revision"]
                is_known = not find_variable(revision) and "{" not in revision
                yield ModelUse(
                    self._file.file, number, ADDRESS_FORM, name.text, name.kind, name.source,
                    revision if is_known and revision != "main" else None, False,
                    "" if is_known else f"the revision holds {find_variable(revision) or revision}",
                )  # fmt: skip
            elif variable:
                yield ModelUse(self._file.file, number, ADDRESS_FORM, None, detail=f"it holds {variable}")
