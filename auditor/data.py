"""Where the playbooks and runbooks are: in the repository, or in the installed wheel."""

from pathlib import Path

_HERE = Path(__file__).parent


def directory(name: str) -> Path:
    """`playbooks` or `runbooks`. The wheel's copy where there is one, else the checkout's.

    Raises FileNotFoundError when this installation has neither.
    """
    for place in (_HERE / "_data" / name, _HERE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this installation of auditor has no {name}")
