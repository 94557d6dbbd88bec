"""Interpret the elements of XML dialects: any XML, PMML and OpenVINO.

A dialect receives the events of the parser and collects the names and files that a loader of the document would use.
The outermost element selects the dialect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from math import prod
from typing import Final

from modelaudit.formats.documents.markup import MarkupDefect
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason

ELEMENTS: Final = "xml-elements"
# The second namespace is that of a draft, which libxml2 still accepts.
_XINCLUDE_NAMESPACES: Final = frozenset({"http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"})
_XSLT_NAMESPACE: Final = "http://www.w3.org/1999/XSL/Transform"
# A browser shows elements of XHTML and SVG in any XML as parts of a page, and runs their scripts.
_PAGE_NAMESPACES: Final = frozenset({"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"})
_ACTIVE_ELEMENTS: Final = frozenset({"script", "iframe", "frame", "object", "embed", "foreignobject", "applet"})
_HANDLER_ATTRIBUTE: Final = defer_pattern(r"on[a-z]{3,24}\Z")
_NO_NAMESPACES: Final[frozenset[str]] = frozenset()
_MOST_NAMES: Final = 5_000
_MOST_NAME_CHARACTERS: Final = 4 * MIB  # of all names that are kept whole
_SHOWN_CHARACTERS: Final = 300
_MOST_DEFECTS: Final = 50
# A piece of text is searched together with this many characters of the text before it.
_OVERLAP_CHARACTERS: Final = 64


def strip_prefix(name: str) -> str:
    """Return the name of an element without its namespace prefix."""
    return name.rpartition(":")[2]


# The qualified name of a class of the Java platform, such as ``java.lang.ProcessBuilder``.
_JAVA_CLASS: Final = defer_pattern(r"(?:javax?|sun|com\.sun|jdk)(?:\.[A-Za-z_$][\w$]*)+\.[A-Z][\w$]*")


class Dialect:
    """Any XML: collects namespaces, inclusions, and elements that make a loader run code in any document.

    Attributes:
        mentions: names that a loader acts on.
        references: files that the document names.
        defects: contradictions in the document.
        unread: absences, such as an XSLT program.
        facts: (name, value) pairs about the document.
        inclusions: targets of ``xi:include``.
    """

    kind = "xml"
    is_model = False

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.references: list[Reference] = []
        self.defects: list[Defect] = []
        self.unread: list[Unread] = []
        self.facts: list[tuple[str, str]] = []
        self.inclusions: list[str] = []
        self._has_custom_layer = False
        self._has_root = False
        self._has_stylesheet = False
        self._has_reached_bound = False
        self._recorded: set[tuple[str, str, str]] = set()
        self._name_characters = 0
        self._namespaces: dict[str, set[str]] = {}
        """The namespaces of inclusions and of pages that any element so far declared, by prefix.

        The prefix of the default namespace is empty.
        """

    def record_mention(self, vocabulary: str, use: str, name: str, line: int, detail: str = "") -> None:
        """Record a mention, unless the same name was recorded before or the bound on names is reached."""
        key = (vocabulary, use, name[:_SHOWN_CHARACTERS])
        if key not in self._recorded and self._has_room(self._recorded):
            self._recorded.add(key)
            self.mentions.append(
                Mention(vocabulary, use, name[:_SHOWN_CHARACTERS], Location(line=line), detail[:_SHOWN_CHARACTERS])
            )

    def _has_room(self, names: Sized, added: str = "") -> bool:
        """Whether ``added`` may be kept in a collection of names; record an absence the first time that it may not."""
        self._name_characters += len(added)
        if len(names) < _MOST_NAMES and self._name_characters <= _MOST_NAME_CHARACTERS:
            return True
        if not self._has_reached_bound:
            self._has_reached_bound = True
            detail = f"{_MOST_NAMES} of a kind, and {_MOST_NAME_CHARACTERS} characters of all kinds together"
            self.unread.append(Unread(UnreadReason.LIMIT, f"only the first names were read, up to {detail}"))
        return False

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Record the namespaces of an element, its inclusion, and its name or class if a loader runs code for it."""
        self._record_namespaces(attributes, line)
        prefix, _, local_name = name.rpartition(":")
        namespaces = self._namespaces.get(prefix, _NO_NAMESPACES)
        is_for_xml_decoder = self._is_for_xml_decoder(local_name, attributes)
        if local_name == "include" and not _XINCLUDE_NAMESPACES.isdisjoint(namespaces):
            target = attributes.get("href", "")
            if self._has_room(self.inclusions, target):
                self.inclusions.append(target)
        elif not _PAGE_NAMESPACES.isdisjoint(namespaces) and local_name.lower() in _ACTIVE_ELEMENTS:
            self.record_mention("markup", "element", local_name.lower(), line)
        elif not _PAGE_NAMESPACES.isdisjoint(namespaces) and any(map(_HANDLER_ATTRIBUTE.match, attributes)):
            self.record_mention("markup", "element", "event-handler", line)
        elif is_for_xml_decoder:
            self.record_mention(ELEMENTS, "element", "java.beans.XMLDecoder", line)
        elif local_name in ("dynamic-proxy", "CustomLayer"):
            self._has_custom_layer = self._has_custom_layer or local_name == "CustomLayer"
            self.record_mention(ELEMENTS, "element", local_name, line, attributes.get("name", ""))
        elif self._has_custom_layer and local_name == "Source":
            self._record_source(attributes.get("filename", ""))
        for class_name in (local_name, attributes.get("class", "")):
            # XStream constructs the class that an element is named after, Spring the class of each bean.
            is_recorded = is_for_xml_decoder and class_name.endswith(".XMLDecoder")
            if _JAVA_CLASS.fullmatch(class_name) and not is_recorded:
                self.record_mention("java-classes", "element", class_name, line)
        self._has_root = True
        self.visit_element(local_name, attributes, line)

    def _record_stylesheet(self, line: int) -> None:
        """Record the absence of an XSLT program once: a document may hold millions of them."""
        if not self._has_stylesheet:
            self._has_stylesheet = True
            detail = "XSLT is a program that transforms XML; its text was read, its behaviour was not analysed"
            self.unread.append(Unread(UnreadReason.PROGRAM, detail, Location(line=line)))

    def _record_source(self, file: str) -> None:
        """Record the file of the OpenCL source of a custom layer, which OpenVINO compiles."""
        if file and self._has_room(self.references):
            self.references.append(Reference(ReferenceKind.CODE, file[:_SHOWN_CHARACTERS], "Source.filename"))

    def _record_namespaces(self, attributes: Mapping[str, str], line: int) -> None:
        """Record the namespaces that an element declares."""
        for key, value in attributes.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                if value == _XSLT_NAMESPACE:  # any element may be a program then, also without ``xsl:stylesheet``
                    self._record_stylesheet(line)
                elif value in _XINCLUDE_NAMESPACES | _PAGE_NAMESPACES:
                    self._namespaces.setdefault(key.removeprefix("xmlns").removeprefix(":"), set()).add(value)
                self.record_mention("xml-namespaces", "namespace", value, line)

    def _is_for_xml_decoder(self, name: str, attributes: Mapping[str, str]) -> bool:
        """Whether ``java.beans.XMLDecoder`` would read the element.

        These are an outermost ``<java>``, a ``<java>`` anywhere that names the decoder as its class, and an outermost
        object whose class lies in a package.
        """
        is_outermost = not self._has_root
        class_name = attributes.get("class", "")
        if name == "java":
            return is_outermost or class_name.endswith("XMLDecoder")
        has_package = "." in class_name
        return is_outermost and name in ("object", "new", "void") and has_package

    def visit_element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Handle the start of an element; dialects override this."""

    def text(self, data: str, line: int) -> None:
        """Handle text of the innermost element; dialects override this."""

    def end(self, name: str) -> None:
        """Handle the end of an element; dialects override this."""

    def finish(self, path: str) -> None:
        """Handle the end of the document, or of the part that could be read; ``path`` is that of the artifact."""


# Text that runs code, such as ``<script``, ``Runtime.getRuntime`` or ``eval (``.
_CODE_SIGN: Final = defer_pattern(
    r"<script|javascript:|Runtime\.getRuntime|ProcessBuilder|java\.lang\.[A-Z]\w*|os\.system|subprocess|__import__|"
    r"importlib|(?<![\w.])(?:eval|exec|Function|compile|system|popen)(?=\s?\()",
    re.IGNORECASE,
)


class PmmlDialect(Dialect):
    """PMML, predictive models: collects functions by name, and code in extensions.

    Sources: PMML 4.4, "Built-in functions" and "Extension mechanisms"; ``FunctionRegistry`` of JPMML-Evaluator, which
    loads an unknown name as a class; the schema of Nyoka with its ``script`` elements for Python.
    """

    kind = "pmml"
    is_model = True

    def __init__(self) -> None:
        super().__init__()
        # The functions that the document defines, and those that it calls, with the line of the first call.
        self._defined: set[str] = set()
        self._called: dict[str, int] = {}
        self._open_extensions = 0
        self._text_before = ""

    def visit_element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Record the version, defined and called functions, scripts, and code in the attributes of extensions."""
        if name == "PMML" and not self.facts:
            self.facts.append(("version", attributes.get("version", "")[:20]))
        elif name == "DefineFunction":
            defined = attributes.get("name", "")
            if defined not in self._defined and self._has_room(self._defined, defined):
                self._defined.add(defined)
        elif name in ("Apply", "Aggregate") and attributes.get("function"):
            function = attributes["function"]
            if function not in self._called and self._has_room(self._called, function):
                self._called[function] = line
        elif name.lower() == "script":
            self.record_mention(ELEMENTS, "element", "script", line, attributes.get("class", attributes.get("for", "")))
        elif name == "Extension":
            self._open_extensions += 1
            for value in attributes.values():
                self._search_code(value, line)

    def text(self, data: str, line: int) -> None:
        """Search text within an extension for code.

        The parser delivers text in pieces, so each is searched together with the end of the text before it.
        """
        if self._open_extensions and data.strip():
            text = self._text_before + data
            self._text_before = text[-_OVERLAP_CHARACTERS:]
            self._search_code(text, line)

    def end(self, name: str) -> None:
        """Forget the text of an extension at its end."""
        if strip_prefix(name) == "Extension":
            self._open_extensions -= 1
            self._text_before = ""

    def finish(self, path: str) -> None:
        """Record the called functions.

        A function that the document itself defines is left out: the calls in its definition are recorded.
        """
        for function, line in self._called.items():
            # JPMML-Evaluator prefers a class to a definition of the same name.
            is_class = _CLASS_NAME.fullmatch(function) is not None
            if is_class or function not in self._defined:
                self.record_mention("pmml-functions", "class" if is_class else "function", function, line)

    def _search_code(self, value: str, line: int) -> None:
        """Record a mention if the text looks like code."""
        found = _CODE_SIGN.search(value)
        if found is not None:
            self.record_mention(ELEMENTS, "code", "code in an extension", line, found[0])


