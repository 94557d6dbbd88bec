"""Files that real libraries write pass the scan: the part of the benign set whose libraries the suite has.

The whole set, over many libraries and releases, is written by ``benchmarks/benign/write.py``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from modelaudit import scan

BENIGN = Path(__file__).parents[1] / "benchmarks" / "benign"

UNVERIFIED: dict[str, str] = {}
"""Files whose scan does not pass, with the reason."""


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the writers of the benign set importable for one test, as they are in their own environments."""
    monkeypatch.syspath_prepend(str(BENIGN))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("writers", "sample_writer")]:
        del sys.modules[name]


def build_sample_writer(folder: Path) -> ModuleType:
    """Return a writer of samples below ``folder``; its ``rows`` describe them."""
    return importlib.import_module("sample_writer").SampleWriter(folder, "suite")


def assert_files_pass(folder: Path, rows: list[dict[str, object]], at_least: int) -> None:
    """Scan every file that the rows describe, at least so many; all must pass, except for those in ``UNVERIFIED``."""
    assert len(rows) >= at_least
    failed = {}
    for row in rows:
        report = scan(folder / str(row["path"]), offline=True, second_opinion=False, checks=["security"])
        if report.exit_code:
            reasons = [finding.message for finding in report.findings]
            failed[Path(str(row["path"])).name] = (report.exit_code, reasons[:3])
    assert {name: failed[name] for name in failed if name not in UNVERIFIED} == {}


@pytest.mark.usefixtures("writers")
def test_ordinary_pickles_pass_the_scan(tmp_path: Path) -> None:
    objects = importlib.import_module("writers.objects")
    samples = build_sample_writer(tmp_path)
    for name, value in objects.build_groups():
        samples.write_pickle("python", name, value, protocols=(0, 2, 4, 5))
    assert_files_pass(tmp_path, samples.rows, at_least=80)


@pytest.mark.usefixtures("writers")
def test_files_with_numpy_arrays_pass_the_scan(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    samples = build_sample_writer(tmp_path)
    importlib.import_module("writers.arrays").write_samples(samples)
    assert_files_pass(tmp_path, samples.rows, at_least=60)


@pytest.mark.usefixtures("writers")
def test_joblib_files_without_compression_or_with_zlib_gzip_bz2_xz_or_lzma_pass_the_scan(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    samples = build_sample_writer(tmp_path)
    for name, value in importlib.import_module("writers.joblib_files").build_values():
        samples.write_joblib("joblib", name, value)
        for codec in ("zlib", "gzip", "bz2", "xz", "lzma"):
            samples.write_joblib("joblib", f"{name}-{codec}", value, compress=(codec, 3))
    assert_files_pass(tmp_path, samples.rows, at_least=50)


@pytest.mark.usefixtures("writers")
def test_files_with_torch_tensors_pass_the_scan(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    samples = build_sample_writer(tmp_path)
    for name, value in importlib.import_module("writers.tensors").build_values():
        samples.write_torch("torch", f"{name}.pt", value)
        if name in ("dtypes", "parameter", "ordered", "sparse", "quantized"):
            samples.write_torch("torch", f"{name}-legacy.pt", value, zipped=False)
    assert_files_pass(tmp_path, samples.rows, at_least=30)


@pytest.mark.usefixtures("writers")
def test_files_with_torch_layers_optimizers_and_schedules_pass_the_scan(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    training = importlib.import_module("writers.training")
    samples = build_sample_writer(tmp_path)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.LazyLinear(2))
    samples.write_torch("torch", "network.pt", network)
    training.write_optimizers(samples, torch.nn.Linear(3, 2))
    training.write_schedules(samples, torch.nn.Linear(3, 2))
    assert_files_pass(tmp_path, samples.rows, at_least=40)


@pytest.mark.usefixtures("writers")
def test_benign_writer_builds_an_estimator_that_requires_another_one_with_a_logistic_regression() -> None:
    multioutput = pytest.importorskip("sklearn.multioutput")
    estimators = importlib.import_module("writers.estimators")
    built = estimators.build_estimator(multioutput.MultiOutputClassifier)
    assert type(built.estimator).__name__ == "LogisticRegression"


@pytest.mark.usefixtures("writers")
def test_torch_layer_is_listed_with_every_argument_that_it_requires() -> None:
    pytest.importorskip("torch")
    layers = importlib.import_module("writers.layers")
    arguments = {name: arguments for name, _, arguments in layers.list_layers()}
    assert arguments["Linear"] == {"in_features": 3, "out_features": 2}


def test_each_environment_for_benign_files_pins_its_versions_and_names_existing_writers() -> None:
    writer_names = {file.stem for file in (BENIGN / "writers").glob("*.py")}
    environments = yaml.safe_load((BENIGN / "environments.yaml").read_text(encoding="utf-8"))
    assert len(environments) >= 10
    for name, environment in environments.items():
        assert set(environment["writers"]) <= writer_names, name
        assert environment["python"], name
        assert all("==" in line for line in environment["requirements"]), name
