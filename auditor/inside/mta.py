"""Which mail program runs and what it was told, read with the program's own tools."""

import re

from auditor.evidence import exim, opensmtpd, postfix, sendmail
from auditor.evidence.exim import EximSettings
from auditor.evidence.mta import (
    ConfigComplaints,
    Mta,
    MtaRunning,
    TrustedNetworks,
    find_daemons,
    parse_addresses,
)
from auditor.evidence.mta_settings import MtaSettings, trusted_networks
from auditor.evidence.opensmtpd import OpensmtpdSettings
from auditor.evidence.postfix import PostfixSettings
from auditor.evidence.processes import ProcessTable
from auditor.evidence.sendmail import SendmailSettings
from auditor.inside.command import Command, Output, reads
from auditor.model import Reason, Unavailable
from auditor.net import CannotLook

ADDRESSES = Command(id="addresses", argv=("ip", "-o", "address", "show"))
STRANGER = "192.0.2.77"
"""A documentation address (RFC 5737): nobody's own network."""
FOREIGN = ("relay-test@example.com", "relay-test%example.com@localhost")

POSTCONF = Command(id="postconf", argv=("postconf", "-x", *postfix.WANTED))
POSTCONF_COMPLAINTS = Command(id="postconf-complaints", argv=("postconf", "-n"), limit=65536)
POSTCONF_SERVICES = Command(id="postconf-services", argv=("postconf", "-M"))
POSTCONF_OVERRIDES = Command(id="postconf-overrides", argv=("postconf", "-Px"))

EXIM_VERSION = Command(id="exim-version", argv=("exim4", "-bV"))
EXIM_CONFIG = Command(id="exim-config", argv=("exim4", "-bP", "config"), root=True)
EXIM_RATE_LIMITS = Command(
    id="exim-rate-limits",
    argv=(
        "sh",
        "-c",
        "command -v exim4 >/dev/null || exit 127; grep -rhsE 'ratelimit|authenticated_id' /etc/exim4; true",
    ),
    root=True,
)
EXIM_SESSION = Command(
    id="exim-session",
    argv=("exim4", "-bh", STRANGER),
    root=True,
    timeout=10,  # it looks the client's name up, and the far side's DNS may be slow
    stdin="EHLO stranger.example.net\r\nMAIL FROM:<relay-test@example.net>\r\n"
    + "".join(f"RCPT TO:<{recipient}>\r\n" for recipient in FOREIGN)
    + "QUIT\r\n",
)

SMTPD_CONF = Command(id="smtpd-conf", argv=("cat", "/etc/smtpd.conf"), root=True)
SMTPD_SYNTAX = Command(id="smtpd-syntax", argv=("smtpd", "-n"), root=True)

_IF_SENDMAIL = (
    "p=/usr/libexec/sendmail/sendmail; [ -x $p ] || p=/usr/lib/sm.bin/sendmail; [ -x $p ] || exit 127; "
)
"""By its own path: /usr/sbin/sendmail belongs to whichever mail program is installed."""
SENDMAIL_CF = Command(
    id="sendmail-cf", argv=("sh", "-c", _IF_SENDMAIL + "exec cat /etc/mail/sendmail.cf"), root=True
)
SENDMAIL_ACCESS = Command(
    id="sendmail-access",
    argv=(
        "sh",
        "-c",
        _IF_SENDMAIL + "[ -e /etc/mail/access.db ] || exit 0; exec makemap -u hash /etc/mail/access",
    ),
    root=True,
)
SASL_ACCOUNTS = Command(
    id="sasl-accounts",
    # Only how many: the names are nobody's business, and without the file there are none.
    argv=(
        "sh",
        "-c",
        _IF_SENDMAIL
        + "[ -e /etc/sasldb2 ] || { echo 0; exit; }; command -v sasldblistusers2 > /dev/null || exit 0; "
        "sasldblistusers2 | grep -c ': userPassword$' || :",
    ),
    root=True,
)
SENDMAIL_TEST = Command(
    id="sendmail-test-mode",
    argv=("sh", "-c", _IF_SENDMAIL + "exec $p -bt"),
    root=True,
    timeout=10,
    # 198.51.100.0/24, because the stock access map refuses 192.0.2.0/24 before any relay rule is reached.
    stdin="$=R\n.D{client_addr}198.51.100.177\n.D{client_name}stranger.example.net\n.D{client_resolve}OK\n"
    f".D{{mail_addr}}relay-test@example.net\ncheck_rcpt {FOREIGN[0]}\n",
)


@reads()
def mta_running(table: ProcessTable) -> MtaRunning:
    """Told from processes and sockets."""
    return find_daemons(table)


def the_one(running: MtaRunning) -> Mta:
    """The program whose settings count. Raises CannotLook where there is none, or more than one."""
    if running.only is not None:
        return running.only
    if running.daemons:
        names = ", ".join(sorted({daemon.mta for daemon in running.daemons}))
        raise CannotLook(Reason.UNSUPPORTED, f"several mail programs run: {names}")
    if running.strangers:
        raise CannotLook(
            Reason.UNSUPPORTED, f"a mail program that is not known here: {running.strangers[0][1]}"
        )
    raise CannotLook(Reason.UNSUPPORTED, "no mail program runs")


