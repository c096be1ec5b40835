"""The words a runbook may use: roles, platforms, probes, evidence sets and messages.

They are the contract between the authors of runbooks and the engine, kept apart from the code behind them
so that `auditor runbook lint` stays fast. A wiring test holds each list against what implements it. Which
checks there are, the registry knows.
"""

from typing import Final

ROLES: Final = frozenset({"ic", "ops", "scribe", "comms", "abuse", "owner", "hostmaster", "expert"})

MTAS: Final = ("postfix", "exim4", "opensmtpd", "sendmail")
DEBIANS: Final = (12, 13)
PLATFORMS: Final = frozenset(f"debian{release}/{mta}" for release in DEBIANS for mta in MTAS)

FACTS: Final = {
    "mta": "the mail program that runs: postfix, exim4, opensmtpd or sendmail",
    "mta_version": "its version, as the program says it",
    "debian": "the release as a number: 12 or 13",
    "units": "the systemd unit of the mail program",
    "queue_dir": "the directory of its queue",
    "dovecot": "true when Dovecot runs",
    "have_credentials": "true when the tool can run commands on the host",
}

BUILTINS: Final = {
    "incident_id": "the incident's name, INC-2026-0001",
    "host": "the host of this incident, as the inventory names it",
    "selected_count": "how many items the approved preview of this step holds",
}

PROBES: Final = {
    "ssh.alive": "a new SSH login works and runs a command",
    "host.unreachable": "no TCP connection to port (22) succeeds: refused, filtered or no route",
    "port.open": "a TCP connection to port succeeds",
    "port.closed": "a TCP connection to port is refused or filtered",
    "smtp.egress-refused": "the host itself cannot open TCP to port (25) at address (one of its own kernel's answer)",
    "smtp.refuses-relay": "MAIL and RCPT for a foreign address from here are refused; nothing is handed over",
    "smtp.accepts-recipient": "MAIL and RCPT for recipient from here are accepted; nothing is handed over",
    "smtp.transaction": "EHLO, STARTTLS where offered, MAIL and RCPT for recipient are answered in time",
    "login.refused": "account user has no way in: locked, denied or without credential on every layer",
    "mail.flows": "a local message to recipient (root) is delivered or queued for delivery, and leaves the queue",
    "queue.held": "every message in the queue is held and a queue run cannot send it",
    "queue.empty": "nothing is in the queue",
    "queue.not-growing": "the queue is not larger than it was when this step began",
    "queue.reduced-by-selection": "count before - selected = count now",
    "unit.active": "systemd reports unit as active and its main process runs",
    "unit.inactive": "systemd reports unit as inactive or failed, and nothing of it runs",
    "listener.in-unit": "the process that listens on port (25) lives in the cgroup of its unit",
    "resolver.answers": "the host resolves name through each of its resolvers",
    "isolation.active": "the tables of the isolation are loaded at the level that was applied",
    "isolation.absent": "no table of the isolation is loaded",
    "sessions.none": "no established SMTP session from address",
    "outbound.quiet": "no login sent more than limit (100) messages in the last minutes (60); behind isolation no other program tried to",
    "manifest.rehash": "every evidence file read again has the hash in the manifest",
    "accounting.balanced": "accepted = delivered + bounced + queued + held + removed by us",
}

EVIDENCE_SETS: Final = {
    "volatile": "clock, network, processes, sessions, kernel, live state of the mail program, runtime files",
    "logs": "journal and /var/log with rotated files",
    "configuration": "mail configuration trees, maps and aliases with their times",
    "queue": "the queue as one tar stream; hold it first",
    "persistence": "cron, timers, units, authorized keys, shell start files, PAM, ld.so.preload, accounts",
    "account": "log lines, filters and forwards of the account in variable account; no mail",
    "mail-standard": "volatile, logs, configuration and queue",
    "host-full": "mail-standard, persistence, file metadata and package verification, in order of volatility",
}

QUEUE_SETS: Final = frozenset({"queue", "mail-standard", "host-full"})
"""Evidence sets that hold a copy of queued mail."""

MESSAGES: Final = {
    "COM-1": "opening notice",
    "COM-2": "update with the time of the next one",
    "COM-3": "affected customer, neutral",
    "COM-4": "we are blocklisted: 24 to 48 hours or longer",
    "COM-4b": "unblock request to an operator",
    "COM-5": "resolved, with what was lost and how that is known",
    "COM-6": "thanks to the reporter",
    "COM-6b": "status to the provider with a timeline",
    "COM-7": "request for evidence, or evidence for others",
    "COM-8": "questions and answers after the incident",
    "COM-9": "planned maintenance or change of policy",
    "COM-10": "contact notice to suppliers",
    "COM-11": "notice to an authority or to persons concerned, skeleton",
    "COM-12": "handover between shifts: condition, actions, needs",
}
LANGUAGES: Final = ("en", "sv", "it", "fr")

MESSAGE_FIELDS: Final = {
    "incident_id": "INC-2026-0001",
    "now_utc": "time of writing, UTC",
    "now_local": "time of writing, the operator's zone",
    "since": "when it began, as far as known",
    "services": "affected services",
    "cause": "known cause, or that it is under investigation",
    "advice": "what users should do",
    "next_update": "when the next message comes",
    "contact": "a way to reach us that does not depend on this platform",
    "addressee": "whom this is for",
    "reporter": "who told us",
    "ticket": "their reference",
    "done": "what was done so far",
    "condition": "how things stand",
    "needs": "what is needed from the reader",
    "isolated": "what is isolated, and since when",
    "fixed": "what was fixed, and when it was verified",
    "loss": "what was lost, with the accounting that shows it",
    "timeline": "dated list of what happened",
    "list": "the blocklist or the operator that blocks",
    "addresses": "our addresses concerned",
    "window": "planned start and end",
    "effects": "what users will notice",
    "persons": "who is concerned, and how many",
    "data": "which data are concerned",
    "questions": "questions and answers",
    "log_lines": "log lines with their time zone",
}
