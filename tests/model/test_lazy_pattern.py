"""Patterns that are compiled at their first use."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re

import pytest
from support.catalogue import load_shipped

import modelaudit
from modelaudit.model.lazy_pattern import LazyPattern, defer_pattern

_UNWANTED = ("modelaudit.__main__", "modelaudit.opinions.modelscan_worker", "modelaudit.languages.terms.pdf_worker")


def test_a_pattern_is_compiled_at_its_first_use():
    pattern = defer_pattern("A(?P<rest>b+)", re.IGNORECASE)
    assert isinstance(pattern, LazyPattern)
    assert (pattern.pattern, "compiled" in vars(pattern)) == ("A(?P<rest>b+)", False)
    assert pattern.fullmatch("abb")["rest"] == "bb"
    assert "compiled" in vars(pattern)


def test_it_has_the_attributes_of_a_compiled_one():
    pattern, compiled = defer_pattern(rb"(?P<one>a)|b", re.DOTALL), re.compile(rb"(?P<one>a)|b", re.DOTALL)
    assert (pattern.flags, pattern.groups, pattern.groupindex) == (compiled.flags, compiled.groups, compiled.groupindex)
    for name in ("findall", "split"):
        assert getattr(pattern, name)(b"xaybz") == getattr(compiled, name)(b"xaybz")
    assert pattern.sub(b"-", b"xaybz") == b"x-y-z"
    with pytest.raises(AttributeError):
        _ = pattern.unknown


def test_it_passes_for_a_compiled_one_without_being_compiled():
    pattern = defer_pattern("a")
    assert isinstance(pattern, re.Pattern)
    assert "compiled" not in vars(pattern)


def test_every_deferred_pattern_compiles():
    for each in pkgutil.walk_packages(modelaudit.__path__, "modelaudit."):
        if each.name not in _UNWANTED:
            importlib.import_module(each.name)
    load_shipped()
    gc.unfreeze()  # what was loaded is hidden from the collector, and from this test
    patterns = [each for each in gc.get_objects() if type(each) is LazyPattern]
    gc.freeze()
    assert len(patterns) > 2000
    broken = []
    for each in patterns:
        try:
            re.compile(each.pattern, each.given_flags)
        except re.error as error:
            broken.append((each, error))
    assert not broken
