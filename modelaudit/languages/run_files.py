"""Find the files that commands in a text run as programs, such as ``x.txt`` of ``python3 x.txt``, whatever its name.

The commands may lie in a script, a notebook, a build file, a task of an editor, a hook or a variable of the
environment. The search rather names a file too many: a reference counts only if such a file is a part of the model and
was read as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RUN_FILE, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

PYTHON: Final = "python"
SHELL: Final = "shell"
ANY: Final = "program"

_OVERLAP: Final = 4096  # of two chunks, longer than a match of the patterns below
_MOST_REFERENCES: Final = 2_000
_MOST_ARGUMENTS: Final = 6
# Prose and tables, whose words do not run as commands.
_PROSE_ENDINGS: Final = (".md", ".markdown", ".mdx", ".rst", ".txt", ".csv", ".tsv", ".jsonl", ".html", ".htm", ".svg")
# Loaders alone read these files, which are long.
_LOADER_FILES: Final = (
    "tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json",
    ".index.json",
)  # fmt: skip
_MAKEFILE_NAMES: Final = ("makefile", "gnumakefile", "bsdmakefile", ".mk")


@dataclass(frozen=True, slots=True)
class _Search:
    """A pattern, and the letters without which it matches nowhere.

    A pattern is tried at each character, which takes thirty times as long as to find out that the letters are missing.

    Attributes:
        pattern: its first group has the words.
        needed: each match contains one of these texts.
    """

    pattern: re.Pattern[str]
    needed: tuple[str, ...]

    def find_matches(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the matches."""
        if any(each in text for each in self.needed):
            yield from self.pattern.finditer(text)


