"""What the vetting of libraries decides: hostile wheels are neither imported nor trusted, and honest ones are."""

from __future__ import annotations

import hashlib
import io
import json
import os
import runpy
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from modelaudit.model.copies import replace

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "vetting"))

from changed_definitions import find_changed  # noqa: E402
from derivation import Derivation  # noqa: E402
from hook_calls import FOREIGN_CALLS  # noqa: E402
from library_reading import Library, decide_release  # noqa: E402
from module_names import World  # noqa: E402
from package_index import find_index, list_releases  # noqa: E402
from reviewed import Reviewed, load_reviewed  # noqa: E402
from trust_lists import LibraryResult  # noqa: E402
from wheel_sources import MAX_SOURCE, ArchiveRefusedError, Sources, read_archive  # noqa: E402

from modelaudit.checks.planted import CALLED_BY_HOOKS  # noqa: E402

LIBRARY = Library("lib", ("lib",), (), ("lib",), ("lib",), (), ())
EVIL = "import os\nclass Evil:\n    def __setstate__(self, state):\n        os.system(state)\n"
HELPER = "class Helper:\n    def run(self):\n        pass\n"
PLAIN = "class Model:\n    def __init__(self, size=1):\n        self.size = size\n"


@pytest.fixture(scope="module")
def reviewed() -> Reviewed:
    return load_reviewed()


