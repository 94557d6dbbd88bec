"""What it costs to verify a signed model beside the tool of the specification, an attested one, and a sealed folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costs import MIB, Command, Cost, Figure, Section, measure_in_turn, render_costs
from integrity_models import CARD, FILES, Service
from scanners import clean_environment, make_environment, read_version

_CPU_MOST: Final = 1.12
_START_MOST: Final = 0.15
_PEAK_MOST: Final = 60
_VERIFY: Final = "modelaudit verify"
_HEADERS: Final = "modelaudit verify, headers"
_SHA256SUM: Final = "sha256sum"
_CHANGED: Final = ", one byte changed"


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signed model.

    Attributes:
        model: the folder with the weights.
        signature: made by model-signing, outside of the folder.
        public: the key of the signer.
    """

    model: Path
    signature: Path
    public: Path

    def verify(self, label: str, environment: dict[str, str], exit_code: int = 0) -> Command:
        """Return our command that verifies the signature."""
        options = ["--public-key", str(self.public), "--signature", str(self.signature)]
        return Command(label, [*_run_ours("verify", self.model), *options], environment, exit_code)

    def verify_with_peer(self, label: str, python: str, exit_code: int = 0) -> Command:
        """Return the command of model-signing that verifies the signature."""
        options = [f"--signature={self.signature}", f"--public_key={self.public}"]
        command = [python, "-m", "model_signing", "verify", "key", str(self.model), *options]
        return Command(label, command, clean_environment(python), exit_code)


def measure_signatures(service: Service, runs: int, peers: Path) -> Section:
    """Measure ``verify`` with a signature, with an attestation, and the verifier that travels with a sealed folder.

    Args:
        service: its weights, whole and cut to their headers, are signed and attested.
        runs: of each command that is measured.
        peers: the folder of the environments of other programs.

    Raises:
        SystemExit: a command ended with another exit code than expected, or a program cannot be installed.
    """
    python = make_environment("model-signing", peers)
    alone = make_environment("cryptography", peers)
    if python is None or alone is None:
        raise SystemExit("signatures: model-signing and cryptography are needed; give access to the index of packages")
    lines, figures = _measure_signed(service, runs, python)
    more_lines, more_figures = _measure_attested(service, runs, alone)
    return [*lines, *more_lines], [*figures, *more_figures]


