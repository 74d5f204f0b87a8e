"""The hosts that the suite runs on, and servers of them."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

# In seconds. An endpoint takes minutes to compile, and wasmCloud, which keeps nothing, does so every time.
START = 900

# Anything else takes less than a second, but the machine may be busy.
PATIENCE = 30


def setting(name):
    """What `tools/test-full.sh` sets."""
    if name not in os.environ:
        raise RuntimeError(f"{name} is not set: run the suite with `make test-full`")
    return os.environ[name]


def program(package, name):
    """A program that a package of Python's has in its folder, without leave to run it."""
    path = Path(find_spec(package).origin).with_name(name)
    path.chmod(0o755)
    return path


def wasmill(component, folder, reuse, memory, options=(), environment=None, origins=()):
    """`wasmill serve`, which lets the component see these variables, and send requests to these origins."""
    command = [setting("WASMILL_PROGRAM"), "serve", component, "--addr=127.0.0.1:0"]
    command += [f"--env={name}" for name in environment or ()] + [f"--allow-http={origin}" for origin in origins]
    return [*command, f"--reuse={reuse}", f"--memory={memory}", *options], environment or {}


# Functions compiled quickly exceed the default limits of other hosts, which those that ship keep.
LIMITS = {"table-elements": 60_000, "max-core-instance-size": 4_000_000, "max-component-instance-size": 4_000_000}


def wasmtime(component, folder, reuse, memory, environment=None, origins=()):
    """`wasmtime serve`, with what it compiles kept in the cache. A component may send requests anywhere."""
    cache = Path(setting("WASMILL_CACHE"), "conformance", "wasmtime")
    config = Path(folder, "wasmtime.toml")
    config.write_text(f'[cache]\ndirectory = "{cache}"\n')
    command = [program("wasmtime_cli", "wasmtime"), "serve", component, "--addr=127.0.0.1:0"]
    command += [f"--max-instance-reuse-count={reuse}", f"-Wmax-memory-size={memory << 20}", f"-Ccache-config={config}"]
    command += [f"-Opooling-{name}={limit}" for name, limit in LIMITS.items()]
    # An endpoint needs nothing but `wasi:http`; the probe is made with a standard library, which asks for more, and one of
    # events takes secrets from the environment.
    if component.name == "probe.wasm" or origins:
        command.append("-Scli")
    command += [f"--env={name}" for name in environment or ()]
    return command, environment or {}


def wasmcloud(component, folder, reuse, memory):
    """wasmCloud's host, as `wash dev` starts it. Every request gets a fresh instance."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Path(folder, ".wash", "config.yaml")
    config.parent.mkdir()
    build = {"command": "true", "component_path": str(component)}
    # YAML takes JSON.
    config.write_text(json.dumps({"build": build, "dev": {"address": f"127.0.0.1:{port}"}}))
    limits = LIMITS | {"max-memory-size": memory << 20}
    environment = {f"WASMTIME_POOLING_{name.replace('-', '_').upper()}": str(limit) for name, limit in limits.items()}
    command = [program("wash_cli", "wash"), "dev", "--non-interactive"]
    return command, environment | {"HOME": folder, "NO_COLOR": "1"}


HOSTS = {"wasmill": wasmill, "wasmtime": wasmtime, "wasmcloud": wasmcloud}


class Server:
    """A component that is being served; it ends with the `with` block."""

    def __init__(self, host, component, reuse=1, memory=1024, **settings):
        """`memory`, that of an instance, is in MiB."""
        self.host = host
        self.output = tempfile.TemporaryFile()
        self.folder = tempfile.TemporaryDirectory()
        command, environment = HOSTS[host](component, self.folder.name, reuse, memory, **settings)
        self.process = subprocess.Popen(
            command,
            cwd=self.folder.name,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )

    @functools.cached_property
    def port(self):
        """Where the server listens, when it does."""
        return wait_for(f"{self.host} to listen", self._port, START)

    def _port(self):
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.printed())
        if found:
            return int(found[1])
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.host} ended with {self.process.returncode}: {self.printed()}")
        return None

    def printed(self):
        """What the server has printed."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode(errors="replace")

    def connect(self):
        """A connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def memory(self, kind):
        """`VmRSS`, what the server holds now, or `VmHWM`, the most that it held, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{kind}:\s+(\d+) kB$", status, re.MULTILINE)[1]) << 10

    def terminate(self):
        """Asks the server to end."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """Ends the server, at the latest after a while; its exit code."""
        self.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.output.close()
        self.folder.cleanup()


def wait_for(what, check, patience=PATIENCE):
    """The first value of `check()` that is not None or False."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = check()
        if value is not None and value is not False:
            return value
        time.sleep(0.01)
    raise TimeoutError(f"waited {patience} s for {what}")
