"""The reader of ``model_config.yaml`` in an archive of NeMo, whose ``_target_`` keys have classes imported and called.

Sources: ``nemo/core/classes/common.py`` (``Serialization.from_config_dict``), ``hydra.utils.instantiate``;
CVE-2025-23304.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import yaml

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Document, Unread, UnreadReason
from modelaudit.model.torch import Mention, TorchMention, TorchProgram
from modelaudit.readers import documents
from modelaudit.readers.base import Head, LimitReachedError, Reader, Reading
from modelaudit.readers.documents import whole_text
from modelaudit.readers.text import file_name, looks_like_text
from modelaudit.readers.yaml_text import YamlError, events

_NAMES: Final = frozenset({"model_config.yaml", "model_config.yml"})
_TARGETS: Final = frozenset({"_target_", "target"})
_MOST_TARGETS: Final = 10_000


def recognises(head: Head) -> bool:
    """Text of that name, which NeMo looks for."""
    return file_name(head.path) in _NAMES and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document as any other, and the classes that it has imported.

    Raises:
        DamagedError: it is not text.
        WindowError: it is larger than is read at once, or from the window.
    """
    for item in documents.YAML.read(artifact, window, limits):
        yield item
        if isinstance(item, Document):
            targets = _Targets()
            unread: Unread | None = None
            try:
                targets.follow(whole_text(window, limits)[0], limits)
            except LimitReachedError as error:
                unread = Unread(UnreadReason.LIMIT, str(error))
            yield TorchProgram("hydra", tuple(targets.found))
            if unread is not None:
                yield unread


@dataclass(slots=True)
class _Frame:
    """An open collection: for mappings, the key whose value comes next; ``None`` where a key does."""

    is_mapping: bool
    key: str | None = None


class _Targets:
    """Follows a configuration and gathers the values of its ``_target_`` keys, at every depth."""

    def __init__(self) -> None:
        self.found: dict[TorchMention, None] = {}
        self._anchors: dict[str, str] = {}
        self._frames: list[_Frame] = []

    def follow(self, text: str, limits: Limits) -> None:
        """Take in the text as far as it is YAML; where it is not, the reader of YAML tells it.

        Raises:
            LimitReachedError: it has more targets than are kept.
        """
        with suppress(YamlError):
            for event in events(text, limits):
                if isinstance(event, yaml.CollectionEndEvent):
                    self._frames.pop()
                elif isinstance(event, yaml.NodeEvent):
                    self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        frame = self._frames[-1] if self._frames else _Frame(False)
        value = self._scalar(event)
        if frame.is_mapping and frame.key is None:
            frame.key = value or ""
        elif frame.is_mapping:
            if frame.key in _TARGETS:
                self._note(str(frame.key), value, event.start_mark.line + 1 if event.start_mark else 1)
            frame.key = None
        if isinstance(event, yaml.CollectionStartEvent):
            self._frames.append(_Frame(isinstance(event, yaml.MappingStartEvent)))

    def _scalar(self, event: yaml.NodeEvent) -> str | None:
        if isinstance(event, yaml.AliasEvent):
            return self._anchors.get(event.anchor or "")
        if not isinstance(event, yaml.ScalarEvent):
            return None
        if event.anchor:
            self._anchors[event.anchor] = event.value
        return str(event.value)

    def _note(self, key: str, value: str | None, line: int) -> None:
        if len(self.found) >= _MOST_TARGETS:
            raise LimitReachedError(f"more than {_MOST_TARGETS} targets")
        if key == "_target_" and (value is None or "${" in value):
            self.found[TorchMention(Mention.UNRESOLVED, f"{key}: {value or '…'}"[:200], line, True)] = None
        elif value and ("." in value or key == "_target_"):
            self.found[TorchMention(Mention.IMPORT, value[:200], line, True)] = None


READER = Reader("hydra", recognises, read, fallback=True)
