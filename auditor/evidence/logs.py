"""Where mail is logged, whether it lasts, who may read it and where else it goes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

PERIOD_DAYS = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}
VOLATILE = {"tmpfs", "ramfs"}
SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86400, "week": 604800, "month": 2629800, "year": 31557600}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One file or directory below /var/log that holds mail lines."""

    path: str
    mode: int
    owner: str
    group: str
    size: int
    modified: float
    """Seconds since 1970."""

    @property
    def everybody_reads(self) -> bool:
        """Others have read permission."""
        return bool(self.mode & 0o004)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One block of logrotate's configuration."""

    pattern: str
    days: float
    """How far back the oldest kept file reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One way that lines leave the host."""

    target: str
    protocol: str
    """"udp", "tcp", "relp", "https"."""
    encrypted: bool = False
    buffered: bool = False
    """Keeps lines on disk while the target is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeeping:
    """journald, the syslog daemon, files, rotation and forwarding."""

    journal_storage: str = "auto"
    """journald.conf(5), Storage=."""
    journal_on_disk: bool = False
    """/var/log/journal exists, which is what "auto" goes by."""
    journal_retention_days: float | None = None
    """MaxRetentionSec=; None: as long as the space lasts."""
    oldest_mail_entry: float | None = None
    """Of the journal, seconds since 1970."""
    filesystem: str = ""
    """Type of the file system below /var/log."""
    files: tuple[LogFile, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    forwards: tuple[Forward, ...] = ()
    reads_files: tuple[str, ...] = ()
    """Files that the syslog daemon reads in (imfile), such as Exim's own log."""
    syslog_daemon: str = ""

    @property
    def journal_lasts(self) -> bool:
        """The journal is still there after a reboot."""
        return self.journal_storage == "persistent" or (
            self.journal_storage == "auto" and self.journal_on_disk
        )

    @property
    def lasting_files(self) -> tuple[LogFile, ...]:
        """Log files that are still there after a reboot."""
        return self.files if self.filesystem not in VOLATILE else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTrace:
    """Lines of the host's log that carry this scan's own label."""

    label: str
    lines: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def parse_log_files(text: str) -> tuple[LogFile, ...]:
    """`stat -c '%a|%U|%G|%s|%Y|%n'`."""
    found = []
    for line in text.splitlines():
        fields = line.split("|", 5)
        if (
            len(fields) == 6
            and re.fullmatch(r"[0-7]{3,4}", fields[0])
            and fields[3].isdigit()
            and fields[4].isdigit()
        ):
            mode, owner, group, size, modified, path = fields
            found.append(
                LogFile(
                    path=path,
                    mode=int(mode, 8),
                    owner=owner,
                    group=group,
                    size=int(size),
                    modified=float(modified),
                )
            )
    return tuple(found)


def parse_span(text: str) -> float | None:
    """systemd.time(7) spans in days: "90day", "1month", "3600" (seconds). 0 means without limit."""
    total, matched = 0.0, False
    for amount, name in re.findall(r"(\d{1,12})\s*([a-zA-Z]*)", text):
        word = next(
            (key for key in SECONDS if name == key or (name in {f"{key}s", key[0]} and key != "month")), None
        )
        if name and word is None and name not in {"M", "months"}:
            return None
        total += int(amount) * (SECONDS["month"] if name in {"M", "months"} else SECONDS[word or "s"])
        matched = True
    return total / 86400 if matched and total else None


def journald_settings(text: str) -> dict[str, str]:
    """`systemd-analyze cat-config systemd/journald.conf`; the last assignment wins."""
    return dict(re.findall(r"^\s*(\w+)\s*=[ \t]*(\S+)", text, re.MULTILINE))


def parse_rotations(text: str) -> tuple[Rotation, ...]:
    """logrotate.conf and what it includes, one after the other; settings outside a block are defaults."""
    plain = re.sub(r"#.*", "", text)
    defaults = _rotation_words(re.sub(r"\{[^{}]*\}", "", _without_scripts(plain)))
    found = []
    for paths, body in re.findall(r"([^{}]*)\{([^{}]*)\}", _without_scripts(plain)):
        period, keep, oldest = _rotation_words(body)
        days = PERIOD_DAYS[period or defaults[0] or "weekly"] * (defaults[1] or 0 if keep is None else keep)
        lines = (line for line in paths.splitlines() if line.lstrip().startswith(("/", '"')))
        names = [word.strip('"') for line in lines for word in line.split()]
        found += [Rotation(pattern=name, days=min(days, oldest) if oldest else days) for name in names]
    return tuple(found)


