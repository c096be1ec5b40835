"""The nouns that every room shares: subjects, verdicts, checks, findings, and "could not look"."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from inspect import getdoc
from typing import Any, Generic, TypeVar, get_type_hints

Value = str | int | float | bool | None
Observation = Mapping[str, Value]
T = TypeVar("T")


class Severity(StrEnum):
    """How much harm a failed check does, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, growing with harmlessness: sort key of every report."""
        return list(Severity).index(self)


class Status(StrEnum):
    """What became of one check on one subject."""

    FAILED = "failed"
    CRASH = "crash"
    UNKNOWN = "unknown"
    PASSED = "passed"
    NOT_APPLICABLE = "not-applicable"


class Family(StrEnum):
    """The groups of the catalogue; selectable with --only and --skip."""

    RELAY = "relay"
    ROLES = "roles"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    TRANSPORT_POLICY = "transport-policy"
    DNS = "dns"
    SMTP = "smtp"
    TLS = "tls"
    ACCESS = "access"
    REPUTATION = "reputation"
    LOGGING = "logging"
    SUPERVISION = "supervision"
    MTA = "mta"
    QUEUE = "queue"
    HOST = "host"
    CONTINUITY = "continuity"


class Reason(StrEnum):
    """Why something could not be seen. One word for reports and programs; the detail says the rest."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SERVFAIL = "servfail"
    DNS_REFUSED = "dns-refused"
    NO_ADDRESS = "no-address"
    CONNECTION_LOST = "connection-lost"
    PROTOCOL = "protocol"
    TEMPFAIL = "tempfail"
    GREYLISTED = "greylisted"
    RATE_LIMITED = "rate-limited"
    PROBER_REFUSED = "prober-refused"
    TLS_FAILED = "tls-failed"
    TRUSTED_VANTAGE = "trusted-vantage"
    NOT_CONSENTED = "not-consented"
    NOT_ASKED = "not-asked"
    NOT_DECLARED = "not-declared"
    SSH_AUTH = "ssh-auth"
    SSH_HOST_KEY = "ssh-host-key"
    PRIVILEGE = "privilege"
    COMMAND_MISSING = "command-missing"
    COMMAND_FAILED = "command-failed"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Evidence that could not be had. A value, so that it travels to the report instead of vanishing."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """How to log in to a host. Keys come from the agent, from key_file, or from ssh's usual places."""

    host: str
    port: int = 22
    user: str | None = None
    key_file: str | None = None
    known_hosts: str | None = None
    become: bool = False
    """True when the inventory says ansible_become; a login as root needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRisk:
    """A failed check that the operator lives with for a while, and says why."""

    check: str
    reason: str
    until: date
    """Last day on which it holds; afterwards the finding counts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the inventory says about a host (design: mail_* variables). Empty means: not said, guess from evidence."""

    domains: tuple[str, ...] = ()
    silent_domains: tuple[str, ...] = ()
    """Domains of the same owner that send no mail; looked at, though no host of the inventory serves them."""
    roles: tuple[str, ...] = ()
    trusted_networks: tuple[str, ...] = ()
    admin_networks: tuple[str, ...] = ()
    dkim_selectors: tuple[str, ...] = ()
    canary: str | None = None
    log_host: str | None = None
    resolvers: tuple[str, ...] = ()
    backup_mx: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    blocklists: tuple[str, ...] = ()
    """mail_blocklists: asked beside the built-in ones."""
    backup: tuple[tuple[str, str], ...] = ()
    """mail_backup: by (who makes it), seen and restored (dates)."""
    monitoring: tuple[tuple[str, str], ...] = ()
    """mail_monitoring: by (who watches), reaches (how far its probe goes)."""
    contacts: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    accepted_risks: tuple[AcceptedRisk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine that speaks SMTP, named as the user named it or as the MX record does."""

    name: str
    addresses: tuple[str, ...] = ()
    """Set when the target was given as an address, else looked up as evidence."""
    domains: tuple[str, ...] = ()
    """Domains whose mail this host takes or sends: from the inventory, else from the DNS."""
    ssh: SshTarget | None = None
    declared: Declared = field(default_factory=Declared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One mail domain, with the hosts of the same scan that serve it."""

    name: str
    hosts: tuple[str, ...] = ()
    declared: Declared = field(default_factory=Declared)


Subject = Host | Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user allowed and asked for. Times in seconds."""

    timeout: float = 30.0
    thorough: bool = False
    assume_outside: bool = False
    canary: str | None = None
    """A mailbox of the user's own: its presence is the consent to hand over one message."""
    helo: str = "localhost.localdomain"
    """EHLO name; should resolve to the vantage's address and back."""
    label: str = "0" * 12
    """Random hex of this scan: part of sender and control recipient, so that the log can be searched for it."""
    ports: tuple[tuple[int, int], ...] = ()
    """Standard port -> port really used (--port 25=2525)."""
    dnsbl: tuple[str, ...] = ()
    """Blocklist zones to ask instead of the built-in set; for test networks and registered users."""

    def port(self, standard: int) -> int:
        """Where the service of this standard port listens."""
        return dict(self.ports).get(standard, standard)


@dataclass(frozen=True, slots=True)
class Moment:
    """When the evidence was taken (UTC). Verdicts about expiry use this, never the clock."""

    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Kinds of evidence that this run uses: a probe that can answer many questions at once asks these only."""

    kinds: frozenset[type]

    def __contains__(self, kind: type) -> bool:
        """Some check, or a probe on its behalf, needs it."""
        return kind in self.kinds


@dataclass(frozen=True, slots=True)
class PerHost(Generic[T]):
    """The same kind of evidence for every host of a domain; the relation MX <-> domain as evidence."""

    found: tuple[tuple[str, T | Unavailable], ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """The good state was seen."""

    summary: str
    observed: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The bad state was seen. Severity and remedy override the check's own where the case differs."""

    summary: str
    observed: tuple[Observation, ...] = ()
    _: KW_ONLY
    severity: Severity | None = None
    by_hand: str | None = None


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The question does not arise on this subject, and that was seen."""

    summary: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """There is evidence, but it answers neither way: reported as unknown."""

    summary: str
    reason: Reason
    observed: tuple[Observation, ...] = ()


Verdict = Passed | Failed | NotApplicable | Inconclusive


def weigh(bad: Failed | None, unseen: Iterable[Unavailable], good: Passed) -> Verdict:
    """One verdict on many places: one that is bad decides; else one that was not seen; only then it is good."""
    if bad is not None:
        return bad
    blind = tuple(dict.fromkeys(unseen))
    if blind:
        observed = tuple({"reason": str(u.reason), "detail": u.detail} for u in blind)
        return Inconclusive(blind[0].detail, blind[0].reason, observed)
    return good


def counted(count: int, word: str) -> str:
    """`1 host`, `2 hosts`, for a summary."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


@dataclass(frozen=True, slots=True)
class Playbook:
    """The repair is playbooks/<name>.yml, limited to the tag that is the check's id."""

    name: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """The repair needs a person: why, and the exact steps."""

    steps: str


Remedy = Playbook | ByHand


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question. Made by Check.of in the file whose name is the id."""

    id: str
    title: str
    page: str
    family: Family
    severity: Severity
    judge: Callable[..., Verdict]
    needs: tuple[tuple[str, Any], ...]
    """Parameter name and annotation of judge, in order."""
    remedy: Remedy
    runbook: str
    references: tuple[str, ...]
    asks: str | None = None
    """Variable of the inventory that answers it where nothing can be seen (Reason.NOT_DECLARED)."""

    @classmethod
    def of(  # noqa: PLR0913 - a check is described once, here, by name
        cls,
        judge: Callable[..., Verdict],
        *,
        family: Family,
        severity: Severity,
        remedy: Remedy,
        runbook: str,
        references: tuple[str, ...] = (),
        asks: str | None = None,
    ) -> "Check":
        """Read id, title, page and needs off the file that defines judge.

        Raises TypeError when the file has no docstring or judge an annotation that cannot be resolved.
        """
        module = sys.modules[judge.__module__]
        title, _, page = (getdoc(module) or "").partition("\n")
        if not title:
            raise TypeError(f"{judge.__module__} has no docstring, so the check has no title")
        hints = get_type_hints(judge)
        hints.pop("return", None)
        return cls(
            id=judge.__module__.rpartition(".")[2].replace("_", "-"),
            title=title.rstrip("."),
            page=page.strip(),
            family=family,
            severity=severity,
            judge=judge,
            needs=tuple(hints.items()),
            remedy=remedy,
            runbook=runbook,
            references=references,
            asks=asks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check on one subject, ready to be reported and compared with an earlier scan."""

    check: str
    title: str
    family: Family
    subject_kind: str
    subject: str
    status: Status
    severity: Severity
    summary: str
    observed: tuple[Observation, ...] = ()
    reason: Reason | None = None
    remedy: Remedy
    runbook: str
    references: tuple[str, ...] = ()
    trace: str | None = None
    """Only for CRASH: our own bug, with the traceback."""
    accepted: str | None = None
    """Why and until when the operator lives with it (mail_accepted_risks)."""
