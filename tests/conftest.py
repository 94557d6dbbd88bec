"""Fixtures that all tests share: the loopback Hub, a separate home for the Hub client, and no other network."""

from __future__ import annotations

import functools
import gc
import importlib.util
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

sys.path.insert(0, str(Path(__file__).parent))

import support.bytecode
import support.temporary_files  # noqa: F401 - both act when they are imported, and before other modules

# isort: split
from hub.olah import is_olah_installed, run_olah
from hub.repository import Files
from hub.server import LoopbackHub
from support.browser import browser
from support.catalogue import explain_invalid_rules
from support.fixtures import explain_missing_build
from support.reading import bytes_window, fixtures, read_bytes, read_fixture

__all__ = ["browser", "bytes_window", "fixtures", "read_bytes", "read_fixture"]


def _make_builders_importable() -> None:
    """Make the builders of the fixtures importable as the package ``builders``.

    Their folder must not be on the import path: it contains folders that are named like libraries, and Python would
    import those in place of a library that is not installed.
    """
    folder = Path(__file__).parents[1] / "fixtures/builders"
    spec = importlib.util.spec_from_file_location(
        "builders", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    sys.modules.setdefault("builders", importlib.util.module_from_spec(spec))


_make_builders_importable()


# An example may take as long as it does on a busy machine, both to draw and to run. Fuzzing tries far more examples.
hypothesis.settings.register_profile(
    "suite", max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_collection() -> None:
    """Stop the garbage collector: collection creates many objects, and none becomes garbage."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Group the tests that use a fixture of their module: one worker makes it once, where each worker would make it."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("xdist_group") is None:
        module = item.nodeid.partition("::")[0]
        definitions = (each for found in item._fixtureinfo.name2fixturedefs.values() for each in found)
        if any(each.scope == "module" and each.baseid == module for each in definitions):
            item.add_marker(pytest.mark.xdist_group(module))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Append the group of a test to its id, from which the scheduler of pytest-xdist reads it.

    A worker of pytest-xdist 3.8 does so itself, but in an attribute that pytest ignores since version 9.2. Without the
    groups both workers would read the same fixtures.
    """
    for item in items:
        if hasattr(item, "_id") and (id_with_group := getattr(item, "_nodeid", "")):
            item._id = type(item._id).parse(id_with_group)


def pytest_collection_finish() -> None:
    """Start the garbage collector again, for the objects of the tests only: those of the collection stay to the end."""
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Stop the run with one line if the fixtures are not built or the rules are invalid.

    Tests over an empty folder of fixtures would pass. Invalid rules would fail thousands of tests.
    """
    if not hasattr(config, "workerinput") and (fault := explain_missing_build() or explain_invalid_rules()):
        raise pytest.UsageError(fault)
    if config.option.collectonly:
        _omit_preparations_for_a_run(config)


def _omit_preparations_for_a_run(config: pytest.Config) -> None:
    """Omit what a list of the tests does not need, although it takes longer than making the list.

    Those are the rewriting of assertions, and the constants that Hypothesis collects from all modules.
    """
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, AssertionRewritingHook)]
    selects_by_marker = bool(config.option.markexpr)  # the plugin of Hypothesis sets a marker too
    if not selects_by_marker and (plugin := config.pluginmanager.get_plugin("hypothesispytest")):
        config.pluginmanager.unregister(plugin)


# huggingface_hub reads these variables once, when it is imported.
os.environ |= {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
_VARIABLES_OF_THE_CLIENT = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "HF_ENDPOINT",
)


@pytest.fixture(autouse=True)
def _read_every_file_anew() -> None:
    """Drop the readings that the process kept: a test may replace the reader of a file that another test read."""
    kept = sys.modules.get("modelaudit.kept_readings")
    if kept is not None:
        kept.KEPT_READINGS.drop_all()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to connect this process to anything but the loopback interface."""
    connect = socket.socket.connect

    def is_loopback(host: str) -> bool:
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def connect_to_loopback(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = str(address[0])
            if not is_loopback(host):
                raise ConnectionRefusedError(f"tests connect to the loopback interface only, not to {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture
def hub_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh ``HF_HOME`` without token, for this process and for those that it starts."""
    from huggingface_hub import constants

    # In a folder of its own, because tests check that nothing is written beside it.
    home = tmp_path_factory.mktemp("hf") / "home"
    home.mkdir()
    for name in _VARIABLES_OF_THE_CLIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    places = {
        "HF_HOME": home,
        "HF_HUB_CACHE": home / "hub",
        "HF_ASSETS_CACHE": home / "assets",
        "HF_TOKEN_PATH": home / "token",
        "HF_STORED_TOKENS_PATH": home / "stored_tokens",
    }
    for name, place in places.items():
        monkeypatch.setenv(name, str(place))
        monkeypatch.setattr(constants, name, str(place))
    return home


def point_client_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an address the ``HF_ENDPOINT`` of this process and of those that it starts, and repeat requests at once."""
    from huggingface_hub import constants

    monkeypatch.setattr("modelaudit.sources.retries.FIRST_WAIT", 0.001)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(hub_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """An empty loopback Hub, which is also the ``HF_ENDPOINT`` of this process and of those that it starts."""
    from huggingface_hub.utils._http import close_session

    with LoopbackHub() as server:
        point_client_at(server.endpoint, monkeypatch)
        yield server
    close_session()


@pytest.fixture
def point_client(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Point the Hub's client at an address, until the end of the test."""
    return functools.partial(point_client_at, monkeypatch=monkeypatch)


@pytest.fixture
def olah_endpoint(
    hub_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[dict[str, Files]], str]]:
    """Start Olah with the given repositories (id -> files) and return its endpoint; stopped at the end of the test."""
    if not is_olah_installed():
        pytest.fail("Olah or git is missing: pip install olah==0.5.4, or set MODELAUDIT_OLAH_PYTHON")
    with ExitStack() as servers:
        yield lambda repositories: servers.enter_context(run_olah(tmp_path_factory.mktemp("olah"), repositories))
