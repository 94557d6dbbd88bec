"""Parse XML with Expat without resolving or expanding entities, and record targets that other parsers would fetch.

With ``XML_SetDefaultHandler``, Expat passes references to entities on instead of replacing them. In attribute values
it always replaces them; therefore a text whose entities expand too far is rejected before its content begins.
Sources: Extensible Markup Language 1.0, section 4; the reference of Expat; CWE-611, CWE-776.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, Protocol
from xml.parsers import expat

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Defect, Location, Unread
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.defects import XmlDefect
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.windows import iterate_chunks
from modelaudit.wire.xml_encoding import detect_encoding

EXTERNAL: Final = "xml-external"
"""The vocabulary of addresses that other parsers would fetch."""

_ENCODING_BYTES: Final = KIB  # more than a byte order mark and a declaration take
_STEP: Final = 64 * KIB
# Bytes of markup in UTF-8, such as a comment or a tag, after which Expat must have reported an event.
_LONGEST_MARKUP: Final = 16 * MIB
# Of one piece of markup. Expat builds all attributes of a tag before it reports them, and each has such a sign.
_MOST_EQUAL_SIGNS: Final = 200_000
_DEEPEST: Final = 10_000
# Expat keeps each name of an element or attribute to the end, and the whole names of all open elements.
_MOST_NAMES: Final = 100_000
_MOST_NAME_CHARACTERS: Final = 8 * MIB
# Expat keeps what a document type declares in many times its bytes. The longest in use have some 100,000 characters.
_MOST_DOCTYPE_CHARACTERS: Final = 2 * MIB
_MOST_ATTRIBUTES: Final = 10_000
_MOST_ENTITIES: Final = 10_000
_MOST_EXPANDED_CHARACTERS: Final = MIB
_MOST_EXPANSION_RATIO: Final = 10
_MOST_PROLOG_CHARACTERS: Final = MIB
_UNSEARCHED_DECLARATIONS: Final = report_bound(_MOST_PROLOG_CHARACTERS, "characters of declarations")
_QUOTED_CHARACTERS: Final = 300
_MOST_DECODING_ROUNDS: Final = 4
_UNDECODED_DECLARATIONS: Final = report_bound(_MOST_DECODING_ROUNDS, "layers of character references in declarations")
# &#x25; or &#37;
_CHARACTER_REFERENCE: Final = defer_pattern(r"&#(?:x([0-9A-Fa-f]{1,6})|(\d{1,7}));")
# &name;
_ENTITY_REFERENCE: Final = defer_pattern(r"&([^\s;#&]{1,200});")
# <!ENTITY name SYSTEM "address">, <!ENTITY % name PUBLIC "id" "address">; group 1 is the mark of a parameter entity,
# group 2 or 3 the address.
_EXTERNAL_ENTITY: Final = defer_pattern(
    r"""<!ENTITY\s{1,20}(%\s{1,20})?[^\s>"']{1,200}\s{1,20}(?:SYSTEM|PUBLIC\s{1,20}(?:"[^"]{0,500}"|'[^']{0,500}'))"""
    r"""\s{0,20}(?:"([^"]{0,2000})"|'([^']{0,2000})')"""
)
# A scheme such as "file:", an absolute path, a path of Windows, or one in a home folder.
_ADDRESS_OR_PATH_OUTSIDE: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\~]")
_WEB_ADDRESS: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
# href="style.xsl" of a processing instruction
_HREF: Final = defer_pattern(r"""\bhref\s*=\s*["']([^"']{0,2000})["']""")


class ElementHandler(Protocol):
    """Receives the elements of a parsed text."""

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Handle the start of an element; ``name`` includes the prefix as written."""

    def text(self, data: str, line: int) -> None:
        """Handle text of the innermost element; long text arrives in pieces."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""


