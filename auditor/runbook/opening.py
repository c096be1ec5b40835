"""The first entries of an incident: what it is about, which runbook is followed, exactly as its file is now."""

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from auditor.runbook.book import Book, Edited
from auditor.runbook.format import Runbook
from auditor.runbook.incident import Incident
from auditor.runbook.journal import Attachment, Place


class Occasion(Struct, frozen=True, kw_only=True):
    """Why an incident is opened, on which host, and what is known at that moment."""

    runbook: str
    title: str
    host: str
    values: Mapping[str, str]
    """Facts and variables; `mta@mx2.example.org` is one of a host's own, where there are several."""
    began: str = ""
    """When it really began, as far as somebody said."""
    finding: Mapping[str, str] = {}
    """The finding of a scan that led here: check, summary, subject."""
    connection: Mapping[str, str | int | bool | None] = {}
    """Fields of the SshTarget by which the host is reached."""
    inventory: str = ""
    hosts: Mapping[str, Mapping[str, str | int | bool | None]] = {}
    """Where there are several: each host, the first included, with how it is reached."""


def begin(incident: Incident, book: Book, occasion: Occasion) -> None:
    """Write `open` and pin every runbook; a copy of each file is kept with the incident."""
    kept = {name: copy_of(runbook, incident) for name, runbook in book.runbooks.items()}
    for name, runbook in sorted(book.runbooks.items(), key=lambda pair: pair[0] != occasion.runbook):
        place = Place(runbook=f"{name}@{runbook.front.version}", sha256=runbook.sha256)
        if name != occasion.runbook:
            incident.record("follow", place, files=(kept[name],))
            continue
        data: dict[str, Any] = {
            "title": occasion.title, "host": occasion.host, "began": occasion.began, "values": dict(occasion.values),
            "finding": dict(occasion.finding), "severity": runbook.front.severity,
            "connection": dict(occasion.connection), "inventory": occasion.inventory,
        }  # fmt: skip
        if occasion.hosts:
            data["hosts"] = [
                {"name": host, "connection": dict(told)} for host, told in occasion.hosts.items()
            ]
        incident.record("open", place, data, (kept[name],))


def copy_of(runbook: Runbook, incident: Incident) -> Attachment:
    """Keep the runbook with the incident as it is followed from now on; whoever edits it later loses no word of it.

    Its hash is the one that the journal pins. Raises Edited when the file is another since it was read, and Unwritable.
    """
    content = runbook.path.read_text("utf-8").encode()
    if hashlib.sha256(content).hexdigest() != runbook.sha256:
        raise Edited(f"the runbook {runbook.id} was edited this very moment: read it and say so again")
    name = f"{runbook.id}@{runbook.front.version}-{runbook.sha256[:12]}.md"
    return incident.store(f"runbooks/{name}", content)


def from_finding(scan: Mapping[str, object], check: str, host: str) -> Mapping[str, str]:
    """The failed finding of a saved scan (`auditor scan --format json`); raises LookupError with a sentence."""
    targets = scan.get("targets")
    for target in targets if isinstance(targets, list) else []:
        for finding in target.get("findings", []):
            if (
                finding.get("check") == check
                and finding.get("subject") == host
                and finding.get("status") == "failed"
            ):
                return {
                    key: str(finding.get(key, ""))
                    for key in ("check", "subject", "summary", "severity", "runbook")
                }
    raise LookupError(f"the scan holds no failed finding {check} of {host}")
