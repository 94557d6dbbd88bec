"""Facts about formats that rules refer to. A small module, because the registry of formats has to be light."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class FormatFacts(Struct, frozen=True, eq=False):
    """Facts that the declarations of formats state and that rules refer to.

    Attributes:
        defects: by format, the kinds of its defects; each with the reason why no rule has to judge it, or with an empty
            text where a defect of this kind must be judged.
        extensions: by file extension, lower case and with its dot, the formats that it promises.
    """

    defects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extensions: Mapping[str, frozenset[str]] = field(default_factory=dict)


NO_FORMATS = FormatFacts()
"""No facts about formats, for readers of a catalogue that judge no file."""
