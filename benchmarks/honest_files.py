"""Scan the files that packages of models ship, and count those that do not pass, by cause.

``make bench-honest`` downloads the newest wheels of the packages in ``honest_packages.txt``, installs and imports none,
and scans data of each as one repository, without code and what installation adds. Of each package at most
``MOST_FILES`` files count, spread over their extensions, so that no package is half of the set. A file *alarms* if a
finding in it breaks a gate of the default policy, and is *incomplete* if an absence in it is open. Licences are not
judged.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from decision_counts import Subject, count_subjects
from figures import add_options, describe_machine, publish_report, render_table
from samples import HERE

_RESULTS: Final = "honest.md"
MOST_FILES: Final = 12
"""The most files of one package that count."""
_MOST_BESIDE: Final = 40
"""The most files of a folder that are scanned beside those that count."""
_MOST_SECONDS: Final = 900
"""The bound on the scan of one package, in seconds."""
_CODE: Final = frozenset(
    {
        ".py",
        ".pyi",
        ".pyx",
        ".pxd",
        ".pyc",
        ".so",
        ".pyd",
        ".dll",
        ".dylib",
        ".a",
        ".lib",
        ".o",
        ".exe",
        ".jar",
        ".class",
    }
    | {".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".cu", ".cuh", ".rs", ".go", ".java", ".js", ".mjs", ".ts", ".tsx"}
    | {
        ".css",
        ".scss",
        ".html",
        ".htm",
        ".map",
        ".ipynb",
        ".sh",
        ".bat",
        ".ps1",
        ".r",
        ".jl",
        ".m",
        ".lua",
        ".f",
        ".f90",
    }
    | {".cmake", ".pc", ".whl"}
)
"""Endings of code, which is no file of a model."""
_NOT_COUNTED: Final = frozenset(
    {".md", ".rst", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".bmp", ".wav", ".mp3", ".flac", ".ogg", ".mp4"}
    | {".ttf", ".otf", ".woff", ".woff2", ".pdf", ".toml", ".cfg", ".ini", ".in", ".typed", ".gitignore", ".gitkeep"}
)
"""Endings of pictures, sound, prose and settings of tools: they are scanned beside the models, and do not count."""
_PROGRAM_STARTS: Final = (b"\x7fELF", b"MZ", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""The first bytes of programs, which are code under any name."""
_PROSE: Final = re.compile(r"(?i)(license|licence|notice|readme|changelog|authors|copying|requirements|version)")
_LAID_OUT: Final = re.compile(r"(?:^|/)(?:[^/]+\.(?:dist-info|libs|egg-info)|__pycache__|node_modules)/")


@dataclass(slots=True)
class Package:
    """A package with the files that count.

    Attributes:
        subjects: the open subjects of each file that has one.
        exit_code: of the scan of the whole package.
    """

    name: str
    files: Sequence[str] = ()
    subjects: dict[str, list[Subject]] = field(default_factory=dict)
    exit_code: int = 0


