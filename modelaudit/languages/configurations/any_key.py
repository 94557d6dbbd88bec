"""Judge a value under every key: names of callables, Python that runs something, and classes that a key asks for.

Programs look up functions and evaluate texts under keys that nobody lists. So a value counts under any key if it is the
dotted name of a dangerous callable, or Python that imports, executes or walks from attribute to attribute. Words alone
never count, and vocabularies, labels and the files of tokenizers are data.

Under a key of the shape ``class``, ``implementation`` or ``callable``, an unreviewed dotted name counts too.

Sources: ``ultralytics/nn/tasks.py`` (``activation``), ``mlserver/settings.py`` (``implementation``), ``PythonExec`` and
its kin of ComfyUI (``code``, ``expression``, ``widgets_values``), ``serve/config`` of Ray (``import_path``),
``serverless.yml`` (``handler``), ``entry_points`` of packages.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from modelaudit.languages.code_text import find_python_calls
from modelaudit.languages.configurations.commands import PROSE_KEYS
from modelaudit.languages.configurations.python_names import (
    build_outlines,
    is_dotted_name,
    is_file_name,
    make_python_mention,
)
from modelaudit.languages.configurations.serving import NAME_KEYS
from modelaudit.languages.configurations.targets import SHARED_KEYS, TARGET_KEYS
from modelaudit.languages.settings import Interpreter, ListedWords, Setting, TextMarks
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.text import get_file_name

VALUE: Final = "value"
"""The use of names under a key that no loader is known to look up; only exact entries of the lists judge them."""

VOCABULARY_FILES: Final = frozenset(
    {"vocab.json", "vocabulary.json", "tokenizer.json", "added_tokens.json", "special_tokens_map.json", "merges.json",
     "word_index.json", "label_map.json", "labels.json", "id2label.json", "classes.json", "class_names.json",
     "vocab.txt", "labels.txt", "package-lock.json", "yarn.lock"}
)  # fmt: skip
"""Names of files that hold words, labels or digests, and no settings."""

_RECORDS: Final = (".jsonl", ".ndjson", ".jsonlines")
"""The ends of the names of data sets: a record for each line, and no settings."""

# Keys of lists and mappings of words and labels inside of configurations, and of texts for people.
_KEYS_OF_DATA: Final = frozenset(
    {"vocab", "vocabulary", "merges", "added_tokens", "added_tokens_decoder", "added_tokens_encoder",
     "additional_special_tokens", "id2label", "label2id", "labels", "label_names", "class_names", "classes", "names",
     "tokens", "categories", "stopwords", "stop_words", "keywords", "tags", "widget", "examples", "description",
     "itos", "stoi", "word2idx", "idx2word", "word_index", "index_word", "types_map", "id2name"}
)  # fmt: skip

# Lists of words by the ends of their keys, and files of words by a part of their names.
_KEY_OF_WORDS: Final = defer_pattern(
    r"\w{0,60}_(?:labels?|vocab|tokens?|classes|words|categories|entities|terms)", re.I
)
_FILE_OF_WORDS: Final = defer_pattern(
    r"(?:^|[_.-])(?:vocab(?:ulary)?|labels?|tokens?|merges|classes|categories|stopwords|words)(?:[_.-]|$)"
)
# Keys of texts for people; under some others, such as ``code``, node editors keep programs that they run.
_KEYS_OF_PROSE: Final = PROSE_KEYS - {"code", "source", "body", "input", "output", "query"}

# The roots of names that are worth a look. Which names are dangerous is decided by the lists alone.
_WORDS_OF_DATA: Final = frozenset(
    {"code", "test", "trace", "profile", "site", "parser", "platform", "commands", "select", "calendar", "statistics",
     "token", "string", "this", "email", "html", "xml", "json", "types", "numbers", "signal", "queue", "resource",
     "curses", "turtle", "wave", "chunk", "symbol", "formatter", "mailbox", "operator", "random", "time", "math",
     "logging", "warnings", "collections", "datetime", "enum", "decimal", "typing", "unittest"}
)  # fmt: skip
_FRAMEWORKS: Final = frozenset(
    {"torch", "numpy", "pandas", "joblib", "cloudpickle", "dill", "transformers", "tensorflow", "keras", "datasets",
     "huggingface_hub", "scipy", "sklearn", "nltk", "jsonpickle", "fsspec", "psutil", "pexpect", "paramiko", "fabric",
     "IPython", "numexpr", "sympy", "cffi", "numba", "dask", "distributed", "ray", "pip", "setuptools", "distutils",
     "pkg_resources", "execnet", "llvmlite", "tvm", "jax", "posix", "nt", "_posixsubprocess", "_winapi", "_io",
     "webbrowser", "commands2", "ptyprocess", "plumbum", "delegator", "yaml", "ruamel", "git", "triton", "onnxruntime"}
)  # fmt: skip
_ROOTS: Final = frozenset(sys.stdlib_module_names) - _WORDS_OF_DATA | _FRAMEWORKS

# Keys whose values are names of classes or functions, as the last word of the key.
_CALLABLE_KEY: Final = defer_pattern(
    r"(?:.*[_.])?(?:implementation|callable|factory|import_path|entry_?point|handler|class_?name|class_?path|cls"
    r"|python_class|python_function|function_path|module_function)",
    re.IGNORECASE,
)
_BARE_CALLABLE_KEY: Final = defer_pattern(
    r"[^_.]*|class_?name|class_?path|import_path|entry_?point|python_class|\w+_function|function_path"
)
# A mapping from members to their modules has many dotted names, nearly all under keys that ask for no callable.
_FEWEST_OF_INDEX: Final = 50
_SHARE_OF_INDEX: Final = 0.9
# Two keys of one mapping that name a module, and a function in it.
_MODULE_KEYS: Final = frozenset({"module", "module_name", "python_module", "import"})
_MEMBER_KEYS: Final = frozenset({"function", "func", "function_name", "callable", "attr", "attribute", "method"})
_MOST_BESIDE_PAIR: Final = 1000
"""Texts of a mapping in which a pair of names outside of ASCII counts: a dictionary of sounds has more of them."""
_CLASS_NAME: Final = defer_pattern(r"[a-z_]\w*(?:\.[a-z_]\w*)*\.[A-Z]\w*[a-z]\w*")
_CLASS_KEY: Final = "class"
_MODULE: Final = defer_pattern(r"[A-Za-z_]\w{0,99}(?:\.[A-Za-z_]\w{0,99}){0,20}")
# The first words of classes of Java, which loaders of Python do not import.
_ROOTS_OF_JAVA: Final = frozenset({"org", "com", "io", "net", "java", "javax", "ai", "edu"})
_MANIFEST: Final = "manifest.json"  # whose handler another interpreter judges

# Other interpreters judge the names under these keys, whoever made them.
_KEYS_OF_TARGETS: Final = TARGET_KEYS | NAME_KEYS | (SHARED_KEYS - {_CLASS_KEY})

# What Python needs to run anything: a dunder of the interpreter, a call that evaluates or that begins with a module.
_DUNDERS: Final = (
    "subclasses|globals|builtins|bases|base|mro|import|code|closure|getattribute|reduce|reduce_ex|loader|spec"
)
_MODULES: Final = (
    "os|posix|nt|subprocess|builtins|pty|ctypes|importlib|runpy|marshal|pickle|cloudpickle|dill|shutil|socket|sys|pathlib"
    "|webbrowser|urllib|requests|asyncio|multiprocessing|platform|timeit|pdb|codecs|torch|numpy|joblib|pip"
)
_CALLED: Final = frozenset(
    {"exec", "eval", "compile", "execfile", "getattr", "globals", "locals", "vars", "breakpoint"}
)
_ACTS: Final = TextMarks(
    (
        ("__", defer_pattern(rf"__(?:{_DUNDERS})__")),
        ("(", ListedWords(defer_pattern(r"\b(\w++)(?=\s{0,4}\()"), _CALLED)),
        (
            "(",
            ListedWords(defer_pattern(r"\b(\w++)(?=(?:\.\w{1,60}){1,6}\s{0,4}\()"), frozenset(_MODULES.split("|"))),
        ),
        ("import", defer_pattern(rf"import(?<=\bimport)\s{{1,4}}(?:{_MODULES})\b")),
        ("from", defer_pattern(rf"from(?<=\bfrom)\s{{1,4}}(?:{_MODULES})\b")),
    )
)
_WALKS: Final = frozenset(f"__{word}__" for word in _DUNDERS.split("|"))
_HOSTILE_CALL: Final = defer_pattern(
    r"(?:\w+\.){0,20}(?:os|posix|nt)\.(?:system|popen\w*|exec[lv]\w*|spawn\w*|posix_spawn\w*|fork\w*|startfile)"
    r"|(?:\w+\.){0,20}builtins\.(?:exec|execfile|__import__|breakpoint)"
    r"|(?:\w+\.){0,20}subprocess\.\w+|pty\.(?:spawn|fork)|ctypes\.[\w.]+|runpy\.\w+|importlib\.(?:import_module|reload)"
    r"|(?:marshal|pickle|cloudpickle|dill)\.(?:loads?|Unpickler)|webbrowser\.\w+"
    r"|socket\.(?:socket|create_connection)|code\.(?:interact|InteractiveInterpreter|InteractiveConsole)"
    r"|timeit\.timeit|pdb\.run\w*|asyncio\.create_subprocess_\w+|multiprocessing\.Process|torch\.hub\.\w+"
)
_EVALUATION: Final = defer_pattern(r"\b(?:eval|compile)\s{0,4}\(")
_LONGEST_CODE: Final = 20_000  # characters
_SHOWN: Final = 200
_MOST_PARSED: Final = 2_000
# A value in the text of a document: the name of a callable between signs that end a value; Python; an escape that may
# hide a letter or a dot of either; a key that asks for a callable; or ``code``, whose value may be a program.
_NAME_IN_TEXT: Final = ListedWords(
    defer_pattern(r"(?<![^\"'\s:=,\[>|])(\w++)(?=[.:][A-Za-z_][\w.:]*+(?:[\"'\s,\]}]|\\n|\Z))"),
    _ROOTS,
)
_KEYS_IN_TEXT: Final = (
    *("implementation", "callable", "factory", "import_path", "entry_point", "entrypoint", "handler", "class_name"),
    *("classname", "class_path", "classpath", "python_function", "function_path", "module_function", "module_name"),
)
_WORDS_IN_TEXT: Final = ("cls", "class", "module")
_DOTTED_VALUE: Final = r"[\"']?\s{0,9}[:=]\s{0,9}[\"']?[A-Za-z_]\w{0,99}[.:]\w"
MARKS: Final = TextMarks(
    (
        ("", _NAME_IN_TEXT),
        *_ACTS.patterns,
        *((key, defer_pattern(key + _DOTTED_VALUE)) for key in _KEYS_IN_TEXT),
        *((word, defer_pattern(rf"{word}(?<=\b{word}){_DOTTED_VALUE}")) for word in _WORDS_IN_TEXT),
        (r"\u00", defer_pattern(r"\\u00(?:2[eE8]|5[fF]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])")),
        (r"\x", defer_pattern(r"\\x(?:2[eE8]|5[fF]|[46][1-9a-fA-F]|[57][0-9aA])")),
    )
)


def read_any_key(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the callables, the classes and the Python in values.

    Raises:
        LimitReachedError: too many values were parsed as Python; the first ones were yielded.
    """
    has_handler = get_file_name(path) == _MANIFEST
    if not _holds_data(path):
        yield from build_outlines(chain(_collect_mentions(settings, has_handler), _collect_pairs(settings)))


