"""Find the section of a card that a sentence belongs to: what its heading says that the sentences below are about.

Below "Training data" the word "they" means the data, and below "Acknowledgements" nearly nothing is a restriction.
``rules/clause_subjects.yaml`` lists the headings.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from msgspec import Struct

from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.restrictions import CardSection

_HEADING = defer_pattern(
    r"^[ \t]{0,3}(?:(?P<marks>#{1,6})[ \t]+(?P<title>[^\n]{1,100})"
    r"|(?P<bold>(?:\*\*|__)[^*_\n]{2,60}(?:\*\*|__)[ \t]{0,4}:?)[ \t]*$"
    r"|(?P<set>[^\s#|>*+-][^\n]{1,80})\n(?P<rule>=|-)(?P=rule){2,80}[ \t]*$)",
    re.MULTILINE,
)
_DECORATION = defer_pattern(r"^[\W\d_]+|[\W_]+$")
_LEAST_LEVEL = 6
_MOST_HEADINGS = 2000


class SectionIndex(Struct, frozen=True):
    """The known sections of a text.

    Attributes:
        starts: offsets of headings, in their order.
        sections: the section that begins there; ``None`` below a heading that is not known.
    """

    starts: tuple[int, ...] = ()
    sections: tuple[CardSection | None, ...] = ()

    def find_section(self, offset: int) -> CardSection | None:
        """Find the section of an offset; ``None`` before the first heading and below an unknown one."""
        number = bisect_right(self.starts, offset) - 1
        return self.sections[number] if number >= 0 else None


def index_sections(text: str, known: tuple[CardSection, ...]) -> SectionIndex:
    """Index the sections of a card. A lower heading that is not known continues the section."""
    starts: list[int] = []
    found: list[CardSection | None] = []
    open_level, open_section = _LEAST_LEVEL + 1, None
    for offset, level, title in _iter_headings(text):
        section = next((each for each in known if each.heading.fullmatch(title)), None)
        if section is not None or level <= open_level:
            open_level, open_section = level, section
        starts.append(offset)
        found.append(open_section)
        if len(starts) >= _MOST_HEADINGS:
            # What follows belongs to no section.
            starts.append(offset + 1)
            found.append(None)
            break
    return SectionIndex(tuple(starts), tuple(found))


def _iter_headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (offset, level, folded title) of each heading; a line in bold type is one of the lowest level."""
    for match in _HEADING.finditer(text):
        if match["marks"]:
            level, title = len(match["marks"]), match["title"]
        elif match["bold"]:
            level, title = _LEAST_LEVEL, match["bold"]
        else:
            level, title = 1 if match["rule"] == "=" else 2, match["set"]
        yield match.start(), level, _DECORATION.sub("", fold_sentence(title))
