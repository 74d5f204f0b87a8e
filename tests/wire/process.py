"""The process of the server that is tested: a certificate for it, and what it and those that it started use, as Linux says."""

import subprocess
from pathlib import Path

from suite import Server


def memory(server: Server) -> int | None:
    """Kilobytes of the server and what it started."""
    if server.pid is None:
        return None
    total, children = 0, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        children.setdefault(int(status["PPid"]), []).append((int(folder.name), status.get("VmRSS", "0 kB")))
        if int(folder.name) == server.pid:
            total += int(status.get("VmRSS", "0 kB").split()[0])
    waiting = [server.pid]
    while waiting:
        for pid, size in children.get(waiting.pop(), []):
            waiting.append(pid)
            total += int(size.split()[0])
    return total


def cpu(server: Server) -> int:
    """Ticks of the processor that the server and its children have used."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == server.pid or int(after[1]) == server.pid:
            total += int(after[11]) + int(after[12])
    return total


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signed itself, for this machine, and its key."""
    pem, private = folder / "server.crt", folder / "server.key"
    new = ["openssl", "req", "-new", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost"]
    new += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", private, "-out", pem]
    subprocess.run(new, check=True, stderr=subprocess.DEVNULL)
    private.chmod(0o600)
    return pem, private
