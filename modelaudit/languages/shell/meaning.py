"""What a shell script does that a model has no need of.

It runs what it fetched or decoded, opens a shell to a stranger, stays behind, destroys, or sends away what is private.
Every mention is of the vocabulary ``shell-commands``; its name is the address, the program or the file concerned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.languages.shell.aliases import aliases_of
from modelaudit.languages.shell.carried import carried
from modelaudit.languages.shell.fetched import READS_INTO, Fetched, fetches
from modelaudit.languages.shell.harm import harm_of, harm_of_pipeline
from modelaudit.languages.shell.installers import requirements_of
from modelaudit.languages.shell.lexer import OUTPUT, Command, commands_of
from modelaudit.languages.shell.pipelines import Pipeline, pipelines_of, runs_input
from modelaudit.languages.shell.plain import decoded
from modelaudit.languages.shell.words import EVALUATORS, INTERPRETERS, RUNNERS, SHELLS, base_name, unwrapped
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import in_time
from modelaudit.wire.text_addresses import address_in

VOCABULARY: Final = "shell-commands"
_DEEPEST: Final = 6
_MOST: Final = 2000
_SHOWN: Final = 200
_WORK: Final = 500_000
_WORK_PER_CHARACTER: Final = 4
_WORK_PER_COMMAND: Final = 4
_DECODERS: Final = frozenset({"base64", "base32", "basenc", "xxd", "openssl", "uudecode"})
_PRINTERS: Final = frozenset({"echo", "printf", "cat"})
# Part of the name is written down, or the number of its letters; a pattern of ``case`` begins with a star.
_WILDCARD: Final = re.compile(r"(?:[^\s*]{0,200}/)?(?=[^/]{0,99}[?*\[])(?:\w[^/\s]{0,99}|\?{2,40}|\[\w\][^/\s]{1,99})")
_SOURCE: Final = (
    r"(?:b64decode|urlopen|requests\.get|decompress|fromhex|marshal|decode_base64|base64_decode|decode64|pack\s*\(?[\"']"
    r"|file_get_contents|URI\.open|open-uri|Net::HTTP|LWP::|fetch\(|https?\.get|Buffer\.from)"
)
_INLINE: Final = re.compile(
    rf"\b(?:exec|eval|system)\b\s*\(?[^\n]{{0,300}}?{_SOURCE}|{_SOURCE}[^\n]{{0,300}}?\b(?:exec|eval|system)\b\s*[\s(]"
    r"|\.then\(eval\)"
)
_INLINE_LONGEST: Final = 20_000


@dataclass(slots=True)
class _State:
    """What holds for a whole script: what it fetched, what its variables are, and how much more is followed of it."""

    left: int
    variables: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    fetched: Fetched = field(default_factory=Fetched)

    def spend(self, work: int) -> None:
        """Count what is looked at once more, because commands hand it on: texts within texts, and long pipelines."""
        self.left -= work
        if self.left < 0:
            raise LimitReachedError("its commands nest in, and feed, one another more than is followed")

    def commands(self, text: str) -> list[Command]:
        self.spend(len(text))
        self.aliases.update(aliases_of(text))
        return commands_of(text, self.variables)

    def named(self, words: list[str]) -> list[str]:
        """The words with what an alias or a function of one command stands for in the place of its name."""
        stands_for = self.aliases.get(words[0]) if words else None
        return [*stands_for, *words[1:]] if stands_for else words


def mentions_of_script(text: str, line: int = 1) -> Iterator[Mention]:
    """What the script does that is told, each with the line it stands on; ``line`` is that of its first one.

    Raises:
        LimitReachedError: it holds commands within commands without end, or does more than is told.
    """
    script = _Script(_State(_WORK + _WORK_PER_CHARACTER * len(text)), line, 0)
    for count, mention in enumerate(script.follow(text)):
        if count >= _MOST:
            raise LimitReachedError(f"only the first {_MOST} of the things that it does are told")
        yield mention


@dataclass(frozen=True, slots=True)
class _Script:
    """One text of commands, which may stand within another; ``first`` is its line in the file."""

    state: _State
    first: int
    depth: int

    def follow(self, text: str) -> Iterator[Mention]:
        """What its commands do, in order."""
        if self.depth > _DEEPEST:
            raise LimitReachedError(f"its commands nest in one another deeper than {_DEEPEST} levels")
        for pipeline in in_time(pipelines_of(self.state.commands(text)), 16):
            yield from self._pipeline(pipeline)

    def _pipeline(self, pipeline: Pipeline) -> Iterator[Mention]:
        for use, name, detail in harm_of_pipeline(pipeline.commands) if len(pipeline.commands) > 1 else ():
            yield self._say(use, name, pipeline.commands[-1], detail)
        for index, command in enumerate(pipeline.commands):
            command.words = self.state.named(command.words)
            words = unwrapped(command.words)
            through_xargs = any(base_name(word) in ("xargs", "parallel") for word in command.words[:3])
            starts = words and base_name(words[0]) in RUNNERS if words else command.words[:1] == ["parallel"]
            runs = runs_input(words) or (through_xargs and starts) or self._branches_into_shell(command)
            if index and runs:
                yield from self._fed(pipeline.commands[:index], command)
            elif index and words and words[0] in READS_INTO:
                self._kept(pipeline.commands[:index], words)
            elif command.reads is not None and runs_input(words) and base_name(words[0]) in SHELLS:
                yield from self._nested(command.reads, command)
                yield from self._all_inner(command)
            yield from self._command(command, words)
            for inner in (*command.inner, *command.feeds):
                yield from self._nested(inner, command)

    def _branches_into_shell(self, command: Command) -> bool:
        """``tee >(bash)``."""
        return any(runs_input(unwrapped(each.words)) for inner in command.inner for each in commands_of(inner[:200]))

    def _kept(self, before: list[Command], words: list[str]) -> None:
        source = next((each for each in before if fetches(unwrapped(each.words))), None)
        if source is not None:
            self.state.fetched.read_into(words, address_in(source.words) or source.words[0])

    def _nested(self, text: str, command: Command) -> Iterator[Mention]:
        yield from _Script(self.state, self.first + command.line - 1, self.depth + 1).follow(text)

    def _say(self, use: str, name: str, command: Command, detail: str = "") -> Mention:
        shown = " ".join(name.split())[:_SHOWN] or use
        return Mention(VOCABULARY, use, shown, Location(line=self.first + command.line - 1), detail[:_SHOWN])

    def _fed(self, before: list[Command], command: Command) -> Iterator[Mention]:
        """A program comes through a pipe."""
        self.state.spend(_WORK_PER_COMMAND * len(before))
        shell = base_name((unwrapped(command.words) or command.words)[0])
        programs = [words for each in before if (words := unwrapped(each.words))]
        names = [base_name(words[0]) for words in programs]
        source = next((each for each in before if fetches(unwrapped(each.words))), None)
        if source is not None:
            yield self._say("download-and-run", address_in(source.words) or source.words[0], command, f"into {shell}")
            return
        held = next((address for words in programs if (address := self.state.fetched.held_in(words[1:]))), None)
        if held is not None:
            yield self._say("download-then-run", held, command, f"into {shell}")
            return
        for each in before:
            yield from self._all_inner(each)
        text = decoded(before)
        if text is not None:
            if len(before) > 1:
                yield self._say("decode-and-run", names[-1], command, f"into {shell}")
            if shell in SHELLS | EVALUATORS:
                yield from self._nested(text, command)
        elif any(name in _DECODERS for name in names):
            yield self._say("decode-and-run", names[-1], command, f"into {shell}")
        elif any(mark in name for name in names for mark in "$?*"):
            yield self._say("unresolved-run", names[0], command, f"into {shell}")
        elif names and names[0] not in _PRINTERS:
            yield self._say("piped-run", names[0], command, f"into {shell}")

    def _alone(self, command: Command, words: list[str]) -> Iterator[Mention]:
        """What the command does by itself, whatever stands around it."""
        for use, name, detail in harm_of(command, words):
            yield self._say(use, name, command, detail)
        for text in carried(command):
            yield from self._nested(text, command)
        for found in requirements_of(words):
            yield replace(found, where=Location(line=self.first + command.line - 1))

    def _command(self, command: Command, words: list[str]) -> Iterator[Mention]:
        yield from self._alone(command, words)
        self.state.fetched.note(command, words)
        if not words:
            return
        name = base_name(words[0])
        if words[0] == OUTPUT:
            yield from self._all_inner(command)
        elif _WILDCARD.fullmatch(words[0]) and ("/" in words[0] or "?" in words[0]):
            yield self._say("obfuscated", words[0], command)
        if name in READS_INTO:
            self._kept([each for text in command.feeds for each in self.state.commands(text)], words)
        runs = [*words, *command.sources] if name in RUNNERS | EVALUATORS else words[:1]
        held = self.state.fetched.held_in(runs)
        if held is not None:
            yield self._say("download-then-run", held, command, words[0])
        if name in EVALUATORS or name in SHELLS:
            yield from self._evaluated(command, words, name)
        elif name in INTERPRETERS:
            if _INLINE.search(" ".join(words[1:])[:_INLINE_LONGEST]):
                yield self._say("decode-and-run", " ".join(words[:2]), command)
            yield from self._all(command.feeds, command)

    def _evaluated(self, command: Command, words: list[str], name: str) -> Iterator[Mention]:
        """``eval``, ``source`` or a shell with its program in an argument."""
        yield from self._all(command.feeds, command)
        program = " ".join(words[1:]) if name == "eval" else None
        if name in SHELLS:
            program = next((words[at + 1] for at in range(1, len(words) - 1) if _takes_program(words[at])), None)
        if program is None:
            return
        yield from self._all_inner(command)
        if program.strip() not in ("", OUTPUT):
            yield from self._nested(program, command)

    def _all_inner(self, command: Command) -> Iterator[Mention]:
        yield from self._all(command.inner, command)

    def _all(self, texts: list[str], command: Command) -> Iterator[Mention]:
        for text in texts:
            yield from self._output_run(text, command)

    def _output_run(self, inner: str, command: Command) -> Iterator[Mention]:
        """What ``inner`` prints is run."""
        commands = self.state.commands(inner)
        source = next((each for each in commands if fetches(unwrapped(each.words))), None)
        names = [base_name(words[0]) for each in commands if (words := unwrapped(each.words))]
        text = decoded(commands)
        if source is not None:
            yield self._say("download-and-run", address_in(source.words) or source.words[0], command)
        elif text is not None:
            if len(commands) > 1:
                yield self._say("decode-and-run", names[-1], command)
            words = command.words[1:] if command.words[:1] == [OUTPUT] else []
            yield from self._nested(" ".join([text, *words]), command)
        elif any(name in _DECODERS for name in names):
            yield self._say("decode-and-run", names[-1], command)
        else:
            read = [word for each in commands for word in (*each.words[1:], *each.sources)]
            held = self.state.fetched.held_in(read)
            if held is not None:
                yield self._say("download-then-run", held, command)


def _takes_program(word: str) -> bool:
    return word.startswith("-") and not word.startswith("--") and word.endswith("c")
