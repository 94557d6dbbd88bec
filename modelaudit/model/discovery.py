"""The models that a code base loads, and the forms in which code loads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Unread

SCHEMA: Final = "modelaudit/discovery/v1"
HUGGING_FACE: Final = "huggingface"
LOCAL: Final = "local"
"""The source of a model that the code loads by a path."""
CODE_BASE: Final = "/\0/"
"""Stands for the root of the code base in a path that code makes from its own place, as ``__file__``."""
WEIGHT_ENDINGS: Final = (
    *(".safetensors", ".gguf", ".ggml", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".hdf5", ".keras", ".tflite"),
    *(".pb", ".pkl", ".pickle", ".joblib", ".npz", ".msgpack", ".mar", ".nemo", ".skops", ".mlmodel", ".pdparams"),
    *(".caffemodel", ".chkpt", ".cntk", ".engine", ".llamafile", ".ort", ".params", ".pdiparams", ".pdmodel", ".pt2"),
    *(".pte", ".ptl", ".rknn", ".t7", ".torchscript", ".trt"),
)
"""Endings of names of files that hold weights, in lower case."""
_COMMIT: Final = defer_pattern(r"[0-9a-f]{40}")


class UseKind(StrEnum):
    """The type of a repository."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"


class ModelUse(Struct, frozen=True):
    """One place of a code base that loads a model or a dataset.

    Attributes:
        file: the path of the file, as a user would type it; POSIX.
        line: from 1.
        form: the call, command or key by which it is loaded, such as ``from_pretrained`` or ``vllm serve``.
        name: of the repository, as its source spells it; of a local model, its path below the root of the code base,
            or the path that the code writes if the code base does not hold it; ``None`` if the code alone does not
            show it.
        kind: of the repository.
        source: where it comes from: ``huggingface``, ``github``, ``ollama`` and so on; ``local`` for a path.
        revision: the branch, tag or commit; ``None`` for the default, or if it is not known.
        trusts_remote_code: whether code of the repository may run; ``None`` if the code does not show it.
        detail: one clause, such as the reason why the name is not known; empty if there is nothing to add.
        path: of a local model in the code base, spelt as ``file`` is; ``None`` for any other use.
    """

    file: str
    line: int
    form: str
    name: str | None
    kind: UseKind = UseKind.MODEL
    source: str = HUGGING_FACE
    revision: str | None = None
    trusts_remote_code: bool | None = False
    detail: str = ""
    path: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a full commit, which cannot move to other bytes."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def target(self) -> str | None:
        """The target of a scan, as ``org/model@revision``; ``None`` if this names nothing on the Hugging Face Hub."""
        if self.name is None or self.source != HUGGING_FACE or self.kind is UseKind.SPACE:
            return None
        name = f"datasets/{self.name}" if self.kind is UseKind.DATASET else self.name
        return f"{name}@{self.revision}" if self.revision else name


class FileAbsence(Struct, frozen=True):
    """A file, or a part of it, that was not read; ``file`` is spelt as in ``ModelUse``."""

    file: str
    unread: Unread


class Discovery(Struct, frozen=True):
    """All that was found in a code base.

    Attributes:
        root: the folder or file, as the user typed it.
        uses: sorted by file, line, form and name.
        absences: sorted by file.
        files_read: the number of files that were searched.
        files_of_other_kinds: the number of files in no language that is searched, by the ending of their names.
        skipped_folders: folders that hold no code of the project, such as ``.git``, by name with their number.
    """

    root: str
    uses: tuple[ModelUse, ...]
    absences: tuple[FileAbsence, ...] = ()
    files_read: int = 0
    files_of_other_kinds: tuple[tuple[str, int], ...] = ()
    skipped_folders: tuple[tuple[str, int], ...] = ()

    @property
    def unknown_uses(self) -> tuple[ModelUse, ...]:
        """The uses whose name is not known."""
        return tuple(use for use in self.uses if use.name is None)

    @property
    def is_complete(self) -> bool:
        """Whether every file was read and every name is known."""
        return not self.absences and not self.unknown_uses


