"""Supervision, judged from units and control groups as real Debian hosts have them."""

import pytest

from auditor.checks import (
    helpers_supervised,
    listener_owned_by_unit,
    maintenance_timers_alive,
    second_mta_absent,
    service_enabled_at_boot,
    service_not_flapping,
    service_restarts_on_failure,
)
from auditor.evidence.endpoints import Endpoint, parse_endpoint
from auditor.evidence.mta import Mta, MtaDaemon, MtaRunning
from auditor.evidence.processes import Listener, Process, ProcessTable
from auditor.evidence.units import (
    Keeper,
    MailHelpers,
    MailServices,
    Service,
    Unit,
    UnitTable,
    keeper_of,
    parse_units,
)
from auditor.inside.command import Output
from auditor.inside.supervision import mail_helpers, mail_services, watched_names
from auditor.model import Declared, Failed, Host, NotApplicable, Passed, Reason, Unavailable

BOOKWORM_POSTFIX = """\
Type=forking
Restart=no
RemainAfterExit=no
Result=success
NRestarts=0
Id=postfix@-.service
RequiredBy=
WantedBy=postfix.service
TriggeredBy=
LoadState=loaded
ActiveState=active
SubState=running
SourcePath=
UnitFileState=enabled-runtime

Type=oneshot
Restart=no
RemainAfterExit=yes
Result=success
NRestarts=0
Id=postfix.service
WantedBy=multi-user.target
LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=enabled

Id=exim4.service
LoadState=not-found
ActiveState=inactive
SubState=dead
"""
POSTFIX_CGROUP = "/system.slice/system-postfix.slice/postfix@-.service"


def unit(identity="postfix@-.service", **changes) -> Unit:
    plain = {"restart": "on-failure", "type": "forking", "file_state": "enabled"}
    return Unit(id=identity, **(plain | changes))


def service(**changes) -> Service:
    plain = {
        "name": "postfix",
        "pid": 384,
        "ports": (25,),
        "keeper": Keeper.UNIT,
        "keeper_name": "postfix@-.service",
        "unit": unit(),
        "starts_at_boot": True,
    }
    return Service(**(plain | changes))


def stray(keeper=Keeper.LOGIN, where="session-99.scope") -> Service:
    return service(keeper=keeper, keeper_name=where, unit=None, starts_at_boot=False)


def out(text: str) -> Output:
    return Output(command="x", exit_code=0, stdout=text.encode())


def host_with(
    cgroup: str, units_text: str = BOOKWORM_POSTFIX, *, alive: bool = True, elsewhere: str = ""
) -> MailServices:
    table = ProcessTable(
        processes=(
            Process(
                pid=384,
                parent=1,
                user="root",
                command="master -w",
                executable="/usr/lib/postfix/sbin/master",
                cgroup=cgroup,
            ),
        )
        if alive
        else (),
        listeners=(Listener(kind="tcp", address="0.0.0.0", port=25, pids=(384,)),) if alive else (),
    )
    running = MtaRunning(
        daemons=(MtaDaemon(mta=Mta.POSTFIX, pid=384, command="master", ports=(25,)),) if alive else ()
    )
    return mail_services(out(elsewhere), table, UnitTable(units=parse_units(units_text)), running)


def test_stock_debian_12_postfix_is_found_behind_its_wrapper_and_starts_at_boot():
    (found,) = host_with(POSTFIX_CGROUP).running
    assert (found.keeper, found.keeper_name, found.starts_at_boot) == (Keeper.UNIT, "postfix@-.service", True)
    assert isinstance(service_restarts_on_failure.judge(host_with(POSTFIX_CGROUP)), Failed)
    assert isinstance(service_enabled_at_boot.judge(host_with(POSTFIX_CGROUP)), Passed)
    assert isinstance(listener_owned_by_unit.judge(host_with(POSTFIX_CGROUP)), Passed)


def test_a_postfix_started_in_a_session_is_a_stray_though_its_parent_is_1():
    """Report 004: `postfix start` by hand after a crash; the unit is failed and port 25 answers."""
    verdict = listener_owned_by_unit.judge(host_with("/user.slice/user-0.slice/session-99.scope"))
    assert isinstance(verdict, Failed)
    assert verdict.observed[0]["kept by"] == "started by hand"
    assert verdict.observed[0]["in"] == "session-99.scope"


