"""Cut a chat template into pieces and digest them, so that templates are compared without keeping either."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.lineage import TemplatePiece

_MAX_CHARACTERS: Final = 100_000
_MAX_PIECES: Final = 2000
_MAX_SHOWN: Final = 160
_DIGEST_BYTES: Final = 5
# Many templates are one line, so a piece begins at each tag and at each line.
_PIECE: Final = defer_pattern(r"(?=\{[{%#])|\n")
_SPACE: Final = defer_pattern(r"\s+")
# Marks that strip white space around a tag, which printers of templates add and drop.
_STRIP_MARK: Final = defer_pattern(r"(?<=\{[{%#])[-+]|[-+](?=[}%#]\})")


def cut_template(template: str) -> tuple[TemplatePiece, ...]:
    """Cut a template into pieces, at most ``_MAX_PIECES``. White space and the marks that strip it do not count."""
    return tuple(islice(_iter_pieces(template), _MAX_PIECES))


def _iter_pieces(template: str) -> Iterator[TemplatePiece]:
    """Yield the pieces of a template."""
    line = 1
    position = 0
    text = template[:_MAX_CHARACTERS]
    ends = [match.start() for match in _PIECE.finditer(text)]
    for end in (*ends, len(text)):
        piece = _SPACE.sub(" ", text[position:end]).strip()
        plain = _SPACE.sub("", _STRIP_MARK.sub("", piece)).replace('"', "'")
        if plain:
            start = position + len(text[position:end]) - len(text[position:end].lstrip())
            shown = piece if len(piece) <= _MAX_SHOWN else f"{piece[: _MAX_SHOWN - 1]}…"
            yield TemplatePiece(line + text.count("\n", position, start), shown, _digest_piece(plain))
        line += text.count("\n", position, end)
        position = end


def _digest_piece(piece: str) -> str:
    """Digest one piece, which has no white space."""
    return hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
