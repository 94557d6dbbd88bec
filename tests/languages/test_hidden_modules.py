"""Modules whose names a source hides where it imports them: the members decide, and so does the place they go to."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

_IMPORTS = "import base64, functools, importlib, operator, queue\n"
_MODULE = "importlib.import_module(base64.b64decode('b3M=').decode())"


def list_hidden(source: str) -> set[str]:
    """List the names that a source hides, of those with ``m`` for the hidden module ``os``."""
    mentions = analyze_source(_IMPORTS + source.replace("@", _MODULE)).mentions
    return {each.name for each in mentions if each.use == "hidden"}


@check_each(
    "source, member",
    [
        ("@.path.exists('a')", "path.exists"),
        ("m = @\nm.getenv('HOME')", "getenv"),
        ("getattr(@, 'get' + 'env')('HOME')", "getenv"),
        ("(lambda each: each.getenv)(@)('HOME')", "getenv"),
        ("operator.attrgetter('getenv')(@)('HOME')", "getenv"),
        ("functools.reduce(getattr, ['getenv'], @)('HOME')", "getenv"),
        ("(@.getenv if @ else print)('HOME')", "getenv"),
        ("vars(@)['getenv']('HOME')", "getenv"),
        ("[getattr(@, each) for each in dir(@) if each == 'getenv'][0]('HOME')", "getenv"),
        ("m = @\nm.system('x')", "system"),
        ("def run(each):\n    each.system('x')\nrun(@)", "system"),
    ],
)
def test_hidden_module_is_judged_by_its_members(source: str, member: str) -> None:
    hidden = list_hidden(source)
    assert "os.*" not in hidden
    assert f"os.{member}" in hidden


@check_each(
    "source",
    [
        "run(@)",
        "queue.Queue().put(@)",
        "items = []\nitems.append(@)",
        "self.m = @",
        "first, m = 1, @",
        "def get():\n    return @",
        "'{0.system}'.format(@)",
        "functools.reduce(pick, ['system'], @)",
    ],
)
def test_hidden_module_that_goes_on_as_a_value_stays_hidden(source: str) -> None:
    assert "os.*" in list_hidden(source)


def test_hidden_module_of_a_class_is_followed_through_its_objects() -> None:
    source = "class Model:\n    m = importlib.import_module('job' + 'lib')\n\ndef run(model):\n    model.m.load('x')\n"
    assert "joblib.load" in list_hidden(source)
