"""Follow private files that a script copies, packs or commits under other names before it sends them.

``tar czf x.tgz ~/.aws`` and a later ``curl -T x.tgz`` are harmless by themselves. A path counts as private from the
command on that writes private content to it; a folder that holds such a path counts too.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.command_flows import list_written_files
from modelaudit.languages.shell.harm import Harm, drop_login_of_rsync, find_private_content, is_private_path
from modelaudit.languages.shell.program_names import SENDERS, normalize_program_name, unwrap_command
from modelaudit.model.lazy_pattern import defer_pattern

_UPLOADERS: Final = {
    "aws": {"s3", "s3api"}, "gsutil": {"cp", "rsync", "mv"}, "gcloud": {"storage"}, "az": {"storage"},
    "gh": {"gist", "release"}, "rclone": {"copy", "copyto", "sync", "move"}, "mc": {"cp", "mirror"},
    "huggingface-cli": {"upload", "upload-large-folder"}, "hf": {"upload", "upload-large-folder"},
    "ipfs": {"add"}, "kaggle": {"datasets"}, "modelscope": {"upload"},
}  # fmt: skip
_ARCHIVE_OPTION: Final = defer_pattern(r"-?[a-zA-Z]*f|--file")
_ARCHIVERS: Final = frozenset({"zip", "7z", "7za", "rar"})
_TARS: Final = frozenset({"tar", "bsdtar", "cpio"})
# ``@file`` of curl, ``name=@file`` of a form, ``if=file`` of dd.
_BEFORE_PATH: Final = defer_pattern(r"\A(?:[\w-]*=)?@|\A[\w-]+=")
_MOST_PLACES: Final = 200
_LOGIN_OPTIONS: Final = frozenset({"-i", "-K", "--netrc-file", "--cert", "--key"})


class PrivateCopies(Struct):
    """The paths that hold private content under other names.

    Attributes:
        places: the private path that each was written from.
        staged: the private path that git will push; empty if none was added to its index.
    """

    places: dict[str, str] = field(default_factory=dict)
    staged: str = ""

    def follow_pipeline(self, commands: Sequence[Command]) -> Iterator[Harm]:
        """Yield the harm of a pipeline that sends a copy of private content, and keep the copies that it makes."""
        copied = private = ""
        for command in commands:
            words = unwrap_command(command.words)
            name = normalize_program_name(words[0]) if words else ""
            if name == "rsync":
                words = [name, *drop_login_of_rsync(words[1:])]
            read_words = _list_read_words(words, command)
            copied = copied or self._find_copy(read_words)
            private = private or find_private_content(command, words)
            is_upload = not _UPLOADERS.get(name, set()).isdisjoint(words[1:4])
            if (name in SENDERS or is_upload) and copied:
                yield "send-private", name, copied
            elif is_upload and any(map(is_private_path, read_words)):
                yield "send-private", name, private
            elif name == "git":
                yield from self._follow_git(words[1:], read_words)
            if copied or private:
                for path in (*command.output_files, *_list_outputs(name, words)):
                    if len(self.places) < _MOST_PLACES and not path.startswith("/dev/"):
                        self.places[posixpath.normpath(path)] = copied or private

    def _follow_git(self, arguments: list[str], read_words: list[str]) -> Iterator[Harm]:
        """Yield the harm of a push behind a command that added a copy of private content."""
        if "add" in arguments or "commit" in arguments:
            takes_all = any(word in ("-A", "--all", "-a", "-am", ".", "*") for word in arguments)
            relative = next((source for path, source in self.places.items() if not path.startswith(("/", "~"))), "")
            self.staged = self.staged or self._find_copy(read_words) or (relative if takes_all else "")
        elif "push" in arguments and self.staged:
            yield "send-private", "git push", self.staged

    def _find_copy(self, words: Sequence[str]) -> str:
        """Return the private path behind the first of some words that holds a copy; empty if none does."""
        for word in words if self.places else ():
            path = posixpath.normpath(_BEFORE_PATH.sub("", word) or word)
            for place, source in self.places.items():
                is_inside = place.startswith(f"{path}/") or path.startswith(f"{place}/")
                is_in_folder = path in (".", "*") and not place.startswith(("/", "~", "$"))
                if place == path or is_inside or is_in_folder:
                    return source
        return ""


def _list_read_words(words: list[str], command: Command) -> list[str]:
    """Return the words that may name what a command reads, without keys by which it logs in."""
    arguments = [
        word for before, word in zip(["", *words[1:]], words[1:], strict=False) if before not in _LOGIN_OPTIONS
    ]
    return [*arguments, *command.input_files]


def _list_outputs(name: str, words: list[str]) -> Iterator[str]:
    """Yield the files that a command writes by its arguments, archives included."""
    yield from list_written_files(words)
    arguments = words[1:]
    if name in _TARS:
        for index, word in enumerate(arguments[:-1]):
            if _ARCHIVE_OPTION.fullmatch(word):
                yield arguments[index + 1]
    elif name in _ARCHIVERS:
        operands = [word for word in arguments if not word.startswith("-") and word not in ("a", "u")]
        yield from operands[:1]