def write_wheel(folder: Path, files: dict[str, str | bytes], name: str = "lib-1.0-py3-none-any.whl") -> Path:
    """Write a wheel with these files; a module ``lib`` is added if there is none."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in ({"lib/__init__.py": ""} | files).items():
            archive.writestr(member, content)
    return path


def read_wheel(folder: Path, files: dict[str, str | bytes]) -> Sources:
    """Return the sources of a wheel with these files, below ``lib`` alone."""
    sources = read_archive(write_wheel(folder, files))
    sources.restrict(("lib",))
    return sources


def decide(folder: Path, files: dict[str, str | bytes], reviewed: Reviewed) -> LibraryResult:
    """Return what the vetting decides about the names of a wheel."""
    sources = read_wheel(folder, files)
    result = LibraryResult("lib", ["1.0"])
    decide_release(World([sources], reviewed.list_known()), sources, LIBRARY, reviewed, "1.0", result)
    return result


# Sources of lib/model.py in which the class Model is not, or not only, what its definition says. Each with further files.
LIES: dict[str, tuple[str, dict[str, str | bytes]]] = {
    "decorator-replaces": ("def swap(kind):\n    return Evil\n@swap\n" + PLAIN, {}),
    "decorator-of-another-package": ("import other\n@other.mark\n" + PLAIN, {}),
    "decorator-sets-a-hook": (
        "def mark(kind):\n    kind.__setstate__ = Evil.__setstate__\n    return kind\n@mark\n" + PLAIN, {}
    ),
    "decorator-returns-what-it-is-called-with": ("def same(kind):\n    return kind\n@same(Evil)\n" + PLAIN, {}),
    "decorator-without-its-call": ("def name(text):\n    def keep(kind):\n        return kind\n    return keep\n@name\n" + PLAIN, {}),
    "decorator-of-a-class": ("class Swap:\n    def __call__(self, kind):\n        return Evil\n@Swap()\n" + PLAIN, {}),
    "decorator-that-is-a-class": ("class Note:\n    def __call__(self, kind):\n        return kind\n@Note\n" + PLAIN, {}),
    "decorator-of-a-class-sets-a-hook": (
        "class Note:\n    def __call__(self, kind):\n        kind.__setstate__ = Evil.__setstate__\n        return kind\n"
        "@Note()\n" + PLAIN, {}
    ),
    "decorator-of-a-class-with-a-base": (
        "class Base:\n    def __new__(cls):\n        return lambda kind: Evil\n"
        "class Note(Base):\n    def __call__(self, kind):\n        return kind\n@Note()\n" + PLAIN, {}
    ),
    "decorator-of-a-class-bound-twice": (
        "class Note:\n    def __call__(self, kind):\n        return Evil\n    def __call__(self, kind):\n        return kind\n"
        "    __call__ = Evil\n@Note()\n" + PLAIN, {}
    ),
    "name-assigned-again": (PLAIN + "Model = Evil\n", {}),
    "name-imported-again": (PLAIN + "from lib.evil import Evil as Model\n", {"lib/evil.py": EVIL}),
    "import-that-python-lacks": (
        "try:\n    from collections import Mapping\nexcept ImportError:\n    from lib.evil import Mapping\n"
        "class Model:\n    def __setstate__(self, state):\n        Mapping(state)\n",
        {"lib/evil.py": EVIL.replace("Evil", "Mapping") + "    __init__ = __setstate__\n"},
    ),
    "import-of-another-error": (
        "try:\n    from inspect import signature\nexcept Exception:\n    pass\nelse:\n    from os import system as signature\n"
        "class Model:\n    def __setstate__(self, state):\n        signature(state)\n", {}
    ),
    "import-and-more-below-a-try": (
        "try:\n    from inspect import signature\n    raise ImportError\nexcept ImportError:\n    from os import system as signature\n"
        "class Model:\n    def __setstate__(self, state):\n        signature(state)\n", {}
    ),
    "name-of-a-loop": (PLAIN + "for Model in (Evil,):\n    pass\n", {}),
    "name-of-a-with": (PLAIN + "with open('x') as Model:\n    pass\n", {}),
    "name-of-a-walrus": (PLAIN + "print(Model := Evil)\n", {}),
    "name-of-an-error": (PLAIN + "try:\n    pass\nexcept Exception as Model:\n    pass\n", {}),
    "name-of-a-pattern": (PLAIN + "match Evil:\n    case Model:\n        pass\n", {}),
    "name-of-a-tuple": (PLAIN + "Model, other = Evil, 1\n", {}),
    "name-of-global": (PLAIN + "def change():\n    global Model\n    Model = Evil\nchange()\n", {}),
    "name-deleted": (PLAIN + "del Model\n", {}),
    "condition": ("import sys\nif sys.flags.optimize:\n    class Model(Evil):\n        pass\nelse:\n    class Model:\n        pass\n", {}),
    "condition-alone": ("import sys\nif not sys.gettrace():\n    class Model:\n        pass\n", {}),
    "try-definition": ("try:\n    class Model:\n        pass\nexcept ImportError:\n    pass\n", {}),
    "exec": (PLAIN + "exec('Model = Evil')\n", {}),
    "eval": (PLAIN + "eval('globals().update(Model=Evil)')\n", {}),
    "globals": (PLAIN + "globals()['Mod' + 'el'] = Evil\n", {}),
    "sys-modules": (PLAIN + "import sys\nsys.modules[__name__] = Evil\n", {}),
    "sys-modules-from-elsewhere": (PLAIN, {"lib/patch.py": "import sys\nsys.modules['lib.model'] = 1\n"}),
    "setattr-of-module": (PLAIN + "import sys\nsetattr(sys.modules[__name__], 'Mod' + 'el', Evil)\n", {}),
    "star-import": (PLAIN + "from lib.star import *\n", {"lib/star.py": EVIL.replace("Evil", "Model")}),
    "star-import-of-another-package": (PLAIN + "from other import *\n", {}),
    "method-set-afterwards": (PLAIN + "Model.__setstate__ = Evil.__setstate__\n", {}),
    "method-set-elsewhere": (
        PLAIN, {"lib/patch.py": "from lib.model import Model\ndef go():\n    Model.__setstate__ = print\n"}
    ),
    "method-set-by-setattr": (PLAIN, {"lib/patch.py": "import lib.model\nsetattr(lib.model.Model, '__setstate__', print)\n"}),
    "method-set-by-type": (PLAIN, {"lib/patch.py": "from .model import Model\ntype.__setattr__(Model, 'x', print)\n"}),
    "method-of-base-set": (
        "class Base:\n    pass\nclass Model(Base):\n    pass\nBase.__setstate__ = Evil.__setstate__\n", {}
    ),
    "metaclass": ("class Meta(type):\n    def __call__(cls, *args):\n        return Evil()\nclass Model(metaclass=Meta):\n    pass\n", {}),
    "metaclass-of-base": (
        "class Meta(type):\n    def __new__(mcs, *args):\n        return Evil\nclass Base(metaclass=Meta):\n    pass\nclass Model(Base):\n    pass\n",
        {},
    ),
    "base-of-a-call": ("def make():\n    return Evil\nclass Model(make()):\n    pass\n", {}),
    "base-of-another-package": ("import other\nclass Model(other.Base):\n    pass\n", {}),
    "base-below-a-condition": (
        "if len(__name__) > 3:\n    Base = Evil\nelse:\n    class Base:\n        pass\nclass Model(Base):\n    pass\n", {}
    ),
    "base-in-a-circle": ("from lib.other import Base\nclass Model(Base):\n    pass\n", {
        "lib/other.py": "from lib.model import Model\nclass Base(Model):\n    pass\n"
    }),
    "init-subclass": (
        "class Base:\n    def __init_subclass__(cls):\n        cls.__setstate__ = Evil.__setstate__\nclass Model(Base):\n    pass\n",
        {},
    ),
    "init-subclass-by-setattr": (
        "class Base:\n    def __init_subclass__(cls):\n        setattr(cls, '__setst' + 'ate__', print)\nclass Model(Base):\n    pass\n",
        {},
    ),
    "hook-below-a-condition": ("class Model:\n    if Evil:\n        def __setstate__(self, state):\n            pass\n", {}),
    "hook-of-a-value": ("class Model:\n    __setstate__ = Evil.__setstate__\n", {}),
    "hook-of-a-lambda": ("import os\nclass Model:\n    __setstate__ = lambda self, state: os.system(state)\n", {}),
    "hook-twice": (
        "class Model:\n    def __setstate__(self, state):\n        pass\n    def __setstate__(self, state):\n        os.system(state)\n",
        {},
    ),
    "hook-decorated": ("import other\nclass Model:\n    @other.wrap\n    def __setstate__(self, state):\n        pass\n", {}),
    "hook-of-inner-loop": ("class Model:\n    for __setstate__ in (Evil.__setstate__,):\n        pass\n", {}),
    "import-of-os": ("class Model:\n    def __setstate__(self, state):\n        __import__('os').system(state)\n", {}),
    "alias": ("from os import system as keep\nclass Model:\n    def __setstate__(self, state):\n        keep(state)\n", {}),
    "computed-name": (
        "import os\nclass Model:\n    def __setstate__(self, state):\n        getattr(os, 'sys' + 'tem')(state)\n", {}
    ),
    "name-of-the-state": (
        "import os\nclass Model:\n    def __setstate__(self, state):\n        getattr(os, state[0])(state[1])\n", {}
    ),
    "called-state": ("class Model:\n    def __setstate__(self, state):\n        state['function'](state['argument'])\n", {}),
    "method-of-state": ("class Model:\n    def __setstate__(self, state):\n        state['object'].execute()\n", {}),
    "helper": (
        "from lib.helper import restore\nclass Model:\n    def __setstate__(self, state):\n        restore(self, state)\n",
        {"lib/helper.py": "import os\ndef restore(model, state):\n    run(state)\ndef run(text):\n    os.system(text)\n"},
    ),
    "helper-passed-on": (
        "import os\nclass Model:\n    def __setstate__(self, state):\n        list(map(self.run, state))\n"
        "    def run(self, text):\n        os.system(text)\n", {}
    ),
    "helper-in-a-default": (
        "import os\nclass Model:\n    def __setstate__(self, state, run=os.system):\n        run(state)\n", {}
    ),
    "helper-in-a-table": (
        "import os\nTABLE = {'a': os.system}\nclass Model:\n    def __setstate__(self, state):\n        TABLE['a'](state)\n", {}
    ),
    "inherited": ("class Model(Evil):\n    pass\n", {}),
    "inherited-by-super": (
        "class Model(Evil):\n    def __setstate__(self, state):\n        super().__setstate__(state)\n", {}
    ),
    "setter": (
        "import os\nclass Model:\n    @property\n    def x(self):\n        return 1\n"
        "    @x.setter\n    def x(self, value):\n        os.system(value)\n", {}
    ),
    "property": (
        "import os\nclass Model:\n    @property\n    def x(self):\n        return os.system(self.y)\n"
        "    def __setstate__(self, state):\n        self.y = state\n        print(self.x)\n", {}
    ),
    "length": ("import os\nclass Model:\n    def __len__(self):\n        return os.system(self.x)\n", {}),
    "deletion": ("import os\nclass Model:\n    def __del__(self):\n        os.remove(self.path)\n", {}),
    "attribute": ("import os\nclass Model:\n    def __getattr__(self, name):\n        os.system(name)\n", {}),
    "lookup-in-what-it-holds": (
        "class Model:\n    def __getattr__(self, name):\n        return getattr(self.inner, name)\n", {}
    ),
    "long-alternatives": (
        "class Model:\n    def __setstate__(self, state):\n"
        + "".join(f"        a{n} = a{n + 1} or b{n + 1} or a{n + 2}\n        b{n} = [a{n + 1}, b{n + 1}][state]\n" for n in range(40))
        + "        a0(b0)\n", {}
    ),
    "equality": ("import os\nclass Model:\n    def __eq__(self, other):\n        os.system(other.x)\n", {}),
    "process": ("CACHE = {}\nclass Model:\n    def __setstate__(self, state):\n        CACHE['x'] = state\n", {}),
    "other-module": (
        "import json\nclass Model:\n    def __setstate__(self, state):\n        json.loads = state\n", {}
    ),
    "native": ("from lib import fast\nclass Model:\n    def __setstate__(self, state):\n        fast.run(state)\n", {"lib/fast.so": b""}),
    "unknown-package": ("import other\nclass Model:\n    def __setstate__(self, state):\n        other.run(state)\n", {}),
    "use-runs-a-command": ("import subprocess\nclass Model:\n    def fit(self):\n        subprocess.run(self.command)\n", {}),
    "use-evaluates": ("class Model:\n    def predict(self, x):\n        return eval(self.formula)\n", {}),
    "use-unpickles": (
        "import pickle\nclass Model:\n    def predict(self, x):\n        path = self.path\n        return pickle.load(open(path))\n", {}
    ),
    "use-imports": (
        "import importlib\nclass Model:\n    def predict(self, x):\n        return importlib.import_module(self.name)\n", {}
    ),
    "deep-source": (PLAIN + "x = " + "(" * 300 + ")" * 300 + "\n", {}),
    "damaged-source": (PLAIN + "def (:\n", {}),
    "not-utf-8": (PLAIN, {"lib/model.py": b"# \xff\xfe\n" + PLAIN.encode()}),
    "module-of-10-MB": (PLAIN, {"lib/model.py": PLAIN + "#" + "x" * (10 << 20)}),
    "many-statements": (PLAIN, {"lib/model.py": PLAIN + "x = [" + "1, " * (MAX_SOURCE // 4) + "]\n"}),
    "bytecode-beside-it": (PLAIN, {"lib/__pycache__/model.cpython-311.pyc": b"x"}),
    "compiled-module-beside-it": (PLAIN, {"lib/model.cpython-311-x86_64-linux-gnu.so": b"x"}),
    "package-beside-it": (PLAIN, {"lib/model/__init__.py": EVIL.replace("Evil", "Model")}),
    "second-place": (PLAIN, {"lib-1.0.data/purelib/lib/model.py": EVIL.replace("Evil", "Model")}),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_name_whose_source_lies_is_not_trusted_in_pickles(case: str, tmp_path: Path, reviewed: Reviewed) -> None:
    source, files = LIES[case]
    result = decide(tmp_path, {"lib/model.py": EVIL + source, **files}, reviewed)
    assert "lib.model.Model" not in result.list_trusted("unpickled", "enumeration", "rebuilder")
    assert "lib.model.Evil" not in result.list_trusted("unpickled", "constructed")


@pytest.mark.parametrize(
    "body",
    [
        "import os\nclass Model:\n    def __init__(self, x):\n        os.system(x)\n",
        "class Model:\n    def __init__(self, x):\n        self.x = eval(x)\n",
        "class Model:\n    def __init__(self, path):\n        self.text = open(path).read()\n",
        "import pickle\nclass Model:\n    def __init__(self, path):\n        self.x = pickle.load(path)\n",
        "import torch\nclass Model:\n    def __init__(self, name, path):\n        self.x = getattr(torch, name)(path)\n",
        "import importlib\nclass Model:\n    def __init__(self, name):\n        self.x = importlib.import_module(name)\n",
        "import lib.other\nclass Model:\n    def __new__(cls, x):\n        return lib.other.make(x)\n",
        "class Model:\n    def __init__(self, loader):\n        loader.load_everything()\n",
        "import other\nclass Model:\n    def __init__(self, x):\n        self.x = apply(x, other.function)\n"
        "def apply(x, function):\n    return function(x)\n",
        "from dataclasses import dataclass, field\nimport os\n@dataclass\nclass Model:\n    x: int = field(default_factory=os.getlogin)\n",
        "from dataclasses import dataclass\nimport os\n@dataclass\nclass Model:\n    x: str\n    def __post_init__(self):\n        os.system(self.x)\n",
        "import os\nclass Model:\n    def __init__(self, x):\n        self.y = x\n"
        "    @property\n    def y(self):\n        return 1\n    @y.setter\n    def y(self, value):\n        os.system(value)\n",
    ],
)  # fmt: skip
def test_class_whose_constructor_harms_is_not_trusted_in_configurations(
    body: str, tmp_path: Path, reviewed: Reviewed
) -> None:
    result = decide(
        tmp_path, {"lib/model.py": body, "lib/other.py": "import os\ndef make(x):\n    os.system(x)\n"}, reviewed
    )
    assert "lib.model.Model" not in result.list_trusted("constructed")


HONEST = {
    "plain": PLAIN,
    "inherits": "from collections import OrderedDict\nclass Model(OrderedDict):\n    pass\n",
    "restores": "class Model:\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n        self.x = len(state)\n",
    "registered": "NAMES = {}\ndef register(name):\n    def keep(kind):\n        NAMES[name] = kind\n        return kind\n    return keep\n"
    "@register('a')\nclass Model:\n    pass\n",
    "documented": "class Note:\n    def __init__(self, **texts):\n        self.texts = texts\n"
    "    def __call__(self, kind):\n        kind.__doc__ = kind.__doc__.format(**self.texts)\n        return kind\n"
    "@Note(size='a number')\nclass Model:\n    pass\n",
    "import-for-old-releases": "try:\n    from inspect import signature\nexcept ImportError:\n    from lib.user import signature\n"
    "class Model:\n    def __setstate__(self, state):\n        signature(len)\n",
    "byte-order-mark": "\ufeff" + PLAIN,
    "dataclass": "from dataclasses import dataclass, field\n@dataclass\nclass Model:\n    x: list = field(default_factory=list)\n",
    "overloaded": "from typing import overload\nclass Model:\n    @overload\n    def __init__(self, a: int): ...\n"
    "    @overload\n    def __init__(self, a: str): ...\n    def __init__(self, a):\n        self.a = a\n",
    "in-a-circle": "import lib.user\nclass Model:\n    def __init__(self):\n        self.x = lib.user.count(self)\n",
    "optional": "try:\n    import other\nexcept ImportError:\n    other = None\nclass Model:\n    pass\n",
    "calls-what-it-gets": "class Model:\n    def __init__(self, activation):\n        self.activation = activation()\n",
    "saves": "import pickle\nclass Model:\n    def save(self, path):\n        pickle.dump(self, open(path, 'wb'))\n"
    "    @classmethod\n    def load(cls, path):\n        return pickle.load(open(path, 'rb'))\n",
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_honest_class_is_trusted_with_the_line_that_was_read(case: str, tmp_path: Path, reviewed: Reviewed) -> None:
    user = "import lib.model\ndef count(model):\n    return count(model) if model else lib.model.Model\n"
    result = decide(tmp_path, {"lib/model.py": HONEST[case], "lib/user.py": user}, reviewed)
    assert {"lib.model.Model"} <= set(result.list_trusted("unpickled")) & set(result.list_trusted("constructed"))
    decision = result.proposals["unpickled", "lib.model.Model"].decisions["1.0"]
    assert decision.place.startswith("lib/model.py:")
    assert decision.quote.startswith(("class Model", "@"))


def test_class_is_trusted_under_the_name_that_its_package_exports(tmp_path: Path, reviewed: Reviewed) -> None:
    files = {"lib/__init__.py": "from .model import *\nfrom .model import Model as Net\n", "lib/model.py": PLAIN}
    assert {"lib.Model", "lib.Net"} <= set(decide(tmp_path, files, reviewed).list_trusted("constructed"))


# Methods of the class Model that loading runs. Each calls a value that a state may put in the place of known code.
REPLACED: dict[str, str] = {
    "value-of-the-state": "def __del__(self):\n        self.cache.flush()\n",
    "value-that-init-assigns": "def __init__(self):\n        self.h = Helper()\n    def __del__(self):\n        self.h.run()\n",
    "value-by-a-local-name": "def __setitem__(self, k, v):\n        own = self.cache\n        own.flush()\n",
    "value-that-is-called": "def __setitem__(self, k, v):\n        v(k)\n",
    "attribute-that-a-hook-assigns": (
        "def __setitem__(self, k, v):\n        self.fn(k)\n    def __setstate__(self, state):\n        self.fn = state\n"
    ),
    "attribute-that-a-hook-computes": (
        "def __setitem__(self, k, v):\n        self.fn(k)\n    def __del__(self):\n        self.__dict__.update(self.extra)\n"
    ),
    "attribute-that-another-function-assigns": (
        "def __setitem__(self, k, v):\n        self.fn(k)\ndef give(model, each):\n    model.fn = each\nclass Other:\n    pass\n"
    ),
    "attribute-that-is-looked-up": (
        "def __setitem__(self, k, v):\n        self.fn(k)\n    def __getattr__(self, name):\n        return self.extra[name]\n"
    ),
    "attribute-of-the-class": "fn = None\n    def __setitem__(self, k, v):\n        self.fn(k)\n",
    "attribute-or-argument": "def __setitem__(self, k, v):\n        (self.fn or v)(k)\n",
    "property-by-a-call": ("def _get(self):\n        return self.cache.load()\n    shape = property(_get)\n"),
    "descriptor-that-others-read": "shape = Reader()\n",
    "property-of-its-own-keys": (
        "@property\n    def a(self):\n        return self.cache.load()\n"
        "    def __hash__(self):\n        return hash(tuple(getattr(self, each) for each in self.__dict__))\n"
    ),
    "call-of-its-own-keys": (
        "def __hash__(self):\n        return hash(tuple(getattr(self, each)() for each in self.__dict__))\n"
    ),
    "keys-of-another": "def __eq__(self, other):\n        return [getattr(self, each) for each in other.__dict__.x]\n",
    "text-of-a-function-of-texts": "def __repr__(self):\n        return html.escape(self.text)\n",
    "item": "def __setstate__(self, state):\n        state['f']()\n",
    "item-of-a-loop": "def __setstate__(self, state):\n        for each in state:\n            each.run()\n",
    "method-of-the-state": "def __setstate__(self, state):\n        state.load()\n",
    "attribute-of-the-state": "def __hash__(self):\n        return hash(self.cache.total)\n",
    "computed-attribute": "def __setstate__(self, state):\n        getattr(state, state[0])\n",
    "computed-attribute-of-itself": "def __setstate__(self, state):\n        getattr(self, state[0])\n",
    "computed-attribute-by-a-list-of-the-state": "def __repr__(self):\n        return [getattr(self, a) for a in self.names]\n",
    "computed-attribute-by-a-method": (
        "def list_names(self):\n        return self.names\n    def __repr__(self):\n"
        "        return [getattr(self, a) for a in self.list_names()]\n"
    ),
    "property-by-a-name-of-the-class": (
        "@classmethod\n    def list_names(cls):\n        return ['a']\n    @property\n    def a(self):\n        return self.cache.load()\n"
        "    def __repr__(self):\n        return [getattr(self, a) for a in self.list_names()]\n"
    ),
    "call-by-a-name-of-the-class": (
        "@classmethod\n    def list_names(cls):\n        return ['a']\n"
        "    def __repr__(self):\n        return [getattr(self, a)() for a in self.list_names()]\n"
    ),
    "container-or-state": "def __repr__(self):\n        out = dict()\n        out = self.a\n        out.update(a=1)\n",
    "function-that-a-state-shadows": "def run(self):\n        pass\n    def __repr__(self):\n        return str(self.run.title)\n",
    "default-of-a-signature": (
        "def __repr__(self):\n        from inspect import signature\n"
        "        return str([p.default.text for p in signature(len).parameters.values()])\n"
    ),
    "signature-or-state": (
        "def __repr__(self):\n        from inspect import signature\n        a = signature(len)\n        a = self.a\n"
        "        return str(a.kind)\n"
    ),
    "function-that-is-passed": "def __eq__(self, other):\n        return list(map(self.fn, other))\n",
    "key-of-a-sort": "def __hash__(self):\n        return hash(tuple(sorted(self.a, key=self.fn)))\n",
    "partial": "def __del__(self):\n        functools.partial(self.fn, 1)()\n",
    "object-that-is-passed": "def __del__(self):\n        stop(self)\n",
    "operator": "def __add__(self, other):\n        return other.fn(self)\n",
    "text-of-it": "def __repr__(self):\n        return self.cache.name()\n",
    "method-that-others-call": "def items(self):\n        return self.cache.load()\n",
    "several-arguments": "def __setstate__(self, state):\n        state.add(1, 2)\n",
    "method-with-one-argument": "def add(self, each):\n        each.run()\n",
    "property-that-others-read": "@property\n    def shape(self):\n        return self.cache.load()\n",
    "callback-of-a-reference": "def __del__(self):\n        weakref.ref(self, self.fn)\n",
    "inner-function": "def __del__(self):\n        def end(it):\n            it.close()\n        end(self)\n",
}


@pytest.mark.parametrize("case", REPLACED)
def test_class_whose_hook_calls_what_a_state_replaces_is_not_trusted(
    case: str, tmp_path: Path, reviewed: Reviewed
) -> None:
    source = (
        "import functools\nimport html\nimport weakref\ndef stop(it):\n    it.close()\n"
        "class Reader:\n    def __get__(self, it, kind):\n        return it.cache.load()\n"
        f"{HELPER}class Model:\n    {REPLACED[case]}"
    )
    proposal = decide(tmp_path, {"lib/model.py": source}, reviewed).proposals["unpickled", "lib.model.Model"]
    # One that stores its state may be trusted while no code gets its objects; see test_vetting_inert.py.
    assert not proposal.is_trusted or proposal.blocking.is_apart


# Methods that loading runs, with the methods of the own object that they call.
OWN_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no-hook": ("def run(self):\n        self.close()\n", ()),
    "method": ("def __del__(self):\n        self.close()\n    def close(self):\n        pass\n", ("close",)),
    "chain": (
        "def __del__(self):\n        self.a()\n    def a(self):\n        self.b()\n    def b(self):\n        pass\n",
        ("a", "b"),
    ),
    "bound-to-a-name": (
        "def __del__(self):\n        end = self.close\n        end()\n    def close(self):\n        pass\n",
        ("close",),
    ),
    "containers": (
        "def __setstate__(self, state):\n        state.pop('a', None)\n        self.__dict__.update(state)\n",
        (),
    ),
    "base": ("def __setstate__(self, state):\n        super().__setattr__('a', state)\n", ()),
    "helper": ("def __del__(self):\n        Helper().run()\n", ()),
    "method-with-several-arguments": ("def add(self, first, second):\n        first.run()\n", ()),
    "arrays": ("def __repr__(self):\n        return str(self.x.shape) + str(self.x.astype(1))\n", ()),
    "own-class": ("def __getitem__(self, key):\n        return self.__class__()\n", ()),
    "new-container": (
        "def __repr__(self):\n        out = dict()\n        out.update(a=1)\n        return str(out)\n",
        (),
    ),
    "function-of-the-class": (
        "@classmethod\n    def name(cls):\n        return cls.run.title\n    def run(self):\n        pass\n"
        "    def __repr__(self):\n        return str(self.name())\n",
        ("name",),
    ),
    "parameters-of-a-signature": (
        "def __repr__(self):\n        from inspect import signature\n"
        "        a = [p for p in signature(len).parameters.values() if p.kind]\n"
        "        return str([each.name for each in a])\n",
        (),
    ),
    "attribute-that-only-a-state-sets": (
        "def __init__(self, fn):\n        self.fn = fn\n    def __contains__(self, each):\n        return self.fn(each)\n",
        ("fn",),
    ),
    "property-by-a-call": (
        "def _get(self):\n        return self._a\n    def _set(self, a):\n        self._a = a\n    shape = property(_get, _set)\n",
        (),
    ),
    "its-own-keys": (
        "@property\n    def a(self):\n        return self._a\n"
        "    def __hash__(self):\n        return hash(tuple(getattr(self, each) for each in self.__dict__))\n",
        (),
    ),
    "text-of-a-function-of-texts": ("def __repr__(self):\n        return html.escape(str(self.text))\n", ()),
    "attribute-of-each-thread": (
        "def __setstate__(self, state):\n        self.__dict__.update(state)\n        self._local = Local()\n",
        (),
    ),
    "data-of-a-map": ("def __repr__(self):\n        return ','.join(map(repr, self.models))\n", ()),
    "plain-keywords": ("def __add__(self, other):\n        return dict(**{'a': True})\n", ()),
}


@pytest.mark.parametrize("case", OWN_CALLS)
def test_class_whose_hooks_call_known_code_is_trusted_with_the_methods_that_no_state_may_replace(
    case: str, tmp_path: Path, reviewed: Reviewed
) -> None:
    body, names = OWN_CALLS[case]
    imports = "import html\nimport threading\nclass Local(threading.local):\n    loop = False\n"
    result = decide(tmp_path, {"lib/model.py": f"{imports}{HELPER}class Model:\n    {body}"}, reviewed)
    proposal = result.proposals["unpickled", "lib.model.Model"]
    assert proposal.is_trusted, proposal.blocking
    assert proposal.blocking.hook_calls == names
    groups = yaml.safe_load(result.format_trusted(frozenset(), {}))["alike"]
    (group,) = (each for each in groups if "lib.model.Model" in each["names"])
    assert group.get("hooks-call", []) == list(names)


@pytest.mark.parametrize(
    ("call", "is_trusted"),
    [
        ("itertools.takewhile(lambda each: each, self.items)", True),
        ("itertools.takewhile(self.keep, self.items)", True),
        ("itertools.takewhile(self.fn, self.items)", False),
        ("itertools.takewhile(given, self.items)", False),
        ("minimize(self.keep, [1], method='BFGS')", True),
        ("minimize(self.keep, [1], method=self.fn)", False),
    ],
)
def test_method_may_pass_on_functions_that_the_source_writes_out(
    call: str, is_trusted: bool, tmp_path: Path, reviewed: Reviewed
) -> None:
    source = (
        "import itertools\nfrom scipy.optimize import minimize\nclass Model:\n"
        f"    def keep(self, each):\n        return each\n    def fit(self, given):\n        return {call}\n"
    )
    result = decide(tmp_path, {"lib/model.py": source}, reviewed)
    assert result.proposals["unpickled", "lib.model.Model"].is_trusted is is_trusted


@pytest.mark.parametrize("is_read", [True, False])
def test_function_that_was_read_may_change_a_class_while_it_runs(
    is_read: bool, tmp_path: Path, reviewed: Reviewed
) -> None:
    source = PLAIN + "def log():\n    Model.__getattribute__ = print\n"
    known = replace(reviewed, read=reviewed.read | ({"lib.model.log"} if is_read else set()))
    result = decide(tmp_path, {"lib/model.py": source}, known)
    assert result.proposals["unpickled", "lib.model.Model"].is_trusted is is_read


@pytest.mark.parametrize(("registers", "is_trusted"), [("add", True), ("swap", False)])
def test_decorator_of_an_object_is_known_by_its_class(
    registers: str, is_trusted: bool, tmp_path: Path, reviewed: Reviewed
) -> None:
    source = (
        "class Registry(dict):\n    def add(self, name):\n        return lambda kind: kind\n    swap = add\n"
        f"models = Registry()\n@models.{registers}('model')\n{PLAIN}"
    )
    known = replace(reviewed, decorators={**reviewed.decorators, "lib.model.Registry.add": "same"})
    result = decide(tmp_path, {"lib/model.py": source}, known)
    assert result.proposals["unpickled", "lib.model.Model"].is_trusted is is_trusted


def test_scanner_reports_callables_under_the_names_that_hooks_call_on_any_value() -> None:
    assert FOREIGN_CALLS == CALLED_BY_HOOKS


def test_name_that_only_a_module_getattr_gives_is_not_proposed(tmp_path: Path, reviewed: Reviewed) -> None:
    files = {"lib/__init__.py": "def __getattr__(name):\n    from lib import model\n    return model.Model\n"}
    result = decide(tmp_path, files | {"lib/model.py": PLAIN}, reviewed)
    assert {name for _, name in result.proposals} == {"lib.model.Model"}


def test_enumeration_and_function_that_remakes_an_object_are_proposed(tmp_path: Path, reviewed: Reviewed) -> None:
    source = (
        "import enum\nimport os\nclass Mode(enum.Enum):\n    A = 1\n"
        "class Odd(enum.Enum):\n    A = 1\n    @classmethod\n    def _missing_(cls, value):\n        os.system(value)\n"
        "def make(size):\n    return Model(size)\ndef run(text):\n    os.system(text)\n"
        "class Model:\n    def __init__(self, size):\n        self.size = size\n"
        "    def __reduce__(self):\n        return make, (self.size,)\n"
        "class Bad:\n    def __reduce__(self):\n        return run, ('x',)\n"
    )
    result = decide(tmp_path, {"lib/model.py": source}, reviewed)
    assert result.list_trusted("enumeration") == ["lib.model.Mode"]
    assert result.list_trusted("rebuilder") == ["lib.model.make"]


def test_name_is_trusted_only_if_each_release_decides_for_it(tmp_path: Path, reviewed: Reviewed) -> None:
    result = LibraryResult("lib", ["2.0", "1.0"])
    for version, source in (("2.0", PLAIN), ("1.0", EVIL.replace("Evil", "Model"))):
        folder = tmp_path / version
        folder.mkdir()
        sources = read_wheel(folder, {"lib/model.py": source})
        decide_release(World([sources], reviewed.list_known()), sources, LIBRARY, reviewed, version, result)
    assert not result.list_trusted("unpickled")
    blocking = result.proposals["unpickled", "lib.model.Model"].blocking
    assert (blocking.standing, blocking.place) == ("runs", "lib/model.py:4")
    assert "os.system" in blocking.quote


def test_shorter_name_is_trusted_only_if_each_release_decides_for_its_class(tmp_path: Path, reviewed: Reviewed) -> None:
    result = LibraryResult("lib")
    files = {"lib/__init__.py": "from lib.model import Model\n"}
    for release, source in (
        ("2.0", "import os\nclass Model:\n    def __init__(self, a):\n        os.system(a)\n"),
        ("1.0", PLAIN),
    ):
        (tmp_path / release).mkdir()
        sources = read_wheel(tmp_path / release, {**files, "lib/model.py": source})
        decide_release(World([sources], reviewed.list_known()), sources, LIBRARY, reviewed, release, result)
    assert result.list_trusted("constructed") == []


def test_bare_names_of_a_registry_need_every_definition_of_the_name(tmp_path: Path, reviewed: Reviewed) -> None:
    harm = "import os\nclass {name}:\n    def __init__(self, a):\n        os.system(a)\n"
    files: dict[str, str | bytes] = {
        "lib/a.py": PLAIN + PLAIN.replace("Model", "Other") + PLAIN.replace("Model", "Third"),
        "lib/b.py": harm.format(name="Other"),
        "lib/apart.py": "def Third():\n    pass\n",
    }
    library = replace(LIBRARY, functions=(), registry="lib-parts", without=("lib.apart",))
    sources = read_wheel(tmp_path, files)
    result = LibraryResult("lib", ["1.0"], registry="lib-parts")
    decide_release(World([sources], reviewed.list_known()), sources, library, reviewed, "1.0", result)
    result.write_evidence(tmp_path)
    for each in (result, LibraryResult.read_evidence(tmp_path, "lib")):
        assert [line.strip() for line in each.format_registry().splitlines() if line.strip().startswith("- ")][1:] == [
            "- Model"
        ]


def test_wheel_is_never_imported(tmp_path: Path, reviewed: Reviewed) -> None:
    marker = tmp_path / "imported"
    source = f"open({str(marker)!r}, 'w')\n"
    files = {"lib/__init__.py": source, "lib/model.py": source + PLAIN, "setup.py": source}
    assert decide(tmp_path, files, reviewed).list_trusted("unpickled") == ["lib.model.Model"]
    assert not marker.exists()
    assert "lib" not in sys.modules


@pytest.mark.parametrize("name", ["a.pth", "sitecustomize.py", "usercustomize.py"])
def test_wheel_with_a_file_that_python_reads_at_its_start_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefusedError, match="start of each process"):
        read_archive(write_wheel(tmp_path, {name: "import os\n"}))


def test_files_of_another_package_and_outside_the_environment_are_left_out(tmp_path: Path) -> None:
    files = {"torch/nn.py": PLAIN, "../lib/up.py": PLAIN, "lib/model.py": PLAIN}
    assert set(read_wheel(tmp_path, files).texts) == {"lib", "lib.model"}


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"x" * 100])
def test_damaged_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("lib-1.0-py3-none-any.whl", "lib-1.0.tar.gz"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ArchiveRefusedError, match="cannot be read"):
            read_archive(path)


def test_source_distribution_is_read_without_a_build(tmp_path: Path, reviewed: Reviewed) -> None:
    path = tmp_path / "lib-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {
            "setup.py": "raise SystemExit\n",
            "src/lib/__init__.py": "",
            "src/lib/model.py": PLAIN,
        }.items():
            entry = tarfile.TarInfo(f"lib-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    sources = read_archive(path)
    sources.restrict(("lib",))
    assert set(sources.texts) == {"lib", "lib.model"}


def test_saved_sources_are_the_same_when_they_are_loaded(tmp_path: Path) -> None:
    sources = read_wheel(tmp_path, {"lib/model.py": PLAIN, "lib/a.so": b"", "lib/b.pyc": b""})
    sources.save(tmp_path / "kept.zip")
    assert Sources.load(tmp_path / "kept.zip") == sources


def test_changes_of_classes_are_found_in_every_module(tmp_path: Path, reviewed: Reviewed) -> None:
    files = {
        "lib/model.py": PLAIN,
        "lib/a.py": "from lib.model import Model as M\ndef f():\n    M.x = 1\n    M.__doc__ = ''\n",
    }
    world = World([read_wheel(tmp_path, files)], reviewed.list_known())
    module = world.find_module("lib.a")
    assert module is not None
    assert find_changed([module], Derivation(world, reviewed).order) == {"lib.model.Model": "lib/a.py:3"}


class Index(ThreadingHTTPServer):
    """A package index on this machine: what it lists, and the files that it gives."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, object]]] = {}
        self.files: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), IndexHandler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple"

    def add(self, library: str, path: Path, **changes: object) -> None:
        """List a file, with ``changes`` to what the index says about it."""
        content = path.read_bytes()
        self.files[f"/files/{path.name}"] = content
        url = f"http://127.0.0.1:{self.server_address[1]}/files/{path.name}"
        digest = hashlib.sha256(content).hexdigest()
        entry = {"filename": path.name, "url": url, "size": len(content), "hashes": {"sha256": digest}, "yanked": False}
        self.lists.setdefault(library, []).append(entry | changes)