def _holds_data(path: str) -> bool:
    """Whether a file holds words or records, by its name."""
    name = get_file_name(path)
    is_vocabulary = name in VOCABULARY_FILES or (_FILE_OF_WORDS.search(name) is not None and "config" not in name)
    return is_vocabulary or name.endswith(_RECORDS)


def list_texts(path: str, settings: Sequence[Setting]) -> Iterator[tuple[Setting, str]]:
    """Yield each setting whose value is a text, with the text, if it is neither data nor a text for people."""
    for setting in settings if not _holds_data(path) else ():
        if isinstance(setting.value, str) and not _is_data(setting) and not _is_read_otherwise(setting, setting.value):
            yield setting, setting.value


def _is_data(setting: Setting) -> bool:
    """Whether a value is a word, a label or an item of a bare list, which has no key by which a loader looks it up."""
    is_word = not _KEYS_OF_DATA.isdisjoint(setting.path) or any(map(_KEY_OF_WORDS.fullmatch, setting.path))
    return is_word or all(step.isdigit() for step in setting.path)


def _collect_mentions(settings: Sequence[Setting], has_handler: bool) -> Iterator[Mention]:
    """Yield the mentions in the values that are no data.

    Raises:
        LimitReachedError: more than ``_MOST_PARSED`` values may be Python.
    """
    parsed_left = _MOST_PARSED
    indices = _find_indices(settings)
    for setting in settings:
        value = setting.value
        if not isinstance(value, str) or _is_data(setting):
            continue
        name = value.strip()
        if has_handler and setting.key == "handler":
            continue
        if is_dotted_name(name.replace(":", ".", 1)):
            yield from _mention_name(name.replace(":", "."), setting, setting.path[:-1] in indices)
        elif _ACTS.search(value) and not _is_read_otherwise(setting, value):
            if not parsed_left:
                raise LimitReachedError(f"only the first {_MOST_PARSED} values were analysed as Python")
            parsed_left -= 1
            act = find_hostile_act(value)
            if act:
                shown = " ".join(value.split())[:_SHOWN]
                yield Mention("resolvers", "code-value", f"{setting.key} {shown}"[:_SHOWN], setting.where, act)


