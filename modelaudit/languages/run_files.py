"""Find the files that commands in a text run as programs, such as ``x.txt`` of ``python3 x.txt``, whatever its name.

The commands may lie in a script, a notebook, a build file, a task of an editor, a hook or a variable of the
environment. The search rather names a file too many: a reference counts only if such a file is a part of the model and
was read as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import methodcaller
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RUN_FILE, Reference, ReferenceKind, References
from modelaudit.model.structure import locate_line
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

PYTHON: Final = "python"
SHELL: Final = "shell"
ANY: Final = "program"

_OVERLAP: Final = 4096  # of two chunks, longer than a match of the patterns below
_MOST_REFERENCES: Final = 2_000
_MOST_ARGUMENTS: Final = 40
_MOST_WORDS_LOOKED_UP: Final = 50  # one by one in the text, for one kind of command
# Prose and tables, whose words do not run as commands.
_PROSE_ENDINGS: Final = (".md", ".markdown", ".mdx", ".rst", ".txt", ".csv", ".tsv", ".jsonl", ".html", ".htm", ".svg")
# Loaders alone read these files, which are long.
_LOADER_FILES: Final = (
    "tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json",
    ".index.json",
)  # fmt: skip
_MAKEFILE_NAMES: Final = ("makefile", "gnumakefile", "bsdmakefile", ".mk")

# In JSON, the arguments may be strings of their own: ``"python3", "x.txt"`` or ``"python3", "args": ["x.txt"]``.
_GAP: Final = r"(?:[ \t]+|\\?[\"'][ \t\n]*,[ \t\n]*(?:\"arg\w{0,8}\"[ \t]*:[ \t\n]*)?\[?[ \t\n]*\\?[\"'])"
_WORD: Final = r"[^\s\"'`;|&<>(){}\[\],\\]{1,300}"
_WORD_CHARACTERS: Final = frozenset(chr(code) for code in range(256) if re.match(r"[\w.-]", chr(code)))
# Blanks in place of all other bytes.
_WORD_BYTES: Final = bytes(code if chr(code) in _WORD_CHARACTERS else 0x20 for code in range(256))
_PYTHONS: Final = (
    r"(?:python[\d.]*|pypy[\d.]*|ipython3?|torchrun|accelerate[ \t]+launch|deepspeed|streamlit[ \t]+run|pythonw|py)"
)
_SHELLS: Final = r"(?:sh|bash|zsh|dash|ksh|ash|fish|csh|tcsh|mksh|rbash)"
_OTHERS: Final = (
    r"(?:perl|ruby|node|nodejs|php|lua|luajit|julia|Rscript|pwsh|powershell|deno|bun|tclsh|osascript|expect|octave"
    r"|(?:uv|poetry|pipenv|conda|hatch|pdm)[ \t]+run|g?make[ \t]+-f|[gmn]?awk[ \t]+-f|sed[ \t]+-f|gdb[ \t]+-x"
    r"|at[ \t]+(?:now[ \t]+)?-f|batch[ \t]+-f|crontab|ansible-playbook|chmod[ \t]+[ugoa]*\+\w*x\w*|xargs[ \t]+-a"
    r"|parallel[ \t]+-a|exec|nohup|setsid|call|start|enable[ \t]+-f"
    r"|(?:go|crystal|dart|dotnet|nim|zig|stack|cabal|gleam)[ \t]+run|psql[ \t][^\n]{0,80}?-f"
    r"|R[ \t]+(?:-f|CMD[ \t]+BATCH)|ocaml|ocamlrun|nu|elvish|xonsh|osh|yash|groovy|swift|elixir|escript|erl|runghc"
    r"|runhaskell|racket|guile|sbcl|clisp"
    r"|clojure|bb|scala|kotlinc?|java|raku|gnuplot|m4|wolframscript|wolfram|matlab|sage|maxima|gawk|asciidoctor|tclsh|wish"
    r"|spim|lldb|vim[ \t]+-S|emacs[ \t]+(?:-l|--script)|cscript|wscript|mshta)"
)
_RUNNERS: Final = ((PYTHON, _PYTHONS), (SHELL, _SHELLS), (ANY, _OTHERS))
_ARGUMENTS: Final = rf"((?:{_GAP}(?:<[ \t]*)?\\?[\"']?{_WORD}){{1,{_MOST_ARGUMENTS}}})"
_EXTENSION: Final = r"(?:\.exe)?"


class _Command(Struct, frozen=True):
    """A command that begins with certain words.

    Attributes:
        kind: of the program that it runs.
        first_word: matches its first word as a whole, where a word consists of letters, digits, ``_``, ``.`` and ``-``.
        pattern: matches the command from this word; its group contains words that may name the program.
        begins_line: whether the command counts only where a shell expects one.
    """

    kind: str
    first_word: re.Pattern[str]
    pattern: re.Pattern[str]
    begins_line: bool = False


def _declare_command(kind: str, first_words: str, pattern: str, begins_line: bool = False) -> _Command:
    """Return a row of the tables below; the pattern is tried where one of ``first_words`` begins."""
    return _Command(kind, re.compile(first_words), re.compile(pattern), begins_line)


_PYTHON_WORDS: Final = r"python[\d.]*|pypy[\d.]*|ipython3?|torchrun|accelerate|deepspeed|streamlit|pythonw|py"
_OTHER_WORDS: Final = (
    r"perl|ruby|node|nodejs|php|lua|luajit|julia|Rscript|pwsh|powershell|deno|bun|tclsh|osascript|expect|octave|uv"
    r"|poetry|pipenv|conda|hatch|pdm|g?make|[gmn]?awk|sed|gdb|at|crontab|batch|ansible-playbook|chmod|xargs|parallel"
    r"|exec|nohup|setsid|call|start|enable|go|crystal|dart|dotnet|nim|zig|stack|cabal|gleam|psql|R|ocaml|ocamlrun|nu"
    r"|elvish|xonsh|osh|yash|groovy|swift|elixir|escript|erl|runghc|runhaskell|racket|guile|sbcl|clisp|clojure|bb|scala"
    r"|kotlinc?|java|raku|gnuplot|m4|wolframscript|wolfram|matlab|sage|maxima|gawk|asciidoctor|wish|spim|lldb|vim|emacs"
    r"|cscript|wscript|mshta"
)
_FIRST_WORDS: Final = {PYTHON: _PYTHON_WORDS, SHELL: _SHELLS, ANY: _OTHER_WORDS}
_BY_RUNNER: Final = tuple(
    _declare_command(kind, f"(?:{_FIRST_WORDS[kind]}){_EXTENSION}", f"(?:{names}){_EXTENSION}{_ARGUMENTS}")
    for kind, names in _RUNNERS
)
_PROGRAM_NAME: Final = defer_pattern(
    r"\S*(?:\.(?:sh|bash|py|pyw|pth|pl|rb|js|mjs|php|lua|ipy|so|bat|cmd|ps1)|hooks/[\w-]+|/bin/[\w.-]+"
    r"|\.(?:bashrc|bash_profile|profile|zshrc|zshenv|vimrc)|authorized_keys|cron[\w./-]*)"
)
_ANY_RUNNER: Final = rf"(?:{_PYTHONS}|{_SHELLS}|perl|ruby|node|php)"
_DOT: Final = defer_pattern(r"\.(?<![\w.-]\.)[ \t]")  # the command ``.``
# Contexts where each word may name a file whose text is run.
_BY_CONTEXT: Final = (
    # The output of a substitution: ``eval "$(cat x.txt)"``, ``bash <(cat x.txt)``, ``$(eval ...)`` of a Makefile.
    _declare_command(ANY, "eval", r"eval[ \t](?:(?<=\$\(eval[ \t])|[ \t]*(?=\\?[\"'$`]))([^\n]{1,500})"),
    _declare_command(
        ANY,
        rf"{_PYTHON_WORDS}|{_SHELLS}|perl|ruby|node|php|source|\.",
        rf"(?:{_ANY_RUNNER}|source|\.)(?:[ \t]+-[\w-]+)*[ \t]+(?:<<<[ \t]*|<[ \t]*)?\\?[\"']?"
        r"(?:\$\(|<\(|`)([^\n]{1,500})",
    ),
    # The file that the shell, or direnv, reads: ``source x.txt``, ``. ./x.txt``; ``source = "x"`` is a setting.
    _declare_command(
        ANY,
        r"source(?:_env(?:_if_exists)?|_up)?|\.",
        rf"(?:source(?:_env(?:_if_exists)?|_up)?|\.)[ \t]+(?!=)(\\?[\"']?{_WORD})",
        begins_line=True,
    ),
    # A program of Python that runs a file: ``exec(open("x.txt").read())``.
    _declare_command(PYTHON, r"(?:[\w.-]*\.)?(?:exec|execfile|run_path)", r"[\w.-]+\(([^\n]{1,300})"),
    # Loops over the lines of a file: ``done < x.txt``.
    _declare_command(ANY, "done", rf"done[ \t]*<[ \t]*(\\?[\"']?{_WORD})"),
)
_ANY_FIRST_WORD: Final = defer_pattern(
    "^(?:"
    + "|".join(f"(?:{each.first_word.pattern})" for each in (*_BY_RUNNER, *_BY_CONTEXT))
    + "|find|cp|mv|ln|install|copy|move|COPY|ADD)$",
    re.MULTILINE,
)
# A program in the folder: ``./x.txt``.
_IN_FOLDER: Final = defer_pattern(rf"\./{_WORD}")
# The key of a path of data: ``"uri": "./model.joblib"``.
_DATA_KEY: Final = defer_pattern(r"(?:ur[il]|path|model|weights|checkpoint|tokenizer)[\"']?[ \t]*:[ \t]*[\"']?\Z")
_COMMAND_STARTS: Final = tuple(";&|\"'`({!\n")
_COMMAND_WORDS: Final = defer_pattern(r"\b(?:then|do|else|sudo)\Z")
# Variables whose value a program runs when it starts.
_VARIABLE: Final = (
    r"BASH_ENV|ENV|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|GIT_SSH(?:_COMMAND)?|GIT_ASKPASS|GIT_EDITOR"
    r"|GIT_PAGER|GIT_EXTERNAL_DIFF|SSH_ASKPASS|(?:MAN)?PAGER|LESSOPEN|EDITOR|VISUAL|BROWSER|PYTHONSTARTUP"
    r"|NODE_OPTIONS|PERL5OPT|PERL5DB|RUBYOPT|JAVA_TOOL_OPTIONS|PROMPT_COMMAND|R_PROFILE(?:_USER)?|MAKEFILES"
    r"|CARGO_BUILD_RUSTC_WRAPPER|RUSTC_WRAPPER|script-shell"
)
# Each of them has one of these; looking for them is faster than the pattern.
_VARIABLE_MARKS: Final = (
    "ENV", "LD_", "DYLD_", "GIT_", "SSH_", "PAGER", "LESSOPEN", "EDITOR", "VISUAL", "BROWSER", "PYTHONSTARTUP",
    "NODE_OPTIONS", "PERL5", "RUBYOPT", "JAVA_TOOL_OPTIONS", "PROMPT_COMMAND", "R_PROFILE", "MAKEFILES",
    "RUSTC_WRAPPER", "script-shell",
)  # fmt: skip
_VARIABLE_IN_WORD: Final = defer_pattern(rf"\b(?:{_VARIABLE})\b")
_VARIABLE_VALUE: Final = defer_pattern(rf"\b(?:{_VARIABLE})\b[\"']?[ \t]*[=: ]([^\n]{{1,300}})")
_CARGO_KEYS: Final = ("rustc-wrapper", "rustc-workspace-wrapper", "runner", "linker")
_CARGO_VALUE: Final = defer_pattern(rf"(?:{'|'.join(_CARGO_KEYS)})[\"']?[ \t]*=([^\n]{{1,300}})")
# A pipe into a program that runs its input: ``cat x.txt | sh``. The words before it may name the file.
_PIPE: Final = defer_pattern(
    rf"\|[ \t]*(?:sudo[ \t]+|xargs[^\n|]{{0,80}}[ \t])?{_ANY_RUNNER}(?:[ \t]+-\w*)*[ \t]*(?:$|[;&|\n\"'\\)%#])",
    re.MULTILINE,
)
# Output into a file, and copies: they matter if the new name is that of a program. The patterns begin with a letter, so
# that the search is fast.
_OUTPUTS: Final = tuple(
    defer_pattern(rf"{start}[ \t]*({_WORD})") for start in (">(?:>)?", r"tee(?<=\btee)[ \t](?:-a[ \t])?")
)
_COPY: Final = _declare_command(
    ANY, "cp|mv|ln|install|copy|move|COPY|ADD", r"(?:cp|mv|ln|install|copy|move|COPY|ADD)[ \t]([^\n;|&]{1,300})"
)
_FIND: Final = _declare_command(ANY, "find", r"find[ \t]([^\n]{1,300})")
_MOST_BEFORE: Final = 500
_MAKE_INCLUDE: Final = defer_pattern(r"^[ \t]*[-s]?(?:include|load)[ \t]([^\n]{1,500})", re.MULTILINE)
_ARGUMENT: Final = defer_pattern(_WORD)
_NAME_CHARACTER: Final = defer_pattern(r"[^\W_]")
# ``$PWD/`` of a path, and ``if=`` of ``dd``.
_VARIABLE_FOLDER: Final = defer_pattern(r"\A(?:[\w-]++=)?(?:\S*\$\w*/)?")
# Options behind which the program text follows: ``-c``, ``-m``, and ``-e`` of Perl and Node.
_TEXT_OPTION: Final = defer_pattern(r"-\w*c|-m")
_TEXT_OPTION_OF_OTHERS: Final = defer_pattern(r"-\w*[cepr]|--eval|--print")


def _recognises(head: Head) -> bool:
    """Whether this is text that may hold commands; prose and tables are not, except behind a shebang."""
    if not looks_like_text(head):
        return False
    return not get_file_name(head.path).endswith((*_PROSE_ENDINGS, *_LOADER_FILES)) or head.data.startswith(b"#!")


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield references to the files that the commands run.

    Raises:
        LimitReachedError: behind the references, if there are more than are kept.
        WindowError: the window could not return the requested bytes.
    """
    is_makefile = get_file_name(artifact.path).endswith(_MAKEFILE_NAMES)
    found: dict[tuple[str, str], int] = {}
    before, line = b"", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        data = before + chunk.replace(b"\0", b"").replace(b"\r", b"")
        for kind, word, offset in _find_words(data, is_makefile):
            if len(found) > _MOST_REFERENCES:
                break
            if (kind, word) not in found:
                found[kind, word] = line + data.count(b"\n", 0, offset)
        before = data[-_OVERLAP:]
        line += data.count(b"\n", 0, len(data) - len(before))
    references = (
        Reference(ReferenceKind.CODE, _decode(word), kind, where=locate_line(number))
        for (kind, word), number in found.items()
    )
    if found:
        yield References(RUN_FILE, tuple(islice(references, _MOST_REFERENCES)))
    if len(found) > _MOST_REFERENCES:
        raise LimitReachedError(f"only the first {_MOST_REFERENCES} files that commands run were compared")