# A qualified name of Java, such as ``com.example.Score``; the built-in functions of PMML have no dot in their names.
_CLASS_NAME: Final = defer_pattern(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+")
_ELEMENT_BITS: Final = {
    "f64": 64, "i64": 64, "u64": 64, "f32": 32, "i32": 32, "u32": 32, "f16": 16, "bf16": 16, "i16": 16, "u16": 16,
    "i8": 8, "u8": 8, "boolean": 8, "f8e4m3": 8, "f8e5m2": 8, "f8e8m0": 8, "i4": 4, "u4": 4, "nf4": 4, "f4e2m1": 4,
    "u2": 2, "u1": 1,
}  # fmt: skip
_OPSET: Final = defer_pattern(r"opset\d{1,3}")
_MOST_DIMENSIONS: Final = 64
"""More than any tensor has. The product of a million lengths would take hours."""


class OpenVinoDialect(Dialect):
    """An OpenVINO graph: collects layers by type and opset, and the ranges of their weights in the ``.bin`` file.

    Source: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html; ``XmlDeserializer`` in
    ``src/frontends/ir/src/ir_deserializer.cpp``, which maps the weights and takes offsets from the text.
    """

    kind = "openvino"
    is_model = True

    def __init__(self) -> None:
        super().__init__()
        self._weights_end = 0
        """The size in bytes that the file of weights must have at least."""

    def visit_element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Record the version and the layers, and check the range of each constant in the weights."""
        if name == "net" and not self.facts:
            self.facts.append(("version", attributes.get("version", "")[:20]))
        elif name == "layer":
            kind, opset = attributes.get("type", ""), attributes.get("version", "")
            # A layer of another opset comes from an extension; the opset keeps it from passing as the standard layer.
            is_standard = not opset or _OPSET.fullmatch(opset) is not None
            layer = kind if is_standard else f"{opset}.{kind}"
            self.record_mention("openvino-layers", "layer", layer, line, attributes.get("name", ""))
        elif name in ("data", "weights", "biases", "custom") and "offset" in attributes and "size" in attributes:
            self._check_weights(attributes, line)

    def finish(self, path: str) -> None:
        """Record the reference to the weights, which are in the file of the same name with ``.bin``."""
        if self._weights_end:
            stem = re.sub(r"\.xml\Z", "", path.rpartition("/")[2], flags=re.IGNORECASE)
            self.references.append(Reference(ReferenceKind.DATA, f"{stem}.bin", "weights", self._weights_end))

    def _check_weights(self, attributes: Mapping[str, str], line: int) -> None:
        """Record a defect if the range of a constant is invalid, or smaller than its shape and element type need."""
        where = Location(line=line)
        try:
            offset, size = int(attributes["offset"]), int(attributes["size"])
            shape = [int(each) for each in attributes.get("shape", "").split(",") if each.strip()]
        except ValueError:
            stated = ", ".join(repr(attributes.get(key, "")[:40]) for key in ("offset", "size", "shape"))
            self._record_defect(
                Defect(
                    MarkupDefect.WEIGHTS_INVALID,
                    f"the offset, size or shape of a constant is not a number: they are {stated}",
                    where,
                )
            )
            return
        has_invalid_shape = len(shape) > _MOST_DIMENSIONS or any(not 0 <= each < 1 << 63 for each in shape)
        if offset < 0 or size < 0 or offset + size >= 1 << 63 or has_invalid_shape:
            stated_shape = attributes.get("shape", "")[:40]
            detail = f"{size} bytes at offset {offset} of the shape {stated_shape!r} are not a valid range of a file"
            self._record_defect(Defect(MarkupDefect.WEIGHTS_INVALID, detail, where))
            return
        self._weights_end = max(self._weights_end, offset + size)
        bits = _ELEMENT_BITS.get(attributes.get("element_type", ""))
        if "shape" in attributes and bits is not None:
            needed = (prod(shape) * bits + 7) // 8
            if needed > size:
                detail = f"a constant of {needed} bytes has only {size} bytes of weights"
                self._record_defect(Defect(MarkupDefect.WEIGHTS_SIZE, detail, where))

    def _record_defect(self, defect: Defect) -> None:
        """Record a defect, up to a bound."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(defect)


_OWN_PLUGIN: Final = defer_pattern(r"(?:lib)?openvino_\w{1,60}\.(?:so(?:\.[\d.]{1,20})?|dll|dylib)", re.IGNORECASE)


class OpenVinoPlugins(Dialect):
    """The list of plug-ins of OpenVINO: its runtime loads each as a library.

    Source: ``src/inference/src/dev/core_impl.cpp`` (``register_plugins_in_registry``).
    """

    def visit_element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Record the library of a plug-in that is none of OpenVINO itself."""
        location = attributes.get("location", "")
        is_foreign = name in ("plugin", "extension") and location != "" and not _OWN_PLUGIN.fullmatch(location)
        if is_foreign and self._has_room(self.references, location):
            self.references.append(Reference(ReferenceKind.LIBRARY, location[:_SHOWN_CHARACTERS], "plugin.location"))


_DIALECTS: Final[dict[str, type[Dialect]]] = {"PMML": PmmlDialect, "net": OpenVinoDialect, "ie": OpenVinoPlugins}


class DialectSelector:
    """Selects the dialect by the outermost element and forwards all events to it.

    Attributes:
        dialect: the selected dialect; ``None`` before the first element.
    """

    def __init__(self) -> None:
        self.dialect: Dialect | None = None

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Forward the start of an element; the first one selects the dialect."""
        if self.dialect is None:
            self.dialect = _DIALECTS.get(strip_prefix(name), Dialect)()
        self.dialect.start(name, attributes, line)

    def text(self, data: str, line: int) -> None:
        """Forward text of the innermost element."""
        if self.dialect is not None:
            self.dialect.text(data, line)

    def end(self, name: str) -> None:
        """Forward the end of an element."""
        if self.dialect is not None:
            self.dialect.end(name)
