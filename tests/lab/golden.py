"""What a scan of a stock host says, one line a finding, reviewed by a person and kept under golden/.

Names, addresses, versions and the label of the scan are replaced by what they stand for, so that a line changes only when
auditor, or Debian, does.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.lab.machine import Host

FOLDER: Final = Path(__file__).with_name("golden")
ORDER: Final = ("crash", "failed", "unknown", "passed", "not-applicable")
VARIES: Final = {"security-updates-applied": "varies with the day on which the image was built"}
"""Not compared: what it says is about the machine that runs the tests."""
_PROGRAMS: Final = (
    r"\b(Debian GNU/Linux|Postfix|Exim|Sendmail|OpenSMTPD|Dovecot|postfix|exim4?|sendmail|opensmtpd)"
)


def render(findings: Iterable[dict[str, Any]], host: Host) -> str:
    """All findings as text: worst first, then what passed, then what does not apply."""
    rows = sorted(findings, key=lambda f: (ORDER.index(f["status"]), f["check"], f["subject"]))
    return "".join(f"{_line(row, host)}\n" for row in rows if row["check"] not in VARIES) + "".join(
        f"{'-':<15}{check:<31}{why}\n" for check, why in VARIES.items()
    )


def _line(finding: dict[str, Any], host: Host) -> str:
    weight = {"failed": finding["severity"], "unknown": finding["reason"]}.get(finding["status"], "")
    status = finding["status"] if not weight else f"{finding['status']} {weight}"
    return f"{status:<15} {finding['check']:<30} {steady(finding['summary'], host)}"


def steady(text: str, host: Host) -> str:
    """`text` without what differs between two hosts, two scans, two machines or two point releases."""
    for value, name in ((host.name, "HOST"), (host.domain, "DOMAIN"), (host.v4, "V4"), (host.v6, "V6")):
        text = text.replace(value, name)
    text = re.sub(r"(auditor|zz)-[0-9a-f]{12}", r"\1-LABEL", text)
    text = re.sub(r"names \S+ and not HOST", "names BUILDER and not HOST", text)
    return re.sub(_PROGRAMS + r" (\d+\.\d\S*)", r"\1 VERSION", text)
