"""Write the files of the writers and their rows of the manifest. Runs on Python 3.7 and newer."""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

# Errors of a release that lacks a class, rejects an argument or cannot pickle a value; the sample is then omitted and
# listed as such. Any other error is a fault of the writer and stops it.
REFUSALS = (AttributeError, ImportError, TypeError, ValueError, pickle.PicklingError)


class Shelf:
    """One folder of samples and the rows of the manifest about them.

    Attributes:
        root: the folder of the whole set; paths in the manifest are relative to it.
        environment: the requirement file whose libraries write.
        rows: one mapping a file, with ``path``, ``library``, ``version``, ``python``, ``protocol``, ``writer`` and
            ``alarm``.
    """

    def __init__(self, root: Path, environment: str):
        self.root = root
        self.environment = environment
        self.rows: list[dict[str, object]] = []
        self.omitted: list[str] = []

    def add(self, library, name, writer, write, protocol=None, alarm="") -> None:
        """Write one file by ``write(path)``.

        ``writer`` is the expression for the manifest. ``alarm`` is the reason why a scanner must alarm on a benign
        file: its format runs code, so a hostile file of the same kind looks no different.
        """
        path = self.root / library / self.environment / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(path)
        except REFUSALS as refusal:
            self.omit(f"{library}/{name}", refusal)
            if path.is_file():
                path.unlink()
            return
        self.rows.append(
            {
                "path": path.relative_to(self.root).as_posix(),
                "library": library,
                "version": find_version(library),
                "python": "{}.{}".format(*sys.version_info[:2]),
                "protocol": protocol,
                "writer": writer,
                "alarm": alarm,
            }
        )

    def pickle(self, library, name, value, protocols=(4,), suffix="pkl", alarm="") -> None:
        """Pickle ``value`` once for each protocol that this Python has."""
        for protocol in protocols:
            if protocol > pickle.HIGHEST_PROTOCOL:
                continue
            file = f"{name}-p{protocol}.{suffix}"

            def write(path, protocol=protocol):
                path.write_bytes(pickle.dumps(value, protocol=protocol))

            self.add(library, file, f"pickle.dumps(value, protocol={protocol})", write, protocol, alarm)

    def joblib(self, library, name, value, compress=0, protocol=None, suffix="joblib", alarm="") -> None:
        """Dump ``value`` by joblib, in its default protocol unless another is named."""
        import joblib

        writer = f"joblib.dump(value, path, compress={compress!r}, protocol={protocol!r})"
        write = lambda path: joblib.dump(value, str(path), compress=compress, protocol=protocol)  # noqa: E731
        self.add(library, f"{name}.{suffix}", writer, write, protocol, alarm)

    def torch(self, library, name, value, zipped=True, protocol=2, alarm="") -> None:
        """Save ``value`` by torch, as a zip or in the format before 1.6."""
        import torch

        writer = f"torch.save(value, path, _use_new_zipfile_serialization={zipped}, pickle_protocol={protocol})"
        kind = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": protocol}
        self.add(library, name, writer, lambda path: torch.save(value, str(path), **kind), protocol, alarm)

    @contextmanager
    def attempt(self, label):
        """Leave one sample out, and record this, if making its value fails."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except REFUSALS as refusal:
            self.omit(label, refusal)

    def omit(self, label, refusal) -> None:
        """Record a sample that this library did not write."""
        self.omitted.append("{}: {}: {}".format(label, type(refusal).__name__, str(refusal).split("\n")[0][:160]))

    def close(self, manifest: Path) -> None:
        """Write the rows and the omitted samples for ``write.py``."""
        manifest.write_text(json.dumps({"files": self.rows, "omitted": self.omitted}))


def find_version(library) -> str:
    """Return the release of a distribution; that of Python for objects of the language itself."""
    if library == "python":
        return "{}.{}.{}".format(*sys.version_info[:3])
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        from pkg_resources import get_distribution

        return get_distribution(library).version
    for name in (library, library + "-cpu", library + "-learn"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
