"""Repositories concluded on as a whole: the traps of published models, and a thousand repositories in one process.

Two sections for ``benchmarks/licenses.py``; ``python benchmarks/license_repositories.py --texts TEXTS`` prints them
alone and without peers. Texts of vendors are in no file of this project: without ``--texts`` only those that
dependencies ship are used, and the traps are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Protocol

import yaml
from figures import render_table
from samples import ROOT

COUNT = 1000
"""Repositories in the second section."""
_PEERS = Path(__file__).resolve().parent / "peers"
_SAFETENSORS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
_CONFIG = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
_TIMEOUT = 3600
_MEBIBYTE = 1024 * 1024


class Text(Protocol):
    """A licence text with its label, as ``license_texts.py`` has them."""

    @property
    def place(self) -> str:
        """The name of the text."""

    @property
    def of(self) -> str:
        """The id of its licence."""

    @property
    def text(self) -> str:
        """Its words."""


class Bench(Protocol):
    """The input of a section of the licence benchmark."""

    pythons: dict[str, str]
    texts: dict[str, list[Text]]


@dataclass(frozen=True, slots=True)
class Trap:
    """A repository whose card misleads, or whose text is on no list of standard licences.

    Attributes:
        text: name of the text in the folder of texts.
        binds: id of the licence that has to be among those that were found to bind.
        states: the states that are right for it; none of them is a conclusion where the evidence does not agree.
    """

    name: str
    text: str
    card: Mapping[str, str]
    binds: str
    states: tuple[str, ...] = ("concluded",)


_OTHER = {"license": "other", "license_link": "LICENSE"}
TRAPS = (
    Trap("Llama 3.1 text, no licence on the card", "llama-3.1-license-2024", {}, "LicenseRef-Llama-3.1"),
    Trap(
        "FLUX.1 dev text under “other”",
        "flux-1-dev-nc-1.1.1",
        _OTHER | {"license_name": "flux-1-dev-non-commercial-license"},
        "LicenseRef-FLUX.1-dev",
    ),
    Trap(
        "Hunyuan text under “other”",
        "tencent-hunyuan-video-2024-12-03",
        _OTHER | {"license_name": "tencent-hunyuan-community"},
        "LicenseRef-Tencent-Hunyuan-Video-2024-12-03",
    ),
    Trap(
        "Kimi's modified MIT",
        "kimi-k2-modified-mit",
        _OTHER | {"license_name": "modified-mit"},
        "LicenseRef-Kimi-K2-Modified-MIT",
    ),
    Trap(
        "Apache-2.0 card over a Llama 3.1 text and base",
        "llama-3.1-license-2024",
        {"license": "apache-2.0", "base_model": "meta-llama/Llama-3.1-8B"},
        "LicenseRef-Llama-3.1",
        ("contradictory",),
    ),
)


@dataclass
class Answers:
    """The answers of a tool for each repository, by its folder, with their cost."""

    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


def write_repository(folder: Path, card: Mapping[str, str], text: str) -> Path:
    """A repository with a card, a licence file, settings and weights of no size."""
    folder.mkdir(parents=True)
    lines = "".join(f"{key}: {value}\n" for key, value in card.items())
    body = (
        "# A model\n\nIt was made to measure how licences are read.\n\n## Use\n\nLoad it with your favourite library.\n"
    )
    (folder / "README.md").write_text(f"---\n{lines}---\n{body}" if lines else body, encoding="utf-8")
    (folder / "LICENSE").write_text(text, encoding="utf-8")
    (folder / "config.json").write_bytes(_CONFIG)
    (folder / "model.safetensors").write_bytes(_SAFETENSORS)
    return folder


def ask_tool(python: str, arguments: Sequence[str], folders: Sequence[Path], environment: Mapping[str, str]) -> Answers:
    """Hand the folders to one process, a line each, and take its answers."""
    began = time.perf_counter()
    ran = subprocess.run(
        [python, *arguments],
        input="".join(f"{folder}\n" for folder in folders),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env=dict(environment),
    )
    found = Answers(seconds=time.perf_counter() - began)
    for line in ran.stdout.splitlines():
        row = json.loads(line)
        if "path" in row:
            found.rows[str(row["path"])] = row
        found.peak = int(row.get("peak", found.peak))
        found.cpu = float(row.get("cpu", found.cpu))
    return found


def render_own_answers(folders: Sequence[Path]) -> Answers:
    """This project's answers, of one fresh process with everything that it has to load."""
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": root, "HF_HUB_OFFLINE": "1"}
    return ask_tool(sys.executable, [str(Path(__file__).resolve()), "--worker"], folders, environment)


def theirs(tool: str, python: str, folders: Sequence[Path]) -> Answers:
    """A peer's answers, of one process in its own environment."""
    from scanners import clean_environment

    return ask_tool(python, [str(_PEERS / "license_worker.py"), tool], folders, clean_environment(python))


