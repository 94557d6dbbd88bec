"""``check_each`` must run every case and must not hide a failing one."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from pathlib import Path

import pytest
from support.cases import check_each


class Color(Enum):
    RED = 1
    BLUE = 2


def test_check_each_runs_every_case_and_names_each_failing_one() -> None:
    ran = []

    @check_each("number, limit", [(1, 2), (5, 2), (2, 2), (9, 2)])
    def check(number: int, limit: int) -> None:
        ran.append(number)
        assert number <= limit

    with pytest.raises(
        pytest.fail.Exception, match=r"2 of 4 cases fail:\ncase 2, \(5, 2\): .*\n(.*\n)*case 4, \(9, 2\): "
    ):
        check()
    assert ran == [1, 5, 2, 9]


def test_check_each_names_a_failing_path_without_shortening_it() -> None:
    path = Path("/workspace/build/fixtures/tar/malicious/pax-size-mismatch.tar")

    @check_each("path", [path])
    def check(path: Path) -> None:
        raise AssertionError

    with pytest.raises(pytest.fail.Exception, match=re.escape(repr(path))):
        check()


def test_stacked_check_each_decorators_run_all_combinations_and_pass_on_pytest_fixtures() -> None:
    ran = []

    @check_each("color", Color)
    @check_each("number", lambda: range(2))
    def check(color: Color, number: int, tmp_path: object) -> None:
        ran.append((color, number, tmp_path))
        assert (color, number) != (Color.BLUE, 1)

    assert list(inspect.signature(check).parameters) == ["tmp_path"]
    with pytest.raises(pytest.fail.Exception, match="1 of 2 cases fail"):
        check(tmp_path="x")
    assert ran == [(color, number, "x") for color in Color for number in range(2)]


def test_check_each_preserves_the_error_type_and_adds_a_note_on_the_case() -> None:
    @check_each("number", [1, 0])
    def check(number: int) -> None:
        assert 1 // number

    with pytest.raises(ZeroDivisionError) as caught:
        check()
    assert caught.value.__notes__ == ["in case 2, 0"]


def test_check_each_without_a_case_fails() -> None:
    @check_each("number", [])
    def check(number: int) -> None:
        raise AssertionError

    with pytest.raises(AssertionError, match="there is no case"):
        check()