class NameForm(Struct, frozen=True):
    """How a form spells the name of a repository.

    Attributes:
        source: where the repository comes from.
        kind: of the repository.
        owner: put before a name without an owner.
        ownerless: names that stay without an owner.
        aliases: short names, with the repository that each names.
        not_names: texts in the place of a name that name no repository.
        prefixes: a text must begin with one of them to name a repository; the name excludes it.
        pattern: matches the whole text of a name; ``None`` for any name that the Hub accepts.
        separator: what separates a revision from the name; empty if nothing does.
        needs_owner: whether a text without an owner names no repository.
        takes_paths: whether a text may also be a path of this machine.
        is_loader: whether it belongs to a call or a command, whose argument names nothing but a model.
    """

    source: str = HUGGING_FACE
    kind: UseKind = UseKind.MODEL
    owner: str = ""
    ownerless: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    not_names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    separator: str = ""
    needs_owner: bool = False
    takes_paths: bool = True
    is_loader: bool = False


class CallForm(Struct, frozen=True):
    """A call of Python that loads a model.

    Attributes:
        id: the word by which reports name the form.
        name_form: how it spells the name.
        positions: of the arguments that may be the name; the first that is no object counts.
        keywords: of the name.
        further: keywords that name further models.
        revision: keywords of the revision.
        trust: keywords that let code of the repository run.
        nested: keywords whose value is a mapping of further keywords.
        runs_code: whether the call runs code of the repository without a keyword.
        is_default_by_task: whether the library chooses a model if the call names none.
        chosen_by: a keyword with which the library chooses the weights for a name without a prefix.
        local_if: a keyword and the value with which the call loads a local file.
        reports_unknown: whether a name that is not known is reported; false where another use of the call is likely.
    """

    id: str
    name_form: NameForm
    positions: tuple[int, ...] = ()
    keywords: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    revision: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    runs_code: bool = False
    is_default_by_task: bool = False
    chosen_by: str = ""
    local_if: tuple[str, str] | None = None
    reports_unknown: bool = True


class CommandForm(Struct, frozen=True):
    """A command that loads a model.

    Attributes:
        programs: the names of the program, without folder; ``*`` at the end matches any rest.
        modules: of ``python -m MODULE``, which is the same program.
        images: parts of the name of a container image that starts the program.
        words: the words that must follow the program, in order, between options.
        takes_argument: whether the argument behind ``words`` is the name.
        options: that name the model.
        further: options that name further models.
        paths: options that name a file or folder of this machine.
        revision: options of the revision.
        trust: options that let code of the repository run.
        kind_options: options whose value is the kind of the repository.
    """

    id: str
    name_form: NameForm
    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    takes_argument: bool = False
    options: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    revision: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()
    kind_options: tuple[str, ...] = ()


class KeyForm(Struct, frozen=True):
    """Keys of settings, variables and options that name a model, in lower case with underscores."""

    id: str
    name_form: NameForm
    keys: frozenset[str]


class FileKind(Struct, frozen=True):
    """Files that are read in one way: by the endings of their names, or by patterns of whole names, in lower case."""

    endings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class DiscoveryRules(Struct, frozen=True):
    """The content of ``rules/discovery.yaml``.

    Attributes:
        calls: forms by the exact dotted name that is called; by ``*.method`` for a method of anything.
        commands: in the order in which they are tried.
        keys: forms by key.
        revision_keys: keys that name the revision beside a key that names a model.
        trust_keys: keys that let code of the repository run.
        script_keys: keys of documents whose values are commands.
        files: kinds of files by their name.
        skipped_folders: names of folders that hold no code of the project.
        local_endings: of names of files, which are no repositories.
        local_folders: first parts of paths that are no owners, such as ``checkpoints``.
        placeholders: texts that stand for a name in an example.
        other_services: patterns of names that another service gives its models.
        local_results: functions that return a local path or a loaded object.
        hosts: of the Hub, in addresses.
        publishing_calls: functions whose arguments name a repository that they write.
        command_calls: functions of Python that start the program in their arguments.
    """

    calls: Mapping[str, CallForm] = field(default_factory=dict)
    commands: tuple[CommandForm, ...] = ()
    keys: Mapping[str, KeyForm] = field(default_factory=dict)
    revision_keys: frozenset[str] = frozenset()
    trust_keys: frozenset[str] = frozenset()
    script_keys: frozenset[str] = frozenset()
    files: Mapping[str, FileKind] = field(default_factory=dict)
    skipped_folders: frozenset[str] = frozenset()
    local_endings: tuple[str, ...] = ()
    local_folders: frozenset[str] = frozenset()
    placeholders: tuple[re.Pattern[str], ...] = ()
    other_services: tuple[re.Pattern[str], ...] = ()
    local_results: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    publishing_calls: frozenset[str] = frozenset()
    command_calls: frozenset[str] = frozenset()
