"""Saved evidence: a Record as JSON and back, so that `auditor judge` says the same without a network.

A file is hostile until it has proved otherwise: only types that this program itself collects are made, each field is
held against its own annotation, nothing is imported or called by a name out of the file.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from auditor import __version__
from auditor.judge import Evidence
from auditor.model import Domain, Host, Moment, Options, PerHost, Subject, Unavailable
from auditor.registry import Registry
from auditor.scan import Look, Record, Vantage

SCHEMA = "auditor.evidence/1"
MAX_BYTES = 512 << 20
"""A thousand domains make some 50 MB."""
KINDS: Mapping[str, type] = {"host": Host, "domain": Domain}
TAG = "is"
"""Key that names the class where an annotation allows several."""

Encoder = Callable[[Any], Any]
Parameters = Mapping[Any, Any]


class NotEvidence(ValueError):
    """The file is not what we wrote. Its text is the sentence for the user."""


SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?i)(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"),  # user and password in a URL
    re.compile(
        r"(?i)(?:(?<=passwd)|(?<=password)|(?<=secret)|(?<=token)|(?<=api_key))(\s*[:=]\s*)(?!\s)[^\s,;]+"
    ),
)
REDACTED = "[redacted]"


def redact(text: str) -> str:
    """Without private keys and passwords; a mail server's configuration has both."""
    for pattern in SECRETS:
        text = pattern.sub(lambda found: (found[1] if found.re.groups else "") + REDACTED, text)
    return text


