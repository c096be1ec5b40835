"""Builders for what port 25 presents and what TLSA records promise."""

import hashlib

from auditor.evidence.dane import Tlsa, TlsaRecords, public_key
from auditor.evidence.reply import Reply
from auditor.evidence.smtp import Door, Session, SmtpSessions
from auditor.model import Host, Moment, Reason, Unavailable
from tests.certificates import NOW, leaf, session

HOST = Host(name="mx.example.org")
MOMENT = Moment(NOW)
CERTIFICATE = leaf("mx.example.org")
EXPIRED = leaf("other.example", days=-10, issuer="other.example")
UNSEEN = Unavailable(Reason.TIMEOUT, "x")


def port_25(*tls, starttls=True):
    """One address for each; bytes are a certificate, Unavailable a session that was not had."""
    doors = []
    for number, one in enumerate(tls, start=1):
        hello = Reply(code=250, lines=("mx.example.org", *(("STARTTLS",) if starttls else ())))
        seen = (
            one
            if isinstance(one, Unavailable)
            else Session(
                local="203.0.113.10",
                banner=Reply(code=220, lines=("mx.example.org ESMTP",)),
                hello=hello,
                tls=session(one) if starttls else None,
            )
        )
        doors.append(Door(address=f"192.0.2.{number}", port=25, session=seen))
    return SmtpSessions(doors=tuple(doors))


def tlsa(usage, selector=1, certificate=CERTIFICATE, matching=1):
    octets = public_key(certificate) if selector else certificate
    data = hashlib.new({1: "sha256", 2: "sha512"}[matching], octets).hexdigest() if matching else octets.hex()
    return Tlsa(usage=usage, selector=selector, matching=matching, data=data)


def records(*found, secure=True, ttl=3600):
    return TlsaRecords(
        name="_25._tcp.mx.example.org", records=found, secure=secure, host_secure=secure, ttl=ttl
    )
