"""Name a call by its callable and by the arguments that decide its effect: ``torch.load(weights_only=False)``.

Rules judge names. Where an argument decides whether a call is dangerous, the name gets a suffix in brackets, and a call
that its arguments make harmless gets no name at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from modelaudit.languages.python import evaluated_texts, load_variants, loaded_files, named_objects, partial_texts
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.harmless_commands import is_harmless_command
from modelaudit.languages.python.load_variants import get_constant
from modelaudit.languages.python.name_tables import EVALUATORS, FORWARD_REFERENCES, NETWORK_RESULTS, POWERFUL_MODULES
from modelaudit.languages.python.values import (
    Constant,
    ExternalName,
    Provenance,
    Unknown,
    Value,
    collect_tags,
    list_alternatives,
)
from modelaudit.model.lazy_pattern import defer_pattern

_TABLE_READERS: Final = (
    "pandas.read_", "polars.read_", "polars.scan_", "datasets.load_dataset", "pyarrow.csv.read_csv"
)  # fmt: skip
_REQUESTING: Final = ("requests.", "urllib.request.", "httpx.", "urllib3.")
_OWN_ADDRESS: Final = defer_pattern(r"https?://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?(?:[/?#]|\Z)")
OTHER_HUB_NAME: Final = "(client of the Hub at another address)"
"""The name of a call that downloads from, or signs in to, another server than the Hub."""
_HUB_CLIENTS: Final = frozenset({"HfApi", "HfFileSystem"})
_NO_TAGS: Final[frozenset[str]] = frozenset()
_CODE_PATH_TAG: Final = frozenset({"code-path"})


def name_variant(call: Call) -> str:
    """Return the name of a call, changed if its arguments decide its effect; empty if they make it harmless."""
    if is_harmless_command(call) or _asks_this_machine(call):
        return ""
    namer = _VARIANT_NAMERS.get(call.name)
    if namer is None and call.name.startswith("pandas.") and call.name.endswith((".query", ".eval")):
        namer = _name_table_query
    elif namer is None and call.name.startswith("sympy.") and call.name not in EVALUATORS:
        namer = evaluated_texts.name_expression
    return namer(call) if namer is not None else call.name


def _asks_this_machine(call: Call) -> bool:
    """Whether a call sends a request to a server on the same machine, whose address the source writes."""
    if not call.name.startswith(_REQUESTING) or call.name not in NETWORK_RESULTS:
        return False
    address = call.get_argument(0, "url")
    if isinstance(address, Constant) and call.name.endswith(".request") and len(call.args) > 1:
        address = call.args[1]
    text = get_constant(address)
    return isinstance(text, str) and _OWN_ADDRESS.match(text) is not None


def asks_other_hub(call: Call) -> bool:
    """Whether a call of the client of the Hub writes the address of another server, which then answers for the Hub."""
    if not call.name.startswith("huggingface_hub."):
        return False
    is_client = call.name.rpartition(".")[2] in _HUB_CLIENTS
    endpoint = call.get_argument(0, "endpoint") if is_client else call.keywords.get("endpoint")
    return endpoint is not None and bool(partial_texts.find_foreign_host(partial_texts.write_text(endpoint)))


def tag_path(value: Value) -> frozenset[str]:
    """Return the tag ``code-path`` for a constant path that ends like code, otherwise no tag.

    A file that is written to such a path can be imported.
    """
    text = get_constant(value)
    return _CODE_PATH_TAG if isinstance(text, str) and text.endswith(_CODE_ENDINGS) else _NO_TAGS


def _name_write(call: Call, path: Value | None, otherwise: str) -> str:
    """Name a call that writes to ``path`` if it writes where programs are installed, or code; else ``otherwise``."""
    text = get_constant(path)
    tags = collect_tags(path) if path is not None else frozenset()
    if "installed" in tags or (isinstance(text, str) and text.startswith(_SYSTEM_FOLDERS)):
        return "(writes where programs are installed)"
    if "code-path" in tags or (isinstance(text, str) and text.endswith(_CODE_ENDINGS)):
        return "(writes code)"
    return otherwise


def _name_path_write(call: Call) -> str:
    """Name ``Path.write_text`` and the like by the tags of the path, which is the object of the method."""
    if "installed" in call.tags:
        return "(writes where programs are installed)"
    return "(writes code)" if "code-path" in call.tags else call.name


def _name_path_move(call: Call) -> str:
    """Name ``Path.rename`` and the like by where they write: the first argument."""
    return _name_write(call, call.get_argument(0, "target"), call.name)


def _name_copy(call: Call) -> str:
    """Name a copy, move, link or download by where it writes: the second argument."""
    return _name_write(call, call.get_argument(1, "dst"), call.name)


def _name_table_query(call: Call) -> str:
    """Return a name of its own for ``DataFrame.query`` or ``eval`` of an untrusted text; else the name of the call.

    A text is untrusted if it is computed or decoded, or comes from a file, a cell of a table or the network.
    """
    expression = call.get_argument(0, "expr")
    is_computed = isinstance(expression, Constant) and expression.provenance > Provenance.LITERAL
    is_cell = (
        isinstance(expression, ExternalName) and expression.is_result and expression.name.startswith(_TABLE_READERS)
    )
    if is_computed or is_cell or call.argument_tags & {"file", "network", "decoded"}:
        return "pandas.DataFrame.query(text)"
    return call.name


def _name_repository_load(call: Call) -> str:
    """Mark a call that runs code of a Hub repository, ``owner/name``, other than the kernels of Hugging Face."""
    first_argument = call.get_argument(0, "repo_id") or next(iter(call.keywords.values()), None)
    name = get_constant(first_argument)
    is_repository = isinstance(name, str) and name.count("/") == 1 and not name.startswith((".", "~"))
    return f"{call.name}(foreign)" if is_repository and name not in KNOWN_KERNELS else call.name


def _name_fire(call: Call) -> str:
    """Mark ``fire.Fire(os)``: the command line can then call each function of the module."""
    component = call.get_argument(0, "component")
    alternatives = list_alternatives(component) if component else ()
    is_module = any(isinstance(each, ExternalName) and each.name in POWERFUL_MODULES for each in alternatives)
    return f"{call.name}(module)" if is_module else call.name


def _name_skops_load(call: Call) -> str:
    """Mark ``skops.io.load(..., trusted=True)``, which loads every type, as all types that the file itself names."""
    trusted = call.get_argument(1, "trusted")
    alternatives = list_alternatives(trusted) if trusted is not None else ()
    is_of_file = any(
        isinstance(each, ExternalName) and each.name.endswith(".get_untrusted_types") for each in alternatives
    )
    return f"{call.name}(trusted)" if is_of_file or get_constant(trusted) is True else call.name


def _name_keras_load(call: Call) -> str:
    """Mark ``load_model(..., safe_mode=False)``, which restores functions from bytecode."""
    return f"{call.name}(unsafe)" if get_constant(call.keywords.get("safe_mode")) is False else call.name


def _name_elastic_launch(call: Call) -> str:
    """Mark ``elastic_launch(config, "/bin/sh")``: a text is a program, and a function is a worker of the source."""
    is_program = isinstance(get_constant(call.get_argument(1, "entrypoint")), str)
    return f"{call.name}(program)" if is_program else call.name


def _name_ruamel(call: Call) -> str:
    """Mark ``YAML(typ="unsafe")``, which constructs any object."""
    return f"{call.name}(unsafe)" if get_constant(call.get_argument(0, "typ")) == "unsafe" else call.name


def _name_open(call: Call) -> str:
    """Name a call of ``open`` by its mode and path: reading, writing, or writing code or a system file."""
    is_method = call.name == "pathlib.Path.open"
    mode = call.get_argument(0 if is_method else 1, "mode")
    mode_text = get_constant(mode)
    # A mode that is not known may be one that writes.
    may_write = not isinstance(mode_text, str) or not _WRITING_MODES.isdisjoint(mode_text)
    if mode is None or not may_write:
        return call.name
    name = _name_path_write(call) if is_method else _name_write(call, call.get_argument(0, "file"), call.name)
    return f"{name}(write)" if name == call.name else name


def _name_template(call: Call) -> str:
    """Name a call that makes a template outside a sandbox by its text: one that the source writes is harmless."""
    template = call.get_argument(0, "source")
    return "jinja2.Template(text)" if template is not None and not isinstance(template, Constant) else call.name


def _name_formatter(call: Call) -> str:
    """Mark a format whose fields may lead to attributes, which methods of a subclass of the formatter can call."""
    text = get_constant(call.get_argument(0, "format_string"))
    return call.name if isinstance(text, str) and _ATTRIBUTE_FIELD.search(text) is None else f"{call.name}(text)"


def _name_patch(call: Call) -> str:
    """Mark ``mock.patch`` of a name that the source does not show: the patch looks it up."""
    return f"{call.name}(text)" if isinstance(call.get_argument(0, "target"), Unknown) else call.name


def _name_breakpoint(call: Call) -> str:
    """Mark a break point with arguments: the debugger takes none, and another function could."""
    return f"{call.name}(arguments)" if call.args or call.keywords else call.name


def _name_hub_load(call: Call) -> str:
    """Mark ``torch.hub.load(..., source="local")``, which downloads nothing."""
    return f"{call.name}(local)" if get_constant(call.keywords.get("source")) == "local" else call.name


def _list_texts(value: Value | None) -> list[str]:
    """Return the texts in a constant sequence, or the one text that ``value`` is; empty for any other value."""
    constant = get_constant(value)
    items = constant if isinstance(constant, tuple) else (constant,)
    return [each for each in items if isinstance(each, str)]


def _name_extension_load(call: Call) -> str:
    """Mark ``load(name, sources, ...)`` with files of unusual endings or with compiler flags that load further files.

    Such files are not recognised as code where they lie, so that no scan has judged them.
    """
    sources = _list_texts(call.get_argument(1, "sources"))
    flags = [text for value in (*call.args[2:], *call.keywords.values()) for text in _list_texts(value)]
    has_unusual_source = any(not text.endswith(_SOURCE_ENDINGS) for text in sources)
    has_loading_flag = any(text.startswith(_COMPILER_FLAGS) for text in flags)
    return f"{call.name}(disguised)" if has_unusual_source or has_loading_flag else call.name


def _name_group(call: Call) -> str:
    """Mark a call that joins the processes of another machine, whose address the source writes."""
    texts = [partial_texts.write_text(each) for each in (*call.args, *call.keywords.values())]
    return f"{call.name}(foreign)" if any(map(partial_texts.find_foreign_host, texts)) else call.name


def _name_module_path(call: Call) -> str:
    """Mark an archive, or a file of another kind, among the places from which Python imports."""
    path = partial_texts.write_text(call.args[-1]) if call.args else ""
    ending = path.rpartition("/")[2].rpartition(".")[2]
    is_file = "." in path.rpartition("/")[2].strip(".") and ending.isalpha()
    return f"{call.name}(archive)" if is_file else call.name


def _name_remove(call: Call) -> str:
    """Mark the removal of a folder that holds everything else, such as ``/``, ``~`` or the working directory."""
    path = get_constant(call.get_argument(0, "path"))
    # ``/`` and ``/*`` become empty without their last characters; an empty path removes nothing.
    is_everything = isinstance(path, str) and path != "" and path.rstrip("/*") in _FOLDERS_OF_EVERYTHING
    return f"{call.name}(everything)" if is_everything else call.name


_WRITING_MODES: Final = frozenset("wax+")
_ATTRIBUTE_FIELD: Final = defer_pattern(r"\{[^{}]*[.\[]")
_FOLDERS_OF_EVERYTHING: Final = frozenset({"", "~", "/home", "/root", "C:\\", ".", "..", "/etc", "/usr"})
_CODE_ENDINGS: Final = (".py", ".pyc", ".pth", ".so", ".pyd", ".ipy", ".c", ".cc", ".cpp", ".cu")
_SOURCE_ENDINGS: Final = (".c", ".cc", ".cpp", ".cxx", ".cu", ".mm", ".m", ".sycl")
_COMPILER_FLAGS: Final = ("-x", "-fplugin", "-wrapper", "-B", "@", "-specs", "-include", "-Xlinker", "-Wl,--plugin")
_SYSTEM_FOLDERS: Final = (
    "/etc/", "/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/boot/", "/var/spool/", "C:\\Windows"
)  # fmt: skip
KNOWN_KERNELS: Final = frozenset(
    f"kernels-community/{name}"
    for name in ("activation", "causal-conv1d", "deformable-detr", "flash-attn", "flash-attn2", "flash-attn3",
                 "flash-mla", "liger_kernels", "megablocks", "metal-flash-sdpa", "moe", "paged-attention",
                 "triton_kernels", "vllm-flash-attn3")
)  # fmt: skip
"""Kernel repositories that Hugging Face publishes and transformers fetches, each by its exact name."""
_VARIANT_NAMERS: Final[Mapping[str, Callable[[Call], str]]] = {
    "builtins.open": _name_open,
    "io.open": _name_open,
    "codecs.open": _name_open,
    "os.fdopen": _name_open,
    "gzip.open": _name_open,
    "pathlib.Path.open": _name_open,
    "torch.load": load_variants.name_torch_load,
    "torch.serialization.load": load_variants.name_torch_load,
    "torch.hub.load_state_dict_from_url": loaded_files.name_state_download,
    "torch.utils.model_zoo.load_url": loaded_files.name_state_download,
    "numpy.load": load_variants.name_numpy_load,
    "numpy.lib.format.read_array": load_variants.name_numpy_array,
    "yaml.load": load_variants.name_yaml_load,
    "yaml.load_all": load_variants.name_yaml_load,
    "torch.hub.load": _name_hub_load,
    **dict.fromkeys(
        (
            "shutil.copy",
            "shutil.copyfile",
            "shutil.copy2",
            "shutil.move",
            "shutil.copytree",
            "os.renames",
            "os.rename",
            "os.replace",
            "os.symlink",
            "os.link",
            "urllib.request.urlretrieve",
        ),
        _name_copy,
    ),
    "pathlib.Path.write_text": _name_path_write,
    "pathlib.Path.write_bytes": _name_path_write,
    **dict.fromkeys(
        ("pathlib.Path.rename", "pathlib.Path.replace", "pathlib.Path.copy", "pathlib.Path.move"), _name_path_move
    ),
    **dict.fromkeys(
        ("pathlib.Path.symlink_to", "pathlib.Path.hardlink_to", "pathlib.Path.link_to", "pathlib.Path.touch"),
        _name_path_write,
    ),
    **dict.fromkeys(
        (
            "evaluate.load",
            "datasets.load_metric",
            *(f"kernels.{name}" for name in ("get_kernel", "get_locked_kernel", "LayerRepository", "FuncRepository")),
            "transformers.integrations.hub_kernels.get_kernel",
        ),
        _name_repository_load,
    ),
    "torch.utils.cpp_extension.load": _name_extension_load,
    **dict.fromkeys(
        (
            "keras.models.load_model",
            "keras.saving.load_model",
            "keras.saving.deserialize_keras_object",
            "tensorflow.keras.models.load_model",
        ),
        _name_keras_load,
    ),
    **dict.fromkeys(
        ("torch.distributed.launcher.api.elastic_launch", "torch.distributed.launcher.elastic_launch"),
        _name_elastic_launch,
    ),
    "fire.Fire": _name_fire,
    **dict.fromkeys(("skops.io.load", "skops.io.loads"), _name_skops_load),
    "ruamel.yaml.YAML": _name_ruamel,
    "pickle.loads": load_variants.name_unpickle,
    **dict.fromkeys(
        (
            "logging.config.dictConfig",
            "hydra.utils.instantiate",
            "hydra.utils.call",
            "detectron2.config.instantiate",
        ),
        named_objects.name_configuration,
    ),
    **dict.fromkeys((f"logging.config.{name}" for name in named_objects.CONVERTERS), named_objects.name_converter),
    **dict.fromkeys(("torch.distributed.init_process_group", "ray.init"), _name_group),
    **dict.fromkeys(("sys.path.append", "sys.path.insert"), _name_module_path),
    **dict.fromkeys(
        (
            "inspect.signature",
            "inspect.get_annotations",
            "inspect.Signature.from_callable",
            "annotationlib.get_annotations",
            "typing_extensions.get_annotations",
        ),
        evaluated_texts.name_annotation_reader,
    ),
    **dict.fromkeys(("jinja2.Template", "jinja2.environment.Template"), _name_template),
    **dict.fromkeys(
        (
            f"{owner}.{method}"
            for owner in ("jinja2.Environment", "jinja2.environment.Environment")
            for method in ("from_string", "compile", "compile_expression")
        ),
        _name_template,
    ),
    **dict.fromkeys(("string.Formatter.format", "string.Formatter.vformat"), _name_formatter),
    "unittest.mock.patch": _name_patch,
    **dict.fromkeys(("builtins.breakpoint", "sys.breakpointhook"), _name_breakpoint),
    **dict.fromkeys(("pydantic.create_model", "pydantic.main.create_model"), evaluated_texts.name_field_types),
    **dict.fromkeys(
        (
            "dataclasses.make_dataclass",
            "msgspec.defstruct",
            *(f"{module}.{name}" for module in ("typing", "typing_extensions") for name in ("NamedTuple", "TypedDict")),
        ),
        evaluated_texts.name_listed_types,
    ),
    **dict.fromkeys(FORWARD_REFERENCES, evaluated_texts.name_forward_reference),
    "shutil.rmtree": _name_remove,
    "os.removedirs": _name_remove,
}
