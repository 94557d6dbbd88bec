"""Which classes the vetting trusts only while no code gets their objects."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "vetting"))

from derivation import Decision  # noqa: E402
from library_reading import Library, decide_release  # noqa: E402
from module_names import World  # noqa: E402
from reviewed import Reviewed, load_reviewed  # noqa: E402
from trust_lists import LibraryResult, ListedName  # noqa: E402
from wheel_sources import Sources  # noqa: E402

from modelaudit.model.copies import replace  # noqa: E402

LIBRARY = Library("lib", ("lib",), (), ("lib",), (), (), ())
TEXT = "    def __repr__(self):\n        return self.cache.load()\n"
"""A method that the derivation refuses, because it calls what a state holds."""


@pytest.fixture(scope="module")
def reviewed() -> Reviewed:
    return load_reviewed()


def decide(source: str, reviewed: Reviewed, release: str = "1.0", result: LibraryResult | None = None) -> LibraryResult:
    """Return what the vetting decides about the classes of a module ``lib.model``."""
    paths = {"lib": "lib/__init__.py", "lib.model": "lib/model.py"}
    sources = Sources({"lib": b"", "lib.model": source.encode()}, {"lib"}, paths=paths)
    result = LibraryResult("lib", [release]) if result is None else result
    decide_release(World([sources], reviewed.list_known()), sources, LIBRARY, reviewed, release, result)
    return result


STORED: dict[str, str] = {
    "no-hook": f"class Model:\n{TEXT}",
    "constructor-and-setters": (
        f"class Model:\n{TEXT}    def __init__(self, fn):\n        fn()\n    @property\n    def a(self):\n        return 1\n"
        "    @a.setter\n    def a(self, each):\n        each.run()\n"
    ),
    "items-of-the-state": (
        f"class Model:\n{TEXT}    def __setstate__(self, state):\n        'Keep the state.'\n        self.a = state['a']\n"
        "        self.size = 1\n        self.pairs = self.a.items\n"
    ),
    "base": f"class Base:\n{TEXT}class Model(Base):\n    pass\n",
    "mapping": f"class Model(dict):\n{TEXT}",
    "operators": f"class Model:\n{TEXT}    def __add__(self, other):\n        return other.fn()\n    __radd__ = __add__\n",
}


@pytest.mark.parametrize("case", STORED)
def test_class_that_only_stores_its_state_is_trusted_apart(case: str, reviewed: Reviewed) -> None:
    proposal = decide(STORED[case], reviewed).proposals["unpickled", "lib.model.Model"]
    assert proposal.is_trusted
    assert proposal.blocking.is_apart
    assert proposal.blocking.is_inert


RUN: dict[str, str] = {
    "call-of-the-state": "    def __setstate__(self, state):\n        state['a']()\n",
    "value-of-the-state-that-is-compared": "    def __setstate__(self, state):\n        self.a = state['a'] == 1\n",
    "value-of-the-state-that-is-shown": "    def __setstate__(self, state):\n        self.a = str(state['a'])\n",
    "state-that-is-read-by-its-own-method": "    def __setstate__(self, state):\n        self.__init__(**state)\n",
    "attribute-of-a-value": "    def __setstate__(self, state):\n        self.a.b = state['a']\n",
    "attribute-of-the-state": "    def __setstate__(self, state):\n        self.a = state.a\n",
    "attribute-of-an-attribute": "    def __setstate__(self, state):\n        self.a = self.b.load\n",
    "property-of-a-container": (
        "    def __setstate__(self, state):\n        self.a = self.b.items\n"
        "    @property\n    def items(self):\n        return self.cache.load()\n"
    ),
    "key-of-the-state": "    def __setstate__(self, state):\n        self.a = state[state]\n",
    "names-of-the-state": "    def __setstate__(self, state):\n        for each in state:\n            self.a = state['a']\n",
    "decorated": "    @keep\n    def __setstate__(self, state):\n        self.a = state['a']\n",
    "assigned": "    __setstate__ = run\n",
    "lookup": "    def __getattr__(self, name):\n        return self.cache[name]\n",
    "every-lookup": "    def __getattribute__(self, name):\n        return object.__getattribute__(self, name)\n",
    "end": "    def __del__(self):\n        self.cache.close()\n",
    "maker": "    def __new__(cls, *args):\n        return args[0]()\n",
    "attributes": "    @property\n    def __dict__(self):\n        return self.cache.load()\n",
    "class": "    @property\n    def __class__(self):\n        return self.cache.load()\n",
    "command": "    def run(self):\n        import os\n        os.system(self.command)\n",
}


@pytest.mark.parametrize("case", RUN)
def test_class_whose_hook_uses_its_state_is_not_trusted_apart(case: str, reviewed: Reviewed) -> None:
    source = (
        f"def run(it, state):\n    it.a = state['a']\ndef keep(fn):\n    return fn\nclass Model:\n{TEXT}{RUN[case]}"
    )
    assert not decide(source, reviewed).proposals["unpickled", "lib.model.Model"].is_trusted


BASES = {
    "error": f"class Model(ValueError):\n{TEXT}",
    "without-source": f"import other\nclass Model(other.Base):\n{TEXT}",
    "of-each-thread": f"import threading\nclass Model(threading.local):\n{TEXT}",
    "user-dict": f"import collections\nclass Model(collections.UserDict):\n{TEXT}",
    "changed": f"class Model:\n{TEXT}Model.__setstate__ = print\n",
    "decorator": f"def swap(kind):\n    return print\n@swap\nclass Model:\n{TEXT}",
    "metaclass": f"class Meta(type):\n    pass\nclass Model(metaclass=Meta):\n{TEXT}",
    "two-bindings": f"class Model:\n{TEXT}Model = print\n",
}


@pytest.mark.parametrize("case", BASES)
def test_class_that_is_not_decided_as_a_whole_is_not_trusted_apart(case: str, reviewed: Reviewed) -> None:
    proposal = decide(BASES[case], reviewed).proposals.get(("unpickled", "lib.model.Model"))
    assert proposal is None or not proposal.is_trusted


def test_method_that_stores_counts_only_where_it_was_read(reviewed: Reviewed) -> None:
    source = f"class Model:\n{TEXT}    def __setstate__(self, state):\n        self.__dict__.update(state)\n"
    for field, is_trusted in (("stores", True), ("stores_elsewhere", False), ("read", False)):
        known = replace(reviewed, **{field: getattr(reviewed, field) | {"lib.model.Model.__setstate__"}})
        proposal = decide(source, known).proposals["unpickled", "lib.model.Model"]
        assert proposal.is_trusted is is_trusted, field


def test_list_states_which_classes_stay_apart_and_which_ones_may_hold_them(reviewed: Reviewed) -> None:
    plain = (
        "class Plain:\n    pass\nclass Read:\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n"
    )
    groups = yaml.safe_load(decide(f"class Model:\n{TEXT}{plain}", reviewed).format_trusted(frozenset(), {}))["alike"]
    flags = {name: (each.get("apart"), each.get("inert")) for each in groups for name in each["names"]}
    assert flags == {"lib.model.Model": (True, None), "lib.model.Plain": (None, True), "lib.model.Read": (None, None)}
    alone = yaml.safe_load(decide(plain, reviewed).format_trusted(frozenset(), {}))["alike"]
    assert not any(each.get("inert") for each in alone)


def test_options_of_names_that_no_release_has_now_stay() -> None:
    why = "its state is only stored; loading runs methods that were read"
    listed = {"lib.old.Model": ListedName(why, ("hooks-call: [close]", "apart: true"))}
    (group,) = yaml.safe_load(LibraryResult("lib", ["1.0"]).format_trusted(frozenset(), listed))["alike"]
    assert (group["hooks-call"], group["apart"]) == (["close"], True)


def test_class_stays_untrusted_if_it_is_apart_in_one_release_and_not_inert_in_another(reviewed: Reviewed) -> None:
    result = decide(f"class Model:\n{TEXT}", reviewed)
    decide(
        "class Model:\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n",
        reviewed,
        "0.9",
        result,
    )
    assert not result.proposals["unpickled", "lib.model.Model"].is_trusted


def test_function_that_remakes_objects_is_not_listed_beside_a_class_that_stays_apart() -> None:
    result = LibraryResult("lib", ["1.0"])
    result.add("rebuilder", "1.0", Decision("lib.make", "trusted", "read", "lib.py:1"))
    assert "lib.make" in result.format_trusted(frozenset(), {})
    result.add("unpickled", "1.0", Decision("lib.Model", "trusted", "read", "lib.py:2", is_inert=True, is_apart=True))
    assert "lib.make" not in result.format_trusted(frozenset(), {})
