"""Find functions that return the whole environment to whoever asks a web server for it.

A demo hands its functions to a framework, which answers visitors with what they return. The environment of a hosted
demo holds its tokens, so that such a function sends them away, although no call of the source names an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import (
    Constant,
    Container,
    LocalDefinition,
    Value,
    collect_tags,
    list_alternatives,
)

ENVIRONMENT: Final = "environment"
"""The tag of all variables of the environment together."""
ENVIRONMENT_NAMES: Final = frozenset(
    {"os.environ", "os.environb", "posix.environ", "os.environ.copy", "os.environ.items", "os.environ.values"}
)
"""The names that stand for all variables of the environment."""
# What returns its argument in another form. The result of any other call is no longer the environment.
_FORMS: Final = (
    *(f"builtins.{name}" for name in ("dict", "list", "str", "repr", "tuple", "sorted", "format", "iter", "next", "set",
                                      "zip", "map", "enumerate", "reversed", "filter", "bytes")),
    "os.environ", "posix.environ", "json.", "base64.", "binascii.", "zlib.", "gzip.", "html.", "pprint.",
    "urllib.parse.", "yaml.", "copy.", "collections.", "itertools.", "pickle.dumps", "orjson.", "pandas.DataFrame",
)  # fmt: skip
_FRAMEWORKS: Final = (
    "gradio.", "flask.", "fastapi.", "starlette.", "bottle.", "sanic.", "aiohttp.web.", "quart.", "litserve.",
    "streamlit.", "chainlit.", "ray.serve.", "mcp.server.", "fastmcp.", "dash.", "nicegui.", "robyn.", "falcon.",
    "django.http.", "cherrypy.", "panel.", "shiny.", "taipy.", "tornado.web.", "litestar.", "modal.",
)  # fmt: skip
_MOST_ITEMS: Final = 16
_SHARED_FOLDERS: Final = ("allowed_paths", "directory", "static_folder", "root", "root_dir", "folder", "static_dirs")
_WHOLE_FOLDERS: Final = frozenset(
    {"/", "~", "~/", "/root", "/root/", "/home", "/home/", "/etc", "/etc/", "/proc", "/proc/", "C:", "C:\\", "C:/"}
)


def keep_environment(call: Call, tags: frozenset[str]) -> frozenset[str]:
    """Return the tags that the result of a call keeps: the environment stays one only in another form."""
    return tags if ENVIRONMENT not in tags or call.name.startswith(_FORMS) else tags - {ENVIRONMENT}


def list_served_functions(call: Call) -> Iterator[LocalDefinition]:
    """Yield the functions of the source that a call hands to a framework of web pages, which serves their results."""
    if call.name.startswith(_FRAMEWORKS):
        for value in (*call.args, *call.keywords.values()):
            yield from _list_functions(value)


def _list_functions(value: Value) -> Iterator[LocalDefinition]:
    """Yield the functions of the source that a value may be, or that a list holds."""
    for each in list_alternatives(value):
        if isinstance(each, LocalDefinition) and not each.is_result:
            yield each
        elif isinstance(each, Container):
            yield from (item for item in each.values[:_MOST_ITEMS] if isinstance(item, LocalDefinition))


def shows_environment(call: Call) -> bool:
    """Whether a call of such a framework shows the environment itself."""
    return call.name.startswith(_FRAMEWORKS) and ENVIRONMENT in call.argument_tags


def shares_files(call: Call) -> bool:
    """Whether a call of such a framework serves a whole disk, or the home of the user, to whoever asks."""
    if not call.name.startswith(_FRAMEWORKS):
        return False
    shared = (call.keywords[each] for each in _SHARED_FOLDERS if each in call.keywords)
    return any(text in _WHOLE_FOLDERS for value in shared for text in _list_texts(value))


def _list_texts(value: Value) -> Iterator[str]:
    """Yield the texts that a value is, or that a list holds."""
    for each in list_alternatives(value):
        items = each.values if isinstance(each, Container) else (each,)
        for item in items:
            if isinstance(item, Constant):
                texts = item.value if isinstance(item.value, tuple) else (item.value,)
                yield from (text for text in texts if isinstance(text, str))


def holds_environment(value: Value) -> bool:
    """Whether a value holds the environment, in whatever form."""
    return ENVIRONMENT in collect_tags(value)
