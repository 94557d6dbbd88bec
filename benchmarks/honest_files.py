"""Scan files of packages and repositories of current libraries, and count those that do not pass, by cause.

``make bench-honest`` downloads the newest wheels of the packages in ``honest_packages.txt``, installs and imports none,
and scans data of each as one repository, without code and what installation adds. Of each package at most
``MOST_FILES`` files count, spread over their extensions, so that no package is half of the set. Beside them it scans
the repositories that ``honest_repositories.py`` writes. A file *alarms* if a finding in it breaks a gate of the default
policy, and is *incomplete* if an absence in it is open. Licences are not judged, and ``honest/alarms.yaml`` defends
alarms.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import yaml
from decision_counts import Subject, count_subjects
from figures import add_options, describe_machine, publish_report, render_table
from honest_repositories import list_written, write_repositories
from samples import HERE

_RESULTS: Final = "honest.md"
MOST_FILES: Final = 12
"""The most files of one package that count."""
_MOST_BESIDE: Final = 40
"""The most files of a folder that are scanned beside those that count."""
_MOST_SECONDS: Final = 300
"""The bound on the scan of one package, in seconds of CPU time."""
_NO_VERDICT: Final = Subject("no-verdict", "no-verdict", "no-verdict")
_EARLIER: Final = (
    ["packages, first set, before this work", "44", "215", "7 (3.3 %)", "75 (34.9 %)", ""],
    ["packages, first 70 of this set, before the last changes", "70", "389", "8 (2.1 %)", "87 (22.4 %)", ""],
    ["packages, further sixty, first run", "60", "377", "1 (0.3 %)", "18 (4.8 %)", "50 (83.3 %)"],
    ["packages, by a second rule, first run", "35", "145", "1 (0.7 %)", "24 (16.6 %)", "22 (62.9 %)"],
)
"""Rows of earlier runs: the first over another set."""
_FURTHER: Final = "# Further packages"
_BY_RULE: Final = "# Chosen by a rule"
_BY_SECOND_RULE: Final = "# Chosen by a second rule"
"""How the comments in ``honest_packages.txt`` begin."""
_CODE: Final = frozenset({
    ".py", ".pyi", ".pyx", ".pxd", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".a", ".lib", ".o", ".exe", ".pdb",
    ".jar", ".class", ".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".cu", ".cuh", ".rs", ".go", ".java", ".js",
    ".mjs", ".ts", ".tsx", ".css", ".scss", ".html", ".htm", ".map", ".ipynb", ".sh", ".bat", ".ps1", ".r", ".jl",
    ".m", ".lua", ".f", ".f90", ".cmake", ".pc", ".whl", ".ngl", ".asm", ".build", ".cl", ".def", ".i", ".inc",
    ".pxi", ".tp"
})  # fmt: skip
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
    """A package or a repository with the files that count.

    Attributes:
        folder: where its files are.
        subjects: the open subjects of each file that has one.
    """

    name: str
    folder: Path
    files: Sequence[str] = ()
    subjects: dict[str, list[Subject]] = field(default_factory=dict)


def main() -> None:
    """Download, unpack and scan the packages, and print the report."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--only", action="append", default=[], help="the name of a package; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="scans at once (default: 2)")
    parser.add_argument("--resume", action="store_true", help="keep the reports of a run that was broken off")
    parser.add_argument("--as-is", action="store_true", help="scan nothing more: count what has a report")
    parser.add_argument("--list", action="store_true", help="print each file that does not pass")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "honest"
    listed = [line for line in read_packages() if not chosen.only or line.partition("==")[0] in chosen.only]
    packages = [
        Package(line, folder / "files" / line.partition("==")[0], files)
        for line in listed
        if (files := fetch_package(line, folder))
    ]
    written = {} if chosen.only else list_written(folder) if chosen.as_is else write_repositories(folder)
    repositories = [Package(name, folder / "repositories" / name, files) for name, files in written.items()]
    unscanned: list[str] = []
    if chosen.as_is:
        scanned = [each for each in packages if (folder / "reports" / f"{each.name}.json").is_file()]
        unscanned = [each.name for each in packages if each not in scanned]
        packages = scanned
    elif not chosen.resume:
        shutil.rmtree(folder / "reports", ignore_errors=True)
    scan_packages([*packages, *repositories], folder / "reports", chosen.jobs)
    if chosen.list:
        for package in (*packages, *repositories):
            for path, subjects in sorted(package.subjects.items()):
                print(package.name, path, *(each.name for each in subjects), sep="\t")
    publish_report("\n".join(render_report(packages, repositories, unscanned)) + "\n", _RESULTS, chosen.write)