class XmlParser:
    """The parser of one XML text.

    Attributes:
        mentions: external addresses that other parsers would fetch.
        references: files beside the text that they would fetch.
        defects: entities that expand too far, and encodings about which parsers disagree.
        unread: the absences of further addresses and files, and of further text of declarations, beyond a bound.
    """

    def __init__(self, window: Window, limits: Limits, content: ElementHandler) -> None:
        self.mentions: list[Mention] = []
        self.references: list[Reference] = []
        self.unread: dict[Unread, None] = {}
        self.defects: list[Defect] = []
        self._window = window
        self._limits = limits
        self._content = content
        self._entities: dict[str, str] = {}
        self._expanded_lengths: dict[str, int] = {}
        self._expanded_total = 0
        self._elements = 0
        self._depth = 0
        self._open_name_characters = 0
        # Expat enters each name that it reports, so that equal names are one string, and ``None`` for a missing one.
        self._names: dict[str, Any] = {}
        self._counted_names = 0
        self._name_characters = 0
        self._doctype_characters = 0
        self._is_in_doctype = False
        self._fed = 0
        self._last_event = 0
        self._equal_signs = 0
        self._prolog = ""
        self._in_prolog = True
        self._seen: set[tuple[str, str]] = set()
        self._parser = self._make_parser()

    @property
    def lines(self) -> int:
        """Number of lines read so far."""
        return self._parser.CurrentLineNumber

    def read(self) -> None:
        """Parse the text, and claim the bytes that Expat accepted.

        External entities of a document type are recorded as well, also if the text is not well-formed.

        Raises:
            DamagedError: it is not well-formed, or not in its encoding.
            LimitReachedError: a limit was reached.
            WindowError: the window could not return the requested bytes.
        """
        encoding = detect_encoding(self._window.read(0, _ENCODING_BYTES))
        if encoding.oddity:
            self.defects.append(Defect(XmlDefect.UNUSUAL_ENCODING, encoding.oddity))
        if encoding.codec is None:
            raise DamagedError(encoding.oddity, 0)
        decoder = codecs.getincrementaldecoder(encoding.codec)()
        position = encoding.mark_length
        try:
            for chunk in iterate_chunks(self._window, position, length=_STEP):
                self._feed_text(decoder.decode(chunk), is_last=False)
                position += len(chunk)
                claim_parsed(self._window, 0, position)
            self._feed_text(decoder.decode(b"", True), is_last=True)
        except UnicodeError as error:  # also of Expat, which rejects a surrogate that the codec let through
            raise DamagedError(f"some of its bytes are not valid {encoding.codec}", position) from error
        except expat.ExpatError as error:
            why = expat.ErrorString(error.code)
            # Expat counts the bytes of the text in UTF-8, without a byte order mark.
            offset = encoding.mark_length + self._parser.ErrorByteIndex if encoding.codec == "utf-8" else None
            raise DamagedError(f"it is not well-formed XML: line {error.lineno}, {why}", offset) from None
        finally:  # also after an error, because another parser may go on
            self._record_prolog_declarations()

    def _feed_text(self, text: str, is_last: bool) -> None:
        """Pass ``text`` to Expat. Raises ``LimitReachedError`` if Expat would keep too much of it."""
        if self._in_prolog and len(self._prolog) < _MOST_PROLOG_CHARACTERS:
            self._prolog += text
        if self._is_in_doctype:
            self._doctype_characters += len(text)
            if self._doctype_characters > _MOST_DOCTYPE_CHARACTERS:
                raise LimitReachedError(f"its document type is longer than {_MOST_DOCTYPE_CHARACTERS} characters")
        fed_before, equal_signs = self._fed, text.count("=")
        self._fed += len(text.encode("utf-8", "surrogatepass"))
        self._equal_signs += equal_signs
        if self._fed - self._last_event > _LONGEST_MARKUP:
            raise LimitReachedError(f"one piece of its markup is longer than {_LONGEST_MARKUP} bytes")
        if self._equal_signs > _MOST_EQUAL_SIGNS:
            raise LimitReachedError(f"one piece of its markup has more than {_MOST_EQUAL_SIGNS} equal signs")
        self._parser.Parse(text, is_last)
        if self._last_event > fed_before:  # the piece of markup that is open now began in ``text``
            self._equal_signs = equal_signs

    def _make_parser(self) -> expat.XMLParserType:
        """Return a parser of Expat that calls the methods of this object."""
        parser = expat.ParserCreate(intern=self._names)
        parser.buffer_text = True
        parser.ordered_attributes = False
        parser.StartDoctypeDeclHandler = self._handle_doctype
        parser.EndDoctypeDeclHandler = self._handle_doctype_end
        parser.EntityDeclHandler = self._handle_entity
        parser.StartElementHandler = self._handle_start
        parser.EndElementHandler = self._handle_end
        parser.CharacterDataHandler = self._handle_text
        parser.ProcessingInstructionHandler = self._handle_instruction
        parser.CommentHandler = lambda _: self._record_event()
        parser.DefaultHandler = self._handle_default
        return parser

    def _record_event(self) -> None:
        """Check the deadline and the bound on names, and record that Expat made progress. Every handler calls it."""
        check_deadline()
        self._last_event = self._fed
        if len(self._names) > self._counted_names:
            self._count_new_names()

    def _count_new_names(self) -> None:
        """Count the names that Expat has entered since the last event. Raises ``LimitReachedError`` beyond a bound."""
        new_names = islice(reversed(self._names.values()), len(self._names) - self._counted_names)
        self._name_characters += sum(len(name or "") for name in new_names)
        self._counted_names = len(self._names)
        if self._counted_names > _MOST_NAMES:
            raise LimitReachedError(f"it has more than {_MOST_NAMES} names of elements and attributes")
        if self._name_characters > _MOST_NAME_CHARACTERS:
            raise LimitReachedError(
                f"the names of its elements and attributes take more than {_MOST_NAME_CHARACTERS} characters in all"
            )

    def _record_fetch(self, use: str, target: str) -> None:
        """Record once that another parser would fetch ``target`` for ``use``, such as ``doctype`` or ``entity``."""
        quoted = target[:_QUOTED_CHARACTERS]
        if (use, quoted) not in self._seen:
            if len(self._seen) >= _MOST_ENTITIES:
                self.unread[report_bound(_MOST_ENTITIES, "files and addresses to fetch")] = None
                return
            self._seen.add((use, quoted))
            where = Location(line=self._parser.CurrentLineNumber)
            self.mentions.append(Mention(EXTERNAL, use, quoted, where))

    def record_target(self, use: str, target: str) -> None:
        """Record that another parser would fetch ``target``: a file beside this one, or any other address."""
        if _ADDRESS_OR_PATH_OUTSIDE.match(target):
            self._record_fetch(use, target)
        else:
            self.references.append(Reference(ReferenceKind.DATA, target[:_QUOTED_CHARACTERS], use))

    def _handle_doctype(self, name: str, system: str | None, public: str | None, inside: int) -> None:
        """Record the file of an external document type, unless it is an ordinary ``.dtd`` beside the text."""
        self._record_event()
        self._is_in_doctype = True
        # A relative path to a ``.dtd`` file is an ordinary grammar; fetching it reveals nothing about the machine.
        if system and (_ADDRESS_OR_PATH_OUTSIDE.match(system) or not system.lower().endswith(".dtd")):
            self.record_target("doctype", system)

    def _handle_entity(
        self, name: str, is_parameter: int, value: str | None, base: str | None, system: str | None,
        public: str | None, notation: str | None,
    ) -> None:  # fmt: skip
        """Record an external entity as a fetch, and keep the text of an internal one to compute its expansion."""
        self._record_event()
        if system is not None and notation is None:
            self._record_fetch("parameter-entity" if is_parameter else "entity", system)
        elif value is not None and is_parameter:
            self._record_declarations(value)
        elif value is not None:
            if len(self._entities) >= _MOST_ENTITIES:
                raise LimitReachedError(f"it declares more than {_MOST_ENTITIES} entities")
            self._entities.setdefault(name, value)

    def _record_declarations(self, value: str) -> None:
        """Record the external entities that ``value``, the text of a parameter entity, declares.

        The declarations may be spelled with character references, and these again with references. Therefore the text
        is decoded up to ``_MOST_DECODING_ROUNDS`` times.
        """
        for _ in range(_MOST_DECODING_ROUNDS):
            if len(value) > _MOST_PROLOG_CHARACTERS:
                self.unread[_UNSEARCHED_DECLARATIONS] = None
            for match in _EXTERNAL_ENTITY.finditer(value[:_MOST_PROLOG_CHARACTERS]):
                self._record_fetch("parameter-entity" if match[1] else "entity", match[2] or match[3] or "")
            plain = _CHARACTER_REFERENCE.sub(_decode_character_reference, value)
            if plain == value:
                return
            value = plain
        self.unread[_UNDECODED_DECLARATIONS] = None

    def _handle_doctype_end(self) -> None:
        """Compute the length of each entity after replacement, without replacing it."""
        self._record_event()
        self._is_in_doctype = False
        for name in self._entities:
            if self._compute_expanded_length(name) > _MOST_EXPANDED_CHARACTERS:
                self._raise_expansion(
                    f"the entity {name[:40]} is replaced by more than {_MOST_EXPANDED_CHARACTERS} characters"
                )

    def _compute_expanded_length(self, name: str) -> int:
        """Return the number of characters that replace the entity ``name``; raise if it contains itself."""
        # Depth first with an explicit stack: entities may refer to each other deeper than the interpreter recurses.
        stack = [name]
        in_progress: set[str] = set()
        while stack:
            current = stack[-1]
            if current in self._expanded_lengths:
                stack.pop()
                continue
            references = [
                match for match in _ENTITY_REFERENCE.findall(self._entities[current]) if match in self._entities
            ]
            missing = [each for each in dict.fromkeys(references) if each not in self._expanded_lengths]
            if not missing:
                expanded_length = len(self._entities[current]) + sum(
                    self._expanded_lengths[each] for each in references
                )
                # The bound keeps the numbers small, as each level of entities can multiply them.
                self._expanded_lengths[current] = min(expanded_length, 1 << 62)
                stack.pop()
            elif current in in_progress or in_progress.intersection(missing):
                self._raise_expansion(f"the entity {current[:40]} contains itself")
            else:
                in_progress.add(current)
                stack += missing
        return self._expanded_lengths[name]

    def _raise_expansion(self, detail: str) -> None:
        """Record the defect that entities expand too far, and end the parse with ``LimitReachedError``."""
        where = Location(line=self._parser.CurrentLineNumber)
        self.defects.append(Defect(XmlDefect.ENTITY_EXPANSION, detail, where))
        raise LimitReachedError("its content was not read, because its entities expand too far")

    def _handle_default(self, data: str) -> None:
        """Handle markup without a handler of its own; count the expanded length of a reference to an entity."""
        self._record_event()
        if self._depth and data.startswith("&") and data.endswith(";"):
            self._expanded_total += self._expanded_lengths.get(data[1:-1], 0)
            # A long text may refer to short entities often; only expansion out of proportion to the text is an attack.
            if (
                self._expanded_total > _MOST_EXPANDED_CHARACTERS
                and self._expanded_total > _MOST_EXPANSION_RATIO * self._fed
            ):
                self._raise_expansion(f"its references are replaced by more than {self._expanded_total} characters")

    def _handle_start(self, name: str, attributes: dict[str, str]) -> None:
        """Check the limits on elements, and pass the start of an element to the handler of the caller."""
        self._record_event()
        self._in_prolog = False
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST:
            raise LimitReachedError(f"its elements nest more than {_DEEPEST} deep")
        if self._elements > self._limits.document_nodes:
            raise LimitReachedError(f"it holds more than {self._limits.document_nodes} elements")
        if len(attributes) > _MOST_ATTRIBUTES:
            raise LimitReachedError(f"an element has more than {_MOST_ATTRIBUTES} attributes")
        self._open_name_characters += len(name)
        if self._open_name_characters > _MOST_NAME_CHARACTERS:
            raise LimitReachedError(
                f"the names of its open elements take more than {_MOST_NAME_CHARACTERS} characters in all"
            )
        self._content.start(name, attributes, self._parser.CurrentLineNumber)

    def _handle_end(self, name: str) -> None:
        """Pass the end of an element to the handler of the caller."""
        self._record_event()
        self._depth -= 1
        self._open_name_characters -= len(name)
        self._content.end(name)

    def _handle_text(self, data: str) -> None:
        """Pass text of the innermost element to the handler of the caller."""
        self._record_event()
        self._content.text(data, self._parser.CurrentLineNumber)

    def _handle_instruction(self, target: str, data: str) -> None:
        """Record an XSLT stylesheet at a web address: a browser would fetch it, and XSLT can run code."""
        self._record_event()
        href = _HREF.search(data[:_STEP]) if target == "xml-stylesheet" else None
        if href is not None and "xsl" in data[:_STEP].lower() and _WEB_ADDRESS.match(href[1]):
            self._record_fetch("stylesheet", href[1])

    def _record_prolog_declarations(self) -> None:
        """Record external entities that Expat ignored: after the use of a parameter entity it reports no more."""
        uses_parameter_entity = "<!DOCTYPE" in self._prolog and "%" in self._prolog
        if uses_parameter_entity:
            # ``_prolog`` holds no more than this, so declarations behind it are not searched.
            if len(self._prolog) >= _MOST_PROLOG_CHARACTERS:
                self.unread[_UNSEARCHED_DECLARATIONS] = None
            for match in _EXTERNAL_ENTITY.finditer(self._prolog):
                self._record_fetch("parameter-entity" if match[1] else "entity", match[2] or match[3] or "")


def _decode_character_reference(match: re.Match[str]) -> str:
    """Return the character that a character reference names; a reference beyond Unicode is left as it is."""
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if code <= 0x10FFFF else match[0]
