"""What the elements of each kind of XML mean to whoever loads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Final

from modelaudit.formats.documents.markup import MarkupDefect
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason

ELEMENTS: Final = "xml-elements"
# The second stood in a draft, and libxml2 still goes by it.
_INCLUSIONS: Final = frozenset({"http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude"})
_TRANSFORMATION: Final = "http://www.w3.org/1999/XSL/Transform"
_MOST: Final = 5_000
_SHOWN: Final = 300
_MOST_DEFECTS: Final = 50
_KEPT_TEXT: Final = 64 * 1024


def local(name: str) -> str:
    """The name of an element without its prefix."""
    return name.rpartition(":")[2]


_OF_JAVA: Final = re.compile(r"(?:javax?|sun|com\.sun|jdk)(?:\.[A-Za-z_$][\w$]*)+\.[A-Z][\w$]*")


class Dialect:
    """Any XML: namespaces, inclusions, and elements that have a reader run code whatever surrounds them.

    Attributes:
        inclusions: what ``xi:include`` names.
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
        self._in_kernel = False
        self._is_inside = False
        self._seen: set[tuple[str, str, str]] = set()
        self._prefixes: dict[str, set[str]] = {}

    def note(self, vocabulary: str, use: str, name: str, line: int, detail: str = "") -> None:
        """Keep a mention, each once."""
        key = (vocabulary, use, name[:_SHOWN])
        if key not in self._seen and len(self._seen) < _MOST:
            self._seen.add(key)
            self.mentions.append(Mention(vocabulary, use, name[:_SHOWN], Location(line=line), detail[:_SHOWN]))

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins."""
        for key, value in attributes.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                self._prefixes.setdefault(key[6:], set()).add(value)
                self.note("xml-namespaces", "namespace", value, line)
        prefix, _, last = name.rpartition(":")
        namespaces = self._prefixes.get(prefix, set())
        if last == "include" and not _INCLUSIONS.isdisjoint(namespaces) and len(self.inclusions) < _MOST:
            self.inclusions.append(attributes.get("href", ""))
        elif last in ("stylesheet", "transform") and _TRANSFORMATION in namespaces:
            detail = "XSLT, a program that transforms XML: the text was read, what it does was not judged"
            self.unread.append(Unread(UnreadReason.PROGRAM, detail, Location(line=line)))
        elif self._is_of_decoder(last, attributes):
            self.note(ELEMENTS, "element", "java.beans.XMLDecoder", line)
        elif last in ("dynamic-proxy", "CustomLayer"):
            self._in_kernel = self._in_kernel or last == "CustomLayer"
            self.note(ELEMENTS, "element", last, line, attributes.get("name", ""))
        elif self._in_kernel and last == "Source" and attributes.get("filename"):
            self.references.append(Reference(ReferenceKind.CODE, attributes["filename"][:_SHOWN], "Source.filename"))
        for class_ in (last, attributes.get("class", "")):
            # XStream makes an object of every element, Spring of every bean, of the class that stands there.
            if _OF_JAVA.fullmatch(class_) and not class_.endswith(".XMLDecoder"):
                self.note("java-classes", "element", class_, line)
        self._is_inside = True
        self.element(last, attributes, line)

    def _is_of_decoder(self, name: str, attributes: Mapping[str, str]) -> bool:
        """Whether ``java.beans.XMLDecoder`` would take the element for its own, for which it needs no class named."""
        class_ = attributes.get("class", "")
        if name == "java":
            return class_.endswith("XMLDecoder") or not self._is_inside
        return not self._is_inside and name in ("object", "new", "void") and "." in class_

    def element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins, for those who know its dialect."""

    def text(self, data: str, line: int) -> None:
        """Some text of the innermost element."""

    def end(self, name: str) -> None:
        """An element ends."""

    def finish(self, path: str) -> None:
        """The text has ended, or is not read any further."""


_CODE: Final = re.compile(
    r"<script|javascript:|Runtime\.getRuntime|ProcessBuilder|java\.lang\.[A-Z]\w*|os\.system|subprocess|__import__|"
    r"importlib|(?<![\w.])(?:eval|exec|Function|compile|system|popen)(?=\s?\()",
    re.IGNORECASE,
)