def test_debian_12_s_wrapper_being_active_does_not_hide_a_dead_postfix():
    dead = BOOKWORM_POSTFIX.replace(
        "ActiveState=active\nSubState=running", "ActiveState=failed\nSubState=failed"
    )
    services = host_with("", dead, alive=False)
    assert [u.id for u in services.down] == ["postfix@-.service"]
    assert isinstance(service_restarts_on_failure.judge(services), Failed)
    verdict = service_not_flapping.judge(services)
    assert isinstance(verdict, Failed)
    assert "postfix@-.service is failed (failed) and has no process" in verdict.summary


def test_an_enabled_unit_that_is_active_exited_is_reported_up_and_dead():
    """Debian 12's Exim after kill -9: RemainAfterExit=yes keeps the unit active."""
    sysv = "Id=exim4.service\nLoadState=loaded\nActiveState=active\nSubState=exited\nType=forking\nRestart=on-failure\nRemainAfterExit=yes\nUnitFileState=generated\nWantedBy=multi-user.target\n"
    services = host_with("", sysv, alive=False)
    assert isinstance(service_restarts_on_failure.judge(services), Failed)
    assert isinstance(service_not_flapping.judge(services), Failed)


@pytest.mark.parametrize(
    ("changes", "comes_back"),
    [
        ({"restart": "on-failure"}, True),
        ({"restart": "always"}, True),
        ({"restart": "no"}, False),
        ({"restart": "on-abort"}, False),
        ({"restart": "on-success"}, False),
        ({"restart": "on-failure", "remain_after_exit": True}, False),
        ({"restart": "always", "remain_after_exit": True}, False),
    ],
)
def test_restart_counts_only_where_it_takes_effect(changes, comes_back):
    verdict = service_restarts_on_failure.judge(MailServices(running=(service(unit=unit(**changes)),)))
    assert isinstance(verdict, Passed if comes_back else Failed)


def test_a_service_that_monit_watches_comes_back_without_restart():
    services = host_with(
        POSTFIX_CGROUP, elsewhere='check process postfix with pidfile /x\n  start program = "/bin/y"\n'
    )
    assert isinstance(service_restarts_on_failure.judge(services), Passed)


def test_supervisord_and_runit_are_recognised_and_autorestart_false_is_not_supervision():
    text = (
        "[program:policy]\ncommand=/usr/bin/policyd --fg\nautorestart=true\n"
        "[program:lame]\ncommand=/usr/bin/lamed\nautorestart=false\n/etc/service/smtpd/run\n"
    )
    assert watched_names(text) == {"policy", "policyd", "smtpd"}


@pytest.mark.parametrize(
    ("cgroup", "keeper", "name"),
    [
        (POSTFIX_CGROUP, Keeper.UNIT, "postfix@-.service"),
        ("/user.slice/user-1000.slice/session-4.scope", Keeper.LOGIN, "session-4.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", Keeper.LOGIN, "x.service"),
        ("/system.slice/cron.service", Keeper.JOB, "cron.service"),
        ("/system.slice/ssh.service", Keeper.JOB, "ssh.service"),
        ("/system.slice/supervisor.service", Keeper.SUPERVISOR, "supervisor.service"),
        ("/system.slice/runit.service", Keeper.SUPERVISOR, "runit.service"),
        ("/system.slice/docker-0a1b.scope", Keeper.CONTAINER, "docker-0a1b.scope"),
        ("/machine.slice/libpod-0a1b.scope", Keeper.CONTAINER, "libpod-0a1b.scope"),
        ("/", Keeper.NOBODY, ""),
        ("/init.scope", Keeper.NOBODY, "init.scope"),
        ("", Keeper.NOBODY, ""),
    ],
)
def test_the_control_group_tells_who_keeps_a_process(cgroup, keeper, name):
    assert keeper_of(cgroup) == (keeper, name)


@pytest.mark.parametrize("keeper", [Keeper.LOGIN, Keeper.JOB, Keeper.NOBODY])
def test_strays_fail_and_kept_ones_do_not(keeper):
    services = MailServices(running=(stray(keeper), service(name="dovecot")))
    verdict = listener_owned_by_unit.judge(services)
    assert isinstance(verdict, Failed)
    assert len(verdict.observed) == 1
    assert isinstance(service_enabled_at_boot.judge(services), Failed)
    assert isinstance(service_restarts_on_failure.judge(services), Failed)


def test_a_container_is_kept_by_its_runtime_and_not_judged_by_units():
    contained = MailServices(running=(stray(Keeper.CONTAINER, "docker-0a.scope"),))
    assert isinstance(listener_owned_by_unit.judge(contained), Passed)
    assert isinstance(service_restarts_on_failure.judge(contained), NotApplicable)