# In JSON, the arguments may be strings of their own: ``"python3", "x.txt"`` or ``"python3", "args": ["x.txt"]``.
_GAP: Final = r"(?:[ \t]+|\\?[\"'][ \t\n]*,[ \t\n]*(?:\"arg\w{0,8}\"[ \t]*:[ \t\n]*)?\[?[ \t\n]*\\?[\"'])"
_WORD: Final = r"[^\s\"'`;|&<>(){}\[\],\\]{1,300}"
_START: Final = r"(?<![\w.-])"
_PYTHONS: Final = (
    r"(?:python[\d.]*|pypy[\d.]*|ipython3?|torchrun|accelerate[ \t]+launch|deepspeed|streamlit[ \t]+run|pythonw|py)"
)
_SHELLS: Final = r"(?:sh|bash|zsh|dash|ksh|ash|fish|csh|tcsh|mksh|rbash)"
_OTHERS: Final = (
    r"(?:perl|ruby|node|nodejs|php|lua|luajit|julia|Rscript|pwsh|powershell|deno|bun|tclsh|osascript|expect|octave"
    r"|(?:uv|poetry|pipenv|conda|hatch|pdm)[ \t]+run|g?make[ \t]+-f|[gmn]?awk[ \t]+-f|sed[ \t]+-f|gdb[ \t]+-x"
    r"|at[ \t]+(?:now[ \t]+)?-f|crontab|batch|ansible-playbook|chmod[ \t]+[ugoa]*\+\w*x\w*|xargs[ \t]+-a"
    r"|parallel[ \t]+-a|exec|nohup|setsid|call|start|enable[ \t]+-f)"
)
_NEEDED_OF_OTHERS: Final = (
    "perl", "ruby", "node", "php", "lua", "julia", "Rscript", "pwsh", "powershell", "deno", "bun", "tclsh",
    "osascript", "expect", "octave", "run", "-f", "gdb", "crontab", "batch", "ansible-playbook", "chmod", "xargs",
    "parallel", "exec", "nohup", "setsid", "call", "start",
)  # fmt: skip
_RUNNERS: Final = (
    (PYTHON, _PYTHONS, ("py", "torchrun", "accelerate", "deepspeed", "streamlit")),
    (SHELL, _SHELLS, ("sh",)),
    (ANY, _OTHERS, _NEEDED_OF_OTHERS),
)
_ARGUMENTS: Final = rf"((?:{_GAP}(?:<[ \t]*)?\\?[\"']?{_WORD}){{1,{_MOST_ARGUMENTS}}})"
_EXTENSION: Final = r"(?:\.exe)?"
_BY_RUNNER: Final = tuple(
    (kind, _Search(re.compile(rf"{_START}(?:{names}){_EXTENSION}{_ARGUMENTS}"), needed))
    for kind, names, needed in _RUNNERS
)
_PROGRAM_NAME: Final = re.compile(
    r"\S*(?:\.(?:sh|bash|py|pyw|pth|pl|rb|js|mjs|php|lua|ipy|so|bat|cmd|ps1)|hooks/[\w-]+|/bin/[\w.-]+"
    r"|\.(?:bashrc|bash_profile|profile|zshrc|zshenv|vimrc)|authorized_keys|cron[\w./-]*)"
)
_NEEDED_OF_VARIABLES: Final = (
    "ENV", "LD_", "DYLD_", "GIT_", "SSH_ASKPASS", "PAGER", "LESSOPEN", "EDITOR", "VISUAL", "BROWSER", "PYTHONSTARTUP",
    "NODE_OPTIONS", "PERL5", "RUBYOPT", "JAVA_TOOL_OPTIONS", "PROMPT_COMMAND", "R_PROFILE", "MAKEFILES",
    "RUSTC_WRAPPER", "script-shell",
)  # fmt: skip
_ANY_RUNNER: Final = rf"(?:{_PYTHONS}|{_SHELLS}|perl|ruby|node|php)"
# Contexts in which each word may name a file whose text is run.
_BY_CONTEXT: Final = (
    # The output of a substitution: ``eval "$(cat x.txt)"``, ``bash <(cat x.txt)``.
    _Search(re.compile(rf"{_START}(?:eval[ \t]+(?=\\?[\"'$`])|\$\(eval[ \t])([^\n]{{1,500}})"), ("eval",)),
    _Search(
        re.compile(
            rf"{_START}(?:{_ANY_RUNNER}|source|\.)(?:[ \t]+-[\w-]+)*[ \t]+(?:<<<[ \t]*|<[ \t]*)?\\?[\"']?"
            r"(?:\$\(|<\(|`)([^\n]{1,500})"
        ),
        ("$(", "<(", "`"),
    ),
    # The file that the shell itself reads: ``source x.txt``, ``. ./x.txt``; ``source = "x"`` is a setting.
    _Search(
        re.compile(
            rf"(?:^|[;&|\"'`({{!\n]|\\n|\b(?:then|do|else|sudo))[ \t]*(?:source|\.)[ \t]+(?!=)(\\?[\"']?{_WORD})",
            re.MULTILINE,
        ),
        ("source", ". ", ".\t"),
    ),
    # A program in the folder: ``./x.txt``.
    _Search(re.compile(rf"(?:^|[;&|\"'`({{!\n]|\\n|\b(?:then|do|else|sudo))[ \t]*(\./{_WORD})", re.MULTILINE), ("./",)),
    # Loops over the lines of a file: ``done < x.txt``.
    _Search(re.compile(rf"\bdone[ \t]*<[ \t]*(\\?[\"']?{_WORD})"), ("done",)),
    # Variables whose value a program runs when it starts.
    _Search(
        re.compile(
            r"\b(?:BASH_ENV|ENV|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|GIT_SSH(?:_COMMAND)?|GIT_ASKPASS|GIT_EDITOR"
            r"|GIT_PAGER|GIT_EXTERNAL_DIFF|SSH_ASKPASS|(?:MAN)?PAGER|LESSOPEN|EDITOR|VISUAL|BROWSER|PYTHONSTARTUP"
            r"|NODE_OPTIONS|PERL5OPT|PERL5DB|RUBYOPT|JAVA_TOOL_OPTIONS|PROMPT_COMMAND|R_PROFILE(?:_USER)?|MAKEFILES"
            r"|CARGO_BUILD_RUSTC_WRAPPER|RUSTC_WRAPPER|script-shell)\b[\"']?[ \t]*[=: ]([^\n]{1,300})"
        ),
        _NEEDED_OF_VARIABLES,
    ),
    _Search(
        re.compile(r"(?:rustc-wrapper|rustc-workspace-wrapper|runner|linker)[\"']?[ \t]*=([^\n]{1,300})"),
        ("rustc-w", "runner", "linker"),
    ),
)
# A pipe into a program that runs its input: ``cat x.txt | sh``. The words before it may name the file.
_PIPE: Final = re.compile(
    rf"\|[ \t]*(?:sudo[ \t]+|xargs[^\n|]{{0,80}}[ \t])?{_ANY_RUNNER}(?:[ \t]+-\w*)*[ \t]*(?:$|[;&|\n\"'\\)%#])",
    re.MULTILINE,
)
# Output into a file, and copies: they matter if the new name is that of a program.
_OUTPUT: Final = _Search(re.compile(rf"(?:>{{1,2}}|\btee[ \t](?:-a[ \t])?)[ \t]*({_WORD})"), (">", "tee"))
_COPY: Final = _Search(
    re.compile(rf"{_START}(?:cp|mv|ln|install|copy|move|COPY|ADD)[ \t]([^\n;|&]{{1,300}})"),
    ("cp", "mv", "ln", "install", "copy", "move", "COPY", "ADD"),
)
_FIND: Final = _Search(re.compile(rf"{_START}find[ \t]([^\n]{{1,300}})"), ("find",))
_MOST_BEFORE: Final = 500
_MAKE_INCLUDE: Final = _Search(
    re.compile(r"^[ \t]*[-s]?(?:include|load)[ \t]([^\n]{1,500})", re.MULTILINE), ("include", "load")
)
_ARGUMENT: Final = re.compile(_WORD)
# ``$PWD/`` of a path, and ``if=`` of ``dd``.
_VARIABLE_FOLDER: Final = re.compile(r"\A-*[\w-]+=|(?:[^\s]*\$\w+|[^\s]*\$)/")
# Options behind which the program text follows: ``-c``, ``-m``, and ``-e`` of Perl and Node.
_TEXT_OPTION: Final = re.compile(r"-\w*c|-m")
_TEXT_OPTION_OF_OTHERS: Final = re.compile(r"-\w*[cepr]|--eval|--print")


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
        # A line break of a command in JSON is written as an escape; a backslash continues a line.
        text = data.decode("latin-1")
        for kind, word, offset in _find_words(text, is_makefile):
            if len(found) > _MOST_REFERENCES:
                break
            found.setdefault((kind, word), line + text.count("\n", 0, offset))
        before = data[-_OVERLAP:]
        line += data.count(b"\n", 0, len(data) - len(before))
    references = (
        Reference(ReferenceKind.CODE, _decode(word), kind, where=Location(line=number))
        for (kind, word), number in found.items()
    )
    if found:
        yield References(RUN_FILE, tuple(islice(references, _MOST_REFERENCES)))
    if len(found) > _MOST_REFERENCES:
        raise LimitReachedError(f"only the first {_MOST_REFERENCES} files that commands run were compared")


