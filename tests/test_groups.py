"""One worker runs the tests that use a fixture of their module, so that the suite makes the fixture once."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def model() -> str:
    return "acme/tiny"


@pytest.fixture
def card(model: str) -> str:
    return f"# {model}"


@pytest.mark.usefixtures("card")
def test_tests_that_use_a_fixture_of_their_module_are_one_group(request: pytest.FixtureRequest) -> None:
    assert [each.args for each in request.node.iter_markers("xdist_group")] == [("tests/test_groups.py",)]


def test_test_without_a_fixture_of_its_module_is_in_no_group(request: pytest.FixtureRequest, tmp_path: object) -> None:
    assert not list(request.node.iter_markers("xdist_group"))


@pytest.mark.xdist_group("models")
def test_test_with_a_group_keeps_it(request: pytest.FixtureRequest, model: str) -> None:
    assert [each.args for each in request.node.iter_markers("xdist_group")] == [("models",)]
