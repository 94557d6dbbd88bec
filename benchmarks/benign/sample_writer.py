"""Write benign samples by a library's own functions, with a row of the manifest each. Runs on Python 3.7 and newer."""

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


class SampleWriter:
    """Writes samples below ``root/library/environment``, and collects the rows of the manifest about them.

    Attributes:
        root: the folder of the whole set; paths in the manifest are relative to it.
        environment: the name of the requirement file whose libraries write the samples.
        rows: one mapping for each file, with ``path``, ``library``, ``version``, ``python``, ``protocol``, ``writer``
            and ``alarm``.
        omitted: one line for each sample that a library refused to write.
    """

    def __init__(self, root: Path, environment: str):
        self.root = root
        self.environment = environment
        self.rows: list[dict[str, object]] = []
        self.omitted: list[str] = []

    def add_file(self, library, name, writer, write, protocol=None, alarm="") -> None:
        """Write one file by calling ``write(path)``, and add its row; omit the sample if the library refuses.

        Args:
            library: the library that writes; the first folder below the root.
            name: the file's name.
            writer: the expression that writes the file, for the manifest.
            write: a function of the path that writes the file.
            protocol: the pickle protocol, for the manifest.
            alarm: the reason why a scanner must alarm on this benign file, or an empty string. Its format runs code,
                so a hostile file of the same kind looks no different.
        """
        path = self.root / library / self.environment / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(path)
        except REFUSALS as refusal:
            self.record_omission(f"{library}/{name}", refusal)
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

    def write_pickle(self, library, name, value, protocols=(4,), suffix="pkl", alarm="") -> None:
        """Pickle ``value`` once for each protocol that this Python has."""
        for protocol in protocols:
            if protocol > pickle.HIGHEST_PROTOCOL:
                continue
            file = f"{name}-p{protocol}.{suffix}"

            def write(path, protocol=protocol):
                path.write_bytes(pickle.dumps(value, protocol=protocol))

            self.add_file(library, file, f"pickle.dumps(value, protocol={protocol})", write, protocol, alarm)

    def write_joblib(self, library, name, value, compress=0, protocol=None, suffix="joblib", alarm="") -> None:
        """Dump ``value`` by joblib; a ``protocol`` of ``None`` is joblib's default."""
        import joblib

        writer = f"joblib.dump(value, path, compress={compress!r}, protocol={protocol!r})"
        write = lambda path: joblib.dump(value, str(path), compress=compress, protocol=protocol)  # noqa: E731
        self.add_file(library, f"{name}.{suffix}", writer, write, protocol, alarm)

    def write_torch(self, library, name, value, zipped=True, protocol=2, alarm="") -> None:
        """Save ``value`` by torch, as a ZIP archive or else in the format of torch before 1.6."""
        import torch

        writer = f"torch.save(value, path, _use_new_zipfile_serialization={zipped}, pickle_protocol={protocol})"
        options = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": protocol}
        self.add_file(library, name, writer, lambda path: torch.save(value, str(path), **options), protocol, alarm)

    @contextmanager
    def omit_on_refusal(self, label):
        """Suppress the warnings of the block; if the library refuses what it does, record the sample as omitted."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except REFUSALS as refusal:
            self.record_omission(label, refusal)

    def record_omission(self, label, refusal) -> None:
        """Record a sample that a library refused to write, with the first line of the exception ``refusal``."""
        self.omitted.append("{}: {}: {}".format(label, type(refusal).__name__, str(refusal).split("\n")[0][:160]))

    def write_manifest(self, manifest: Path) -> None:
        """Write the rows and the omitted samples for ``write.py``."""
        manifest.write_text(json.dumps({"files": self.rows, "omitted": self.omitted}))


def find_version(library) -> str:
    """Return the version of an installed library; that of Python for ``python``; ``unknown`` if it is not found."""
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
