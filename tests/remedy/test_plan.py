"""Open findings become playbooks in a safe order, per host."""

from auditor.model import Severity, Status
from auditor.remedy.needs import EVERY_TAG, Need
from auditor.remedy.plan import Member, make_plan
from auditor.remedy.scanned import Result, Scanned

ORDER = ("role-addresses", "close-relay", "authentication-records")
NEEDS = {
    "role-addresses": {},
    "close-relay": {},
    "authentication-records": {EVERY_TAG: (Need("mail_domains"),)},
}


def result(check="relay-closed", subject="mx1.example.org", playbook="close-relay", **changes):
    given = {
        "check": check,
        "subject_kind": "host",
        "subject": subject,
        "status": Status.FAILED,
        "severity": Severity.CRITICAL,
        "summary": "RCPT for a foreign address was accepted",
        "playbook": playbook,
    }
    return Result(**(given | changes))


def member(name="mx1.example.org", **changes):
    return Member(**({"name": name, "variables": {"mail_domains": ["example.org"]}} | changes))


def plan(*results, members=None, hosts_of_domain=(), **kw):
    scanned = Scanned(results=results, hosts_of_domain=hosts_of_domain)
    return make_plan(scanned, members or (member(),), order=ORDER, **{"needs": NEEDS, **kw})


def test_the_order_is_that_of_site_yml_and_not_that_of_the_findings():
    made = plan(result(), result("abuse-accepted", playbook="role-addresses"))

    assert [step.playbook for step in made.steps] == ["role-addresses", "close-relay"]


def test_findings_of_one_playbook_share_one_run_with_their_tags():
    made = plan(result(), result("relay-rewritten-closed"))

    assert [step.tags for step in made.steps] == [("relay-closed", "relay-rewritten-closed")]


def test_hosts_with_the_same_findings_share_a_run_and_others_do_not():
    members = (member("mx1"), member("mx2"), member("mx3"))
    made = plan(
        result(subject="mx1"),
        result(subject="mx2"),
        result("relay-rewritten-closed", subject="mx3"),
        members=members,
    )

    assert [(s.hosts, s.tags) for s in made.steps] == [
        (("mx1", "mx2"), ("relay-closed",)),
        (("mx3",), ("relay-rewritten-closed",)),
    ]


def test_what_passed_is_unknown_or_accepted_is_not_repaired():
    made = plan(
        result(status=Status.PASSED),
        result("a", status=Status.UNKNOWN),
        result("b", accepted=True),
    )

    assert made.steps == ()


def test_a_finding_below_the_asked_severity_waits():
    assert plan(result(severity=Severity.LOW), minimum=Severity.HIGH).steps == ()


def test_a_host_known_by_its_address_is_found_by_ansible_host():
    made = plan(result(subject="198.51.100.10"), members=(member(addresses=("198.51.100.10",)),))

    assert made.steps[0].hosts == ("mx1.example.org",)


def test_a_finding_on_a_domain_runs_on_the_hosts_that_serve_it():
    found = result("spf-single-valid-record", "example.org", "authentication-records", subject_kind="domain")

    assert plan(found).steps[0].hosts == ("mx1.example.org",)


def test_a_finding_on_a_domain_without_mail_runs_on_the_host_whose_owner_says_that_it_is_theirs():
    parked = result(
        "null-mx-consistent", "parked.example", subject_kind="domain", playbook="authentication-records"
    )
    said = {"mail_domains": ["example.org"], "mail_silent_domains": ["parked.example"]}
    assert plan(parked).unreachable[0][1] == "no host of the inventory answers to parked.example"
    assert plan(parked, members=(member(variables=said),)).steps[0].hosts == ("mx1.example.org",)


def test_domains_that_only_the_scan_knows_are_handed_over():
    made = plan(
        result(),
        members=(member(variables={}),),
        hosts_of_domain=(("example.org", ("mx1.example.org",)),),
    )

    assert made.steps[0].derived == {"mail_domains": ["example.org"]}
    assert made.steps[0].command("hosts.yml").endswith("""-e '{"mail_domains": ["example.org"]}'""")


def test_what_the_inventory_says_is_never_overridden():
    made = plan(result(), hosts_of_domain=(("other.example", ("mx1.example.org",)),))

    assert made.steps[0].derived == {}


def test_a_variable_that_only_the_admin_knows_is_named_and_its_step_not_run():
    found = result("spf-single-valid-record", playbook="authentication-records")
    made = plan(found, members=(member(variables={}),))

    assert made.steps[0].missing == ("mail_domains",)
    assert made.runnable == ()


def test_a_host_outside_the_inventory_is_said_and_not_guessed():
    made = plan(result(subject="mx9.example.org"))

    assert made.steps == ()
    assert made.unreachable[0][1] == "no host of the inventory answers to mx9.example.org"


def test_a_host_in_check_only_is_left_alone():
    made = plan(result(), members=(member(check_only=True),))

    assert made.steps == ()
    assert "check_only" in made.unreachable[0][1]


def test_a_finding_for_a_person_is_kept_apart():
    by_hand = result(playbook=None, by_hand="Ask the provider for the PTR record.")

    assert plan(by_hand).by_hand == (by_hand,)


def test_the_command_is_what_a_person_would_type():
    assert plan(result()).steps[0].command("hosts.yml") == (
        "ansible-playbook -i hosts.yml playbooks/close-relay.yml -l mx1.example.org --tags relay-closed"
    )


def needing(*names, **variables):
    return plan(
        result("log-persistent", playbook="logging"),
        result("log-shipped-off-host", playbook="logging"),
        members=(member(variables=variables),),
        needs={"logging": {"log-shipped-off-host": tuple(map(Need, names))}},
    )


def test_a_finding_that_lacks_a_variable_keeps_no_other_back():
    made = needing("mail_log_host")

    assert [(step.tags, step.missing) for step in made.steps] == [
        (("log-persistent",), ()),
        (("log-shipped-off-host",), ("mail_log_host",)),
    ]
    assert [step.tags for step in made.runnable] == [("log-persistent",)]


def test_a_tag_that_has_what_it_needs_shares_the_run():
    assert [step.tags for step in needing("mail_log_host", mail_log_host="log.example.org").runnable] == [
        ("log-persistent", "log-shipped-off-host")
    ]


def test_one_of_two_ways_is_enough():
    assert (
        len(needing("mail_alarm_mail or mail_alarm_post", mail_alarm_post="https://x.example").runnable) == 1
    )
    (_, waits) = needing("mail_alarm_mail or mail_alarm_post").steps
    assert waits.missing == ("mail_alarm_mail or mail_alarm_post",)


def test_a_variable_is_asked_for_where_the_finding_shows_that_it_is_needed():
    reader = Need("mail_contacts.owner.mail", seen={"role": "root"})
    lost = {"check": "roles-reach-people", "playbook": "role-addresses"}
    made = plan(
        result(subject="mx1", observed=({"role": "abuse"}, {"role": "root"}), **lost),
        result(subject="mx2", observed=({"role": "abuse"},), **lost),
        members=(member("mx1"), member("mx2")),
        needs={"role-addresses": {"roles-reach-people": (reader,)}},
    )

    assert [(step.hosts, step.missing) for step in made.steps] == [
        (("mx1",), ("mail_contacts.owner.mail",)),
        (("mx2",), ()),
    ]