def read_packages() -> list[str]:
    """Return the lines ``NAME==VERSION`` of ``honest_packages.txt``."""
    lines = (HERE / "honest_packages.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def read_part(comment: str, last: str = "") -> frozenset[str]:
    """Return the lines ``NAME==VERSION`` of ``honest_packages.txt`` behind a comment, up to the comment ``last``."""
    text = (HERE / "honest_packages.txt").read_text(encoding="utf-8").partition(comment)[2]
    return frozenset((text.partition(last)[0] if last else text).splitlines()) & frozenset(read_packages())


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
    return [each for each in json.loads(listed.read_text(encoding="utf-8")) if is_data(each)]


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


def scan_packages(packages: Sequence[Package], reports: Path, jobs: int) -> None:
    """Scan the packages that have no report with ``jobs`` workers, and keep what is open in the files that count."""
    reports.mkdir(parents=True, exist_ok=True)
    waiting = deque(each for each in packages if not (reports / f"{each.name}.json").is_file())
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda _: _work_off(waiting, reports), range(jobs)))
    for package in packages:
        path = reports / f"{package.name}.json"
        is_read = path.is_file()
        package.subjects = (
            read_subjects(path, package.files) if is_read else {each: [_NO_VERDICT] for each in package.files}
        )


def _work_off(waiting: deque[Package], reports: Path) -> None:
    """Scan packages until none is left; a worker that ends leaves its package without a report."""
    command = [sys.executable, str(HERE / "honest_worker.py"), str(_MOST_SECONDS)]
    while waiting:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            while True:
                try:
                    package = waiting.popleft()
                except IndexError:
                    break
                path = reports / f"{package.name}.json"
                print(package.folder, path, sep="\t", file=worker.stdin, flush=True)
                if not worker.stdout.readline():
                    break
            worker.stdin.close()


def read_subjects(report: Path, files: Iterable[str]) -> dict[str, list[Subject]]:
    """Return what is open in each of the files that has something open."""
    counted = set(files)
    found: dict[str, list[Subject]] = defaultdict(list)
    for subject in count_subjects(0, json.loads(report.read_text(encoding="utf-8"))).subjects:
        if not _is_on_licence(subject):
            for file in find_files(subject, counted):
                found[file].append(subject)
    return dict(found)


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


def render_report(
    packages: Sequence[Package], repositories: Sequence[Package], unscanned: Sequence[str] = ()
) -> list[str]:
    """Return the lines of the report; ``unscanned`` names the packages that a run which was broken off left out."""
    both = [*packages, *repositories]
    parts = {
        "packages, further sixty": read_part(_FURTHER, _BY_RULE),
        "packages, of them by a rule": read_part(_BY_RULE, _BY_SECOND_RULE),
        "packages, by a second rule": read_part(_BY_SECOND_RULE),
    }
    details = [
        [each.name, str(len(each.files)), str(len(each.subjects)), _name_causes(each)] for each in both if each.subjects
    ]
    causes = [
        [f"`{group}`", str(counts.total()), str(len(counts))]
        for group, counts in sorted(count_causes(both).items(), key=lambda item: -item[1].total())
    ]
    return [
        "# Files that honest publishers ship",
        "",
        describe_machine("bench-honest")
        + f"{len(packages)} of {len(read_packages())} listed packages (those without data or without a scan are "
        + f"left out), at most {MOST_FILES} files of each, and "
        f"{len(repositories)} repositories that current libraries wrote.",
        "",
        *([f"The run was broken off before these were scanned: {', '.join(unscanned)}.", ""] if unscanned else []),
        *render_table(
            ("files", "sets", "files", "alarm", "incomplete", "sets that pass"),
            [
                *_EARLIER,
                *(_count(name, [each for each in packages if each.name in part]) for name, part in parts.items()),
                _count("packages", packages),
                _count("repositories", repositories),
                _count("both", both),
            ],
        ),
        "",
        *render_table(("cause", "files", "sets"), causes),
        "",
        *render_table(("package or repository", "files", "not passed", "causes"), details),
        "",
        "## Alarms",
        "",
        *_defend_alarms(both),
        "",
    ]


def _count(name: str, packages: Sequence[Package]) -> list[str]:
    """Return the row of a part of the set."""
    files = sum(len(each.files) for each in packages)
    alarms = sum(is_alarm(subjects) for each in packages for subjects in each.subjects.values())
    incomplete = sum(not is_alarm(subjects) for each in packages for subjects in each.subjects.values())
    passed = sum(not each.subjects for each in packages)
    shares = (f"{count} ({100 * count / max(files, 1):.1f} %)" for count in (alarms, incomplete))
    return [name, str(len(packages)), str(files), *shares, f"{passed} ({100 * passed / max(len(packages), 1):.1f} %)"]


def _defend_alarms(packages: Iterable[Package]) -> Iterator[str]:
    """Yield a line for each file that alarms, with the reason why it has to, or that it is a false one."""
    reasons = yaml.safe_load((HERE / "honest" / "alarms.yaml").read_text(encoding="utf-8"))
    for package in packages:
        name = package.name.partition("==")[0]
        for file, subjects in package.subjects.items():
            if is_alarm(subjects):
                yield f"- `{name}`, `{file}`: {reasons.get(name, 'not defended')}"


def _name_causes(package: Package) -> str:
    """Return the causes of a package with their counts."""
    counts = Counter(group for subjects in package.subjects.values() for group in {each.group for each in subjects})
    return ", ".join(f"`{group}` {count}" for group, count in counts.most_common())


if __name__ == "__main__":
    main()