def test_a_host_without_mail_services_is_not_applicable_everywhere():
    for check in (
        listener_owned_by_unit,
        service_restarts_on_failure,
        service_enabled_at_boot,
        service_not_flapping,
    ):
        assert isinstance(check.judge(MailServices()), NotApplicable)


def test_a_unit_that_runs_but_is_disabled_does_not_start_at_boot():
    table = UnitTable(units=(unit(file_state="disabled"),))
    assert not table.starts_at_boot(table.units[0])
    verdict = service_enabled_at_boot.judge(
        MailServices(running=(service(unit=table.units[0], starts_at_boot=False),))
    )
    assert isinstance(verdict, Failed)
    assert verdict.observed[0]["state"] == "disabled"


@pytest.mark.parametrize(
    ("state", "wanted_by", "expected"),
    [
        ("generated", ("multi-user.target",), True),
        ("generated", (), False),
        ("static", ("dbus.service",), False),
        ("masked", ("multi-user.target",), False),
        ("enabled-runtime", ("multi-user.target",), False),
        ("indirect", ("sockets.target",), True),
    ],
)
def test_what_starts_at_boot_is_told_from_what_pulls_the_unit_in(state, wanted_by, expected):
    one = unit(file_state=state, wanted_by=wanted_by)
    assert UnitTable(units=(one,)).starts_at_boot(one) is expected


def test_units_that_want_each_other_do_not_send_us_in_circles():
    one, two = (
        unit("a.service", file_state="static", wanted_by=("b.service",)),
        unit("b.service", file_state="static", wanted_by=("a.service",)),
    )
    assert UnitTable(units=(one, two)).starts_at_boot(one) is False


@pytest.mark.parametrize(
    ("restarts", "result", "kind"),
    [(0, "success", Passed), (2, "success", Passed), (3, "success", Failed), (0, "oom-kill", Failed)],
)
def test_a_third_automatic_restart_is_a_pattern(restarts, result, kind):
    verdict = service_not_flapping.judge(
        MailServices(running=(service(unit=unit(restarts=restarts, result=result)),))
    )
    assert isinstance(verdict, kind)


@pytest.mark.parametrize(
    ("changes", "by_hand"),
    [
        ({"restarts": 3}, True),
        ({"active": "activating", "sub": "auto-restart"}, True),
        ({"active": "failed", "sub": "failed", "result": "exit-code"}, True),
        ({"active": "inactive", "sub": "dead"}, False),
    ],
)
def test_what_keeps_crashing_needs_a_person_and_what_merely_stopped_the_playbook(changes, by_hand):
    verdict = service_not_flapping.judge(MailServices(down=(unit(**changes),)))
    assert isinstance(verdict, Failed)
    assert (verdict.by_hand is not None) is by_hand


def helpers(*words: str, processes=(), listeners=(), units_text=BOOKWORM_POSTFIX, resolv="") -> MailHelpers:
    host = Host(name="mx", declared=Declared(helpers=words))
    return mail_helpers(
        out(""),
        out(resolv),
        ProcessTable(processes=tuple(processes), listeners=tuple(listeners)),
        UnitTable(units=parse_units(units_text)),
        host,
        Unavailable(Reason.COMMAND_MISSING, "postconf"),
    )


POLICY = Process(
    pid=7,
    parent=1,
    user="nobody",
    command="postfwd",
    executable="/usr/sbin/postfwd",
    cgroup="/user.slice/user-0.slice/session-3.scope",
)
POLICY_SOCKET = Listener(kind="tcp", address="127.0.0.1", port=10040, pids=(7,))


def test_a_policy_service_started_by_hand_is_found_before_it_dies():
    verdict = helpers_supervised.judge(
        helpers("inet:127.0.0.1:10040", processes=[POLICY], listeners=[POLICY_SOCKET])
    )
    assert isinstance(verdict, Failed)
    assert verdict.observed[0]["fault"] == "was started by hand"
    assert "Write a unit" in (verdict.by_hand or "")


def test_a_resolver_started_by_hand_beside_it_is_still_the_playbook_s_work():
    resolver = Process(pid=8, parent=1, user="x", command="x", executable="/x", cgroup=POLICY.cgroup)
    socket = Listener(kind="tcp", address="127.0.0.1", port=53, pids=(8,))
    found = helpers(
        "inet:127.0.0.1:10040",
        processes=[POLICY, resolver],
        listeners=[POLICY_SOCKET, socket],
        resolv="nameserver 127.0.0.1\n",
    )
    verdict = helpers_supervised.judge(found)
    assert isinstance(verdict, Failed)
    assert (len(verdict.observed), verdict.by_hand) == (2, None)


