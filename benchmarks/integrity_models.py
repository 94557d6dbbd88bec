"""The models of the benchmark of integrity, served by a loopback Hub to the real client and to scans."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costs import MIB
from samples import ROOT
from scanners import clean_environment

# isort: split
from hub.exchange import Request
from hub.server import LoopbackHub

FILES: Final = 40
SMALL_FILES: Final = 1000
LARGE, HEADERS, HALF, MANY = "acme/large", "acme/headers", "acme/half", "acme/many"
CARD: Final = b"---\nlicense: mit\n---\n# Acme\n"


@dataclass(frozen=True, slots=True)
class Service:
    """A Hub that serves four models, with a home of the client for each of the commands.

    Attributes:
        hub: serves ``LARGE``, weights in 40 files; ``HEADERS``, the same cut to their headers; ``HALF``, the first 20
            of them whole; ``MANY``, 1000 small files.
        folder: holds the files and the homes.
    """

    hub: LoopbackHub
    folder: Path

    @classmethod
    def start(cls, hub: LoopbackHub, folder: Path, size: int) -> Service:
        """Write the models below ``folder``, and add them to a Hub; ``size`` is that of all weights in bytes."""
        names = [f"model-{number + 1:05}-of-{FILES:05}.safetensors" for number in range(FILES)]
        whole = _write_weights(folder / "whole", names, size // FILES)
        hub.add_repository(LARGE, whole)
        hub.add_repository(HEADERS, _write_weights(folder / "headers", names, 0))
        half = [f"model-{number + 1:05}-of-{FILES // 2:05}.safetensors" for number in range(FILES // 2)]
        paths = {name: whole[old] for name, old in zip(half, names, strict=False)}
        hub.add_repository(HALF, {**_describe_model(half), **paths})
        small = {f"{number % 9}/{number}.txt": f"{number}\n" for number in range(SMALL_FILES - 1)}
        hub.add_repository(MANY, {"README.md": CARD, **small})
        return cls(hub, folder)

    def find_snapshot(self, repository: str) -> Path:
        """Return the folder of a snapshot in the cache of the client."""
        held = self.hub.access.repositories["model", repository]
        below = f"home/hub/models--{repository.replace('/', '--')}/snapshots/{held.sha}"
        return self.folder / below

    def build_environment(self) -> dict[str, str]:
        """Return the variables of a command that talks to the Hub: those of the user but for Python and the client."""
        inherited = clean_environment(sys.executable).items()
        return {key: value for key, value in inherited if not key.startswith(("HF_", "HUGGING"))} | {
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_HOME": str(self.folder / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        }

    def empty(self) -> None:
        """Remove the cache of the client and the records of requests."""
        shutil.rmtree(self.folder / "home", ignore_errors=True)
        self.hub.requests.clear()

    def count_sent(self) -> int:
        """Return the bytes of files that the Hub has sent."""
        return sum(request.sent for request in list(self.hub.requests) if _is_file(request))

    def measure_model(self, repository: str) -> int:
        """Return the bytes of all files of a model."""
        return sum(
            blob.size for blob in self.hub.access.repositories["model", repository].find_commit("main").files.values()
        )


def _is_file(request: Request) -> bool:
    """Whether a request was answered with bytes of a file."""
    return request.status in (200, 206) and (request.origin == "cdn" or "/resolve" in request.path)


def _describe_model(names: list[str]) -> dict[str, bytes]:
    """Return the files beside the weights: the card, and the index of the weights."""
    index = {"metadata": {}, "weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    return {"README.md": CARD, "model.safetensors.index.json": json.dumps(index).encode()}


def _write_weights(folder: Path, names: list[str], size: int) -> Mapping[str, bytes | Path]:
    """Write weights of ``size`` bytes each, and return all files of the model."""
    folder.mkdir(parents=True)
    block = os.urandom(MIB)
    for number, name in enumerate(names):
        with (folder / name).open("wb") as file:
            # The sizes differ, so that no two files have the same digest.
            file.writelines(_build_weights(f"w{number}", size + number, block))
    return {**_describe_model(names), **{name: folder / name for name in names}}


def _build_weights(tensor: str, size: int, block: bytes) -> Iterator[bytes]:
    """Yield the pieces of a safetensors file with one tensor of ``size`` bytes."""
    header = json.dumps({tensor: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    yield struct.pack("<Q", len(header)) + header
    for start in range(0, size, len(block)):
        yield block[: size - start]
