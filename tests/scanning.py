"""From a network in memory through probes to the finding of one check."""

from auditor.collect import Collector
from auditor.judge import judge
from auditor.model import Domain, Finding, Host, Options
from auditor.net import Network
from auditor.registry import load

HOST = Host(name="mx1.example.org", domains=("example.org",))
DOMAIN = Domain(name="example.org", hosts=("mx1.example.org",))
OPTIONS = Options(helo="scanner.example.net", label="0123456789ab", timeout=1.0)


async def find(
    check_id: str,
    network: Network,
    *,
    host: Host = HOST,
    domain: Domain = DOMAIN,
    options: Options = OPTIONS,
) -> Finding:
    """The one finding of this check on that host or domain."""
    registry = load()
    check = registry.checks[check_id]
    collector = Collector(registry, network, options, (host, domain))
    evidence = await collector.collect([check])
    subject = host if registry.subject_of(check) is Host else domain
    return judge(check, subject, registry, evidence)
