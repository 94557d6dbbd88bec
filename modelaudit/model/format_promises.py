"""What file extensions promise, and the formats whose loaders run code."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Promise(Struct, frozen=True):
    """The content that a file extension promises: ``why`` in words, ``formats`` by their names.

    Without formats, the extension promises anything that cannot run code.
    """

    why: str
    formats: frozenset[str]


class RunName(Struct, frozen=True):
    """An extension of files that a program runs: ``why`` names the program, ``read_by`` the formats that judge them."""

    why: str
    read_by: frozenset[str]


class Formats(Struct, frozen=True):
    """The promises of file extensions, and the formats whose loaders run code.

    Attributes:
        promises: by extension, in lower case and with its dot.
        runs_code: by format, how its loaders run code from the file.
        inert: by format, why no loader runs code from the file.
        defects: by format, the kinds of its defects, as in ``FormatFacts``.
        run_names: the extensions, with their dot, and the names of files that a program runs, in lower case.
        by_hand: the formats of files that a person starts or follows, and that no loader runs.
    """

    promises: Mapping[str, Promise] = field(default_factory=dict)
    runs_code: Mapping[str, str] = field(default_factory=dict)
    inert: Mapping[str, str] = field(default_factory=dict)
    defects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    run_names: Mapping[str, RunName] = field(default_factory=dict)
    by_hand: frozenset[str] = frozenset()