def _decode(word: str) -> str:
    """Return a word that was decoded byte by byte as the text that it is."""
    return word.encode("latin-1").decode("utf-8", "replace")


def _find_words(data: bytes, is_makefile: bool) -> Iterator[tuple[str, str, int]]:
    """Yield the kind of program, the word that may name its file, and the offset of the command."""
    # Of equal length, so that offsets remain: a continued line is one command, and ``\n`` in JSON ends one.
    data = data.replace(b"\\\n", b"  ").replace(b"\\n", b" \n")
    text = data.decode("latin-1")
    words = _WordIndex(data, text)
    for command in _BY_RUNNER:
        for match in words.find_commands(command):
            for word in _list_program_words(command.kind, _ARGUMENT.findall(match[1])):
                if _NAME_CHARACTER.search(word) or _begins_line_of_shell(text, match.start()):
                    yield command.kind, word, match.start()
    for command in _BY_CONTEXT:
        for match in words.find_commands(command):
            yield from _list_arguments(match, command.kind)
    inclusions = _MAKE_INCLUDE.finditer(text) if is_makefile else ()
    for match in chain(words.find_variables(), _match_at_keys(text), inclusions):
        yield from _list_arguments(match)
    for match in _IN_FOLDER.finditer(text):
        is_data = _DATA_KEY.search(text, max(0, match.start() - 60), match.start()) is not None
        # Python runs files in .pth for their place, and no command by their name: behind such a key it is weights.
        is_program = _PROGRAM_NAME.match(match[0]) is not None and not match[0].lower().endswith(".pth")
        is_command = not is_data or is_program
        if is_command and _begins_command(text, match.start()):
            yield ANY, match[0], match.start()
    yield from ((ANY, _drop_variable_folder(word), offset) for word, offset in _find_sources(text, words))


