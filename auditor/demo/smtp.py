"""An SMTP server that relays for everybody, and forgets what it accepts. Loopback only."""

import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from auditor.demo.zone import DOMAIN, HOST

MAILBOXES = frozenset({"postmaster", "info"})
"""No abuse@: whoever complains about this host gets a bounce, as in the incident that this tool comes from."""
BANNER = "ESMTP Postfix 2.11.3 (Debian/GNU)"
MAX_MESSAGE = 1 << 20


class OpenRelay:
    """Hooks of aiosmtpd: who may send (all), to whom (all but its own unknown users), and what becomes of it (nothing)."""

    async def handle_MAIL(  # noqa: N802 - named and called by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Everybody but the null sender, so that bounces and complaints are lost too (RFC 5321 section 4.5.5)."""
        if address in ("", "<>"):
            return "550 5.1.0 Null sender is not accepted here"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - named and called by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Strangers are welcome; the own domain has few mailboxes."""
        local, _, domain = address.rpartition("@")
        if domain.lower() in ("", DOMAIN) and (local or domain).lower() not in MAILBOXES:
            return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_VRFY(self, _server: SMTP, _session: Session, _envelope: Envelope, address: str) -> str:  # noqa: N802 - named and called by aiosmtpd
        """Tells everybody who has a mailbox."""
        local = address.strip("<>").partition("@")[0].lower()
        return f"250 2.1.5 {local}@{DOMAIN}" if local in MAILBOXES else "550 5.1.1 User unknown"

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - named and called by aiosmtpd
        """Accept and forget."""
        return "250 2.0.0 Ok: queued as DEMO"


def session(context: ssl.SSLContext) -> Any:
    """One connection."""
    return SMTP(
        OpenRelay(),
        hostname=HOST,
        ident=BANNER,
        data_size_limit=MAX_MESSAGE,
        tls_context=context,
        auth_require_tls=False,
    )