def save(record: Record) -> str:
    """The record as JSON text."""
    evidence = record.evidence
    document = {
        "schema": SCHEMA,
        "tool": {"name": "auditor", "version": __version__},
        "started": record.started.isoformat(),
        "finished": record.finished.isoformat(),
        "vantage": _plain(record.vantage),
        "look": record.look.value,
        "checks": list(record.checks),
        "asked_by_name": record.asked_by_name,
        "targets": [
            {"target": target, "subjects": [[kind.__name__.lower(), name] for kind, name in names]}
            for target, names in record.targets
        ],
        "subjects": [{"kind": type(s).__name__.lower(), **_plain(s)} for s in evidence.subjects],
        "options": _plain(evidence.options),
        "taken_at": evidence.moment.taken_at.isoformat(),
        "pieces": [
            {"subject": [kind.__name__.lower(), name], "evidence": known_as(gives), "value": _plain(piece)}
            for (kind, name, gives), piece in evidence.pieces.items()
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def known_as(kind: type) -> str:
    """Module below auditor.evidence, and the class: `dns.HostAddresses`."""
    return f"{kind.__module__.removeprefix('auditor.evidence.')}.{kind.__qualname__}"


def _plain(value: Any) -> Any:
    """JSON's own types; a dataclass says its class, because an annotation may allow several."""
    for kinds, encode in _ENCODERS:
        if isinstance(value, kinds):
            return encode(value)
    if is_dataclass(value):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {TAG: type(value).__name__, **named}
    return value if value is None else str(value)


_ENCODERS: tuple[tuple[Any, Encoder], ...] = (
    (Enum, lambda value: _plain(value.value)),  # before str: most of our enums are text
    (str, redact),
    ((bool, int, float), lambda value: value),
    (bytes, lambda value: base64.b64encode(value).decode("ascii")),
    (date, lambda value: value.isoformat()),
    (timedelta, timedelta.total_seconds),
    (Mapping, lambda value: [[_plain(key), _plain(item)] for key, item in value.items()]),
    (frozenset, lambda value: [_plain(item) for item in sorted(value, key=repr)]),
    ((tuple, list), lambda value: [_plain(item) for item in value]),
)


def read(text: str | bytes, registry: Registry) -> Record:
    """The record that save() wrote. Raises NotEvidence."""
    if len(text) > MAX_BYTES:
        raise NotEvidence(f"larger than {MAX_BYTES >> 20} MB")
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise NotEvidence(f"not evidence of auditor scan (its schema is not {SCHEMA})")
        return _record(document, registry)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotEvidence(f"not JSON ({type(error).__name__})") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, NotEvidence):
            raise
        told = f"{error.args[0] if error.args else ''}"[:200]
        raise NotEvidence(f"damaged, or written by another version of auditor: {told!a}") from error


def _record(document: Mapping[str, Any], registry: Registry) -> Record:
    subjects = tuple(_subjects(document["subjects"]))
    known = {(type(subject), subject.name) for subject in subjects}
    kinds = {known_as(kind): kind for kind in registry.sources}
    pieces: dict[tuple[type, str, type], object] = {}
    for piece in document["pieces"]:
        owner = _name(piece["subject"])
        if owner not in known:
            raise NotEvidence(f"evidence about {owner[1]!a}, which is no subject of this scan")
        kind = kinds.get(piece["evidence"])
        if kind is not None:  # a source that this version no longer has: nothing asks for it either
            pieces[(*owner, kind)] = _one_of((kind, Unavailable), piece["value"], {})
    return Record(
        started=make(datetime, document["started"]),
        finished=make(datetime, document["finished"]),
        vantage=make(Vantage, document["vantage"]),
        look=make(Look, document["look"]),
        checks=make(tuple[str, ...], document["checks"]),
        asked_by_name=make(bool, document["asked_by_name"]),
        targets=tuple(
            (make(str, target["target"]), tuple(_name(name) for name in target["subjects"]))
            for target in document["targets"]
        ),
        evidence=Evidence(
            subjects, make(Options, document["options"]), Moment(make(datetime, document["taken_at"])), pieces
        ),
    )


def _name(value: Any) -> tuple[type, str]:
    kind, name = value
    return KINDS[kind], make(str, name)


def _subjects(values: Any) -> Iterator[Subject]:
    for value in values:
        made: Subject = make(
            KINDS[value["kind"]], {key: item for key, item in value.items() if key != "kind"}
        )
        yield made


def make(wanted: Any, value: Any, parameters: Parameters = {}) -> Any:  # noqa: B006 - never written to
    """The value as this annotation has it. Raises TypeError, ValueError or KeyError when it does not fit."""
    wanted = parameters.get(wanted, wanted) if isinstance(wanted, TypeVar) else wanted
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return _one_of(inner, value, parameters)
    if origin is Literal:
        return _literal(inner, value)
    if origin is PerHost or is_dataclass(wanted):
        return _dataclass(origin or wanted, inner, value)
    if origin is not None:
        return _container(origin, inner, value, parameters)
    return _scalar(wanted, value)


def _one_of(kinds: tuple[Any, ...], value: Any, parameters: Parameters) -> Any:
    kinds = tuple(parameters.get(kind, kind) for kind in kinds)
    if isinstance(value, dict):
        for kind in kinds:
            if (get_origin(kind) or kind).__name__ == value.get(TAG):
                return make(kind, value, parameters)
        raise TypeError(f"no {value.get(TAG)} is expected here")
    for kind in sorted(kinds, key=lambda kind: kind is str):  # text last: nearly everything is saved as text
        try:
            return make(kind, value, parameters)
        except (TypeError, ValueError, KeyError):
            continue
    raise TypeError(f"{type(value).__name__} where {kinds} is expected")


def _literal(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices:
        raise ValueError(f"{value!a} is not one of {choices}")
    return value


@cache
def _annotations(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _dataclass(kind: type, inner: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, dict) or value.get(TAG) != kind.__name__:
        raise TypeError(f"no {kind.__name__}")
    parameters = dict(zip(getattr(kind, "__parameters__", ()), inner, strict=True))
    hints = _annotations(kind)
    return kind(**{name: make(hints[name], item, parameters) for name, item in value.items() if name != TAG})


def _container(origin: Any, inner: tuple[Any, ...], value: Any, parameters: Parameters) -> Any:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list is expected")
    if origin is tuple and Ellipsis not in inner:
        return tuple(make(kind, item, parameters) for kind, item in zip(inner, value, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, kind = inner
        return {make(key, name, parameters): make(kind, item, parameters) for name, item in value}
    items = (make(inner[0], item, parameters) for item in value)
    return {tuple: tuple, list: list, frozenset: frozenset}.get(origin, tuple)(items)


def _scalar(wanted: Any, value: Any) -> Any:
    if wanted is Any:
        return value
    if wanted in (NoneType, None):
        if value is not None:
            raise TypeError("something where nothing is expected")
        return None
    if wanted in (str, bool, int):
        if type(value) is not wanted:
            raise TypeError(f"{type(value).__name__} where {wanted.__name__} is expected")
        return value
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError("no number")
        return float(value)
    return _parsed(wanted, value)


def _parsed(wanted: Any, value: Any) -> Any:
    """Everything that travels as text."""
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value)
    if wanted is timedelta:
        return timedelta(seconds=value)
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text is expected")
    if wanted in (datetime, date):
        return wanted.fromisoformat(value)
    if wanted is bytes:
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError("broken base64") from error
    if isinstance(wanted, type) and wanted.__module__ == "ipaddress":
        return wanted(value)
    raise TypeError(f"{wanted} is no kind of evidence")
