"""What the playbooks folder says of itself: the safe order, and which variables a playbook cannot do without."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auditor.remedy.needs import EVERY_TAG, Need, Needs, read_need


@dataclass(frozen=True, slots=True)
class Shelf:
    """The playbooks that are there, in the order of site.yml."""

    folder: Path

    def order(self) -> tuple[str, ...]:
        """Names in the order in which site.yml runs them: the one place that decides it."""
        plays = yaml.safe_load((self.folder / "site.yml").read_text(encoding="utf-8"))
        imports = (
            play.get("import_playbook") or play.get("ansible.builtin.import_playbook") for play in plays
        )
        return tuple(name.removesuffix(".yml") for name in imports if name)

    def has(self, playbook: str) -> bool:
        """There is a file of that name."""
        return (self.folder / f"{playbook}.yml").is_file()

    def required(self, playbook: str) -> tuple[str, ...]:
        """Variables without which its roles refuse to start, from their argument_specs."""
        names: dict[str, None] = {}
        for role in self._roles(playbook):
            specs = self.folder / "roles" / role / "meta" / "argument_specs.yml"
            if specs.is_file():
                main = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]
                options: dict[str, dict[str, Any]] = main.get("options") or {}
                names.update(
                    dict.fromkeys(name for name, option in options.items() if option.get("required"))
                )
        return tuple(names)

    def needs(self, playbook: str) -> Needs:
        """What it cannot do without: as a whole by argument_specs of its roles, each tag by their meta/needs.yml."""
        found: dict[str, tuple[Need, ...]] = {EVERY_TAG: tuple(map(Need, self.required(playbook)))}
        for role in self._roles(playbook):
            path = self.folder / "roles" / role / "meta" / "needs.yml"
            if path.is_file():
                said = yaml.safe_load(path.read_text(encoding="utf-8"))
                found.update({tag: tuple(map(read_need, needs)) for tag, needs in said.items()})
        return found

    def _roles(self, playbook: str) -> list[str]:
        plays = yaml.safe_load((self.folder / f"{playbook}.yml").read_text(encoding="utf-8"))
        found = []
        for play in plays:
            found += [role["role"] if isinstance(role, dict) else role for role in play.get("roles") or ()]
            for task in play.get("tasks") or ():
                for word in (
                    "import_role",
                    "ansible.builtin.import_role",
                    "include_role",
                    "ansible.builtin.include_role",
                ):
                    if word in task:
                        found.append(task[word]["name"])
        return found