def render_traps(bench: Bench) -> Iterator[str]:
    """Render the answers of every tool for repositories that mislead."""
    texts = {each.place: each.text for each in bench.texts.get("ai", [])}
    there = [trap for trap in TRAPS if trap.text in texts]
    yield from ("## Traps", "")
    if not there:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    with tempfile.TemporaryDirectory() as place:
        folders = [
            write_repository(Path(place) / str(number), trap.card, texts[trap.text])
            for number, trap in enumerate(there)
        ]
        mine = render_own_answers(folders)
        others = {tool: theirs(tool, python, folders) for tool, python in bench.pythons.items()}
    right = 0
    rows = []
    for trap, folder in zip(there, folders, strict=True):
        row = mine.rows.get(str(folder), {})
        licenses = row.get("licenses")
        binding = licenses if isinstance(licenses, list) else []
        fits = row.get("state") in trap.states and trap.binds in binding
        right += fits
        answer = f"{row.get('state')}: {row.get('expression') or ' against '.join(map(str, binding)) or 'nothing'}"
        rows.append(
            (trap.name, f"{'right' if fits else 'WRONG'}, {answer}", *(_named(others[tool], folder) for tool in others))
        )
    yield f"{right} of {len(there)} right: the licence that binds is named, and nothing is concluded"
    yield "where the evidence disagrees."
    yield ""
    yield from render_table(("repository", "ours", *others), rows)


def _named(answers: Answers, folder: Path) -> str:
    found = answers.rows.get(str(folder), {}).get("licenses")
    return ", ".join(map(str, found)) if isinstance(found, list) and found else "nothing"


def render_thousand(bench: Bench) -> Iterator[str]:
    """A thousand repositories, each in the way of a scan of its own, in one process."""
    folder = [each for group in ("standard", "ai") for each in bench.texts.get(group, [])]
    texts = folder or [each for group in ("common", "package") for each in bench.texts.get(group, [])]
    peers = {tool: python for tool, python in bench.pythons.items() if tool == "promptfoo"}
    few = COUNT // 20
    with tempfile.TemporaryDirectory() as place:
        folders = list(_repositories(Path(place), texts))
        mine = render_own_answers(folders)
        others = {tool: theirs(tool, python, folders[:few]) for tool, python in peers.items()}
    states = Counter(str(row.get("state")) for row in mine.rows.values())
    size = len({each.text for each in texts})
    yield from ("## A thousand repositories", "")
    yield f"{len(folders)} repositories with a card, a licence file, settings and weights of no size, made of {size}"
    yield "texts; a third of them names a base model, which no tool can read. Wall time from the start of the"
    yield "process, imports and rules included."
    yield f"Ours came to: {', '.join(f'{count} {state}' for state, count in states.most_common())}."
    yield ""
    rows = [
        ("ours", str(len(mine.rows)), f"{mine.seconds:.1f} s", f"{mine.cpu:.1f} s", f"{mine.peak / _MEBIBYTE:.0f} MiB")
    ]
    rows += [
        (tool, str(len(found.rows)), f"{found.seconds:.1f} s", "not reported", f"{found.peak / _MEBIBYTE:.0f} MiB")
        for tool, found in others.items()
    ]
    yield from render_table(("tool", "repositories", "seconds", "CPU time", "peak of resident memory"), rows)


def _repositories(place: Path, texts: Sequence[Text]) -> Iterator[Path]:
    from modelaudit.catalogue import load_catalogue

    licenses = load_catalogue().licenses
    for number in range(COUNT):
        each = texts[number % len(texts)]
        entry = licenses.get(each.of)
        name = entry.hub_ids[0] if entry and entry.hub_ids else each.of
        card = (
            {"license": name} if number % 4 else {"license": "other", "license_name": name, "license_link": "LICENSE"}
        )
        if number % 3 == 0:
            card |= {"base_model": f"acme/base-{number}", "base_model_relation": "finetune"}
        yield write_repository(place / f"{number:04}", card, each.text)


SECTIONS = (render_traps, render_thousand)


def _work() -> None:
    """Answer for each folder of standard input, a line each, and at last with the peak of resident bytes."""
    import modelaudit

    for line in sys.stdin:
        folder = line.rstrip("\n")
        report = modelaudit.license(folder, policy="commercial-product", territories=["EU"], offline=True)
        concluded = report.license
        row = {
            "path": folder,
            "state": concluded.state,
            "expression": concluded.expression,
            "licenses": [entry.id for entry in concluded.entries],
            "permission": concluded.permission,
        }
        sys.stdout.write(json.dumps(row) + "\n")
    used = resource.getrusage(resource.RUSAGE_SELF)
    row = {"peak": used.ru_maxrss * 1024, "cpu": used.ru_utime + used.ru_stime}
    sys.stdout.write(json.dumps(row) + "\n")


@dataclass(frozen=True)
class _Shipped:
    place: str
    of: str
    text: str


@dataclass
class _Alone:
    """The texts alone, and no peer."""

    pythons: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[Text]] = field(default_factory=dict)


def _texts(folder: Path | None) -> dict[str, list[Text]]:
    """Texts of installed packages, and those of the folder by the names of its files."""
    found: dict[str, list[Text]] = {"package": [], "standard": [], "ai": []}
    for package in distributions():
        named = package.metadata.get("License-Expression") or ""
        for file in package.files or ():
            if named and file.name.upper().startswith("LICENSE"):
                text = Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")
                found["package"].append(_Shipped(package.metadata["Name"], named, text))
    listed = yaml.safe_load((ROOT / "rules/fingerprints/_texts.yaml").read_text(encoding="utf-8"))["texts"]
    for group in ("standard", "ai"):
        for path in sorted((folder / group).glob("*.txt")) if folder else ():
            if path.stem in listed:
                text = path.read_text(encoding="utf-8", errors="replace")
                found[group].append(_Shipped(path.stem, listed[path.stem]["of"], text))
    return found


def main() -> None:
    """Measure and print, or work for a measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a folder of licence texts, in standard/ and ai/")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        _work()
        return
    bench = _Alone(texts=_texts(chosen.texts))
    for section in SECTIONS:
        sys.stdout.write("\n".join(section(bench)) + "\n")


if __name__ == "__main__":
    main()