def _without_scripts(text: str) -> str:
    return re.sub(r"\b(?:pre|post|first|last)(?:rotate|action)\b.*?\bendscript\b", "", text, flags=re.DOTALL)


def _rotation_words(text: str) -> tuple[str | None, int | None, int | None]:
    period = re.search(r"\b(hourly|daily|weekly|monthly|yearly)\b", text)
    keep = re.search(r"\brotate\s+(\d{1,6})\b", text)
    oldest = re.search(r"\bmaxage\s+(\d{1,6})\b", text)
    return (
        period[1] if period else None,
        int(keep[1]) if keep else None,
        int(oldest[1]) if oldest else None,
    )


def days_kept(keeping: LogKeeping, path: str) -> float | None:
    """How many days back rotation keeps this file; None where nothing rotates it."""
    days = [rotation.days for rotation in keeping.rotations if fnmatchcase(path, rotation.pattern)]
    return max(days) if days else None


def parse_forwards(rsyslog: str) -> Iterator[Forward]:
    """Both languages of rsyslog: "*.* @@host:port" and action(type="omfwd" …)."""
    plain = re.sub(r"^\s*#.*$", "", rsyslog, flags=re.MULTILINE)
    for selector, signs, target in re.findall(
        r"^\s*([\w*.,;=!]+)\s+(@@?)(?:\([^)]*\))?(\S+)", plain, re.MULTILINE
    ):
        if _takes_mail(selector):
            encrypted = "gtls" in plain or '"ossl"' in plain
            yield Forward(
                target=_host(target),
                protocol="tcp" if signs == "@@" else "udp",
                encrypted=signs == "@@" and encrypted and bool(re.search(r"StreamDriverMode\s+1", plain)),
                buffered=bool(re.search(r"ActionQueueFileName", plain)),
            )
    for kind, body in re.findall(
        r'action\s*\([^)]*?type="(omfwd|omrelp)"([^)]*)\)', plain, re.DOTALL | re.IGNORECASE
    ):
        words = {name.lower(): value for name, value in re.findall(r'([\w.]+)\s*=\s*"([^"]*)"', body)}
        yield Forward(
            target=words.get("target", ""),
            protocol="relp" if kind.lower() == "omrelp" else words.get("protocol", "udp").lower(),
            encrypted=words.get("streamdrivermode") == "1" or words.get("tls") == "on",
            buffered="queue.filename" in words,
        )


def _takes_mail(selector: str) -> bool:
    taken = False
    for part in selector.split(";"):  # a later part takes back what an earlier one chose
        facilities, _, level = part.partition(".")
        if {"*", "mail"} & set(facilities.split(",")):
            taken = level != "none"
    return taken


def _host(target: str) -> str:
    return (
        target.split(";", maxsplit=1)[0].rpartition(":")[0]
        if re.search(r":\d+(;|$)", target)
        else target.split(";", maxsplit=1)[0]
    )


def parse_syslog_ng(text: str) -> Iterator[Forward]:
    """Network destinations of syslog-ng: network("host" transport("tls") …), syslog(…), tcp(…), udp(…)."""
    for kind, target, rest in re.findall(r'\b(network|syslog|tcp|udp)\s*\(\s*"([^"]+)"([^;]*);', text):
        transport = re.search(r'transport\s*\(\s*"?(\w+)', rest)
        protocol = transport[1].lower() if transport else ("udp" if kind == "udp" else "tcp")
        yield Forward(
            target=target,
            protocol="tcp" if protocol == "tls" else protocol,
            encrypted=protocol == "tls",
            buffered="disk-buffer" in rest,
        )


def parse_journal_upload(text: str) -> Iterator[Forward]:
    """journal-upload.conf(5)."""
    url = re.search(r"^\s*URL\s*=\s*(https?)://([^\s/]+)", text, re.MULTILINE)
    if url:
        yield Forward(
            target=url[2].partition(":")[0], protocol="https", encrypted=url[1] == "https", buffered=True
        )
