"""Write files whose code a real loader runs, for the families of which the fixtures have too few.

Each text family combines calls with the places of a file where they run; each binary family wraps pickles of the
fixtures as its format does. A payload runs ``id`` or touches a path that does not exist, and the jail forbids both.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

_TEMPLATE_CALLS: Final = (
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__['os'].system('id') }}",
    "{{ namespace.__init__.__globals__.os.popen('id') }}",
    "{{ lipsum.__globals__.os.popen('id') }}",
    "{{ lipsum.__globals__['__builtins__']['eval']('1 + 1') }}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').system('id') }}",
    "{% for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen' %}{{ c(['id']) }}{% endfor %}",
    "{{ (lipsum|attr('__globals__'))['os'].popen('id') }}",
    "{{ lipsum|attr('__glob' ~ 'als__')|attr('get')('os')|attr('popen')('id') }}",
    "{% set names = cycler.__init__.__globals__ %}{{ names['os']['popen']('id') }}",
    "{% macro run(o) %}{{ o.__globals__.os.system('id') }}{% endmacro %}{{ run(lipsum) }}",
    "{% for name, module in lipsum.__globals__.items() if name == 'os' %}{{ module.system('id') }}{% endfor %}",
    "{% if lipsum.__globals__['os'].system('id') %}{% endif %}",
    "{%- with module = lipsum.__globals__.os -%}{{ module.execv('/bin/true', ['true']) }}{%- endwith -%}",
)
_TEMPLATE_PLACES: Final = (
    "%s\n",
    "{{ bos_token }}{%% for message in messages %%}<|{{ message.role }}|>{{ message.content }}%s{%% endfor %%}",
    "{#- A template for chats -#}\n{%% if add_generation_prompt %%}%s{%% endif %%}\n{{ messages[0]['content'] }}\n",
)

_YAML_CALLS: Final = (
    "!!python/object/apply:os.system ['id']",
    "!!python/object/apply:os.popen ['id']",
    "!!python/object/apply:subprocess.check_output [['id']]",
    "!!python/object/apply:subprocess.call [['id']]",
    "!!python/object/apply:subprocess.Popen [['id']]",
    "!!python/object/new:subprocess.Popen [['id']]",
    "!!python/object/apply:builtins.eval ['1 + 1']",
    "!!python/object/apply:builtins.exec ['import os']",
    "!!python/object/apply:os.remove ['/nonexistent/file']",
    "!!python/object/apply:shutil.rmtree ['/nonexistent/folder']",
    "!!python/object/apply:pty.spawn ['id']",
    "!!python/object/apply:urllib.request.urlopen ['http://127.0.0.1:9/']",
    "!!python/object/apply:ctypes.CDLL ['/nonexistent/library.so']",
    "!!python/object/new:tuple [!!python/object/new:map [!!python/name:builtins.eval , ['1 + 1']]]",
)
_YAML_PLACES: Final = (
    "%s\n",
    "model:\n  hidden_size: 768\n  layers: 12\n  init: %s\n  dropout: 0.1\n",
    "# Stages of a pipeline\n---\n- name: load\n- %s\n---\nname: second document\n",
)

_PYTHON_CALLS: Final = (
    "import os\nos.system('id')",
    "import os as system\nsystem.popen('id')",
    "from os import system\nsystem('id')",
    "import subprocess\nsubprocess.run(['id'])",
    "from subprocess import Popen as run\nrun('id', shell=True)",
    "__import__('os').system('id')",
    "getattr(__import__('o' + 's'), 'sys' + 'tem')('id')",
    "import importlib\nimportlib.import_module('os').system('id')",
    "exec('import os; os.system(\"id\")')",
    "import base64\nexec(base64.b64decode('aW1wb3J0IG9z'))",
    "eval(compile('1 + 1', '<string>', 'eval'))",
    "import shutil\nshutil.rmtree('/nonexistent/folder')",
    "import urllib.request\nexec(urllib.request.urlopen('http://127.0.0.1:9/').read())",
    "import ctypes\nctypes.CDLL('/nonexistent/library.so')",
)


def _write_at_start(call: str) -> str:
    return f"{call}\n"


def _write_in_class(call: str) -> str:
    body = call.replace("\n", "\n    ")
    return (
        f'"""A model."""\n\n\nclass Model:\n    size = 768\n    {body}\n\n    def forward(self, x):\n        return x\n'
    )


def _write_in_function(call: str) -> str:
    body = call.replace("\n", "\n        ")
    return f"def register():\n    try:\n        {body}\n    except ImportError:\n        pass\n\n\nregister()\n"


_PYTHON_PLACES: Final = (_write_at_start, _write_in_class, _write_in_function)

_NPY_VERSION: Final = b"\x93NUMPY\x01\x00"
_NPY_ALIGNMENT: Final = 64


def _wrap_as_npy(pickled: bytes) -> bytes:
    """Return an array of objects in version 1.0 of the NPY format, whose data is one pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    padding = -(len(_NPY_VERSION) + 2 + len(header) + 1) % _NPY_ALIGNMENT
    header += b" " * padding + b"\n"
    return _NPY_VERSION + len(header).to_bytes(2, "little") + header + pickled


def _wrap_as_zip(names: dict[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in names.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def _wrap_for_torch(pickled: bytes) -> bytes:
    return _wrap_as_zip({"archive/data.pkl": pickled, "archive/version": b"3\n"}, zipfile.ZIP_STORED)


def _wrap_as_npz(pickled: bytes) -> bytes:
    return _wrap_as_zip({"weights.npy": _wrap_as_npy(pickled)}, zipfile.ZIP_DEFLATED)


_WRAPPERS: Final[dict[str, tuple[tuple[str, Callable[[bytes], bytes]], ...]]] = {
    "gzip": ((".pkl.gz", lambda pickled: gzip.compress(pickled, mtime=0)),),
    "joblib": (
        (".joblib", lambda pickled: pickled),
        (".joblib.z", zlib.compress),
        (".joblib.bz2", bz2.compress),
        (".joblib.xz", lzma.compress),
    ),
    "numpy": ((".npy", _wrap_as_npy), (".npz", _wrap_as_npz)),
    "torch": ((".pt", _wrap_for_torch),),
}


def write_seeds(folder: Path, pickles: Iterable[bytes]) -> None:
    """Write the files of all families below ``folder``, one subfolder a family; ``pickles`` are those that run code."""
    texts: dict[str, list[str]] = {
        ".jinja": [place % call for call in _TEMPLATE_CALLS for place in _TEMPLATE_PLACES],
        ".yaml": [place % call for call in _YAML_CALLS for place in _YAML_PLACES],
        ".py": [write(call) for call in _PYTHON_CALLS for write in _PYTHON_PLACES],
    }
    for suffix, contents in texts.items():
        below = folder / suffix[1:]
        below.mkdir(parents=True)
        for number, text in enumerate(contents):
            (below / f"seed{number:02}{suffix}").write_text(text, encoding="utf-8")
    for number, pickled in enumerate(pickles):
        for family, wrappers in _WRAPPERS.items():
            suffix, wrap = wrappers[number % len(wrappers)]
            below = folder / family
            below.mkdir(parents=True, exist_ok=True)
            (below / f"seed{number:02}{suffix}").write_bytes(wrap(pickled))