@pytest.mark.parametrize(
    ("cgroup", "kind"),
    [
        ("/system.slice/runit.service", Passed),
        ("/system.slice/supervisor.service", Failed),
        ("/system.slice/docker-0a.scope", Passed),
        ("/", Failed),
    ],
)
def test_helpers_below_other_supervisors_are_judged_by_what_those_do(cgroup, kind):
    process = Process(pid=7, parent=1, user="x", command="x", executable="/usr/bin/x", cgroup=cgroup)
    found = helpers("inet:127.0.0.1:10040", processes=[process], listeners=[POLICY_SOCKET])
    assert isinstance(helpers_supervised.judge(found), kind)


def test_a_milter_that_nobody_listens_for_fails():
    verdict = helpers_supervised.judge(helpers("unix:/run/opendkim/opendkim.sock"))
    assert isinstance(verdict, Failed)
    assert verdict.observed[0]["fault"] == "nothing listens there"


def test_a_local_resolver_is_a_helper():
    assert [s.name for s in helpers(resolv="nameserver 127.0.0.1\nnameserver 192.0.2.10\n").local] == [
        "inet:127.0.0.1:53"
    ]


def test_a_supervised_helper_passes_and_a_remote_one_is_only_listed():
    units_text = "Id=rspamd.service\nLoadState=loaded\nActiveState=active\nSubState=running\nRestart=always\nUnitFileState=enabled\n"
    rspamd = Process(
        pid=7,
        parent=1,
        user="_rspamd",
        command="rspamd:",
        executable="/usr/bin/rspamd",
        cgroup="/system.slice/rspamd.service",
    )
    found = helpers(
        "inet:127.0.0.1:10040",
        "inet:10.0.0.9:11332",
        processes=[rspamd],
        listeners=[POLICY_SOCKET],
        units_text=units_text,
    )
    verdict = helpers_supervised.judge(found)
    assert isinstance(verdict, Passed)
    assert verdict.observed[0]["helper"] == "inet:10.0.0.9:11332"


def test_a_helper_that_the_inventory_names_by_its_unit_must_run():
    assert isinstance(helpers_supervised.judge(helpers("clamav-daemon")), Failed)


def test_no_helper_is_not_applicable():
    assert isinstance(helpers_supervised.judge(helpers()), NotApplicable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inet:localhost:11332", Endpoint(host="localhost", port=11332)),
        ("inet:11332@127.0.0.1", Endpoint(host="127.0.0.1", port=11332)),
        ("inet6:8891@[::1]", Endpoint(host="::1", port=8891)),
        ("inet:[::1]:8891", Endpoint(host="::1", port=8891)),
        ("unix:private/auth", Endpoint(path="private/auth")),
        ("local:/run/x.sock", Endpoint(path="/run/x.sock")),
        ("/var/run/dovecot/auth-client", Endpoint(path="/var/run/dovecot/auth-client")),
        ("127.0.0.1 783", Endpoint(host="127.0.0.1", port=783)),
        ("rspamd", None),
        ("", None),
    ],
)
def test_endpoints_are_read_in_every_program_s_notation(text, expected):
    assert parse_endpoint(text) == expected


def test_two_mail_programs_at_once_are_a_finding():
    both = MtaRunning(
        daemons=(
            MtaDaemon(mta=Mta.POSTFIX, pid=1, command="", ports=(25,)),
            MtaDaemon(mta=Mta.EXIM, pid=2, command="", ports=(587,)),
        )
    )
    verdict = second_mta_absent.judge(both)
    assert isinstance(verdict, Failed)
    assert verdict.summary == "2 mail programs run: exim, postfix"
    assert isinstance(second_mta_absent.judge(MtaRunning(daemons=both.daemons[:1])), Passed)
    assert isinstance(second_mta_absent.judge(MtaRunning()), NotApplicable)


def test_a_timer_that_is_off_or_whose_service_failed_is_found():
    timer = unit("logrotate.timer", type="")
    failed = unit("logrotate.service", type="oneshot", active="failed", sub="failed", result="exit-code")
    assert isinstance(maintenance_timers_alive.judge(UnitTable(units=(timer,))), Passed)
    assert isinstance(maintenance_timers_alive.judge(UnitTable(units=(timer, failed))), Failed)
    off = unit("logrotate.timer", type="", active="inactive", sub="dead", file_state="disabled")
    assert isinstance(maintenance_timers_alive.judge(UnitTable(units=(off,))), Failed)
    assert isinstance(maintenance_timers_alive.judge(UnitTable()), NotApplicable)