@reads(POSTCONF, POSTCONF_SERVICES, POSTCONF_OVERRIDES)
def postfix_settings(main: Output, services: Output, overrides: Output) -> PostfixSettings:
    """main.cf as it takes effect, and master.cf."""
    return PostfixSettings(
        main=postfix.parse_parameters(main.text()),
        services=postfix.parse_services(services.text()),
        overrides=postfix.parse_overrides(overrides.text()),
    )


@reads(EXIM_CONFIG, EXIM_RATE_LIMITS, EXIM_SESSION)
def exim_settings(config: Output, limits: Output, session: Output) -> EximSettings:
    """The configuration as Exim expands it, and a session that it only pretends."""
    options, relay, lists, sockets = exim.parse_config(config.text())
    return EximSettings(
        options=options,
        relay_from_hosts=relay,
        rate_limits=exim.parse_rate_limits(limits.text() + "\n" + config.text()),
        authenticators=exim.parse_authenticators(config.text()),
        binds_senders=exim.binds_senders(limits.text() + "\n" + config.text()),
        scans=exim.scans(config.text()),
        scans_viruses=exim.scans(config.text(), "malware"),
        dns_lists=lists,
        sockets=sockets,
        stranger=exim.parse_session(session.text(), FOREIGN),
    )


@reads(SMTPD_CONF)
def opensmtpd_settings(conf: Output) -> OpensmtpdSettings:
    """The file that OpenSMTPD reads; it has no command that prints what is in effect."""
    return opensmtpd.parse_smtpd_conf(conf.text())


@reads(SENDMAIL_CF, SENDMAIL_ACCESS, SASL_ACCOUNTS, SENDMAIL_TEST)
def sendmail_settings(cf: Output, access: Output, accounts: Output, test: Output) -> SendmailSettings:
    """The built sendmail.cf, not the m4 file it came from; and its rules, asked in test mode."""
    options, milters, lists = sendmail.parse_cf(cf.text())
    relay_domains, stranger = sendmail.parse_test_mode(test.text())
    return SendmailSettings(
        options=options,
        milters=milters,
        relay_domains=relay_domains,
        relaying_entries=sendmail.parse_access(access.text()),
        client_limits=sendmail.client_limits(cf.text(), access.text()),
        sasl_accounts=_count(accounts.text()),
        dns_lists=lists,
        binds_senders=sendmail.binds_senders(cf.text()),
        stranger=stranger,
    )


def _count(text: str) -> int | None:
    number = re.fullmatch(r"\s*([0-9]{1,9})\s*", text)
    return int(number[1]) if number else None


@reads()
def mta_settings(
    running: MtaRunning,
    of_postfix: PostfixSettings | Unavailable,
    of_exim: EximSettings | Unavailable,
    of_opensmtpd: OpensmtpdSettings | Unavailable,
    of_sendmail: SendmailSettings | Unavailable,
) -> MtaSettings:
    """Those of the program that runs."""
    mta = the_one(running)
    found = {
        Mta.POSTFIX: of_postfix,
        Mta.EXIM: of_exim,
        Mta.OPENSMTPD: of_opensmtpd,
        Mta.SENDMAIL: of_sendmail,
    }[mta]
    if isinstance(found, Unavailable):
        raise CannotLook(found.reason, found.detail)
    return MtaSettings(
        mta=mta,
        postfix=found if isinstance(found, PostfixSettings) else None,
        exim=found if isinstance(found, EximSettings) else None,
        opensmtpd=found if isinstance(found, OpensmtpdSettings) else None,
        sendmail=found if isinstance(found, SendmailSettings) else None,
    )


@reads(ADDRESSES)
def trusted(addresses: Output, settings: MtaSettings) -> TrustedNetworks:
    """Who relays without a login."""
    return trusted_networks(settings, parse_addresses(addresses.text()))


@reads(POSTCONF_COMPLAINTS, POSTCONF, EXIM_VERSION, SMTPD_SYNTAX, SENDMAIL_TEST)
def config_complaints(
    postconf: Output,
    effective: Output,
    exim_version: Output,
    smtpd: Output,
    sendmail_test: Output,
    running: MtaRunning,
) -> ConfigComplaints:
    """What the running program itself says against its configuration."""
    mta = the_one(running)
    output = {
        Mta.POSTFIX: postconf,
        Mta.EXIM: exim_version,
        Mta.OPENSMTPD: smtpd,
        Mta.SENDMAIL: sendmail_test,
    }[mta]
    output.text(*range(125))  # a complaint ends with an error code, and is what we came for
    said = output.stderr.decode(errors="backslashreplace")
    if mta is Mta.POSTFIX:
        said += effective.stderr.decode(errors="backslashreplace")
        return ConfigComplaints(mta=mta, lines=postfix.parse_complaints(said))
    if output.exit_code == 0:
        return ConfigComplaints(mta=mta)
    lines = [line.strip()[:200] for line in said.splitlines() if line.strip()]
    return ConfigComplaints(mta=mta, lines=tuple(lines[-5:]) or (f"exit {output.exit_code}",))
