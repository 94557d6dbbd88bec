"""Classes that unpickle constants out of their state are trusted only where the scan reads these as the same files."""

from __future__ import annotations

import base64
import gzip
import io
import pickle
import zipfile
from collections import OrderedDict

import pytest
from support.catalogue import load_shipped
from support.pickle_opcodes import call, construct, find_acts, name, push
from support.reading import ReadBytes

from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import UnreadReason

LINEAR = "e3nn.o3._linear.Linear"
KEY = "__codegen__"
GRAPH = pickle.dumps(OrderedDict(a=1), 4)
OTHER = pickle.dumps(OrderedDict(b=2), 4)


def make_archive() -> bytes:
    """Return a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/version", "3\n")
    return buffer.getvalue()


ARCHIVE = make_archive()


def data(content: bytes) -> bytes:
    """Return the opcode that pushes bytes."""
    return b"B" + len(content).to_bytes(4, "little") + content


def text(content: str) -> bytes:
    """Return the opcode that pushes a text."""
    encoded = content.encode("utf-8", "surrogatepass")
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def encode(content: bytes, coding: str = "latin1", *further: object) -> bytes:
    """Return the opcodes by which protocol 2 pushes bytes."""
    return call("_codecs.encode", text(content.decode("latin-1")), coding, *further)


def string(content: bytes) -> bytes:
    """Return the opcode that pushes a string of Python 2."""
    return b"T" + len(content).to_bytes(4, "little") + content


def build(state: object, target: str = LINEAR) -> bytes:
    """Return opcodes that make an object and set its state."""
    return construct(target) + push(state) + b"b"


def hold(*values: object, key: object = KEY) -> bytes:
    """Return opcodes of an object that holds one generated part, a pair of these values."""
    return build(b"}(" + push("training") + push(True) + push(key) + push({"part": tuple(values)}) + b"u")


PART = ("fx", data(GRAPH))
HONEST = {
    "no-graphs": build({"training": True}),
    "none": build({KEY: None}),
    "empty": build({KEY: {}}),
    "bytes": hold("fx", data(GRAPH)),
    "characters": hold("fx", encode(GRAPH)),
    "characters-in-another-spelling": hold("fx", encode(GRAPH, "latin-1")),
    "archive": hold("torchscript", data(ARCHIVE)),
    "archive-as-characters": hold("torchscript", encode(ARCHIVE)),
    "several": build({KEY: {"a": PART, "b": ("torchscript", data(ARCHIVE)), "c": ("fx", encode(OTHER))}}),
    "two-objects": hold(*PART) + b"0" + hold("fx", data(OTHER)),
    "in-another-module": build({"_modules": {"a": hold(*PART)}}, "torch.nn.modules.module.Module"),
    "copyreg": call("copyreg._reconstructor", name(LINEAR), name("builtins.object"), None)
    + push({KEY: {"a": PART}})
    + b"b",
    "many-attributes": build({f"a{index}": index for index in range(80)} | {KEY: {"a": PART}}),
    "shared-constant": push(("a", data(GRAPH) + b"q\x01")) + b"0" + hold("fx", b"h\x01"),
    "large-file-with-skipped-data": build(
        {"filler": [f"text {index}" for index in range(9000)], "numbers": call("collections.OrderedDict")}
        | {KEY: {f"part{index}": ("fx", data(GRAPH)) for index in range(20)}}
    ),
}


@pytest.mark.parametrize("case", HONEST)
def test_class_is_trusted_where_its_constants_are_read(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(HONEST[case], read_bytes) == []


def share(change: bytes) -> bytes:
    """Return an object whose mapping of parts, memo entry 1, is changed afterwards."""
    return b"}q\x01" + push("a") + push(PART) + b"s0" + build({KEY: b"h\x01"}) + b"0h\x01" + change


ACTING = call("collections.OrderedDict")
COMPUTED = call("builtins.str", KEY)
# In UTF-8, the two characters of this text are three bytes, so that the opcodes behind it differ by the coding.
DIVERGENT = b"\x80\x02" + text("x\u00e9") + b"0]."
HOSTILE = {
    "text-in-place-of-bytes": hold("fx", text(GRAPH.decode("latin-1"))),
    "plain-bytes": hold("fx", data(b"no file at all")),
    "words": hold("fx", data(b"cos is short for cosine")),
    "damaged": hold("fx", data(b"\x80\x04\x95\x00\x01\x02")),
    "computed-bytes": hold("fx", call("builtins.bytes", 3)),
    "other-coding": hold("fx", encode(GRAPH, "utf-8")),
    "escapes": hold("fx", encode(GRAPH, "raw-unicode-escape")),
    "computed-coding": hold("fx", call("_codecs.encode", text(GRAPH.decode("latin-1")), COMPUTED)),
    "string-of-python-2": hold("fx", string(GRAPH)),
    "encoded-string-of-python-2": hold("fx", call("_codecs.encode", string(DIVERGENT), "latin1")),
    "encoded-bytes": hold("fx", call("_codecs.encode", data(GRAPH), "latin1")),
    "line-of-text": hold("fx", call("_codecs.encode", b"V\\u0080\x04N.\n", "latin1")),
    "escaped-characters": hold("fx", encode(b"\\u0080\\u0004N.")),
    "character-beyond-one-byte": hold(
        "fx", call("_codecs.encode", text(GRAPH.decode("latin-1") + "\u0100"), "latin1", "ignore")
    ),
    "bytearray": hold("fx", b"\x96" + len(GRAPH).to_bytes(8, "little") + GRAPH),
    "encoded-as-base64": hold("fx", data(base64.b64encode(GRAPH))),
    "compressed": hold("fx", data(gzip.compress(GRAPH))),
    "archive-as-graph": hold("fx", data(ARCHIVE)),
    "graph-as-archive": hold("torchscript", data(GRAPH)),
    "other-kind": hold("joblib", data(GRAPH)),
    "computed-kind": hold(COMPUTED, data(GRAPH)),
    "three-values": hold("fx", data(GRAPH), 1),
    "list-in-place-of-pair": build({KEY: {"a": ["fx", data(GRAPH)]}}),
    "bytes-without-kind": build({KEY: {"a": data(GRAPH)}}),
    "ordered-mapping": build({KEY: ACTING + push("a") + push(PART) + b"s"}),
    "default-mapping": build({KEY: call("collections.defaultdict") + push("a") + push(PART) + b"s"}),
    "mapping-made-by-a-call": build({KEY: call("builtins.dict", [("a", PART)])}),
    "list-of-parts": build({KEY: [PART]}),
    "one-bad-part": build({KEY: {"a": PART, "b": ("fx", data(b"other"))}}),
    "bad-part-behind-many": build({KEY: {f"p{index}": PART for index in range(70)} | {"b": ("fx", data(b"other"))}}),
    "name-given-twice": build({KEY: b"}(" + (push("a") + push(PART)) * 2 + b"u"}),
    "special-name": build({KEY: {"__class__": PART}}),
    "computed-name": build({KEY: b"}" + COMPUTED + push(PART) + b"s"}),
    "state-as-ordered-mapping": build(ACTING + push(KEY) + push({"a": PART}) + b"s"),
    "state-made-by-a-call": build(call("builtins.dict", {KEY: {"a": PART}})),
    "state-for-slots": build((None, {KEY: {"a": PART}})),
    "state-with-a-computed-key": build(b"}" + COMPUTED + push({"a": PART}) + b"s"),
    "computed-key-behind-many": build(
        b"}(" + b"".join(push(f"k{i}") + push([]) for i in range(70)) + COMPUTED + push({"a": PART}) + b"u"
    ),
    "key-given-twice": build(
        b"}(" + push(KEY) + push({"a": ("fx", data(b"other"))}) + push(KEY) + push({"a": PART}) + b"u"
    ),
    "second-state": hold(*PART) + push({KEY: {"a": ("fx", data(b"other"))}}) + b"b",
    "second-state-that-is-computed": hold(*PART) + ACTING + b"b",
    "item-set-on-the-object": hold(*PART) + push("a") + push(1) + b"s",
    "object-is-called": hold(*PART) + push(()) + b"R",
    "call-gets-the-object": call("builtins.str", hold(*PART)),
    "call-gets-a-container-of-the-object": call("builtins.str", [{"a": hold(*PART)}]),
    "call-gets-a-holder": call("builtins.str", build({"a": hold(*PART)}, "torch.nn.modules.module.Module")),
    "call-gets-a-mapping-with-the-object": call(
        "builtins.str", call("collections.OrderedDict") + push("a") + hold(*PART) + b"s"
    ),
    "object-is-a-key": b"}" + hold(*PART) + push(1) + b"s",
    "class-is-called": call(LINEAR),
    "class-is-passed-on": hold(*PART) + b"0" + push([name(LINEAR)]),
    "mapping-changed-afterwards": share(push("b") + push(("fx", data(b"other"))) + b"s"),
    "mapping-changed-back": b"}q\x01"
    + push("a")
    + push(("fx", data(b"other")))
    + b"s0"
    + build({KEY: b"h\x01"})
    + b"0h\x01"
    + push("a")
    + push(PART)
    + b"s",
    "state-changed-before": b"}q\x01"
    + push("training")
    + push(True)
    + b"s"
    + push(KEY)
    + push({"a": ("fx", data(b"other"))})
    + b"s0"
    + build(b"h\x01"),
    "bad-part-in-skipped-data": build(
        {"filler": [f"text {index}" for index in range(9000)], "numbers": ACTING}
        | {KEY: {f"part{index}": PART for index in range(20)} | {"z": ("fx", data(b"other"))}}
    ),
    "other-class-with-skipped-state": push([f"text {index}" for index in range(9000)])
    + b"0"
    + hold(*PART)
    + b"0"
    + build(
        {KEY: {"z": ("fx", data(b"other"))}} | {f"attribute{index}": index for index in range(200)},
        "torch.nn.modules.module.Module",
    ),
    "state-in-skipped-data": push([f"text {index}" for index in range(9000)])
    + b"0"
    + build({KEY: {f"part{index}": PART for index in range(6)} | {"z": ("fx", data(b"other"))}}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_class_is_not_trusted_where_a_constant_may_be_something_else(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(HOSTILE[case], read_bytes) != []


IRREP = "e3nn.o3._irreps.Irrep"
PLAIN_ARGUMENTS = {
    "numbers": construct(IRREP, 1, -1),
    "tuple": construct(IRREP, (1, -1)),
    "text": construct(IRREP, "1o"),
}


@pytest.mark.parametrize("case", PLAIN_ARGUMENTS)
def test_class_that_may_return_its_argument_is_trusted_with_constants(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(PLAIN_ARGUMENTS[case], read_bytes) == []


OTHER_ARGUMENTS = {
    "own-kind": construct(IRREP, construct(IRREP, 1, 1)),
    "object": construct(IRREP, construct("torch.nn.modules.module.Module")),
    "object-in-a-tuple": construct(IRREP, (construct(IRREP, 1, 1), 1)),
    "tuple-of-tuples": construct(IRREP, ((1, 1), 1)),
    "mapping-in-a-tuple": construct(IRREP, ({}, 1)),
    "many": construct(IRREP, tuple(range(100))),
    "name": construct(IRREP, name("builtins.object")),
    "computed": name(IRREP) + call("builtins.tuple", (1, 1)) + b"\x81",
    "copyreg": call("copyreg._reconstructor", name(IRREP), name("builtins.list"), (1, 1)),
    "called": call(IRREP, 1, 1),
}


@pytest.mark.parametrize("case", OTHER_ARGUMENTS)
def test_class_that_may_return_its_argument_is_not_trusted_with_objects(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(OTHER_ARGUMENTS[case], read_bytes) != []


def test_reason_names_the_part_that_is_not_read(read_bytes: ReadBytes) -> None:
    reading = read_bytes(b"\x80\x04" + HOSTILE["graph-as-archive"] + b".")
    programs = [(path, each) for path, each in reading.structures if isinstance(each, PickleProgram)]
    subjects = [each for item in programs for each in build_pickle_subjects(*item, load_shipped().callables)]
    (subject,) = subjects
    reason = "an item of __codegen__ of the kind torchscript is not a file in the format zip"
    assert subject.fields["name"] == LINEAR
    assert subject.fields["why"] == f"setting its state loads what the state holds; {reason}"
    assert subject.absence_if_unmatched is UnreadReason.UNVERIFIED


def test_program_that_was_recorded_without_its_constants_is_not_trusted(read_bytes: ReadBytes) -> None:
    ((path, program),) = read_bytes(b"\x80\x04" + HONEST["no-graphs"] + b".").structures
    assert isinstance(program, PickleProgram)
    earlier = PickleProgram(program.layout, program.streams, program.events, program.opcodes)
    callables = load_shipped().callables
    assert not list(build_pickle_subjects(path, program, callables))
    assert len(list(build_pickle_subjects(path, earlier, callables))) == 1


def test_class_is_not_trusted_where_constants_were_left_unopened(
    read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelaudit.formats.pickles.pickle.nested._NESTED_KEPT", 2)
    assert find_acts(HONEST["several"], read_bytes) != []


def test_constant_is_judged_as_the_file_that_it_is(read_bytes: ReadBytes) -> None:
    command = b"\x80\x02" + call("posix.system", "true") + b"."
    assert find_acts(hold("fx", data(command)), read_bytes) == ["call"]
    assert find_acts(hold("fx", encode(command)), read_bytes) == ["call"]
