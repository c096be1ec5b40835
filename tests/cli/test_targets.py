import pytest

from auditor.cli._targets import BadTarget, read_name, read_ssh, read_targets
from auditor.discover import Target
from auditor.model import Declared, SshTarget


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("MX1.Example.ORG.", "mx1.example.org"),
        (" example.org ", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("198.51.100.10", "198.51.100.10"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("localhost", "localhost"),
        ("_dmarc.example.org", "_dmarc.example.org"),
    ],
)
def test_a_target_is_read_as_people_write_it(typed, read):
    assert read_name(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["", ".", "a..b", "-a.example", "a-.example", "x" * 64, ".".join(["abcdefgh"] * 30), "a b", "10.0.0.0/8",
     "http://a", "a@b", "1.2.3", "256.1.1.1", "a\x1b[2J.example", "mx1:25", "\u200b.example", "$(id).example"],
)  # fmt: skip
def test_anything_else_is_refused_in_one_printable_sentence(typed):
    with pytest.raises(BadTarget) as refused:
        read_name(typed)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("mx1", SshTarget(host="mx1")),
        ("root@mx1.example.org:2222", SshTarget(host="mx1.example.org", port=2222, user="root")),
        ("root@[2001:db8::1]:22", SshTarget(host="2001:db8::1", user="root")),
        ("2001:db8::1", SshTarget(host="2001:db8::1")),
        ("first.last@corp@mx1", SshTarget(host="mx1", user="first.last@corp")),
    ],
)
def test_a_way_in_is_read_as_for_ssh(typed, read):
    assert read_ssh(typed) == read


@pytest.mark.parametrize("typed", ["", "root@", "@mx1", "mx1:0", "mx1:ssh", "mx1:65536"])
def test_a_way_in_that_leads_nowhere_is_refused(typed):
    with pytest.raises(BadTarget):
        read_ssh(typed)


def test_one_target_and_one_way_in_belong_together():
    way = SshTarget(host="10.0.0.9", user="root")
    assert read_targets(["example.org"], ["root@10.0.0.9"], []) == (Target("example.org", None, way),)


def test_several_ways_in_find_their_targets_by_name_or_are_targets_themselves():
    targets = read_targets(["a.example", "b.example"], ["root@b.example", "c.example"], [])
    assert targets == (
        Target("a.example"),
        Target("b.example", None, SshTarget(host="b.example", user="root")),
        Target("c.example", None, SshTarget(host="c.example")),
    )


def test_the_inventory_knows_more_about_a_host_than_the_command_line():
    declared = Target("a.example", Declared(domains=("example.org",)))
    assert read_targets(["A.example"], [], [declared]) == (declared,)