def _list_arguments(match: re.Match[str], kind: str = ANY) -> Iterator[tuple[str, str, int]]:
    """Yield each word of the group of a match as the name of a program of a kind, with the offset of the command."""
    for word in _ARGUMENT.findall(match[1]):
        yield kind, _drop_variable_folder(word), match.start()


class _WordIndex:
    """The places in a text at which commands may begin.

    Splitting the text into words and looking up the few that begin commands takes a tenth of the time of searching the
    text for each pattern.
    """

    def __init__(self, data: bytes, text: str) -> None:
        self._text = text
        # One search of all different words, a line each, is faster than one search of each.
        words = b"\n".join(set(data.translate(_WORD_BYTES).split())).decode("latin-1")
        self._first_words = _ANY_FIRST_WORD.findall(words)
        may_set = any(mark in words for mark in _VARIABLE_MARKS)
        self._variables = set(_VARIABLE_IN_WORD.findall(words)) if may_set else set()

    def find_commands(self, command: _Command) -> Iterator[re.Match[str]]:
        """Yield the matches of a command, from left to right, without those that overlap an earlier one."""
        names = [word for word in self._first_words if command.first_word.fullmatch(word)]
        if len(names) <= _MOST_WORDS_LOOKED_UP:
            offsets = [offset for name in names if name != "." for offset in self._find_word(name)]
        else:  # such as ``python0``, ``python1`` and so on, in an unusual text
            anywhere = re.compile(rf"(?<![\w.-])(?:{command.first_word.pattern})(?![\w.-])")
            offsets = [match.start() for match in anywhere.finditer(self._text)]
        if "." in names:
            offsets += (match.start() for match in _DOT.finditer(self._text))
        if command.begins_line:
            offsets = [offset for offset in offsets if _begins_command(self._text, offset)]
        return _match_at(command.pattern, self._text, sorted(offsets))

    def find_variables(self) -> Iterator[re.Match[str]]:
        """Yield the values of variables that programs run when they start."""
        offsets = (offset for name in self._variables for offset in _find_all(self._text, name))
        return _match_at(_VARIABLE_VALUE, self._text, sorted(set(offsets)))

    def _find_word(self, word: str) -> Iterator[int]:
        """Yield the offsets at which a word begins and ends as a whole."""
        for offset in _find_all(self._text, word):
            before, after = self._text[offset - 1 : offset], self._text[offset + len(word) : offset + len(word) + 1]
            if before not in _WORD_CHARACTERS and after not in _WORD_CHARACTERS:
                yield offset


