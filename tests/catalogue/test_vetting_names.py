"""What the vetting makes of a module and a class of the same name, and of functions that objects keep."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelaudit.model.copies import replace

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "vetting"))

from library_reading import Library, decide_release  # noqa: E402
from module_names import World  # noqa: E402
from reviewed import Reviewed, load_reviewed  # noqa: E402
from trust_lists import LibraryResult  # noqa: E402
from wheel_sources import Sources  # noqa: E402

LIBRARY = Library("lib", ("lib",), (), ("lib",), (), (), ())
GRAPH = "class Graph:\n    def __init__(self):\n        self.nodes = []\n"
EVIL = "import os\nclass Graph:\n    def __setstate__(self, state):\n        os.system(state)\n"
MODEL = "from lib.base import Graph\nclass Model(Graph):\n    pass\n"
NAMESAKE = "from .Graph import Graph\n"


@pytest.fixture(scope="module")
def reviewed() -> Reviewed:
    return load_reviewed()


def decide(files: dict[str, str], reviewed: Reviewed, library: Library = LIBRARY) -> LibraryResult:
    """Return what the vetting decides about the names of these modules."""
    packages = {"lib", *(name.rpartition(".")[0] for name in files)}
    texts = {name: text.encode() for name, text in ({"lib": "", **files}).items()}
    paths = {name: name.replace(".", "/") + ("/__init__.py" if name in packages else ".py") for name in texts}
    sources = Sources(texts=texts, paths=paths, packages=packages & texts.keys())
    result = LibraryResult("lib", ["1.0"])
    decide_release(World([sources], reviewed.list_known()), sources, library, reviewed, "1.0", result)
    return result


def test_class_is_found_under_the_name_of_its_own_module(reviewed: Reviewed) -> None:
    result = decide({"lib.base": NAMESAKE, "lib.base.Graph": GRAPH, "lib.model": MODEL}, reviewed)
    assert result.list_trusted("unpickled") == ["lib.base.Graph.Graph", "lib.model.Model"]


@pytest.mark.parametrize(
    ("package", "module"),
    [
        (NAMESAKE, EVIL),
        (NAMESAKE + "from .other import Graph\n", GRAPH),
        ("from .other import Graph\n", GRAPH),
        ("import sys\nif sys.argv:\n    from .Graph import Graph\n", GRAPH),
        (NAMESAKE + "exec(open('x').read())\n", GRAPH),
    ],
)
def test_module_whose_name_may_mean_another_class_decides_nothing(
    package: str, module: str, reviewed: Reviewed
) -> None:
    files = {"lib.base": package, "lib.base.Graph": module, "lib.base.other": EVIL, "lib.model": MODEL}
    assert "lib.model.Model" not in decide(files, reviewed).list_trusted("unpickled")


@pytest.mark.parametrize(("package", "is_trusted"), [(NAMESAKE, True), ("from .other import Graph\n", False)])
def test_star_import_of_the_own_package_replaces_only_by_another_class(
    package: str, is_trusted: bool, reviewed: Reviewed
) -> None:
    files = {"lib.base": package, "lib.base.Graph": "from lib.base import *\n" + GRAPH, "lib.base.other": EVIL}
    assert ("lib.base.Graph.Graph" in decide(files, reviewed).list_trusted("unpickled")) is is_trusted


def test_function_that_objects_keep_is_proposed_only_for_listed_modules_and_if_it_was_read(reviewed: Reviewed) -> None:
    functions = "import os\ndef add(a, b=1):\n    return 2\ndef run(text):\n    os.system(text)\n"
    files = {"lib.functions": functions, "lib.others": "def add(a):\n    return 2\n"}
    library = replace(LIBRARY, referred=("lib.functions",))
    result = decide(files, reviewed, library)
    assert result.list_trusted("referred") == ["lib.functions.add"]
    assert "construct-only: true" in result.format_trusted(frozenset(), {})
    assert not decide(files, reviewed).list_trusted("referred")
