"""The operators can be reached when the platform is down.

A support address on the platform that has failed, alerts that are mailed through the server they are about: in
both the first report of the outage is the one that never arrives. At least one way must not depend on the
audited mail hosts: a telephone number, or a mailbox elsewhere (incident 004).
"""

from auditor.evidence.contacts import Contacts
from auditor.model import ByHand, Check, Failed, Family, Inconclusive, Passed, Reason, Severity, Verdict


def judge(contacts: Contacts) -> Verdict:
    """One way off the platform; the inventory's contacts count before those in the DNS."""
    known = contacts.declared or contacts.published
    if not known:
        return Inconclusive("neither the inventory nor the DNS names a contact", Reason.NOT_DECLARED)
    apart = [c for c in known if not c.on_platform and c.unknown is None]
    if apart:
        return Passed(f"{apart[0].source} does not depend on the platform", ({"contact": apart[0].source},))
    blind = next((c.unknown for c in known if c.unknown), None)
    if blind:
        return Inconclusive(blind.detail, blind.reason)
    return Failed(
        "every contact is a mailbox on the platform itself",
        tuple({"contact": c.source, "address": c.text} for c in known),
        severity=None if contacts.declared else Severity.LOW,
    )


CHECK = Check.of(
    judge,
    family=Family.ROLES,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Give mail_contacts in the inventory a telephone number and a mailbox at another provider for owner and "
        "oncall, publish one of them (web page, SOA, WHOIS), and send alerts there."
    ),
    runbook="contacts",
    references=("RFC 2142 section 1", "RFC 1912 section 2.2"),
)
