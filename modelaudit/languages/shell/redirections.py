"""Read the redirections of a shell command, with its process substitutions and here-documents.

Source: POSIX.1-2024, 2.7 "Redirection"; ``<(…)``, ``&>`` and ``<<<`` of bash.
"""

from __future__ import annotations

from msgspec import Struct

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.shell_text import ShellText
from modelaudit.languages.shell.word_reader import WordReader


class HereDocument(Struct, frozen=True):
    """A here-document whose text has not begun.

    Attributes:
        end_mark: the line that ends it.
        strips_tabs: whether tabs at the beginning of its lines are dropped.
        is_literal: whether its mark is quoted, so that the shell expands nothing in it.
        command: the command that reads it.
    """

    end_mark: str
    strips_tabs: bool
    is_literal: bool
    command: Command


def read_redirection(reader: WordReader) -> HereDocument | None:
    """Record a redirection or process substitution with the current command, and move behind it.

    Returns:
        The here-document that the redirection announces, which begins on the next line; ``None`` for another one.
    """
    source, command = reader.source, reader.command
    operator = source.peek(2)
    if source.starts_with("<<<"):
        source.position += 3
        command.input_text = _read_target(reader)
    elif operator == "<<":
        return _read_here_document_mark(reader)
    elif operator in ("<(", ">("):
        source.position += 2
        inner = source.read_to_closing_parenthesis()
        if operator == ">(":
            command.output_substitutions.append(inner)
        (command.input_substitutions if operator == "<(" else command.substitutions).append(inner)
    else:
        is_input = operator[0] == "<"
        source.position += 2 if operator in (">>", "&>", ">&", "<>", ">|", "<&") else 1
        # ``2>file``: the digit before the operator is a file descriptor and no word of the command.
        if command.words and command.words[-1].isdecimal():
            command.descriptor = command.words.pop()
        # ``< <(command)``, ``> >(command)``: the substitution behind the operator is read as the next token.
        if not source.starts_with("<(", ">(", offset=source.starts_with(" ")):
            target = _read_target(reader)
            (command.input_files if is_input else command.output_files).append(target)
    return None


def _read_here_document_mark(reader: WordReader) -> HereDocument:
    """Read ``<<MARK`` or ``<<-MARK``."""
    source = reader.source
    source.position += 2
    strips_tabs = source.starts_with("-")
    source.position += strips_tabs
    mark_start = source.position
    end_mark = _read_target(reader)
    is_literal = any(quote in source.text[mark_start : source.position] for quote in "'\"\\")
    return HereDocument(end_mark, strips_tabs, is_literal, reader.command)


def _read_target(reader: WordReader) -> str:
    """Skip spaces, and return the word behind a redirection operator."""
    while reader.source.peek() in (" ", "\t"):
        reader.source.position += 1
    return reader.read_word()


def read_here_document(source: ShellText, document: HereDocument) -> bool:
    """Read the lines up to the end mark as the input text of the command; return whether there is an end mark."""
    lines: list[str] = []
    is_ended = False
    while not source.is_at_end and not is_ended:
        line = source.read_line()
        is_ended = (line.lstrip("\t") if document.strips_tabs else line) == document.end_mark
        if not is_ended:
            lines.append(line)
    document.command.input_text = "\n".join(lines)
    return is_ended