class IndexHandler(BaseHTTPRequestHandler):
    """Answers as https://peps.python.org/pep-0691/ describes."""

    server: Index

    def do_GET(self) -> None:
        library = self.path.removeprefix("/simple/").rstrip("/")
        content = self.server.files.get(self.path)
        if content is None and library in self.server.lists:
            content = json.dumps({"files": self.server.lists[library]}).encode()
        self.send_response(200 if content is not None else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    server = Index()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PIP_INDEX_URL", server.address)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., int]:
    """Run the command over a library ``lib``, with rules and results in folders of its own."""
    libraries = tmp_path / "libraries.yaml"
    libraries.write_text("libraries:\n  lib:\n    builds-on: []\n    configured: [lib]\n", encoding="utf-8")
    for folder in ("callables/trusted", "callables/dangerous", "vocabularies/python-names"):
        (tmp_path / "rules" / folder).mkdir(parents=True)
    main = runpy.run_path(str(ROOT / "benchmarks" / "vetting" / "__main__.py"))["main"]

    def run(*options: str) -> int:
        folders = ["--out", str(tmp_path / "out"), "--rules", str(tmp_path / "rules"), "--libraries", str(libraries)]
        return int(main([*folders, *options]))

    return run


def test_command_reports_new_names_once_and_names_that_are_no_longer_decided(
    index: Index, command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index.add("lib", write_wheel(tmp_path, {"lib/model.py": PLAIN}))
    assert command() == 1
    assert "new: lib.model.Model" in capsys.readouterr().out
    assert command("--merge") == 1
    configured = tmp_path / "rules/vocabularies/python-names/lib-read.yaml"
    assert "- lib.model.Model" in configured.read_text()
    trusted = tmp_path / "rules" / "callables" / "trusted" / "lib-read.yaml"
    assert "construct-only: true\n    names:\n      - lib.model.Model\n" in trusted.read_text()
    assert command() == 0
    evidence = json.loads((tmp_path / "out" / "lib.json").read_text())
    decision = evidence["names"][0]["releases"]["1.0"]
    assert (decision["place"], decision["quote"]) == ("lib/model.py:1", "class Model:")
    # A release without the name leaves it alone; one that decides against it does not.
    index.add("lib", write_wheel(tmp_path, {"lib/net.py": PLAIN}, "lib-2.0-py3-none-any.whl"))
    assert command("--count", "1") == 1
    assert "no longer" not in capsys.readouterr().out
    index.add("lib", write_wheel(tmp_path, {"lib/model.py": EVIL.replace("Evil", "Model")}, "lib-3.0-py3-none-any.whl"))
    assert command("--count", "1") == 1
    assert "no longer decided: lib.model.Model" in capsys.readouterr().out
    assert command("--count", "1", "--merge") == 1
    assert not configured.exists()
    assert not trusted.exists()


def test_name_is_not_trusted_if_a_release_has_its_module_unread(
    index: Index, command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files: dict[str, str | bytes] = {"lib/model.py": PLAIN, "lib/net.py": PLAIN}
    index.add("lib", write_wheel(tmp_path, files))
    files["lib/__pycache__/model.cpython-311.pyc"] = b"\0"
    index.add("lib", write_wheel(tmp_path, files, "lib-2.0-py3-none-any.whl"))
    assert command() == 1
    shown = capsys.readouterr().out
    assert "new: lib.net.Model" in shown
    assert "new: lib.model.Model" not in shown
    (name,) = [
        each
        for each in json.loads((tmp_path / "out" / "lib.json").read_text())["names"]
        if each["name"] == "lib.model.Model" and each["kind"] == "unpickled"
    ]
    assert name["releases"]["2.0"]["reason"] == "its module was not read: the archive holds bytecode for it"


def test_decisions_are_merged_later_without_reading_again(
    index: Index, command: Callable[..., int], tmp_path: Path
) -> None:
    index.add("lib", write_wheel(tmp_path, {"lib/model.py": PLAIN}))
    assert command("--reuse") == 4
    assert command() == 1
    index.lists.clear()
    assert command("--reuse", "--merge") == 1
    assert (tmp_path / "rules/vocabularies/python-names/lib-read.yaml").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hashes": {"sha256": "0" * 64}}, "its digest is not the one that the index states"),
        ({"yanked": "broken"}, "no release has a wheel or source"),
        ({"size": 500 << 20}, "no release has a wheel or source"),
        ({"hashes": {}}, "no release has a wheel or source"),
        ({"filename": "lib-1.0rc1-py3-none-any.whl"}, "no release has a wheel or source"),
        ({"filename": "lib.exe"}, "no release has a wheel or source"),
        ({"url": "http://127.0.0.1:1/lib.whl"}, "the download failed"),
    ],
)
def test_file_that_may_not_be_read_is_one_line_and_exit_4(
    changes: dict[str, object],
    message: str,
    index: Index,
    command: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    index.add("lib", write_wheel(tmp_path, {"lib/model.py": PLAIN}), **changes)
    assert command() == 4
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("vetting: ")]
    assert message in line
    assert not list((tmp_path / "out").rglob("*.whl"))


def test_wrong_library_and_missing_index_are_one_line(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("--only", "other") == 2
    assert "other is not in" in capsys.readouterr().err
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    assert command() == 4
    assert "lib: the index gives no list of files" in capsys.readouterr().err


def test_newest_release_and_the_newest_of_earlier_series_are_chosen(index: Index, tmp_path: Path) -> None:
    for version in ("1.0", "1.1.0", "1.1.2", "1.2.0", "1.10.0", "2.0.0rc1"):
        index.add("lib", write_wheel(tmp_path, {}, f"lib-{version}-py3-none-any.whl"))
    big = write_wheel(tmp_path, {"lib/large.bin": os.urandom(1000)}, "lib-1.10.0-cp311-cp311-win_amd64.whl")
    index.add("lib", big)
    releases = list_releases(find_index(), "lib", 3)
    assert [each.filename.split("-")[1:3] for each in releases] == [
        ["1.10.0", "py3"],
        ["1.2.0", "py3"],
        ["1.1.2", "py3"],
    ]


def test_libraries_of_the_file_are_at_least_sixty_and_build_on_each_other() -> None:
    load = runpy.run_path(str(ROOT / "benchmarks" / "vetting" / "__main__.py"))["load_libraries"]
    libraries = load(ROOT / "benchmarks" / "vetting" / "libraries.yaml")
    assert len(libraries) >= 60
    assert {name for each in libraries.values() for name in each.builds_on} <= libraries.keys()
