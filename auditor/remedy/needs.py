"""What a part of a playbook cannot do without, and when: read from the playbooks, held against inventory and finding. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.model import Observation

Variables = Mapping[str, object]
EVERY_TAG = ""


@dataclass(frozen=True, slots=True)
class Need:
    """Variables of the inventory of which one must be there and not empty."""

    variable: str
    """`a or b` is either; `a.b` is the key b of a."""
    seen: Observation = field(default_factory=dict)
    """Only for a finding that observed this; without anything, for every one."""
    begins: Mapping[str, str] = field(default_factory=dict)
    """Only where these variables of the inventory begin like this."""

    def unmet(self, variables: Variables, observed: Sequence[Observation]) -> bool:
        """It arises from this finding on this host, and nothing meets it."""
        arises = not self.seen or any(self.seen.items() <= row.items() for row in observed)
        here = all(str(variables.get(name, "")).startswith(text) for name, text in self.begins.items())
        return arises and here and not any(_said(variables, name) for name in self.variable.split(" or "))


Needs = Mapping[str, Sequence[Need]]
"""Tag -> what it cannot do without. Those of EVERY_TAG hold for the whole playbook."""


def read_need(said: str | Mapping[str, Any]) -> Need:
    """One entry of a role's meta/needs.yml: a name, or a name with the cases in which it is needed."""
    return Need(said) if isinstance(said, str) else Need(**said)


def _said(variables: Variables, name: str) -> bool:
    """There is a value, or something that only Ansible can read (a template, a vault)."""
    value: object = variables
    for key in name.split("."):
        if not isinstance(value, Mapping) or "__ansible_vault" in value:
            break
        value = value.get(key)
    if isinstance(value, str):
        return bool(value.strip())
    return bool(value)
