"""Read ``rules/discovery.yaml``: the calls, commands and keys by which a code base loads models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text, require_match, require_word
from modelaudit.model.discovery import (
    HUGGING_FACE,
    WEIGHT_ENDINGS,
    CallForm,
    CommandForm,
    DiscoveryRules,
    FileKind,
    KeyForm,
    NameForm,
    UseKind,
)

FILE_KINDS: Final = ("python", "notebook", "shell", "docker", "make", "yaml", "json", "lines", "modelfile", "policy")
"""The ways in which ``modelaudit.discovery`` reads a file."""
_Callee = Annotated[str, require_match(r"(\*|[^\W\d]\w*)(\.[^\W\d]\w*)+", "a dotted name, or *.method")]
_Option = Annotated[str, require_match(r"--?[A-Za-z][\w-]*", "an option such as --model")]
_Key = Annotated[str, require_match(r"[a-z][a-z0-9_]*", "a key in lower case with underscores")]
_Kind = Annotated[str, require_word(tuple(UseKind))]


def _check_regex(text: str) -> str:
    """Return a pattern that compiles. Raises ``ValueError`` with a plain message for any other."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


_Regex = Annotated[Text, AfterValidator(_check_regex)]


@dataclass(config=CONFIG)
class SpellingFile:
    """How a form spells the name of a repository."""

    source: Kebab = HUGGING_FACE
    kind: _Kind = UseKind.MODEL
    owner: str = ""
    ownerless: list[Text] = Field(default_factory=list)
    aliases: dict[Text, Text] = Field(default_factory=dict)
    not_names: list[Text] = Field(default_factory=list)
    prefixes: list[Text] = Field(default_factory=list)
    pattern: _Regex | None = None
    separator: Annotated[str, Field(max_length=1)] = ""
    needs_owner: bool = False
    paths: bool = True


@dataclass(config=CONFIG)
class CallFile:
    """One call."""

    calls: Annotated[list[_Callee], Field(min_length=1)]
    position: Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(max_length=3)] = Field(default_factory=list)
    keywords: list[Text] = Field(default_factory=list)
    further: list[Text] = Field(default_factory=list)
    revision: list[Text] = Field(default_factory=list)
    trust: list[Text] = Field(default_factory=list)
    nested: list[Text] = Field(default_factory=list)
    runs_code: bool = False
    default_by_task: bool = False
    chosen_by: str = ""
    local_if: Annotated[list[Text], Field(max_length=2)] = Field(default_factory=list)
    reports_unknown: bool = True
    name: SpellingFile = Field(default_factory=SpellingFile)


@dataclass(config=CONFIG)
class CommandFile:
    """One command."""

    programs: list[Text] = Field(default_factory=list)
    modules: list[Text] = Field(default_factory=list)
    images: list[Text] = Field(default_factory=list)
    words: list[Text] = Field(default_factory=list)
    argument: bool = False
    options: list[_Option] = Field(default_factory=list)
    further: list[_Option] = Field(default_factory=list)
    paths: list[_Option] = Field(default_factory=list)
    revision: list[_Option] = Field(default_factory=list)
    trust: list[_Option] = Field(default_factory=list)
    kind_options: list[_Option] = Field(default_factory=list)
    name: SpellingFile = Field(default_factory=SpellingFile)


@dataclass(config=CONFIG)
class KeysFile:
    """Keys that spell names alike."""

    keys: Annotated[list[_Key], Field(min_length=1)]
    name: SpellingFile = Field(default_factory=SpellingFile)


@dataclass(config=CONFIG)
class FileKindFile:
    """One kind of files."""

    endings: list[Text] = Field(default_factory=list)
    names: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class NamesFile:
    """The texts that cannot name a repository."""

    local_endings: list[Text] = Field(default_factory=list)
    local_folders: list[Text] = Field(default_factory=list)
    placeholders: list[_Regex] = Field(default_factory=list)
    other_services: list[_Regex] = Field(default_factory=list)
    local_results: list[Text] = Field(default_factory=list)
    publishing_calls: list[Text] = Field(default_factory=list)
    command_calls: list[Text] = Field(default_factory=list)
    hosts: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class DiscoveryFile:
    """``rules/discovery.yaml``."""

    calls: dict[Text, CallFile] = Field(default_factory=dict)
    commands: dict[Text, CommandFile] = Field(default_factory=dict)
    keys: dict[Text, KeysFile] = Field(default_factory=dict)
    revision_keys: list[_Key] = Field(default_factory=list)
    trust_keys: list[_Key] = Field(default_factory=list)
    script_keys: list[_Key] = Field(default_factory=list)
    files: dict[Annotated[str, require_word(FILE_KINDS)], FileKindFile] = Field(default_factory=dict)
    skipped_folders: list[Text] = Field(default_factory=list)
    names: NamesFile = Field(default_factory=NamesFile)


_FILE = Shape(DiscoveryFile)


