"""Ordinary Python objects, as ``pickle``, ``dill`` and ``cloudpickle`` write them.

Functions and classes that dill and cloudpickle write by value are code, and so not in a benign set.
"""

from __future__ import annotations

import argparse
import array
import calendar
import collections
import datetime
import decimal
import enum
import fractions
import functools
import http
import importlib
import ipaddress
import itertools
import logging
import operator
import pathlib
import pickle
import random
import re
import statistics
import time
import types
import typing
import uuid
from contextlib import suppress


def build_dates():
    """Return dates, times and time zones."""
    utc = datetime.timezone.utc  # noqa: UP017
    moment = datetime.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=utc)
    zone = datetime.timezone(datetime.timedelta(hours=2), "EET")
    dates = [moment, moment.date(), moment.time(), datetime.timedelta(days=1, seconds=2), utc, zone]
    dates += [moment.astimezone(zone), time.gmtime(0)]
    with suppress(ImportError, LookupError):  # zoneinfo is newer than Python 3.8, and needs data
        zoneinfo = importlib.import_module("zoneinfo")
        dates += [zoneinfo.ZoneInfo("UTC"), datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))]
    return dates


def build_groups():
    """Yield (name, value); each value becomes one file for each protocol."""
    ordered = collections.OrderedDict([("a", 1), ("b", [1, 2.5, None])])
    yield (
        "plain",
        {"text": "é", "bytes": b"\x00\xff", "int": 2**70, "float": 1e-300, "none": None, "flags": (True, False)},
    )
    yield "collections", [
        ordered, collections.defaultdict(list, {1: [2]}), collections.defaultdict(int), collections.deque([1, 2],
        maxlen=3),
        collections.Counter("abca"), collections.ChainMap({1: 2}, {3: 4}), collections.UserDict({1: 2}),
        collections.UserList([1]), collections.UserString("a"), {1, 2}, frozenset({3}), bytearray(b"abc"),
    ]  # fmt: skip
    nested = collections.defaultdict(functools.partial(collections.defaultdict, int))
    nested["a"]["b"] = 1
    yield "nested-defaultdict", nested
    yield (
        "numbers",
        [1j, decimal.Decimal("1.10"), fractions.Fraction(1, 3), decimal.Context(prec=5), float("nan"), -0.0],
    )
    yield "dates", build_dates()
    yield "identifiers", [uuid.UUID(int=5), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8"),
                          ipaddress.ip_address("::1"), ipaddress.ip_interface("10.0.0.1/8")]  # fmt: skip
    yield "paths", [pathlib.Path("a/b"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("c:/a")]
    yield "patterns", [re.compile("a+", re.I), re.compile(b"x"), re.IGNORECASE]
    pairs = zip([1], [2])  # noqa: B905  strict is newer than some of the releases that run this
    yield "sequences", [range(1, 9, 2), slice(1, None, 2), Ellipsis, NotImplemented, array.array("d", [1.0, 2.0]),
                        array.array("q", [1]), itertools.count(3), itertools.repeat(1, 2), enumerate([1]), pairs,
                        reversed([1, 2]), iter([1, 2]), iter((1, 2)), iter({1: 2})]  # fmt: skip
    yield "errors", [ValueError("a"), KeyError("b"), OSError(2, "gone"), UnicodeDecodeError("utf-8", b"a", 0, 1, "bad"),
                     StopIteration(1), ImportError("x"), FileNotFoundError(2, "no such file", "a.txt")]  # fmt: skip
    yield (
        "namespaces",
        [types.SimpleNamespace(a=1, b=[2]), argparse.Namespace(lr=0.1, layers=[1, 2], path=pathlib.PurePosixPath("x"))],
    )
    yield (
        "partials",
        [functools.partial(int, base=2), functools.partial(collections.OrderedDict), operator.itemgetter(1, 2)],
    )
    yield "enumerations", [http.HTTPStatus.OK, re.VERBOSE, uuid.SafeUUID.unknown]
    yield "types", [int, dict, str, collections.OrderedDict, datetime.date, type(None), type(...), object, ValueError]
    yield "typing", [typing.Any, typing.List[int], typing.Optional[str], typing.Dict[str, int], typing.Tuple[int, ...]]  # noqa: UP006, UP045
    yield "builtins", [len, sorted, max, min, abs, sum, operator.add, operator.itemgetter(0)]
    yield "random-state", [random.Random(1), random.getstate(), random.Random(2).getstate()]
    yield "loggers", [logging.getLogger("model"), logging.INFO]
    yield (
        "distributions",
        [statistics.NormalDist(1, 2) if hasattr(statistics, "NormalDist") else None, calendar.Calendar(1)],
    )
    yield "bare-object", [object(), object()]
    yield "shared", [[ordered] * 3, (ordered, ordered)]
    recursive = [1]
    recursive.append({"self": recursive})
    yield "recursive", recursive
    yield "long-text", {str(number): "x" * number for number in range(300)}
    yield "kinds-of-enumeration", [enum.Enum, enum.IntEnum, enum.Flag]


def write_samples(samples):
    """Write every value by ``pickle`` in four protocols, and by dill and cloudpickle in their default protocol."""
    import cloudpickle
    import dill

    for name, value in build_groups():
        samples.write_pickle("python", name, value, protocols=(0, 2, 4, 5))
        for module in (cloudpickle, dill):
            protocol = pickle.DEFAULT_PROTOCOL
            writer = f"{module.__name__}.dumps(value)"
            content = module.dumps(value)
            alarm = "dill evaluates the text of some objects when it loads them" if b"_eval_repr" in content else ""
            write_one = lambda path, content=content: path.write_bytes(content)  # noqa: E731
            samples.add_file(module.__name__, name + ".pkl", writer, write_one, protocol, alarm)