def write_keys(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """Write a private and a public key on the curve P-256."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    openssl = ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)], check=True)
    subprocess.run(openssl, check=True, stderr=subprocess.DEVNULL)
    return private, public


def sign(python: str, model: Path, signature: Path, private: Path, *options: str) -> None:
    """Sign a model with model-signing."""
    command = [python, "-m", "model_signing", "sign", "key", str(model), f"--signature={signature}"]
    command += [f"--private_key={private}", *options]
    subprocess.run(command, check=True, env=clean_environment(python), stdout=subprocess.DEVNULL)


def _run_ours(command: str, target: Path) -> list[str]:
    """Return the beginning of one of our command lines."""
    return [sys.executable, "-m", "modelaudit", command, str(target)]


def _measure_signed(service: Service, runs: int, python: str) -> Section:
    """Measure ``verify`` beside ``sha256sum`` and model-signing, and compare the answers once a byte is changed."""
    private, public = write_keys(service.folder)
    whole, headers = (
        _Signed(service.folder / name, service.folder / f"{name}.sig", public) for name in ("whole", "headers")
    )
    for each in (whole, headers):
        sign(python, each.model, each.signature, private)
    peer, environment = f"model_signing verify {read_version('model-signing')}", service.build_environment()
    costs = measure_in_turn(
        [
            whole.verify(_VERIFY, environment),
            headers.verify(_HEADERS, environment),
            Command(_SHA256SUM, ["sh", "-c", f'sha256sum "{whole.model}"/*'], environment),
            whole.verify_with_peer(peer, python),
            headers.verify_with_peer(f"{peer}, headers", python),
        ],
        runs,
    )
    with _change_byte(sorted(whole.model.iterdir())[FILES // 2]):
        changed = [
            whole.verify(_VERIFY + _CHANGED, environment, exit_code=1),
            whole.verify_with_peer(peer + _CHANGED, python, exit_code=1),
        ]
        costs |= measure_in_turn(changed, 1)
    size = sum(path.stat().st_size for path in whole.model.iterdir())
    lines = [
        f"## Signatures\n\n{size / MIB:,.0f} MiB in {FILES} files of weights, and the same cut to their headers, with "
        "signatures that model-signing made. Both programs accept both, and refuse the model once one byte of it is "
        "changed.\n",
        *render_costs(costs),
    ]
    return lines, [
        Figure.compare("CPU of verify with a signature, less that of its start / sha256sum", _relate(costs), _CPU_MOST)
    ]


def _relate(costs: dict[str, Cost]) -> float:
    """Return the CPU time of hashing in relation to that of ``sha256sum``."""
    return (costs[_VERIFY].cpu - costs[_HEADERS].cpu) / costs[_SHA256SUM].cpu


@contextmanager
def _change_byte(path: Path) -> Iterator[None]:
    """Change the last byte of a file for a while."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        try:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
            file.flush()
            yield
        finally:
            file.seek(-1, os.SEEK_END)
            file.write(last)


def _measure_attested(service: Service, runs: int, alone: str) -> Section:
    """Measure the start of ``verify`` with an attestation, and that of the verifier as one file."""
    environment, folder = service.build_environment(), service.folder
    model, attestation, sealed = folder / "attested", folder / "model.att", folder / "sealed"
    model.mkdir()
    shutil.copy(min((folder / "headers").iterdir()), model / "model.safetensors")
    (model / "README.md").write_bytes(CARD)
    private, public = write_keys(folder)
    _, other = write_keys(folder, "other")
    _attest(service, model, ["--key", str(private), "-o", str(attestation), "--seal", str(sealed)])
    arguments = [str(model), "--attestation", str(attestation)]
    programs: dict[str, tuple[Sequence[str], dict[str, str]]] = {
        "modelaudit verify --attestation": ([sys.executable, "-m", "modelaudit", "verify", *arguments], environment),
        "verify.pyz --attestation": ([alone, str(sealed / "verify.pyz"), *arguments], clean_environment(alone)),
        "verify.pyz": ([alone, str(sealed / "verify.pyz"), str(sealed)], clean_environment(alone)),
    }
    right = [
        Command(label, [*command, "--key", str(public)], variables) for label, (command, variables) in programs.items()
    ]
    wrong = [
        Command(f"{label}, another key", [*command, "--key", str(other)], variables, exit_code=1)
        for label, (command, variables) in programs.items()
    ]
    costs = measure_in_turn(right, runs)
    lines = [
        "## Attestations and sealed folders\n\nA model of two small files, so that almost nothing is hashed but the "
        "parts of the sealed folder. `verify.pyz` runs in an environment with `cryptography` alone.\n",
        *render_costs(costs | measure_in_turn(wrong, 1)),
    ]
    figures = []
    for label in programs:
        figures.append(Figure.compare(f"CPU of {label}, s", costs[label].cpu, _START_MOST))
        figures.append(Figure.compare(f"peak of {label}, MiB", costs[label].peak // MIB, _PEAK_MOST))
    return lines, figures


def _attest(service: Service, model: Path, options: Sequence[str]) -> None:
    """Scan a model whose verdict is a pass, and attest that."""
    report = service.folder / "report.json"
    scan = [*_run_ours("scan", model), "--offline", "--no-second-opinion", "-q"]
    attest = [*_run_ours("attest", model), "--report", str(report), "-q", *options]
    for command in ([*scan, "-o", f"json={report}"], attest):
        subprocess.run(command, check=True, env=service.build_environment())
