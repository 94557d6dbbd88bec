from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.limits import MIB
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.requirement_lines import collect_requirement_mentions, join_requirement_lines


@check_each(
    "line, expected",
    [
        ("numpy>=1.2 ; python_version > '3.8'  # http://no", []),
        ("-r other.txt", []),
        ("-e .", [("editable", ".")]),
        ("-e ../x", [("local-path", "-e ../x")]),
        ("./wheels/a.whl", []),
        ("/opt/a.whl", [("local-path", "/opt/a.whl")]),
        ("--index-url https://e.invalid/s", [("index", "https://e.invalid/s")]),
        ("-i http://e.invalid/s", [("plain-text", "http://e.invalid/s")]),
        ("-i http://localhost:8080/s", [("index", "http://localhost:8080/s")]),
        ("--find-links=https://e.invalid/l", [("links", "https://e.invalid/l")]),
        ("--trusted-host e.invalid", [("trusted-host", "e.invalid")]),
        ("x @ git+https://u:p@e.invalid/x", [("address", "git+https://e.invalid/x")]),
        ("x @ git+https://e.invalid/x@" + "a" * 40, [("pinned-address", "git+https://e.invalid/x@" + "a" * 40)]),
        ("git+http://e.invalid/x", [("plain-text", "git+http://e.invalid/x")]),
    ],
)
def test_requirement_line_that_names_an_address_index_host_or_outside_path_is_mentioned_by_use(line, expected):
    assert [(mention.use, mention.name) for mention in collect_requirement_mentions(line)] == expected


@check_each(
    "line, use",
    [
        ("--extra https://e.invalid/s", "index"),
        ("--pypi-url=https://e.invalid/s", "index"),
        ("--pre -f ../wheels", "links"),
        ("--ind https://e.invalid/s", "index"),
        ("--trusted e.invalid", "trusted-host"),
        ("x @ HTTPS://e.invalid/x.whl", "address"),
        ("x @ HTTP://e.invalid/x.whl", "plain-text"),
        ("x" + " " * 3000 + "@ https://e.invalid/x.whl", "address"),
        ("-e../x", "local-path"),
    ],
)
def test_source_in_a_requirement_line_is_found_despite_option_abbreviation_case_or_spacing(line, use):
    assert [each.use for each in collect_requirement_mentions(line)] == [use]


@pytest.mark.parametrize(
    "line",
    [
        "--use-feature=fast-deps",
        "--allow-unverified package",
        "--python-version=3.10",
        "--install-option=--prefix=x",
        "--exists-action=i",
        "--target=x",
        "--timeout=60",
    ],
)
def test_option_that_neither_names_a_source_nor_drops_a_check_gives_no_mention(line):
    assert list(collect_requirement_mentions(line)) == []


# A comment ends with its line, whatever character breaks the line; the last two texts continue an option.
@pytest.mark.parametrize(
    "text",
    [
        "# a \\\n-i https://e.invalid/s\n",
        "# a\r-i https://e.invalid/s\n",
        "# a\x0c-i https://e.invalid/s\n",
        "# a\u2028-i https://e.invalid/s\n",
        "-i \\\nhttps://e.invalid/s",
        "-i \\\r\nhttps://e.invalid/s\\",
    ],
)
def test_continued_requirement_lines_are_joined_as_pip_joins_them(text):
    lines = [line for _, line in join_requirement_lines((text,))]
    uses = [mention.use for line in lines for mention in collect_requirement_mentions(line)]
    assert uses == ["index"]


@check_each(
    "path, is_requirements_file",
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("dev-requirements.in", True),
        ("constraints.txt", True),
        ("requirements/base.txt", True),
        ("notes.txt", False),
        ("my_requirements.md", False),
    ],
)
def test_requirements_files_are_recognised_by_name(read_bytes, path, is_requirements_file):
    assert (read_bytes(b"numpy\n", path).formats[path] == ["requirements"]) is is_requirements_file


def test_requirements_file_over_the_bound_on_lines_gives_a_mention_before_it_and_is_partly_unread(read_bytes):
    reading = read_bytes(b"a\ngit+https://e.invalid/x\n" + b"\n" * 20_000, "requirements.txt")
    assert [mention.where.line for outline in reading.of(Outline) for mention in outline.mentions] == [2]
    assert UnreadReason.LIMIT in reading.reasons()


@settings(deadline=None)  # the first text that may hold a secret imports the detectors
@given(st.binary(max_size=200))
def test_requirements_files_of_any_bytes_never_crash_the_reader(read_bytes, data):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(b"numpy\n" + data, "requirements.txt")


def test_address_behind_a_very_long_run_of_spaces_is_reported():
    line = f"package{' ' * 200_000}@ https://e.invalid/x.whl  # why"
    assert [mention.name for mention in collect_requirement_mentions(line)] == ["https://e.invalid/x.whl"]


def test_line_of_a_requirements_file_longer_than_the_bound_is_reported_as_unread(read_bytes):
    for filler in (b" " * MIB, b"\\\n" * MIB):
        reading = read_bytes(
            b"git+https://e.invalid/x\n--pre" + filler + b"--index-url https://e.invalid/s\n", "requirements.txt"
        )
        assert [mention.use for outline in reading.of(Outline) for mention in outline.mentions] == ["address"]
        assert UnreadReason.LIMIT in reading.reasons()
