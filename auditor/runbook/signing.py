"""Signatures on the head of a journal: who vouches for everything up to a line.

One signature covers all lines before it, because each holds the hash of the one before. A copy lies beside the
incident's directory and goes to standard output, to be kept where cutting the journal's tail does not reach.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from auditor.runbook.incident import Incident
from auditor.runbook.journal import NAME, Unwritable, digest, write_durably
from auditor.runbook.proof import Flaw
from auditor.transport import signature
from auditor.transport.signature import Signed

_NAMESPACE: Final = "auditor-journal"
_FOLDER: Final = "signatures"
_FILE: Final = re.compile(r"(\d{4,9})-[0-9a-f]{16}\.sig")


class Vouched(Struct, frozen=True, kw_only=True):
    """A signature that fits: up to which line, by whom."""

    line: int
    signed: Signed

    def sentence(self) -> str:
        """For a person; the signer's name is the word of the file of signers."""
        who = self.signed.signer or "somebody (whose key that is, --signers FILE tells)"
        return f"up to line {self.line} signed by {who}, {self.signed.key}"


def sign(incident: Incident, key: Path) -> str:
    """Sign the head with an SSH key and note it in the journal; gives the armoured signature.

    Raises auditor.transport.signature.CannotSign and Unwritable.
    """
    head = incident.head()
    text = signature.sign(key, _NAMESPACE, _statement(incident.folder.name, head.seq, incident.journal.head))
    name = f"{head.seq:04d}-{head.start}.sig"
    kept = incident.store(f"{_FOLDER}/{name}", text.encode())
    beside = _beside(incident.folder)
    try:
        beside.mkdir(mode=0o700, exist_ok=True)
        write_durably(beside / name, text.encode())
    except OSError as error:
        raise Unwritable(f"{beside / name} cannot be written ({error.strerror})") from None
    incident.record("signed", data={"head": str(head)}, files=(kept,))
    return text


def _statement(incident: str, line: int, head: str) -> bytes:
    """What is signed: the incident's name, the number of the line and its whole SHA-256."""
    return f"{incident} {line} {head}\n".encode()


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.{_FOLDER}")


def signatures(folder: Path) -> Iterator[tuple[int, str, str]]:
    """(line, file name, text) of every signature, each once, wherever it lies."""
    found = {
        path.name: path
        for place in (folder / _FOLDER, _beside(folder))
        for path in place.glob("*.sig")
        if _FILE.fullmatch(path.name)
    }
    for name, path in sorted(found.items()):
        yield int(name.partition("-")[0]), name, path.read_text("utf-8", "replace")


def vouched(folder: Path, signers: Path | None) -> Iterator[Vouched | Flaw]:
    """Every signature held against the journal. With signers, a key that they do not name is a flaw, and so is none at all."""
    lines = (folder / NAME).read_bytes().split(b"\n")[:-1]
    trusted = False
    for line, name, text in signatures(folder):
        if not 0 < line <= len(lines):
            told = f"the journal ends at line {len(lines)}, but line {line} was signed: its tail was cut"
            yield Flaw(line=len(lines), text=told)
            continue
        message = _statement(folder.name, line, digest(lines[line - 1]))
        signed = signature.verify(text, _NAMESPACE, message, signers)
        if signed is None:
            yield Flaw(line=line, text=f"line {line} is not the one that was signed ({name})")
        elif signers is not None and not signed.signer:
            yield Flaw(
                line=line, text=f"line {line} was signed with {signed.key}, which {signers} does not know"
            )
        else:
            trusted = True
            yield Vouched(line=line, signed=signed)
    if signers is not None and not trusted:
        yield Flaw(line=0, text="no line is signed by any of the signers")