def main() -> None:
    """Download, unpack and scan the packages, and print the report."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--only", action="append", default=[], help="the name of a package; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="scans at once (default: 2)")
    parser.add_argument("--list", action="store_true", help="print each file that does not pass")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "honest"
    listed = [line for line in read_packages() if not chosen.only or line.partition("==")[0] in chosen.only]
    packages = [Package(line, files) for line in listed if (files := fetch_package(line, folder))]
    scan_packages(packages, folder, chosen.jobs)
    if chosen.list:
        for package in packages:
            for path, subjects in sorted(package.subjects.items()):
                print(package.name, path, *(each.name for each in subjects), sep="\t")
    publish_report("\n".join(render_report(packages)) + "\n", _RESULTS, chosen.write)


def read_packages() -> list[str]:
    """Return the lines ``NAME==VERSION`` of ``honest_packages.txt``."""
    lines = (HERE / "honest_packages.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def fetch_package(line: str, folder: Path) -> list[str]:
    """Download and unpack a package that is not in ``folder``; return the paths of its files that count.

    The wheel is removed afterwards, and a list of the paths remains beside the files.
    """
    files = folder / "files" / line.partition("==")[0]
    listed = folder / "lists" / f"{line}.json"
    if not listed.is_file():
        wheels = folder / "wheels"
        download_wheel(line, wheels)
        wheel = find_wheel(wheels, line)
        if wheel is None:
            print(f"{line} cannot be downloaded, and is left out", file=sys.stderr)
            return []
        shutil.rmtree(files, ignore_errors=True)
        counted = unpack_wheel(wheel, files)
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text(json.dumps(counted), encoding="utf-8")
        wheel.unlink()
    return list(json.loads(listed.read_text(encoding="utf-8")))


def download_wheel(line: str, folder: Path) -> None:
    """Download the wheel of a line ``NAME==VERSION`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "-d", str(folder), line], check=False)


def find_wheel(folder: Path, line: str) -> Path | None:
    """Return the wheel of a line ``NAME==VERSION``; ``None`` if it is not in ``folder``."""
    name, _, version = line.partition("==")
    wanted = (re.sub(r"[-_.]+", "-", name).lower(), version)
    for wheel in folder.glob("*.whl"):
        parts = wheel.name.split("-")
        if (re.sub(r"[-_.]+", "-", parts[0]).lower(), parts[1]) == wanted:
            return wheel
    return None


def unpack_wheel(wheel: Path, folder: Path) -> list[str]:
    """Unpack the files that count, and those beside them, into ``folder``; return the paths of the files that count."""
    with zipfile.ZipFile(wheel) as archive:
        names = [each.filename for each in archive.infolist() if not each.is_dir() and is_data(each.filename)]
        names = [each for each in names if not _is_program(archive, each)]
        counted = spread_files(each for each in names if is_counted(each))
        unfinished = folder.with_name(folder.name + ".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in sorted({*counted, *find_files_beside(names, counted)}):
            archive.extract(name, unfinished)
    unfinished.rename(folder)
    return counted


def _is_program(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a member begins like a program."""
    with archive.open(name) as member:
        return member.read(4).startswith(_PROGRAM_STARTS)


def find_files_beside(names: Sequence[str], counted: Iterable[str]) -> Iterator[str]:
    """Yield the files in and below the folders of the counted files, unless a folder has more than ``_MOST_BESIDE``."""
    for folder in {each.rpartition("/")[0] for each in counted}:
        beside = [each for each in names if each.startswith(f"{folder}/")]
        if len(beside) <= _MOST_BESIDE:
            yield from beside


def is_counted(path: str) -> bool:
    """Whether a file of data may belong to a model, and is not only prose, a picture or sound beside it."""
    name = PurePosixPath(path)
    return name.suffix.lower() not in _NOT_COUNTED and not _PROSE.match(name.name)


def is_data(path: str) -> bool:
    """Whether a member of a wheel is neither code nor what installation adds."""
    parts = PurePosixPath(path)
    is_library = re.search(r"\.so\.\d", parts.name) is not None
    return not (_LAID_OUT.search(path) or parts.suffix.lower() in _CODE or is_library or parts.name == "py.typed")


def spread_files(paths: Iterable[str]) -> list[str]:
    """Return at most ``MOST_FILES`` paths, one of each extension in turn, in the order of their names."""
    by_suffix: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        by_suffix[PurePosixPath(path).suffix.lower()].append(path)
    chosen: list[str] = []
    while len(chosen) < MOST_FILES and any(by_suffix.values()):
        for suffix in sorted(by_suffix):
            if by_suffix[suffix] and len(chosen) < MOST_FILES:
                chosen.append(by_suffix[suffix].pop(0))
    return sorted(chosen)


def scan_packages(packages: Sequence[Package], folder: Path, jobs: int) -> None:
    """Scan the packages in processes of their own, and keep what is open in the files that count."""
    reports = folder / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda each: _scan_package(each, folder, reports), packages))


def _scan_package(package: Package, folder: Path, reports: Path) -> None:
    """Scan one package."""
    name = package.name.partition("==")[0]
    path = reports / f"{name}.json"
    command = [sys.executable, "-m", "modelaudit", "scan", str(folder / "files" / name), "--offline", "-q"]
    command += ["--no-second-opinion", "--checks", "security,integrity", "-o", f"json={path}"]
    try:
        done = subprocess.run(command, check=False, timeout=_MOST_SECONDS, cwd=folder)
        package.exit_code = done.returncode
    except subprocess.TimeoutExpired:
        package.exit_code = 4
    if not path.is_file():
        package.subjects = {each: [Subject("no-verdict", "no-verdict", "no-verdict")] for each in package.files}
        return
    report = json.loads(path.read_text(encoding="utf-8"))
    counted = set(package.files)
    found: dict[str, list[Subject]] = defaultdict(list)
    for subject in count_subjects(0, report).subjects:
        if not _is_on_licence(subject):
            for file in find_files(subject, counted):
                found[file].append(subject)
    package.subjects = dict(found)


def _is_on_licence(subject: Subject) -> bool:
    return subject.cause.startswith(("licence", "findings (licence"))


def find_files(subject: Subject, paths: set[str]) -> Iterator[str]:
    """Yield the counted file that a subject is about: the name of a subject begins with its rule or reason."""
    address = subject.name.partition(":")[2].partition("!")[0]
    if subject.cause.startswith("findings"):
        address = address.rpartition(" ")[0] if "!" not in subject.name else address
    if address in paths:
        yield address


def is_alarm(subjects: Iterable[Subject]) -> bool:
    """Whether one of the subjects is a finding that breaks a gate."""
    return any(each.cause.startswith("findings") for each in subjects)


def count_causes(packages: Iterable[Package]) -> Mapping[str, Counter[str]]:
    """Return, for each cause, how many files of each package have it; a file counts under each of its causes."""
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    for package in packages:
        for subjects in package.subjects.values():
            for group in {each.group for each in subjects}:
                causes[group][package.name] += 1
    return causes


def render_report(packages: Sequence[Package]) -> list[str]:
    """Return the lines of the report."""
    files = sum(len(each.files) for each in packages)
    alarms = sum(is_alarm(subjects) for each in packages for subjects in each.subjects.values())
    incomplete = sum(not is_alarm(subjects) for each in packages for subjects in each.subjects.values())
    open_packages = sum(bool(each.subjects) for each in packages)
    rows: list[Sequence[Any]] = [
        [f"`{group}`", str(counts.total()), str(len(counts))]
        for group, counts in sorted(count_causes(packages).items(), key=lambda item: -item[1].total())
    ]
    details = [
        [each.name, str(len(each.files)), str(len(each.subjects)), _name_causes(each)]
        for each in packages
        if each.subjects
    ]
    return [
        "# Files that packages of models ship",
        "",
        describe_machine("bench-honest") + f"{files} files of {len(packages)} packages, at most {MOST_FILES} of each.",
        "",
        f"{files - alarms - incomplete} files pass, {alarms} alarm ({100 * alarms / max(files, 1):.1f} %), and "
        f"{incomplete} are incomplete ({100 * incomplete / max(files, 1):.1f} %), in {open_packages} packages.",
        "",
        *render_table(("cause", "files", "packages"), rows),
        "",
        *render_table(("package", "files", "not passed", "causes"), details),
    ]


def _name_causes(package: Package) -> str:
    """Return the causes of a package with their counts."""
    counts = Counter(group for subjects in package.subjects.values() for group in {each.group for each in subjects})
    return ", ".join(f"`{group}` {count}" for group, count in counts.most_common())


if __name__ == "__main__":
    main()
