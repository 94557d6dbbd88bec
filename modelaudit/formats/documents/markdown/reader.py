"""Read Markdown: its front matter, which in a README is that of a model card, and the commands that it shows.

The front matter is a block of YAML between two lines of dashes at the beginning of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.formats.documents.markdown import EXTENSIONS
from modelaudit.languages.card import read_card, split_front_matter
from modelaudit.languages.configurations.data_files import DATA_FILES
from modelaudit.languages.document_settings import parse_yaml_settings
from modelaudit.languages.instructions import read_instructions
from modelaudit.languages.programs import report_unread_programs
from modelaudit.languages.settings import interpret_settings
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Document, ModelCard
from modelaudit.wire.base import DamagedError, Head, Reading, ReadingStep
from modelaudit.wire.documents import check_text
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.yaml_text import YamlFacts

_CARD_NAME = "readme.md"
_MOST_CHARACTERS: Final = 2 * MIB


def recognises(head: Head) -> bool:
    """Whether this is text with a Markdown extension; the bytes do not differ from other text."""
    return get_file_name(head.path).endswith(EXTENSIONS) and looks_like_text(head)


@report_unread_programs
def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document and, for ``README.md``, its model card, which has no fields if there is no front matter.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is over ``document_bytes``, or the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    matter = split_front_matter(text)
    facts = YamlFacts(DATA_FILES.keys)
    if matter is not None and not matter.is_too_long:
        # ``read_card`` fails at the same place and records the defect.
        with suppress(DamagedError):
            facts.scan((matter.text,), limits)
    # Lines of the facts count from the first line of the front matter, lines of the document from that of the file.
    lines_before = matter.first_line - 1 if matter is not None else 0
    tags = tuple((tag, line + lines_before) for tag, line in facts.tags.items())
    yield Document("markdown", "text", tuple(facts.keys), tags, text.scan.lines, text.defects)
    if get_file_name(artifact.path) == _CARD_NAME:
        yield from read_card(matter, limits) if matter is not None else (ModelCard(()),)
    if matter is not None and not DATA_FILES.keys.isdisjoint(facts.present_keys):
        # ``datasets`` reads the patterns of a data set from its card.
        settings, _ = parse_yaml_settings((matter.text,), limits)
        yield from interpret_settings((DATA_FILES,), artifact.path, settings, limits)
    yield ReadingStep(
        "search for instructions", lambda: read_instructions(text.read_start(_MOST_CHARACTERS), "markdown")
    )
