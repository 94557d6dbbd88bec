"""The search of a pickle for words on which a loader acts, before its values are read."""

from __future__ import annotations

import random
import struct

from support.cases import check_each
from support.reading import BytesWindow

from modelaudit.formats.pickles.pickle.program_bytes import has_marks


def _has_marks(data: bytes) -> bool:
    return has_marks(BytesWindow(data), 0, len(data), ())


@check_each(
    "data",
    [
        b"X\x20\x00\x00\x00{{ x|attr('y')|attr('z') }}",
        b"{%set a=x|attr(y)%}",
        b"{{'\xc3\xa9'|attr(q)|attr(r)}}",
        b"a\\x5fb",
        b"_target_",
        b"\x09os.system",
        b"cPickle.loads",
        b"torch.jit.load",
        b"pandas.read_pickle",
        b"().__subclasses__()",
        b"eval(x)",
        b"!!python/name:x",
        b"!apply x",
        b"py/reduce",
        b"$import",
        b"eyJhbGciOiJIUzI",
        b"W3siYSI6IDF9LCAy",
        b"import shutil",
        b"class_path",
        b"network_class_name",
    ],
)
def test_word_on_which_a_loader_acts_has_the_values_of_a_pickle_read(data: bytes) -> None:
    assert _has_marks(data)


@check_each(
    "data",
    [b"pos.weight", b"os.9", b"torch.nn", b"numpy.array", b"__init__", b"reeval(x)", b"!x", b"py/x", b"my_class"],
)
def test_word_that_only_resembles_a_mark_is_none(data: bytes) -> None:
    assert not _has_marks(data)


def test_numbers_in_binary_are_no_marks_of_a_template() -> None:
    generator = random.Random(5)
    numbers = b"".join(b"G" + struct.pack(">d", generator.random()) for _ in range(200_000))
    assert b"{{" in numbers
    assert not _has_marks(numbers)
    assert not _has_marks(b"G?\xe1{%K\xc2\x8c\x0atoken54321\x94")
