"""Analyse the commands of one file together: steps of a job, scripts of a package, blocks and cells of a document.

A step that downloads a file and a later one that runs it are harmless by themselves. The commands are therefore read
once more as one script. Of that reading, only the flows that no single command shows count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from modelaudit.languages.shell.program_names import FETCHERS, FETCHERS_BY_SUBCOMMAND
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

_FLOW_USES: Final = frozenset({"download-and-run", "download-then-run", "decode-and-run", "send-private"})
_NAMES: Final = "|".join(sorted(map(re.escape, {*FETCHERS, *FETCHERS_BY_SUBCOMMAND, "git", "ssh", "rsync"})))
_FETCH: Final = defer_pattern(rf"(?<![\w.-])(?:{_NAMES})(?![\w-])|urlopen|requests\.get|base64|\.ssh/")
_MOST_CHARACTERS: Final = 400_000


class PlacedText(Struct, frozen=True):
    """Some commands of a file.

    Attributes:
        text: the commands.
        where: their place.
        counts_lines: whether each line of the text is one of the file, so that the place of a command is known.
    """

    text: str
    where: Location
    counts_lines: bool = False


class JoinedCommands:
    """The commands of one file as one script.

    Attributes:
        fetched_runs: the files that they run and that a download may have written, each with its place.
    """

    def __init__(self, texts: Sequence[PlacedText], fetched_runs: dict[str, Location] | None = None) -> None:
        self.fetched_runs = {} if fetched_runs is None else fetched_runs
        self._texts = texts
        self._first_lines: list[int] = []  # of each text in the script
        next_line = 1
        for each in iterate_within_deadline(texts):
            self._first_lines.append(next_line)
            next_line += each.text.count("\n") + 1

    def collect_mentions(self, known: Mapping[Mention, object]) -> Iterator[Mention]:
        """Yield a mention for each flow from one text into another; nothing if no text fetches or decodes anything.

        Args:
            known: the mentions of the single texts.

        Raises:
            LimitReachedError: the texts are longer than are analysed together, or reached another bound.
        """
        if len(self._texts) < 2 or not any(_FETCH.search(each.text) for each in self._texts):
            return
        script = "\n".join(each.text for each in self._texts)
        known_flows = {(mention.use, mention.name) for mention in known}
        fetched_runs: dict[str, Location] = {}
        try:
            for mention in collect_script_mentions(script[:_MOST_CHARACTERS], fetched_runs=fetched_runs):
                flow = (mention.use, mention.name)
                if mention.use in _FLOW_USES and flow not in known_flows:
                    known_flows.add(flow)
                    yield replace(mention, where=self._locate(mention.where))
        finally:
            self.fetched_runs.update((path, self._locate(where)) for path, where in fetched_runs.items())
        if len(script) > _MOST_CHARACTERS:
            raise LimitReachedError(
                f"only the first {_MOST_CHARACTERS} characters of its commands were read as one script"
            )

    def _locate(self, where: Location) -> Location:
        """Return the place in the file of a place in the script."""
        line = where.line or 1
        index = bisect_right(self._first_lines, line) - 1
        placed = self._texts[index]
        if not placed.counts_lines:
            return placed.where
        return replace(placed.where, line=(placed.where.line or 1) + line - self._first_lines[index])


def collect_single_mentions(texts: Sequence[PlacedText]) -> dict[Mention, None]:
    """Return the mentions of each text by itself; a bound that one reaches ends them."""
    mentions: dict[Mention, None] = {}
    for each in texts:
        with suppress(LimitReachedError):
            for mention in collect_script_mentions(each.text):
                mentions[mention] = None
    return mentions