def _find_all(text: str, part: str) -> Iterator[int]:
    """Yield the offsets of a part of the text."""
    offset = text.find(part)
    while offset >= 0:
        yield offset
        offset = text.find(part, offset + 1)


def _match_at(pattern: re.Pattern[str], text: str, offsets: Iterable[int]) -> Iterator[re.Match[str]]:
    """Yield the matches that begin at the ascending offsets, without those that overlap an earlier one."""
    end = 0
    for offset in offsets:
        match = pattern.match(text, offset) if offset >= end else None
        if match is not None:
            end = match.end()
            yield match


def _match_at_keys(text: str) -> Iterator[re.Match[str]]:
    """Yield the values of the keys of Cargo that name programs."""
    offsets = {offset for key in _CARGO_KEYS for offset in _find_all(text, key)}
    return _match_at(_CARGO_VALUE, text, sorted(offsets))


def _begins_command(text: str, offset: int) -> bool:
    """Whether a shell may expect a command here: only blanks separate it from a line's start or an operator."""
    start = offset
    while start and text[start - 1] in " \t":
        start -= 1
    return not start or text[start - 1] in _COMMAND_STARTS or _COMMAND_WORDS.search(text, start - 5, start) is not None


def _begins_line_of_shell(text: str, offset: int) -> bool:
    """Whether a command begins here, and no term of another language such as ``(start * 2)`` of Python."""
    return _begins_command(text, offset) and not text[max(0, offset - 100) : offset].rstrip(" \t").endswith("(")


