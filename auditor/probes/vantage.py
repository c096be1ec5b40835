"""Whether a relay test from here would mean anything."""

from auditor.evidence.dns import HostAddresses
from auditor.evidence.mta import TrustedNetworks
from auditor.evidence.smtp import SmtpSessions, SubmissionSessions, open_doors
from auditor.evidence.vantage import Vantage, intended, why_trusted
from auditor.model import Host, Options, Unavailable
from auditor.net import Network


async def vantage(
    host: Host,
    addresses: HostAddresses,
    smtp: SmtpSessions | Unavailable,
    submission: SubmissionSessions | Unavailable,
    trusted: TrustedNetworks | Unavailable,
    network: Network,
    options: Options,
) -> Vantage:
    """Our addresses as seen on real connections, against the host's own and those it trusts."""
    doors = (
        *(smtp.doors if isinstance(smtp, SmtpSessions) else ()),
        *(submission.doors if isinstance(submission, SubmissionSessions) else ()),
    )
    ours = tuple(dict.fromkeys(session.local for _, session in open_doors(doors)))
    targets, networks = addresses.every, host.declared.trusted_networks
    if isinstance(trusted, TrustedNetworks):
        targets, networks = (*targets, *trusted.own_addresses), intended(networks, trusted.networks)
    reason = why_trusted(ours, targets, networks)
    if reason is None and set(addresses.every) & network.local_addresses():
        reason = "the scan runs on the target itself"
    return Vantage(ours=ours, trusted_because=None if options.assume_outside else reason)
