"""There is room for mail.

A full spool refuses mail or, worse, takes half of it; a full log disk ends the evidence. Inodes run out before bytes
where there are many small files.
"""

from auditor.evidence.queue import SpoolSpace
from auditor.model import ByHand, Check, Failed, Family, Observation, Passed, Severity, Verdict

SHARE = 0.10
BYTES = 512 << 20
"""A tenth free, or half a gigabyte on small disks: below both is too little."""


def judge(space: SpoolSpace) -> Verdict:
    """Free bytes for ordinary users, and free inodes where the file system counts them."""
    bad: list[Observation] = []
    for place in space.places:
        share = place.free / place.size if place.size else 1.0
        inodes = place.inodes_free / place.inodes if place.inodes else 1.0
        if (share < SHARE and place.free < BYTES) or share < SHARE / 4 or inodes < SHARE:
            bad.append(
                {
                    "path": place.path,
                    "free MiB": place.free >> 20,
                    "free %": round(share * 100),
                    "free inodes %": round(inodes * 100),
                }
            )
    if bad:
        return Failed("hardly any room in " + ", ".join(str(row["path"]) for row in bad), tuple(bad))
    return Passed("spool, log and mailboxes have room")


CHECK = Check.of(
    judge,
    family=Family.QUEUE,
    severity=Severity.HIGH,
    remedy=ByHand(
        "Find what grows (`du -xh --max-depth=2 /var | sort -h | tail`). Rotate logs, move mailboxes, enlarge the volume. Never delete below the spool by hand."
    ),
    runbook="storage-loss",
    references=("postconf(5), queue_minfree",),
)
