"""Convert constructs of fish, zsh and csh to those of bash that mean the same, so that one analyser judges all scripts.

Each line keeps its number. A construct that no other one of bash means leaves an absence.
Sources: the documentation of fish 3.7 ("Command substitution", "source", "set"), zshexpn(1) and csh(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location, Unread, UnreadReason

_BY_ENDING: Final = (
    ("fish", (".fish",)),
    ("zsh", (".zsh", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".zsh-theme")),
    ("csh", (".csh", ".tcsh", ".cshrc", ".tcshrc", ".login")),
)
_INTERPRETER: Final = defer_pattern(r"#!\s*\S*?(?:/|\benv\s+(?:-S\s+)?)(fish|zsh|t?csh)\b")
# A text between quotes, an escape or a comment, in which fish begins no substitution; or what begins one.
_FISH_PIECE: Final = defer_pattern(
    r"'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"|\\.|(?<!\S)#[^\n]*+"
    r"|(?P<source>\|[ \t]*+(?:source|\.)(?=[ \t]*+(?:$|[;&|\n])))|(?P<open>(?<!\$)\()",
    re.DOTALL | re.MULTILINE,
)
_FISH_SETTING: Final = defer_pattern(
    r"^(?P<start>[ \t]*+)set(?:[ \t]++-{1,2}[\w-]++)*+[ \t]++(?P<name>[A-Za-z_]\w*+)[ \t]++"
    r"(?P<value>\$\([^\n]*\)|[^\s;#()]++)[ \t]*+(?=$|[;#])",
    re.MULTILINE,
)
_ZSH_SUBSTITUTION: Final = defer_pattern(r"(?<![^\s;&|(])=\((?!\()")
# ``${(flags)name}``: the flag ``e`` runs the substitutions in the value, as ``${name@P}`` of bash does.
_ZSH_FLAGS: Final = defer_pattern(r"\$\{\((?P<flags>[a-zA-Z@%#.~*:/,;-]{1,60})\)(?P<name>\w++)\}")
_ZSH_EVALUATION: Final = defer_pattern(r"\$\{\([a-zA-Z@%#*]*e[a-zA-Z@%#*]*\)(?!\w++\})|[*?)\]\w/]\((?:e:|e\{|e'|\+\w)")
_CSH_SETTING: Final = defer_pattern(
    r"^([ \t]*+)(?:set[ \t]++(\w++)[ \t]*+=[ \t]*+|setenv[ \t]++(\w++)[ \t]++)", re.MULTILINE
)
_CSH_ALIAS: Final = defer_pattern(r"^([ \t]*+alias[ \t]++[\w.-]++)[ \t]++(?!=)", re.MULTILINE)


def find_dialect(name: str, text: str) -> str:
    """Return the language of a script that differs from bash: ``fish``, ``zsh`` or ``csh``; empty for any other.

    Args:
        name: of the file, in lower case.
        text: of the script.
    """
    interpreter = _INTERPRETER.match(text)
    if interpreter is not None:
        return "csh" if interpreter[1] == "tcsh" else interpreter[1]
    return next((language for language, endings in _BY_ENDING if name.endswith(endings)), "")


def convert_dialect(text: str, dialect: str) -> str:
    """Return a script of a dialect with the constructs of bash in place of its own."""
    if dialect == "fish":
        return _FISH_SETTING.sub(r"\g<start>\g<name>=\g<value>", _FISH_PIECE.sub(_convert_fish_piece, text))
    if dialect == "zsh":
        return _ZSH_SUBSTITUTION.sub("<(", _ZSH_FLAGS.sub(_convert_zsh_flags, text))
    if dialect == "csh":
        settings = _CSH_SETTING.sub(lambda match: f"{match[1]}{match[2] or match[3]}=", text)
        return _CSH_ALIAS.sub(r"\1=", settings)
    return text


def report_dialect(text: str, dialect: str) -> Iterator[Unread]:
    """Yield an absence at the first construct of zsh that evaluates a text and that has no counterpart in bash."""
    match = _ZSH_EVALUATION.search(text) if dialect == "zsh" else None
    if match is not None:
        detail = f"zsh evaluates the text behind {match[0]}: it was not analysed"
        yield Unread(UnreadReason.PROGRAM, detail, Location(line=text.count("\n", 0, match.start()) + 1))


def _convert_fish_piece(piece: re.Match[str]) -> str:
    """Return ``$(`` for the beginning of a substitution, and a shell that runs its input for ``| source``."""
    if piece["source"]:
        return "| source /dev/stdin"
    return "$(" if piece["open"] else piece[0]


def _convert_zsh_flags(match: re.Match[str]) -> str:
    """Return the expansion without flags, or that of a prompt for the flag ``e``."""
    return f"${{{match['name']}{'@P' if 'e' in match['flags'] else ''}}}"
