"""Who a domain belongs to: from the Public Suffix List, no question is asked."""

from functools import cache

from publicsuffixlist import PublicSuffixList

from auditor.evidence.organisation import OrganisationalDomain
from auditor.model import Domain


@cache
def _suffixes() -> PublicSuffixList:
    """The list that checkdmarc has read already: reading it takes 150 ms, and a scan of a domain needs both."""
    from checkdmarc.utils import PSL  # noqa: PLC0415 - wanted only by a scan

    assert isinstance(PSL, PublicSuffixList)
    return PSL


async def organisational_domain(domain: Domain) -> OrganisationalDomain:
    """The registered domain above, or the domain itself; also for names that are no public ones, as in a lab."""
    return OrganisationalDomain(name=_suffixes().privatesuffix(domain.name) or domain.name)
