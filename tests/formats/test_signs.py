"""A reader is asked for every file that it would recognise, although few readers are asked for a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fixtures import FIXTURES
from support.reading import BytesWindow

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, Sign
from modelaudit.formats.registry import DECLARATIONS, READERS, import_object, list_candidates
from modelaudit.model import content as contents
from modelaudit.model.errors import WindowError
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head

_CONTENTS = (
    None, contents.PICKLE, contents.TENSOR_STORAGE, contents.TORCHSCRIPT, contents.TORCH_EXPORT, contents.TORCH_WEIGHT,
    contents.TORCH_TAR, contents.JINJA,
)  # fmt: skip
_SIGNED = [each for each in DECLARATIONS if each.read and each.signs]
_LARGEST = 1 << 18  # bytes of a fixture that is read whole
_FIXTURES_OF_A_FOLDER = 8
_PREFIXES = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b" ", b"\n", b"# a\n", b"\x85", b"\x1e")
_PATHS = (
    "a", "a.md", "a.json", "a.yaml", "a.pkl", "a.pb", "a.onnx", "a.h5", "a.safetensors", "a.msgpack", "a.py", "a.cfg",
    "a.pth", "a.index", "a.html", "a.txt", "requirements.txt", "Dockerfile", "config", "matrix.bin", "prompt", "a.xml",
    "x!b/a.pbtxt", "x!schema.json", "hooks/pre-push", ".gitattributes", "tokenizer", "a.data-00000-of-00001", "a.SVG",
)  # fmt: skip


def make_head(path: str, content: str | None, data: bytes) -> Head:
    """Return the head of a file with these bytes."""
    return Head(path, content, data[:HEAD_BYTES], BytesWindow(data))


def accepts(declaration: Declaration, head: Head) -> bool:
    """Whether the recogniser accepts the file, or fails, which the pipeline reports as an absence."""
    try:
        return bool(import_object(str(declaration.recognise))(head))
    except (DamagedError, WindowError):
        return True


def list_unasked(head: Head) -> list[str]:
    """List the recognisers that accept the file although it meets none of their signs."""
    return [
        str(each.recognise)
        for each in _SIGNED
        if not any(sign.holds_for(head) for sign in each.signs) and accepts(each, head)
    ]


@cache
def read_fixtures() -> list[tuple[str, bytes]]:
    """Return the path and the bytes of some fixtures of each folder."""
    paths = sorted(path for path in FIXTURES.rglob("*") if path.is_file() and 0 < path.stat().st_size <= _LARGEST)
    random = Random(1)
    groups = [list(group) for _, group in groupby(paths, key=lambda path: path.relative_to(FIXTURES).parts[:2])]
    chosen = [path for each in groups for path in random.sample(each, min(len(each), _FIXTURES_OF_A_FOLDER))]
    return [(str(path.relative_to(FIXTURES)), path.read_bytes()) for path in chosen]


def vary(data: bytes, random: Random) -> Iterator[bytes]:
    """Yield the bytes as they are, with one of the first bytes changed, and behind another start."""
    yield data
    position = random.randrange(min(len(data), 40))
    yield data[:position] + bytes((random.randrange(256),)) + data[position + 1 :]
    yield random.choice(_PREFIXES) + data


def test_recognisers_accept_no_fixture_that_meets_none_of_their_signs() -> None:
    random = Random(2)
    heads = (
        make_head(name, content, each)
        for path, data in read_fixtures()
        for each in vary(data, random)
        for name, content in ((path, None), (random.choice(_PATHS), random.choice(_CONTENTS)))
    )
    unasked = {name: head.path for head in heads for name in list_unasked(head)}
    assert not unasked, f"give these recognisers a sign that the file meets: {unasked}"


@given(
    st.sampled_from(_PATHS),
    st.sampled_from(_CONTENTS),
    st.one_of(st.binary(min_size=1, max_size=300), st.text(min_size=1, max_size=300).map(str.encode)),
)
def test_recognisers_accept_no_other_bytes_that_meet_none_of_their_signs(path, content, data) -> None:
    assert list_unasked(make_head(path, content, data)) == []


def test_every_reader_that_recognises_a_file_is_among_its_candidates() -> None:
    for path, data in read_fixtures():
        head = make_head(path, None, data)
        candidates = list_candidates(head)
        assert [each for each in READERS if each.recognises(head) and each not in candidates] == [], path


# A field of 5,000 letters before the graph: its key is "2", and the whole head looks like text.
_ONNX_BEHIND_TEXT = b"2\x88\x27" + b"word " * 1000 + b"\x08\x08" + b"\x3a\x0b\x0a\x09\x0a\x01x\x12\x01y\x22\x01A"
# The number of words, and their counts, which are letters.
_NAVEC_BEHIND_TEXT = b"\x80\x20\0\0" + b"wor " * 0x2080 + b"one\ntwo\n"


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("onnx", _ONNX_BEHIND_TEXT),
        ("navec", _NAVEC_BEHIND_TEXT),
        ("zip", b"{}\n" + b" " * HEAD_BYTES + b"PK\x05\x06" + bytes(18)),
        ("tar", b"a" * 100 + b"0000644 0000000 0000000 00000000000 00000000000 "),
        ("json", b'\xef\xbb\xbf{"a": 1}'),
        ("xml", b"\xff\xfe" + '<?xml version="1.0"?><a/>'.encode("utf-16-le")),
        ("xml", b"\x80\x81<?xml version='1.0'?><a/>"),
    ],
)
def test_reader_of_a_file_in_disguise_is_asked(format_name, data) -> None:
    if format_name == "tar":
        rest = b" " * 8 + b"0" + b"a" * 100 + b"ustar " + b"a" * 249
        block = (data.ljust(148) + rest).ljust(512, b"a")[:512]
        data = block[:148] + b"%06o  " % sum(block) + block[156:]
    head = make_head("a", None, data)
    assert format_name in {each.format for each in list_candidates(head) if each.recognises(head)}


def test_text_is_recognised_without_the_readers_of_weights_and_graphs() -> None:
    program = (
        "import sys\n"
        "from modelaudit.formats.registry import list_candidates\n"
        "from modelaudit.wire.base import Head\n"
        "from support.reading import BytesWindow\n"
        "known = set(sys.modules)\n"
        "for path, data in (('README.md', b'---\\nlicense: mit\\n---\\n# A model\\n'), ('config.json', b'{\"a\": 1}')):\n"
        "    head = Head(path, None, data, BytesWindow(data))\n"
        "    print([each.format for each in list_candidates(head) if each.recognises(head)])\n"
        "print(*(each for each in set(sys.modules) - known if 'formats.weights' in each or 'formats.graphs' in each))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    readme, config, *imported = done.stdout.splitlines()
    assert "'markdown'" in readme and "'json'" in config
    # A text may begin like a protocol buffer, so that these two are asked.
    assert [
        each for line in imported for each in line.split() if not each.endswith((".recognition", ".text_schema"))
    ] == []


def test_answer_on_the_licence_of_texts_imports_no_analysis_of_programs(tmp_path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n\nIt is under the MIT licence.\n")
    (tmp_path / "config.json").write_text('{"model_type": "llama", "hidden_size": 8, "vocab_size": 9}')
    program = "import modelaudit, sys; modelaudit.license(sys.argv[1], offline=True); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    slow = ("modelaudit.languages.python.analysis", "modelaudit.languages.shell.script", "jinja2")
    assert "modelaudit.formats.interpreters" in done.stdout.split()
    assert [each for each in slow if each in done.stdout.split()] == []


def test_all_fields_of_a_sign_have_to_hold() -> None:
    head = make_head("a/B.Txt", "stated", b"ab\3\0\0\0" + b"x" * 20 + b"Word")
    kept = {"contents": ANY_CONTENT}
    assert Sign((b"b\3",), offset=1, unit=1, holds=(b"word",), path=("b.t",), **kept).holds_for(head) is False
    assert Sign((b"\3",), offset=2, unit=9, holds=(b"word",), path=("b.t",), **kept).holds_for(head)
    for other in (
        Sign((b"\3",), offset=3, **kept),
        Sign(among=b"ab", offset=2, **kept),
        Sign(among=b"ab", offset=99, **kept),
        Sign(unit=11, offset=2, **kept),
        Sign(unit=1, offset=28, **kept),
        Sign(holds=(b"words",), **kept),
        Sign(path=("c.t",), **kept),
        Sign(is_text=True, **kept),
        Sign(contents=(None, "other")),
    ):
        assert not other.holds_for(head)