def read_discovery(documents: Iterable[Document]) -> DiscoveryRules:
    """Read the forms; those of a further file are added to the ones before.

    Raises:
        ConfigurationError: a form could not find a name, or a callee or key is listed twice.
    """
    calls: dict[str, CallForm] = {}
    commands: list[CommandForm] = []
    keys: dict[str, KeyForm] = {}
    files: list[DiscoveryFile] = []
    for document in documents:
        file = _FILE.read(document)
        files.append(file)
        for id_, call in file.calls.items():
            form = _build_call(id_, call, document)
            for callee in call.calls:
                if callee in calls:
                    raise document.error(
                        f"calls.{id_}.calls: {callee!r} belongs to {calls[callee].id!r} already", ("calls", id_)
                    )
                calls[callee] = form
        commands += [_build_command(id_, command, document) for id_, command in file.commands.items()]
        for id_, group in file.keys.items():
            name_form = _build_name(group.name)
            for key in group.keys:
                if key in keys:
                    raise document.error(f"keys.{id_}.keys: {key!r} belongs to {keys[key].id!r} already", ("keys", id_))
                keys[key] = KeyForm(id_, name_form, frozenset(group.keys))
    return DiscoveryRules(
        calls=calls,
        commands=tuple(commands),
        keys=keys,
        revision_keys=frozenset(key for file in files for key in file.revision_keys),
        trust_keys=frozenset(key for file in files for key in file.trust_keys),
        script_keys=frozenset(key for file in files for key in file.script_keys),
        files=dict(_join_kinds(files)),
        skipped_folders=frozenset(name for file in files for name in file.skipped_folders),
        local_endings=(*WEIGHT_ENDINGS, *(ending for file in files for ending in file.names.local_endings)),
        local_folders=frozenset(name for file in files for name in file.names.local_folders),
        placeholders=tuple(re.compile(each) for file in files for each in file.names.placeholders),
        other_services=tuple(re.compile(each) for file in files for each in file.names.other_services),
        local_results=frozenset(name for file in files for name in file.names.local_results),
        publishing_calls=frozenset(name for file in files for name in file.names.publishing_calls),
        command_calls=frozenset(name for file in files for name in file.names.command_calls),
        hosts=tuple(dict.fromkeys(host for file in files for host in file.names.hosts)),
    )


def _join_kinds(files: Iterable[DiscoveryFile]) -> Iterator[tuple[str, FileKind]]:
    """Yield each kind with the endings and names of all files."""
    listed = list(files)
    for kind in FILE_KINDS:
        parts = [file.files[kind] for file in listed if kind in file.files]
        yield (
            kind,
            FileKind(
                tuple(ending for part in parts for ending in part.endings),
                tuple(name for part in parts for name in part.names),
            ),
        )


def _build_name(spelling: SpellingFile, *, is_loader: bool = False) -> NameForm:
    """Build the rules for a name."""
    return NameForm(
        source=spelling.source,
        kind=UseKind(spelling.kind),
        owner=spelling.owner,
        ownerless=frozenset(spelling.ownerless),
        aliases=dict(spelling.aliases),
        not_names=frozenset(spelling.not_names),
        prefixes=tuple(spelling.prefixes),
        pattern=re.compile(spelling.pattern) if spelling.pattern else None,
        separator=spelling.separator,
        needs_owner=spelling.needs_owner,
        takes_paths=spelling.paths,
        is_loader=is_loader,
    )


def _build_call(id_: str, call: CallFile, document: Document) -> CallForm:
    """Build one call. Raises ``ConfigurationError`` if nothing says where its name is."""
    if not call.position and not call.keywords:
        raise document.error(
            f"calls.{id_}: has neither position nor keywords, so that no name is found", ("calls", id_)
        )
    if len(call.local_if) == 1:
        raise document.error(f"calls.{id_}.local-if: needs a keyword and its value", ("calls", id_, "local-if"))
    return CallForm(
        id=id_,
        name_form=_build_name(call.name, is_loader=True),
        positions=tuple(call.position),
        keywords=tuple(call.keywords),
        further=tuple(call.further),
        revision=tuple(call.revision),
        trust=tuple(call.trust),
        nested=tuple(call.nested),
        runs_code=call.runs_code,
        is_default_by_task=call.default_by_task,
        chosen_by=call.chosen_by,
        local_if=(call.local_if[0], call.local_if[1]) if call.local_if else None,
        reports_unknown=call.reports_unknown,
    )


def _build_command(id_: str, command: CommandFile, document: Document) -> CommandForm:
    """Build one command. Raises ``ConfigurationError`` if nothing says how it begins, or where its name is."""
    place = ("commands", id_)
    if not (command.programs or command.modules or command.images):
        raise document.error(f"commands.{id_}: has neither programs nor modules nor images", place)
    if not (command.argument or command.options or command.paths):
        raise document.error(f"commands.{id_}: has neither argument nor options, so that no name is found", place)
    return CommandForm(
        id=id_,
        name_form=_build_name(command.name, is_loader=True),
        programs=tuple(command.programs),
        modules=tuple(command.modules),
        images=tuple(command.images),
        words=tuple(command.words),
        takes_argument=command.argument,
        options=tuple(command.options),
        further=tuple(command.further),
        paths=tuple(command.paths),
        revision=tuple(command.revision),
        trust=tuple(command.trust),
        kind_options=tuple(command.kind_options),
    )
