"""The text of a Python source: that which Python itself reads, in the encoding that the source declares."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.reading import BytesWindow

import modelaudit
from modelaudit.languages.python.source import split_source
from modelaudit.languages.python.source_encoding import decode_code, decode_source

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")
# In the encodings of the cookies below, the bytes of the string end elsewhere than in UTF-8, or are more characters.
_HIDING = 'x = "表\\"; y = 1 #"\nz = len("é")\n'.encode()
_COOKIES = [
    *("gbk", "gb18030", "big5", "shift_jis", "latin-1", "Latin_1-unix", "iso-8859-1-dos", "koi8-r", "mac_roman"),
    *("iso-8859-15", "cp1252", "windows-1251", "euc-jp", "euc-kr", "cp949", "ascii", "utf", "utf-8-unix", "utf8"),
    *("UTF_8", "iso-8859-99", "mac-nothing", "cp1259"),
]


def parse_as_python(data: bytes) -> str | None:
    """Return the syntax tree of a source in bytes, which Python decodes itself; ``None`` if it does not import it."""
    try:
        return ast.dump(ast.parse(data))
    except (SyntaxError, ValueError):
        return None


@check_each(
    "before",
    [
        "# coding: {}\n",
        "#!x\r# vim: set fileencoding={} :\n",
        "\f\n # -*- coding:{} -*-\r\n",
        "# encoding is coding, coding={}\n",
        "'' # coding: {}\n",
        "''\n# coding: {}\n",
        "\n\n# coding: {}\n",
        "#\n# coding:\t{}",
        "\ufeff# coding: {}\n",
    ],
)
def test_source_is_decoded_as_python_decodes_it_wherever_the_cookie_is(before: str) -> None:
    for cookie in _COOKIES:
        for body in (b"", "\n# é".encode(), b"\n" + _HIDING):
            data = before.format(cookie).encode() + body
            expected = parse_as_python(data)
            source = decode_source(BytesWindow(data))
            assert expected is None or ast.dump(ast.parse(source.text)) == expected, data
            assert expected is None or ast.dump(ast.parse(decode_code(data))) == expected, data
            assert not source.encoding


def test_line_before_the_cookie_need_not_be_utf_8() -> None:
    data = b"# \xe9\n# coding: latin-1\nx = '\xe9'\n"
    assert decode_source(BytesWindow(data)).text == data.decode("latin-1")


@given(st.binary(max_size=12), st.binary(max_size=12), st.sampled_from(_COOKIES))
def test_any_bytes_around_a_cookie_are_decoded_as_python_decodes_them(before: bytes, body: bytes, cookie: str) -> None:
    data = b"#" + before + b"coding: " + cookie.encode() + b"\n'" + body + b"'\n"
    expected = parse_as_python(data)
    assert expected is None or ast.dump(ast.parse(decode_source(BytesWindow(data)).text)) == expected


@pytest.mark.parametrize("cookie", ["rot13", "zlib", "punycode", "idna", "hex", "utf-7", "hz"])
def test_encoding_that_spells_letters_with_other_bytes_is_named(cookie: str) -> None:
    assert decode_source(BytesWindow(f"# coding: {cookie}\nx\n".encode())).encoding == cookie


def test_cookie_that_is_too_far_to_be_read_is_named() -> None:
    for end in (b"coding: gbk\n", b"\n"):
        far = b"#" + b" " * ((1 << 20) - 9) + end + b"#\n" * 9
        assert bool(decode_source(BytesWindow(far + b"x = 1\n")).encoding) == (end == b"coding: gbk\n")
    assert not decode_source(BytesWindow(b"x = '" + b" " * (2 << 20) + b"'\n")).encoding


def test_lines_of_a_path_file_have_no_cookie() -> None:
    data = b"# coding: gbk\n" + _HIDING
    assert decode_source(BytesWindow(data), lambda pieces: pieces).text == data.decode()


def test_form_feed_is_kept_in_a_string_and_begins_a_line_anew_elsewhere() -> None:
    text = "x = '''\n\f'''\n \f\fimport os\n"
    (piece,) = split_source(text)
    assert [ast.unparse(each) for each in piece.body] == ["x = '\\n\\x0c'", "import os"]
    pieces = list(split_source(f"x = = 1\n{text}\f@d\n\fdef f():\n    pass\n\felse_ = 2\n"))
    parsed = [ast.unparse(each) for piece in pieces for each in piece.body]
    assert parsed == ["x = '\\n\\x0c'", "import os", "@d\ndef f():\n    pass", "else_ = 2"]
    assert [piece.line for piece in pieces] == [1, 2, 4, 5, 8]


@check_each(
    "head, line",
    [
        ("# coding: gbk\n", 'x = "表\\"; m, n = "os", "system" #"'),
        ("# coding: latin-1\n", "m, n = ('torch.nn', 'os')[len('é') - 1], ('Linear', 'system')[len('é') - 1]"),
        ("", "m, n = ('torch.nn', 'os')[len('''\n\f''') - 1], ('Linear', 'system')[len('''\n\f''') - 1]"),
    ],
)
def test_command_that_only_the_encoding_of_the_source_shows_is_an_alarm(tmp_path: Path, head: str, line: str) -> None:
    call = "m, n = 'torch.nn', 'Linear'\n{}\ngetattr(importlib.import_module(m), n)('x')\n"
    (tmp_path / "modeling_tiny.py").write_bytes(f"{head}import importlib\n{call.format(line)}".encode())
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


def test_text_of_another_file_of_the_model_is_that_in_its_own_encoding(tmp_path: Path) -> None:
    code = "import os\nfrom .names import NAME\ngetattr(os, NAME)('x')\n"
    names = "NAME = ('getcwd', 'system')[len('é') - 1]\n"
    for head, is_command in (("", False), ("# coding: latin-1\n", True)):
        (tmp_path / "modeling_tiny.py").write_text(code)
        (tmp_path / "names.py").write_bytes(f"{head}{names}".encode())
        found = modelaudit.scan(tmp_path, second_opinion=False).findings
        assert ("code/runs-command-at-import" in {each.rule for each in found}) is is_command
