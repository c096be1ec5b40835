"""An isolation that cannot be made safely is not made; nftables and systemd are played here, the laboratory has the real ones."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.runbook import library
from auditor.runbook.values import seconds

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
NEIGHBOURS = ("mail_listeners", "mail_dialogue", "mail_transaction", "packet_filter")
VANTAGE = "198.51.100.7 50000 192.0.2.25 22"


class Said(Exception):
    """What the module ends with."""

    def __init__(self, *, failed: bool, **told) -> None:
        super().__init__(told)
        self.failed, self.text = failed, told.get("msg") or told.get("sentence")


@pytest.fixture(scope="module")
def module():
    loaded = []
    for name in NEIGHBOURS:
        spec = spec_from_file_location(
            f"ansible.module_utils.{name}", PLAYBOOKS / "module_utils" / f"{name}.py"
        )
        sys.modules[spec.name] = module_from_spec(spec)
        loaded.append(spec.name)
        spec.loader.exec_module(sys.modules[spec.name])
    spec = spec_from_file_location("isolation", PLAYBOOKS / "library/isolation.py")
    isolation = module_from_spec(spec)
    spec.loader.exec_module(isolation)
    yield isolation
    for name in loaded:
        del sys.modules[name]


class Machine:
    """A host on which every command works unless a test says that it does not; notes what was run."""

    def __init__(self, module, tmp_path, monkeypatch) -> None:
        self.module, self.ran, self.fails, self.disarmed = module, [], {}, []
        self.tables: set[str] = set()
        for name in ("HOME", "STATE", "RULES", "OPENING", "UNIT"):
            monkeypatch.setattr(module, name, tmp_path / name.lower())
        monkeypatch.setattr(module, "HOME", tmp_path)
        monkeypatch.setattr(module, "Path", lambda path: tmp_path / str(path).strip("/"))
        monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(module, "arm", lambda *_args: self.fails.get("arm", ""))
        monkeypatch.setattr(module, "disarm", self.disarmed.append)
        monkeypatch.setattr(module, "present", lambda table: table in self.tables)
        monkeypatch.setattr(module, "live_addresses", lambda: ["198.51.100.7"])
        monkeypatch.setattr(module, "ssh_ports", lambda: [22, 2222])
        monkeypatch.setattr(module, "login", lambda: VANTAGE)
        self.patch = monkeypatch

    def run(self, argv):
        self.ran.append(" ".join(argv[:3]))
        failing = self.fails.get(" ".join(argv[:3]), "")
        if argv[0] == "nft" and argv[1] == "-f" and not failing:
            self.tables |= {"auditor_iso", "auditor_egress"}
        return SimpleNamespace(returncode=1 if failing else 0, stdout="", stderr=failing)

    def isolate(self, state="present", **more) -> Said:
        def fail(**told):
            raise Said(failed=True, **told)

        def done(**told):
            raise Said(failed=False, **told)

        params = {
            "level": "L3", "incident": "INC-1", "admin_networks": [], "dead_man_seconds": 900, "log_host": "", "names": True,
            "mta": "postfix", **more,
        }  # fmt: skip
        asked = SimpleNamespace(params=params, check_mode=False, fail_json=fail, exit_json=done)
        act = {"present": self.module._apply, "confirmed": self.module._confirm}[state]
        with pytest.raises(Said) as said:
            act(asked)
        return said.value


@pytest.fixture
def machine(module, tmp_path, monkeypatch):
    return Machine(module, tmp_path, monkeypatch)


def test_without_a_dead_man_nothing_is_applied(machine):
    machine.fails["arm"] = "Failed to start transient timer unit"
    assert machine.isolate().text.startswith(
        "Not isolated, nothing was changed: the dead man's timer did not start"
    )
    assert not machine.tables
    assert not machine.module.STATE.exists()


def test_rules_that_nft_does_not_take_are_not_loaded_and_the_dead_man_is_sent_home(machine):
    machine.fails["nft -c -f"] = "Error: syntax error"
    assert "nft refuses the rules: Error: syntax error" in machine.isolate().text
    assert "nft -f" not in " ".join(machine.ran)
    assert machine.disarmed == ["auditor-deadman-INC-1"]
    assert machine.ran[-1] == "systemctl unmask --runtime"


def test_an_isolation_that_nobody_could_come_back_through_is_not_made(machine):
    machine.patch.setattr(machine.module, "live_addresses", list)
    assert "nobody could come back" in machine.isolate().text
    assert machine.ran == []


def test_the_login_that_isolated_does_not_confirm_and_a_new_one_does(machine):
    assert not machine.isolate().failed
    same = machine.isolate("confirmed")
    assert same.failed
    assert "this is the login that isolated the host" in same.text
    assert not machine.module.UNIT.exists(), "a reboot would lift it still"
    machine.patch.setattr(machine.module, "login", lambda: VANTAGE.replace("50000", "50001"))
    assert "survives a reboot" in machine.isolate("confirmed").text
    assert json.loads(machine.module.STATE.read_text())["confirmed"] is True
    assert machine.disarmed == ["auditor-deadman-INC-1"]


def test_a_table_that_is_gone_is_not_confirmed(machine):
    machine.isolate()
    machine.tables.discard("auditor_egress")
    machine.patch.setattr(machine.module, "login", lambda: "other")
    assert "table auditor_egress is gone" in machine.isolate("confirmed").text


def test_the_rules_hold_their_place_and_every_port_of_sshd(module):
    text = module.iso_table("INC-1", ["198.51.100.7", "2001:db8::/64"], [22, 2222], ("192.0.2.20", 6514))
    assert text.count("priority filter - 10; policy drop;") == 3
    assert "tcp dport { 22, 2222 } ip saddr @admin4 accept" in text
    assert "tcp dport { 22, 2222 } ip6 saddr @admin6 accept" in text
    assert "tcp dport 6514 ip daddr 192.0.2.20 accept" in text
    assert text.startswith("add table inet auditor_iso\ndelete table inet auditor_iso\n")
    assert "flush" not in text


def test_the_runbooks_count_down_to_the_very_second_at_which_ssh_opens():
    steps = [step for book in library.every(PLAYBOOKS.parent / "runbooks") for step in book.steps]
    counted = {step.id: step.words for step in steps if step.words.dead_man is not None}
    assert set(counted) == {"shut-in"}
    for words in counted.values():
        assert words.args["isolate_dead_man_seconds"] == seconds(words.dead_man.after)


def test_names_are_shut_where_data_may_leave_through_them(module):
    known = module.iso_table("INC-1", ["198.51.100.7"], [22], None)
    shut = module.iso_table("INC-1", ["198.51.100.7"], [22], None, names=False)
    assert "    udp dport { 53, 123 } accept\n    tcp dport 53 accept\n" in known
    assert "    udp dport 123 accept\n" in shut
    assert "53" not in shut
