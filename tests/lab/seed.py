"""What makes a host one of a kind: its name, its keys, and who may log in. Unpacked over the image at the first boot."""

import io
import subprocess
import tarfile
import time
import uuid
from pathlib import Path

from tests.lab.net import resolv_conf


def write(state: Path, name: str, addresses: tuple[str, str], client_key: str, files: dict[str, str]) -> None:
    """Write seed.tar and known_hosts to `state`; `files` are more texts by path, for root's eyes only."""
    short = name.partition(".")[0]
    texts = {
        "etc/hostname": f"{short}\n",
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{addresses[0]} {name} {short}\n",
        "etc/mailname": f"{name}\n",
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/resolv.conf": resolv_conf(),
    }
    with tarfile.open(state / "seed.tar", "w") as tar:
        for path, text in texts.items():
            _add(tar, path, text)
        for path, text in files.items():
            _add(tar, path, text, mode=0o600)
        for home, uid in (("root", 0), ("home/admin", 1000), ("home/nosudo", 1001)):
            _add(tar, f"{home}/.ssh", None, mode=0o700, uid=uid)
            _add(tar, f"{home}/.ssh/authorized_keys", client_key, mode=0o600, uid=uid)
        publics = [_add_host_key(tar, state, name, kind) for kind in ("ed25519", "ecdsa")]
    lines = [f"{','.join((name, *addresses))} {' '.join(public.split()[:2])}\n" for public in publics]
    (state / "known_hosts").write_text("".join(lines), encoding="ascii")


def _add_host_key(tar: tarfile.TarFile, state: Path, name: str, kind: str) -> str:
    key = state / f"ssh_host_{kind}_key"
    argv = ["ssh-keygen", "-q", "-N", "", "-C", f"root@{name}", "-t", kind, "-f", str(key)]
    subprocess.run(argv, check=True)
    public = key.with_suffix(".pub").read_text(encoding="ascii")
    _add(tar, f"etc/ssh/{key.name}", key.read_text(encoding="ascii"), mode=0o600)
    _add(tar, f"etc/ssh/{key.name}.pub", public)
    return public


def _add(tar: tarfile.TarFile, path: str, text: str | None, *, mode: int = 0o644, uid: int = 0) -> None:
    content = (text or "").encode()
    entry = tarfile.TarInfo(path)
    entry.uid = entry.gid = uid
    entry.mode, entry.mtime, entry.size = mode, int(time.time()), len(content)
    if text is None:
        entry.type = tarfile.DIRTYPE
    tar.addfile(entry, io.BytesIO(content))
