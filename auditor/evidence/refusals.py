"""What a reply to MAIL or RCPT means. One table, in the words that mail programs use.

Codes alone do not tell: Debian's Postfix refuses to relay with 454, which looks like greylisting; a 550 may be
about the sender's address and say nothing of the recipient. Texts measured on Debian 12 and 13.
"""

import re
from enum import StrEnum

from auditor.evidence.reply import Reply
from auditor.model import Reason, Unavailable


class Meaning(StrEnum):
    """What the server said about this recipient from this sender."""

    ACCEPTED = "accepted"
    RELAY_REFUSED = "relay-refused"
    RELAY_DEFERRED = "relay-deferred"
    """454 4.7.1 Relay access denied: a no for good, though its code says "later"."""
    NEEDS_TLS = "needs-tls"
    NEEDS_AUTH = "needs-auth"
    NO_SUCH_MAILBOX = "no-such-mailbox"
    UNROUTABLE = "unroutable"
    """The recipient's domain was looked up and found wanting, before any rule about relaying."""
    MAILBOX_FULL = "mailbox-full"
    SYNTAX = "syntax"
    REFUSED = "refused"
    GREYLISTED = "greylisted"
    RATE_LIMITED = "rate-limited"
    PROBER_REFUSED = "prober-refused"
    BROKEN = "broken"
    """The server says that it is ill itself: a helper or a table that it asks does not answer."""
    TEMPFAIL = "tempfail"


_AUTH = r"authenticat|not logged in|auth command first|log ?in first"
_PROBER = (
    r"blocked (using|by)|black ?list|block ?list|dnsbl|\brbl\b|spamhaus|client host rejected"
    r"|\bptr\b|reverse (dns|hostname|name)|\bspf\b|helo command rejected|bad helo|invalid helo|ehlo.*reject"
    r"|domain of sender|sender address rejected: (domain|undeliverable)|sender domain|cannot find your"
    r"|sender verify failed|service refused|ip address.*(reject|den|block)"
)
_RATE = r"too many|too much|rate limit|rate exceeded|throttl|concurren"
_FULL = r"quota|mailbox (is )?full|over ?quota|insufficient.*storage"
_ROUTE = r"null ?mx|unrout[e]?able|host unknown|domain not found|no such domain|does not accept mail"
_ABSENT = (
    r"user unknown|unknown user|no such (user|recipient|mailbox|address|person)|invalid recipient"
    r"|recipient (address )?(unknown|rejected)|mailbox (unavailable|not found|does ?n.t exist)|does not exist"
    r"|unknown (local|recipient|address)|recipient not found|no mailbox"
)
_LATER = r"gr[ae]y-?list|try (again )?later|come back|try again|service (currently|temporarily) unavailable|deferred"

_ILL = r"configuration (problem|error)|internal (server )?error|local (problem|error|configuration)|lookup failure"

_TABLE: tuple[tuple[str, str, str, Meaning], ...] = (
    # code, enhanced code, text (each a regular expression searched from the start, text anywhere), meaning
    ("2", "", "", Meaning.ACCEPTED),
    ("421", "", "", Meaning.RATE_LIMITED),
    ("5[35]", "", r"start ?tls|tls (is )?required|encryption (is )?required", Meaning.NEEDS_TLS),
    ("5", "", _AUTH, Meaning.NEEDS_AUTH),
    ("530", "", "", Meaning.NEEDS_AUTH),
    ("4", "", r"relay", Meaning.RELAY_DEFERRED),
    ("[45]", r".\.1\.8|5\.7\.2[37]|.\.7\.25", "", Meaning.PROBER_REFUSED),
    ("5", "", r"relay", Meaning.RELAY_REFUSED),
    ("[45]", "", _PROBER, Meaning.PROBER_REFUSED),
    ("[45]", r".\.2\.2", "", Meaning.MAILBOX_FULL),
    ("[45]5", "", _FULL, Meaning.MAILBOX_FULL),
    ("4", "", _RATE, Meaning.RATE_LIMITED),
    ("4", "", _ILL, Meaning.BROKEN),
    ("4", r"4\.3\.[0345]", "", Meaning.BROKEN),
    ("4", "", _LATER, Meaning.GREYLISTED),
    ("45[01]", r"4\.2\.0|4\.7\.1", "", Meaning.GREYLISTED),
    ("4", "", "", Meaning.TEMPFAIL),
    ("556", "", "", Meaning.UNROUTABLE),
    ("5", r"5\.1\.(2|10)", "", Meaning.UNROUTABLE),
    ("5", "", _ROUTE, Meaning.UNROUTABLE),
    ("5", r"5\.1\.[16]|5\.2\.1", "", Meaning.NO_SUCH_MAILBOX),
    ("55", "", _ABSENT, Meaning.NO_SUCH_MAILBOX),
    ("50|555", "", "", Meaning.SYNTAX),
    ("5", r"5\.1\.3", "", Meaning.SYNTAX),
    ("5", "", "", Meaning.REFUSED),
)
_COMPILED = tuple(
    (re.compile(code), re.compile(enhanced), re.compile(text, re.IGNORECASE), meaning)
    for code, enhanced, text, meaning in _TABLE
)


def meaning_of(reply: Reply) -> Meaning:
    """The first line of the table that fits. 354 and other 3yz are no answer to MAIL or RCPT: TEMPFAIL."""
    for code, enhanced, text, meaning in _COMPILED:
        if (
            code.match(str(reply.code))
            and (not enhanced.pattern or enhanced.match(reply.enhanced or ""))
            and text.search(reply.text)
        ):
            return meaning
    return Meaning.TEMPFAIL


_REJECT = re.compile(r"(client host|recipient address|sender address) rejected: access denied", re.IGNORECASE)


def wants_login(reply: Reply) -> bool:
    """At a submission port: whoever has not logged in is refused.

    Postfix says so in words that elsewhere are about the client: `permit_sasl_authenticated,reject` among
    smtpd_client_restrictions, as Debian's master.cf proposes it, is "Client host rejected: Access denied".
    A blocklist or a table names its reason instead.
    """
    return meaning_of(reply) is Meaning.NEEDS_AUTH or (
        reply.code // 100 == 5 and _REJECT.search(reply.text) is not None
    )


_UNSEEN = {
    Meaning.GREYLISTED: Reason.GREYLISTED,
    Meaning.RATE_LIMITED: Reason.RATE_LIMITED,
    Meaning.PROBER_REFUSED: Reason.PROBER_REFUSED,
    Meaning.BROKEN: Reason.TEMPFAIL,
    Meaning.TEMPFAIL: Reason.TEMPFAIL,
}


def no_answer(reply: Reply | Unavailable) -> Unavailable | None:
    """Why this reply says nothing about the recipient; None when it does say yes or no."""
    if isinstance(reply, Unavailable):
        return reply
    reason = _UNSEEN.get(meaning_of(reply))
    return None if reason is None else Unavailable(reason, str(reply))
