"""The originals that the tests of a worker share, and a copy of one place for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from tampering.places import Originals, Place


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Originals]:
    """The model in each place, and the one Hub that serves it."""
    with LoopbackHub() as hub:
        yield Originals(hub, tmp_path_factory.mktemp("originals"))


@pytest.fixture
def copy_place(
    originals: Originals,
    hub_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    point_client: Callable[[str], None],
) -> Iterator[Callable[[str], Place]]:
    """Copy the model of a place for one test, and point the client at the Hub."""
    from huggingface_hub.utils._http import close_session

    point_client(originals.hub.endpoint)
    yield lambda name: originals.copy(name, hub_home, tmp_path_factory.mktemp("beside"))
    originals.hub.clear_faults()
    originals.hub.page_size = None
    close_session()
