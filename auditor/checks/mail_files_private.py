"""Keys and password files are private.

A key that every account can read signs mail, and poses as the server, for whoever breaks into any web application on it.
"""

from auditor.evidence.system import SensitiveFiles
from auditor.model import ByHand, Check, Failed, Family, NotApplicable, Passed, Severity, Verdict

PUBLIC = (".crt", ".cer", ".pub", ".pem", ".db.pub", "README")
"""Endings of what holds certificates or nothing secret; a key in a .pem is seen by its group's rights elsewhere."""


def judge(files: SensitiveFiles) -> Verdict:
    """No right for others at all."""
    bad = [file for file in files.files if file.mode & 0o007 and not file.path.endswith(PUBLIC)]
    if bad:
        return Failed(
            f"{len(bad)} secret files are open to every account",
            tuple({"file": file.path, "mode": f"{file.mode:04o}", "owner": file.owner} for file in bad),
        )
    if not files.files:
        return NotApplicable("no key or password file at the usual places")
    return Passed(f"{len(files.files)} keys and password files are closed to others")


CHECK = Check.of(
    judge,
    family=Family.HOST,
    severity=Severity.MEDIUM,
    remedy=ByHand(
        "chmod o-rwx each file, and give it the group of the one service that reads it. A private key that was open to others is to be replaced: runbook keys."
    ),
    runbook="host-compromise",
    references=("postmap(1)",),
)
