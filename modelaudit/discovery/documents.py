"""Read YAML and JSON: settings, variables of containers, commands of workflows and of services, and the policy file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.commands import CommandReader
from modelaudit.discovery.scripts import ScriptReader
from modelaudit.discovery.text_uses import AddressReader, SettingReader, normalize_key
from modelaudit.model.copies import replace
from modelaudit.model.discovery import ModelUse, NameForm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.yaml_text import Node, YamlError, compose_documents

POLICY_FORM: Final = "modelaudit.yaml"
_DEPTH: Final = 60
_COMMAND_KEYS: Final = ("command", "entrypoint", "args")
_NAME_KEYS: Final = ("name", "model", "target", "id")
# ``{{ .Values.model }}`` of a Helm template; ``${{ … }}`` of a workflow is ordinary YAML.
_TEMPLATE_LINE: Final = defer_pattern(r"^[ \t]*\{\{[^\n]*\}\}[ \t]*$", re.MULTILINE)
_TEMPLATE: Final = defer_pattern(r"(?<!\$)\{\{-?[ \t]*([^{}\n]*?)[ \t]*-?\}\}")


class DocumentReader:
    """Reads the documents of one file.

    Args:
        file: the file, with the forms of keys and commands.
        limits: bounds on depth and number of values.
    """

    def __init__(self, file: CodeFile, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._settings = SettingReader(file)
        self._commands = CommandReader(file)
        self._addresses = AddressReader(file)

    def read_text(self, text: str) -> Iterator[ModelUse | Unread]:
        """Yield the uses in all documents of a text, and an absence if it does not parse to its end.

        A template that is not YAML is read line by line.
        """
        documents, error = self._compose(text)
        if error is not None and "{{" in text:
            # What a template makes need not be YAML before it is filled in.
            yield from ScriptReader(self._file).read_lines(text)
            return
        for document in documents:
            yield from self._read_node(document, "", 0)
        if error is not None:
            yield error

    def read_policy(self, text: str) -> Iterator[ModelUse | Unread]:
        """Yield the models that the key ``models`` of a policy file lists, and an absence if it is not YAML."""
        documents, error = self._compose(text)
        for key, value in chain.from_iterable(_list_items(document) for document in documents):
            if key.text == "models":
                yield from self._read_models(value)
        if error is not None:
            yield error

    def _compose(self, text: str) -> tuple[list[Node], Unread | None]:
        """Return the documents of a text; those of a template if it is none of YAML."""
        documents, error = self._try_compose(text)
        if error is not None and "{{" in text:
            blanked = _TEMPLATE_LINE.sub("", text)
            filled = _TEMPLATE.sub(lambda match: "$" + re.sub(r"\W+", "_", match[1]).strip("_"), blanked)
            filled_documents, filled_error = self._try_compose(filled)
            if filled_error is None or len(filled_documents) > len(documents):
                return filled_documents, filled_error
        return documents, error

    def _try_compose(self, text: str) -> tuple[list[Node], Unread | None]:
        """Return the documents of a text, and the absence of what follows a fault."""
        try:
            documents, error = compose_documents(text, self._limits)
        except LimitReachedError as limit:
            return [], Unread(UnreadReason.LIMIT, str(limit))
        return documents, None if error is None else _explain(error)

    def _read_models(self, listing: Node) -> Iterator[ModelUse]:
        """Yield the models of a list of names or mappings, or of a mapping from names to revisions."""
        form = NameForm()
        listed: list[tuple[str, str, int]] = []
        if listing.kind == "sequence":
            for item in listing.items:
                fields = {key.text or "": node.text or "" for key, node in _list_items(item)}
                text = item.text or next((fields[each] for each in _NAME_KEYS if fields.get(each)), "")
                listed.append((text, fields.get("revision", ""), item.line))
        for key, node in _list_items(listing):
            fields = {inner.text or "": value.text or "" for inner, value in _list_items(node)}
            listed.append((key.text or "", node.text or fields.get("revision", ""), key.line))
        for text, revision, line in listed:
            written, _, pinned = (text, "", "") if text.startswith("./") else text.partition("@")
            name = self._file.names.read_name(written, form, self._file.folder)
            if name is not None:
                yield self._file.make_use(name, line, POLICY_FORM, revision=pinned or revision or None)

    def _read_node(self, node: Node, key: str, depth: int) -> Iterator[ModelUse]:
        """Yield the uses in a value; ``key`` is the nearest key around it."""
        check_deadline()
        if depth > _DEPTH:
            return
        if node.kind == "mapping":
            yield from self._read_mapping(node, key, depth)
        elif node.kind == "sequence":
            words = [each.text or "" for each in node.items if each.kind == "scalar"]
            if any(word.startswith("-") for word in words) and key not in _COMMAND_KEYS:
                yield from self._commands.read_words(words, node.line)
            for item in node.items:
                yield from self._read_node(item, key, depth + 1)
        elif node.text:
            yield from self._read_scalar(node, key)

    def _read_mapping(self, node: Node, outer_key: str, depth: int) -> Iterator[ModelUse]:
        """Yield the uses in a mapping: its settings, its command, a variable of a container, and what it holds."""
        items = [(key.text or "", value) for key, value in _list_items(node)]
        scalars = {name: value for name, value in items if value.kind == "scalar" and value.text}
        siblings = {normalize_key(name): value.text or "" for name, value in scalars.items()}
        for name, value in scalars.items():
            yield from self._settings.list_uses(name, value.text or "", value.line, siblings)
        if "name" in scalars and "value" in scalars:
            variable = scalars["value"]
            yield from self._settings.list_uses(
                scalars["name"].text or "", variable.text or "", variable.line, {}, True
            )
        yield from self._read_command(dict(items), siblings.get("image", ""))
        is_of_scripts = self._is_script_key(outer_key)
        for name, value in items:
            is_plain_command = name in _COMMAND_KEYS and value.kind == "sequence"
            for item in value.items if is_plain_command else ():
                yield from self._read_node(item, name, depth + 1)
            if not is_plain_command:
                yield from self._read_node(
                    value, outer_key if is_of_scripts and value.kind == "scalar" else name, depth + 1
                )

    def _read_command(self, items: Mapping[str, Node], image: str) -> Iterator[ModelUse]:
        """Yield the uses of a command with its arguments, each a list of words, or of a text behind an image."""
        parts = [items[each] for each in _COMMAND_KEYS if each in items]
        if not parts:
            return
        words: list[str] = []
        for part in parts:
            if part.kind == "sequence":
                words += [each.text or "" for each in part.items if each.kind == "scalar"]
            elif part.text and image and "\n" not in part.text.strip():
                words += part.text.split()
        line = next((item.line for part in parts for item in part.items), parts[0].line)
        located = {item.text: item.line for part in parts for item in part.items if item.text}
        for use in self._commands.read_words(words, line, image=image):
            spelt = use.name or use.detail.rpartition(" ")[2]  # the variable that holds the name
            place = next((number for text, number in located.items() if spelt and text and spelt in text), use.line)
            yield replace(use, line=place)

    def _read_scalar(self, node: Node, key: str) -> Iterator[ModelUse]:
        """Yield the uses in a text: addresses, a variable of a container, and commands where the key says so."""
        text = node.text or ""
        line = node.line + ("\n" in text)
        yield from self._addresses.list_uses(text, line)
        name, separator, value = text.partition("=")
        if separator and name.isidentifier():
            yield from self._settings.list_uses(name, value, node.line, {}, needs_owner=True)
        elif self._is_script_key(key):
            yield from self._commands.read_script(text, line)

    def _is_script_key(self, key: str) -> bool:
        """Whether the values of a key are commands."""
        normalized = normalize_key(key)
        return normalized in self._file.rules.script_keys or normalized.endswith(("_command", "_cmd", "_script", "_sh"))


def _list_items(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield the keys and values of a mapping; nothing for any other value."""
    if node.kind == "mapping":
        yield from zip(node.items[::2], node.items[1::2], strict=False)


def _explain(error: DamagedError) -> Unread:
    """Return the absence of what follows a fault."""
    line = error.line if isinstance(error, YamlError) else 1
    return Unread(UnreadReason.DAMAGED, str(error), Location(line=line))
