"""Compare the verdict on hostile texts with what their loaders do, under many names and with odd bytes in them.

The payloads make one empty folder. ``MODELAUDIT_FULL_MATRIX=1`` tries every text with every change under every name;
otherwise each text meets a few of them.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import modelaudit
from modelaudit.model.finding import Severity

MARKER = "/MARKER/"
"""Stands for the path of the marker in the texts below."""
MKDIR = f"mkdir('{MARKER}')"
CODE = f"__import__('os').{MKDIR}"
IS_FULL = os.environ.get("MODELAUDIT_FULL_MATRIX") == "1"
NAMES = ("chat_template.jinja", "x.j2", "x.tpl", "x.tmpl", "prompt.md", "README.md", "notes.txt", "template", "x.html",
         "x.yaml", "x.json", "x.cfg", "x.xml", "x.bin", "x.csv")  # fmt: skip
COMPRESSED_NAMES = ("model.pkl.gz", "model.bin", "x", "x.pkl", "x.txt", "x.gz")

TEMPLATES = (
    f"{{{{ cycler.__init__.__globals__.os.{MKDIR} }}}}",
    f"{{{{ lipsum.__globals__['os'].{MKDIR} }}}}",
    f"{{{{ lipsum['__globals__']['os'].{MKDIR} }}}}",
    f"{{{{ lipsum|attr('__globals__')|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr('__glo' ~ 'bals__')|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr('\\x5f\\x5fglobals\\x5f\\x5f')|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr(['__glo', 'bals__']|join)|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr('__slabolg__'|reverse)|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr('%sglobals%s'|format('__', '__'))|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ lipsum|attr('__GLOBALS__'|lower)|attr('get')('os')|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ joiner.__init__.__globals__.__builtins__.eval({CODE!r}) }}}}",
    f"{{{{ self.__init__.__globals__.__builtins__['__import__']('os').{MKDIR} }}}}",
    f"{{% set g = namespace.__init__.__globals__ %}}{{{{ g.os.{MKDIR} }}}}",
    f"{{% if cycler.__init__.__globals__.os.{MKDIR} %}}x{{% endif %}}",
    f"{{% for x in [cycler.__init__.__globals__.os] %}}{{{{ x.{MKDIR} }}}}{{% endfor %}}",
    f"{{% macro m() %}}{{{{ caller.__globals__ or cycler.__init__.__globals__.os.{MKDIR} }}}}{{% endmacro %}}{{{{ m() }}}}",
    f"{{%- set o = (dict(__class__=1)|list)[0] -%}}{{{{ (lipsum|attr('__globals__')).os.{MKDIR} ~ o }}}}",
    f"{{% with o = lipsum.__globals__.os %}}{{{{ o.{MKDIR} }}}}{{% endwith %}}",
    f"{{% filter upper %}}{{{{ lipsum.__globals__.os.{MKDIR} }}}}{{% endfilter %}}",
    f"{{% set x %}}{{{{ lipsum.__globals__.os.{MKDIR} }}}}{{% endset %}}",
    f"{{# a comment #}}\n\n\n{{{{\n lipsum\n .__globals__\n .os.{MKDIR} }}}}",
    f"{{{{ [lipsum]|map(attribute='__globals__')|map(attribute='os')|list|first|attr('mkdir')('{MARKER}') }}}}",
    f"{{{{ ([1]|map('upper')).gi_frame.f_globals.__builtins__.__import__('os').{MKDIR} }}}}",
    f"{{{{ (cycler|attr('__init__'))['__globals__'].os.{MKDIR} }}}}",
    f"# A heading\n\nSome `code`, a list:\n\n* a\n* {{{{ lipsum.__globals__.os.{MKDIR} }}}}\n",
    f"```jinja\n{{{{ lipsum.__globals__.os.{MKDIR} }}}}\n```\n",
    f"---\nlicense: mit\n---\n{{{{ lipsum.__globals__.os.{MKDIR} }}}}\n",
    f"<html><body>{{{{ lipsum.__globals__.os.{MKDIR} }}}}</body></html>",
    f'{{"chat_template": "{{{{ lipsum.__globals__.os.{MKDIR} }}}}"}}',
    f"key: value\nother: '{{{{ lipsum.__globals__.os.{MKDIR} }}}}'\n",
)
DOCUMENTS = (
    f"!!python/object/apply:os.mkdir ['{MARKER}']\n",
    f"a: !!python/object/apply:os.mkdir ['{MARKER}']\n",
    f"- b\n- !!python/object/apply:os.mkdir\n  - '{MARKER}'\n",
    f'a: !!python/object/apply:builtins.eval ["{CODE}"]\n',
    f"a: !!python/object/new:os.mkdir ['{MARKER}']\n",
    f"a: !!python/object/apply:os.mkdir {{args: ['{MARKER}']}}\n",
    f"a: !!pyth%6fn/object/apply:os.mkdir ['{MARKER}']\n",
    f"%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.mkdir ['{MARKER}']\n",
    f"%TAG !p! tag:yaml.org,2002:pyth\n---\na: !p!on/object/apply:os.mkdir ['{MARKER}']\n",
    f"a: !<tag:yaml.org,2002:python/object/apply:os.mkdir> ['{MARKER}']\n",
    f"a: !<tag:yaml.org,2002:pyth%6Fn/object/apply:os.mkdir> ['{MARKER}']\n",
    f"# A heading\n\na: !!python/object/apply:os.mkdir ['{MARKER}']\n",
    f"? !!python/object/apply:os.mkdir ['{MARKER}']\n: 1\n",
    f"{{a: !!python/object/apply:os.mkdir ['{MARKER}']}}\n",
    f"a: &x !!python/object/apply:os.mkdir ['{MARKER}']\nb: *x\n",
    f"a: 1\n---\nb: !!python/object/apply:os.mkdir ['{MARKER}']\n---\n}} not yaml {{\n",
    f"a: !!python/object/apply:posix.mkdir ['{MARKER}']\n",
    f'{{"a": !!python/object/apply:os.mkdir ["{MARKER}"]}}\n',
)
PICKLE = f"cos\nmkdir\n(S'{MARKER}'\ntR."


def make_gzip_compressor(flags: int, fields: bytes = b"") -> Callable[[bytes], bytes]:
    """Return a function that compresses with gzip, with these flags and optional fields in the header."""

    def compress(data: bytes) -> bytes:
        """Compress the data, and set the flags and fields in the header."""
        packed = gzip.compress(data)
        # The flags are the fourth byte. The optional fields follow the ten fixed bytes of the header.
        return packed[:3] + bytes([flags]) + packed[4:10] + fields + packed[10:]

    return compress


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip, header checksum": make_gzip_compressor(2, b"\0\0"),
    "gzip, reserved flags": make_gzip_compressor(0xE0),
    "gzip, all fields": make_gzip_compressor(0x1F, b"\3\0abcname\0comment\0\1\2"),
    "gzip, text flag": make_gzip_compressor(1),
    "gzip, checksum": lambda data: gzip.compress(data)[:-8] + bytes(8),
    "gzip, no end": lambda data: gzip.compress(data)[:-8],
    "gzip, odd system": lambda data: gzip.compress(data)[:8] + b"\x55\xaa" + gzip.compress(data)[10:],
    "gzip, two streams": lambda data: gzip.compress(data[:9]) + bytes(40) + make_gzip_compressor(2, b"ab")(data[9:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "xz, no check": lambda data: lzma.compress(data, check=lzma.CHECK_NONE),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
    "zlib, no checksum": lambda data: zlib.compress(data)[:-4],
}


def make_adder(before: bytes = b"", behind: bytes = b"") -> Callable[[bytes], bytes]:
    """Return a function that adds the bytes ``before`` and ``behind`` to its argument."""
    return lambda data: before + data + behind


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "none": make_adder(),
    "0x1A at the end": make_adder(behind=b"\x1a"),
    "NUL at the end": make_adder(behind=b"\0"),
    "NUL, a line": make_adder(b"# \0\1\2\n"),
    "control characters": make_adder(bytes(range(1, 32)) + b"\n"),
    "mark in the middle": make_adder(b"# \xef\xbb\xbf\n"),
    "mark": make_adder(b"\xef\xbb\xbf"),
    "form feed": make_adder(b"\x0c\n"),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda data: data.decode().encode("utf-16-le"),
    "Latin-1": make_adder(b"# Gr\xfc\xdfe\n"),
    "overlong UTF-8": make_adder(b"# \xc0\xaf\xe0\x80\xaf\n"),
    "line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "line ends of Mac": lambda data: data.replace(b"\n", b"\r"),
    "bytes behind": make_adder(behind=b"\n" + bytes((7 * number) % 256 for number in range(600))),
    "4 KiB before": make_adder(b"#" * 5000 + b"\n"),
    "document behind": make_adder(behind=b"\n---\n\x1a{"),
}


class Case(NamedTuple):
    """A hostile text that one loader runs, with one change.

    Attributes:
        loader: the name of the loader.
        text: the text, in which ``MARKER`` stands for the path of the marker.
        change: changes the bytes of the text.
        label: describes the change.
        names: the file names under which the text is scanned.
    """

    loader: str
    text: str
    change: Callable[[bytes], bytes]
    label: str
    names: tuple[str, ...]


def list_cases() -> Iterator[Case]:
    """Yield every case that this run tries."""
    texts = [("jinja", text) for text in TEMPLATES] + [("yaml", text) for text in DOCUMENTS]
    for number, (loader, text) in enumerate(texts):
        for position, (label, change) in enumerate(CHANGES.items()):
            if IS_FULL:
                yield Case(loader, text, change, label, NAMES)
            # Each text meets the first change, which is none, and every eighth of the others, under another name each.
            elif position == 0 or (number + position) % 8 == 0:
                yield Case(loader, text, change, label, (NAMES[(number + position // 8) % len(NAMES)],))
    for number, (label, compress) in enumerate(COMPRESSORS.items()):
        for behind in (b"", b"\0\0", b"junk"):
            change = lambda data, compress=compress, behind=behind: compress(data) + behind  # noqa: E731
            names = COMPRESSED_NAMES if IS_FULL else (COMPRESSED_NAMES[number % len(COMPRESSED_NAMES)],)
            yield Case("pickle", PICKLE, change, f"{label} {behind!r}", names)


def run_loaders(marker: Path, folder: Path, jobs: list[tuple[str, str]]) -> list[bool]:
    """Return for each pair of a loader and a file whether the payload ran, in one process of its own."""
    job_file = folder / "jobs.json"
    job_file.write_text(json.dumps(jobs))
    program = Path(__file__).with_name("text_loaders.py")
    command = [sys.executable, "-I", str(program), str(marker), str(job_file)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=900).stdout)


def test_hostile_text_or_compressed_pickle_that_its_loader_runs_has_a_high_finding_or_an_absence(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "marker"
    cases = list(list_cases())
    contents = [case.change(case.text.replace(MARKER, str(marker)).encode()) for case in cases]
    jobs = []
    for number, (case, content) in enumerate(zip(cases, contents, strict=True)):
        path = tmp_path / f"case-{number}"
        path.write_bytes(content)
        jobs.append((case.loader, str(path)))
    runs = run_loaders(marker, tmp_path, jobs)
    # The scanned model has the content of each case whose payload ran, under each of its names.
    model = tmp_path / "model"
    described: dict[str, str] = {}
    for number, (case, content, has_run) in enumerate(zip(cases, contents, runs, strict=True)):
        for name in case.names if has_run else ():
            path = model / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            described[f"{number}/{name}"] = f"{case.loader}, {case.label}, {name}: {case.text[:70]!r}"
    # Most texts survive most changes: a matrix that runs nothing would prove nothing.
    assert sum(runs) > len(runs) / 2
    report = modelaudit.scan(model, second_opinion=False)
    judged = {each.artifact.partition("!")[0] for each in report.findings if each.severity.rank >= Severity.HIGH.rank}
    judged |= {record.path for record in report.coverage.artifacts if record.absences}
    passed = [description for path, description in described.items() if path not in judged]
    assert passed == []