class Pmml(Dialect):
    """Predictive models: functions by name, and what extensions of the format bring along.

    Sources: PMML 4.4, "Built-in functions" and "Extension mechanisms"; ``FunctionRegistry`` of JPMML-Evaluator, which
    takes an unknown name for that of a class; the schema of Nyoka, whose ``script`` holds Python.
    """

    kind = "pmml"
    is_model = True

    def __init__(self) -> None:
        super().__init__()
        self._defined: set[str] = set()
        self._called: dict[str, int] = {}
        self._extensions = 0
        self._script = ""
        self._kept = ""

    def element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins."""
        if name == "PMML":
            self.facts.append(("version", attributes.get("version", "")[:20]))
        elif name == "DefineFunction" and len(self._defined) < _MOST:
            self._defined.add(attributes.get("name", ""))
        elif name in ("Apply", "Aggregate") and attributes.get("function") and len(self._called) < _MOST:
            self._called.setdefault(attributes["function"], line)
        elif name.lower() == "script":
            self.note(ELEMENTS, "element", "script", line, attributes.get("class", attributes.get("for", "")))
        elif name == "Extension":
            self._extensions += 1
            for value in attributes.values():
                self._search(value, line)

    def text(self, data: str, line: int) -> None:
        """Text within an extension may be code of any language."""
        if self._extensions and data.strip():
            tail = self._kept[-64:]
            self._kept = (self._kept + data)[-_KEPT_TEXT:]
            self._search(tail + data, line)

    def end(self, name: str) -> None:
        """An element ends."""
        if local(name) == "Extension":
            self._extensions -= 1
            self._kept = ""

    def finish(self, path: str) -> None:
        """Functions that the text itself defines are made of others, each of which is named."""
        for function, line in self._called.items():
            # A class goes before a definition of the same name.
            is_class = _CLASS.fullmatch(function) is not None
            if is_class or function not in self._defined:
                self.note("pmml-functions", "class" if is_class else "function", function, line)

    def _search(self, value: str, line: int) -> None:
        found = _CODE.search(value)
        if found is not None:
            self.note(ELEMENTS, "code", "code in an extension", line, found[0])


_CLASS: Final = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+")
_BITS: Final = {
    "f64": 64, "i64": 64, "u64": 64, "f32": 32, "i32": 32, "u32": 32, "f16": 16, "bf16": 16, "i16": 16, "u16": 16,
    "i8": 8, "u8": 8, "boolean": 8, "f8e4m3": 8, "f8e5m2": 8, "f8e8m0": 8, "i4": 4, "u4": 4, "nf4": 4, "f4e2m1": 4,
    "u2": 2, "u1": 1,
}  # fmt: skip
_OPSET: Final = re.compile(r"opset\d{1,3}")


class OpenVino(Dialect):
    """The graph of OpenVINO: layers by type and set, and where in the file beside it their weights lie.

    Source: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html; ``XmlDeserializer`` in
    ``src/frontends/ir/src/ir_deserializer.cpp``, which maps the weights and takes offsets from the text.
    """

    kind = "openvino"
    is_model = True

    def __init__(self) -> None:
        super().__init__()
        self._layers: list[str] = []
        self._needs = 0

    def element(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins."""
        if name == "net":
            self.facts.append(("version", attributes.get("version", "")[:20]))
        elif name == "layer":
            kind, opset = attributes.get("type", ""), attributes.get("version", "")
            self._layers.append(kind)
            known = not opset or _OPSET.fullmatch(opset) is not None
            self.note(
                "openvino-layers", "layer", kind if known else f"{opset}.{kind}", line, attributes.get("name", "")
            )
        elif name in ("data", "weights", "biases", "custom") and "offset" in attributes and "size" in attributes:
            self._stretch(attributes, line)

    def end(self, name: str) -> None:
        """An element ends."""
        if local(name) == "layer" and self._layers:
            self._layers.pop()

    def finish(self, path: str) -> None:
        """The weights lie in the file of the same name that ends in ``.bin``."""
        if self._needs:
            stem = re.sub(r"\.xml\Z", "", path.rpartition("/")[2], flags=re.IGNORECASE)
            self.references.append(Reference(ReferenceKind.DATA, f"{stem}.bin", "weights", self._needs))

    def _stretch(self, attributes: Mapping[str, str], line: int) -> None:
        """Hold one stretch of the weights against the shape that it is read as."""
        where = Location(line=line)
        try:
            offset, size = int(attributes["offset"]), int(attributes["size"])
            shape = [int(each) for each in attributes.get("shape", "").split(",") if each.strip()]
        except ValueError:
            stated = f"{attributes['offset'][:40]!r} and {attributes['size'][:40]!r}"
            self._keep(Defect(MarkupDefect.WEIGHTS_INVALID, f"{stated} are no place and size", where))
            return
        if offset < 0 or size < 0 or offset + size >= 1 << 63 or any(not 0 <= each < 1 << 63 for each in shape):
            detail = f"{size} bytes at byte {offset} are no stretch of a file"
            self._keep(Defect(MarkupDefect.WEIGHTS_INVALID, detail, where))
            return
        self._needs = max(self._needs, offset + size)
        bits = _BITS.get(attributes.get("element_type", ""))
        if "shape" in attributes and bits is not None:
            wanted = (prod(shape) * bits + 7) // 8
            if wanted > size:
                self._keep(
                    Defect(MarkupDefect.WEIGHTS_SIZE, f"a constant of {wanted} bytes is read from {size}", where)
                )

    def _keep(self, defect: Defect) -> None:
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(defect)


_DIALECTS: Final[dict[str, type[Dialect]]] = {"PMML": Pmml, "net": OpenVino}


class Root:
    """The dialect that the outermost element chooses, once there is one."""

    def __init__(self) -> None:
        self.dialect: Dialect | None = None

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """An element begins."""
        if self.dialect is None:
            self.dialect = _DIALECTS.get(local(name), Dialect)()
        self.dialect.start(name, attributes, line)

    def text(self, data: str, line: int) -> None:
        """Some text of the innermost element."""
        if self.dialect is not None:
            self.dialect.text(data, line)

    def end(self, name: str) -> None:
        """An element ends."""
        if self.dialect is not None:
            self.dialect.end(name)