def _find_sources(text: str, words: _WordIndex) -> Iterator[tuple[str, int]]:
    """Yield the words that may name a file whose content is run under another name or through a pipe, and offsets."""
    end_of_previous = 0
    for match in _PIPE.finditer(text):
        yield from _list_words_before(text, end_of_previous, match.start())
        end_of_previous = match.end()
    end_of_previous = 0
    outputs = sorted(chain.from_iterable(each.finditer(text) for each in _OUTPUTS), key=methodcaller("start"))
    for match in outputs:
        if _PROGRAM_NAME.fullmatch(match[1]):
            yield from _list_words_before(text, end_of_previous, match.start())
            end_of_previous = match.end()
    for match in words.find_commands(_COPY):
        names = _ARGUMENT.findall(match[1])
        if names and _PROGRAM_NAME.fullmatch(names[-1]):
            yield from ((word, match.start()) for word in names[:-1])
    for match in words.find_commands(_FIND):
        if "-exec" in match[1]:
            yield from ((word, match.start()) for word in _ARGUMENT.findall(match[1]))


def _list_words_before(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    """Yield the words of the line from ``start`` that ends at ``end``, and their offset."""
    earliest = max(start, end - _MOST_BEFORE)
    start = max(text.rfind("\n", earliest, end) + 1, earliest)
    yield from ((word, start) for word in _ARGUMENT.findall(text[start:end]))


def _list_program_words(kind: str, words: list[str]) -> Iterator[str]:
    """Yield the arguments that can name the program: the first without a dash, and those behind an option."""
    text_option = _TEXT_OPTION_OF_OTHERS if kind == ANY else _TEXT_OPTION
    follows_option = False
    for word in words:
        if word == ":" or re.fullmatch(r"arg\w{0,8}", word):  # the key of the arguments in JSON
            continue
        if text_option.fullmatch(word):
            return
        if word.startswith("-"):
            follows_option = True
            if "=" in word:
                yield _drop_variable_folder(word)
            continue
        yield _drop_variable_folder(word)
        if not follows_option or word.endswith((".py", ".sh", ".js", ".rb", ".pl")):
            return
        follows_option = False


def _drop_variable_folder(word: str) -> str:
    """Return a path without a folder that a variable names, such as ``$PWD/``."""
    return _VARIABLE_FOLDER.sub("", word)


RUN_FILES: Final = Reader("text", _recognises, _read)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
