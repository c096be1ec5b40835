"""Who is asked before a host is cut off: nobody, the owner, or whoever sits at that very machine."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import pytest

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
NEIGHBOURS = (
    "mail_listeners", "mail_dialogue", "mail_transaction", "packet_filter", "zone_text", "name_servers",
)  # fmt: skip


@pytest.fixture(scope="module")
def load():
    """A module or filter as Ansible sees it: its neighbours lie in ansible.module_utils."""
    loaded = []

    def load(path: str, name: str = ""):
        file = PLAYBOOKS / path
        spec = spec_from_file_location(name or file.stem, file)
        module = module_from_spec(spec)
        if name:
            sys.modules[name] = module
            loaded.append(name)
        spec.loader.exec_module(module)
        return module

    for neighbour in NEIGHBOURS:
        load(f"module_utils/{neighbour}.py", f"ansible.module_utils.{neighbour}")
    yield load
    for name in loaded:
        del sys.modules[name]


FOUND = {"local": False, "resolver": [], "alone": {}}
ABOUT = {
    "host": "mx1.example.org", "own": ["mx1.example.org", "192.0.2.25"], "level": "L3", "takes_mail": True,
    "domains": ["example.org"], "hosts": {"mx1.example.org": {}}, "owner_agrees": False, "local_ok": False,
}  # fmt: skip
NOBODY = {"example.org": "no other MX host is published"}


@pytest.fixture
def refusal(load):
    judge = load("filter_plugins/isolation_refusal.py").isolation_refusal
    return lambda found=None, **about: judge({**FOUND, **(found or {})}, {**ABOUT, **about})


def test_a_host_that_nothing_hangs_on_is_isolated(refusal):
    assert refusal() == ""
    assert refusal(takes_mail=False, domains=[]) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"alone": NOBODY},
            "is the last one known to take mail for example.org (no other MX host is published)",
        ),
        ({"resolver": ["192.0.2.25"]}, "answers name questions of others at 192.0.2.25"),
    ],
)
def test_what_others_need_is_the_owners_to_cut_off(refusal, found, said):
    assert refusal(found) == (
        f"Refused: mx1.example.org {said}; nothing was changed, and isolate_owner_agrees=true isolates it nevertheless."
    )
    assert refusal(found, owner_agrees=True) == ""
    assert refusal(found, local_ok=True) == refusal(found)
    assert refusal(found, level="L2") == "", "mail still comes in, and names are still answered"


def test_domains_that_nobody_named_are_no_proof_that_another_host_takes_the_mail(refusal):
    assert "mail_domains does not say for which domains" in refusal(domains=[])


@pytest.mark.parametrize("level", ["L2", "L3"])
def test_the_machine_that_the_tool_runs_on_is_isolated_by_its_own_flag_alone(refusal, level):
    said = refusal({"local": True}, level=level)
    assert said.startswith("Refused: mx1.example.org is the machine that this runs on")
    assert said.endswith("isolate_local_ok=true isolates it nevertheless.")
    assert refusal({"local": True}, level=level, owner_agrees=True) == said
    assert refusal({"local": True}, level=level, local_ok=True) == ""


def test_every_reason_is_told_at_once(refusal):
    said = refusal({"local": True, "alone": NOBODY})
    assert "this runs on" in said
    assert "example.org" in said
    assert "isolate_local_ok=true and isolate_owner_agrees=true" in said
    many = {f"{letter}.example": "x" for letter in "abcde"}
    assert "a.example (x), b.example (x), c.example (x) and 2 more" in refusal({"alone": many})


@pytest.mark.parametrize(
    ("said", "behind"),
    [
        ({"ansible_ssh_common_args": "-o ProxyJump=admin@mx1.example.org:2222"}, True),
        ({"ansible_ssh_extra_args": "-J first.example.net,192.0.2.25"}, True),
        ({"ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p mx1.example.org'"}, True),
        ({"ansible_ssh_common_args": "-o ProxyJump=mx11.example.org"}, False),
        ({"ansible_ssh_common_args": "-o UserKnownHostsFile=/root/mx1.example.org"}, False),
        ({"ansible_host": "mx1.example.org"}, False),
    ],
)
def test_the_way_in_to_others_is_what_the_inventory_says_of_their_ssh(refusal, said, behind):
    hosts = {"mx1.example.org": said, "db.example.org": said}
    assert ("is the way in to db.example.org;" in refusal(hosts=hosts)) is behind


@pytest.mark.parametrize(
    ("connection", "local"),
    [
        ("", True),
        ("198.51.100.7 50000 192.0.2.25 22", False),
        ("192.0.2.25 50000 192.0.2.25 22", True),
        ("127.0.0.1 50000 127.0.0.1 22", True),
        ("::ffff:192.0.2.25 50000 ::ffff:192.0.2.25 22", True),
        ("fe80::1%eth0 50000 fe80::2%eth0 22", False),
    ],
)
def test_a_login_from_an_address_of_the_host_was_made_on_the_host(load, connection, local):
    assert load("library/dependants.py").runs_here(connection, ["192.0.2.25"]) is local


def test_a_resolver_that_listens_to_itself_alone_answers_nobody_else(load):
    answers = load("library/dependants.py").answers_names
    assert answers("UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\nUNCONN 0 0 [::1]:53 [::]:*\n") == []
    assert answers("UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\nLISTEN 0 9 [2001:db8::1]:53 [::]:*\n") == [
        "0.0.0.0",
        "2001:db8::1",
    ]
    assert answers("UNCONN 0 0 *:53 *:*\n") == ["*"]


ZONE = {"mx1.example.org": ["192.0.2.25"], "mx2.example.org": ["192.0.2.26", "2001:db8::26"]}


@pytest.mark.parametrize(
    ("targets", "answers", "why"),
    [
        (["mx1.example.org", "mx2.example.org"], {"192.0.2.26": ""}, ""),
        (["mx1.example.org", "mx2.example.org"], {"192.0.2.26": "451 later", "2001:db8::26": ""}, ""),
        (
            ["mx1.example.org", "mx2.example.org"],
            {"192.0.2.26": "timed out", "2001:db8::26": "550 no"},
            "mx2.example.org takes none now: 550 no",
        ),
        (["mx1.example.org"], {}, "no other MX host is published"),
        (
            ["mx2.example.org"],
            {"192.0.2.26": ""},
            "which of its MX hosts this is cannot be told (mx2.example.org)",
        ),
        (["mx1.example.org", "gone.example.org"], {}, "gone.example.org takes none now: it has no address"),
        ([], {}, ""),
    ],
)
def test_another_mx_counts_when_it_takes_mail_for_the_domain_now(load, monkeypatch, targets, answers, why):
    module = load("library/other_exchangers.py")
    monkeypatch.setattr(module, "exchangers", lambda _domain: targets)

    def looked_up(name: str, kind: str):
        return SimpleNamespace(values=[one for one in ZONE.get(name, []) if (":" in one) is (kind == "AAAA")])

    monkeypatch.setattr(module, "looked_up", looked_up)
    monkeypatch.setattr(module, "takes", lambda address, _domain: answers[address])
    assert module.Question(["mx1.example.org", "192.0.2.25"]).alone("example.org") == why


def test_a_login_is_found_behind_a_program_that_empties_the_environment(load):
    packet_filter = load("module_utils/packet_filter.py")
    told = "198.51.100.7 50000 192.0.2.25 22"
    inner = "import sys, time; print('ready', flush=True); sys.stdin.read()"
    outer = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], env={{}}, check=False)"
    environment = {"SSH_CONNECTION": told, "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [sys.executable, "-c", outer],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout.readline() == "ready\n"
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split()
        assert b"SSH_CONNECTION" not in Path(f"/proc/{children[0]}/environ").read_bytes()
        assert packet_filter.login(int(children[0])) == told
        shell.stdin.close()