def _collect_pairs(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each function that a mapping names beside its module."""
    modules = {
        each.path[:-1]: each.value
        for each in settings
        if each.path and each.path[-1] in _MODULE_KEYS and isinstance(each.value, str) and _MODULE.fullmatch(each.value)
    }
    if not modules:
        return
    texts = Counter(each.path[:-1] for each in settings if each.path and isinstance(each.value, str))
    for setting in settings:
        module = modules.get(setting.path[:-1])
        name = setting.value if isinstance(setting.value, str) else ""
        if module is None or setting.path[-1] not in _MEMBER_KEYS or not _MODULE.fullmatch(name):
            continue
        are_sounds = texts[setting.path[:-1]] > _MOST_BESIDE_PAIR and not (module.isascii() or name.isascii())
        if not are_sounds:
            yield make_python_mention("asked-for", f"{module}.{name}", setting)


def _is_read_otherwise(setting: Setting, value: str) -> bool:
    """Whether a value is text for people, a template, or a program of a workflow, which others judge."""
    is_step = setting.path[-1:] == ("run",) and "steps" in setting.path
    is_template = value.lstrip()[:2] in ("{{", "{%", "{#")
    return is_step or is_template or setting.key.lower() in _KEYS_OF_PROSE


def _find_indices(settings: Sequence[Setting]) -> set[tuple[str, ...]]:
    """Return the paths of mappings that tell of each member in which module it lies: no loader calls their values."""
    names: Counter[tuple[str, ...]] = Counter()
    asking: Counter[tuple[str, ...]] = Counter()
    for setting in settings:
        if setting.path and isinstance(setting.value, str) and is_dotted_name(setting.value):
            names[setting.path[:-1]] += 1
            asking[setting.path[:-1]] += _CALLABLE_KEY.fullmatch(setting.path[-1]) is not None
    return {
        path
        for path, count in names.items()
        if count >= _FEWEST_OF_INDEX and asking[path] <= count * (1 - _SHARE_OF_INDEX)
    }


def _mention_name(name: str, setting: Setting, is_in_index: bool) -> Iterator[Mention]:
    """Yield a mention of a dotted name that may be that of a callable.

    In an index, a key that only ends like one that asks for a callable is the name of a member.
    """
    if is_file_name(name) or (setting.path and setting.path[-1] in _KEYS_OF_TARGETS):
        return
    key, root = setting.path[-1] if setting.path else "", name.partition(".")[0]
    if key != _CLASS_KEY and root in _ROOTS:
        yield Mention(PYTHON_NAMES, VALUE, name[:_SHOWN], setting.where, f"{setting.key}: {name}"[:_SHOWN])
    is_member = is_in_index and _BARE_CALLABLE_KEY.fullmatch(key) is None
    is_asked_for = (not is_member and _CALLABLE_KEY.fullmatch(key)) or (
        key == _CLASS_KEY and _CLASS_NAME.fullmatch(name)
    )
    if is_asked_for and root not in _WORDS_OF_DATA and root not in _ROOTS_OF_JAVA:
        yield make_python_mention("asked-for", name, setting)


def find_hostile_act(text: str, depth: int = 2) -> str:
    """Return what a text does if it is Python, as a whole, that runs or reaches something: a name; empty otherwise.

    A text that is too long, or nests too deep, to be parsed counts as text.

    Args:
        text: the value.
        depth: how many levels of texts that it evaluates are looked at.
    """
    code = text.strip().removeprefix("$").strip()
    if len(code) > _LONGEST_CODE:
        return ""
    try:
        call = next(filter(_HOSTILE_CALL.fullmatch, find_python_calls(code)), "")
    except LimitReachedError:
        return ""
    return call or _find_walk(code, depth)


def _find_walk(code: str, depth: int) -> str:
    """Return the first attribute by which Python walks out of an object, or an act in a text that it evaluates."""
    if "__" not in code and _EVALUATION.search(code) is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _WALKS:
            return node.attr
        inner = next(filter(None, _find_evaluated(node, depth)), "")
        if inner:
            return inner
        if isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
            owner = node.func if isinstance(node, ast.Call) else node.value
            if isinstance(owner, ast.Name) and owner.id in _WALKS:
                return owner.id
    return ""


def _find_evaluated(node: ast.AST, depth: int) -> Iterator[str]:
    """Yield the acts in the constant texts that a call of ``eval`` or ``compile`` takes."""
    if not depth or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    for argument in node.args if node.func.id in ("eval", "compile") else ():
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield find_hostile_act(argument.value, depth - 1)


ANY_KEY = Interpreter(_MEMBER_KEYS - {"method", "func", "attr"}, read_any_key, marks=MARKS, unsearched=VOCABULARY_FILES)