def _decode(word: str) -> str:
    """Return a word that was decoded byte by byte as the text that it is."""
    return word.encode("latin-1").decode("utf-8", "replace")


def _find_words(text: str, is_makefile: bool) -> Iterator[tuple[str, str, int]]:
    """Yield the kind of program, the word that may name its file, and the offset of the command."""
    # Of equal length, so that offsets remain: a continued line is one command, and ``\n`` in JSON ends one.
    text = text.replace("\\\n", "  ").replace("\\n", " \n")
    for kind, search in _BY_RUNNER:
        for match in search.find_matches(text):
            for word in _list_program_words(kind, _ARGUMENT.findall(match[1])):
                yield kind, word, match.start()
    for search in (*_BY_CONTEXT, *((_MAKE_INCLUDE,) if is_makefile else ())):
        for match in search.find_matches(text):
            for word in _ARGUMENT.findall(match[1]):
                yield ANY, _drop_variable_folder(word), match.start()
    yield from ((ANY, _drop_variable_folder(word), offset) for word, offset in _find_sources(text))


def _find_sources(text: str) -> Iterator[tuple[str, int]]:
    """Yield the words that may name a file whose content is run under another name or through a pipe, and offsets."""
    end_of_previous = 0
    for match in _PIPE.finditer(text):
        yield from _list_words_before(text, end_of_previous, match.start())
        end_of_previous = match.end()
    end_of_previous = 0
    for match in _OUTPUT.find_matches(text):
        if _PROGRAM_NAME.fullmatch(match[1]):
            yield from _list_words_before(text, end_of_previous, match.start())
            end_of_previous = match.end()
    for match in _COPY.find_matches(text):
        words = _ARGUMENT.findall(match[1])
        if words and _PROGRAM_NAME.fullmatch(words[-1]):
            yield from ((word, match.start()) for word in words[:-1])
    for match in _FIND.find_matches(text):
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
