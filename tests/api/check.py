"""Whether `wasmill up` answers as its OpenAPI description says: `check.py WASMILL SCHEMATHESIS`, with WASMILL_COMPONENTS set."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

MANIFEST = """version = 1
name = "orders"
[documents]
url = "sqlite:documents.db"
[documents.collections.orders]
indexes = ["amount"]
[[trigger]]
type = "http"
[[step]]
id = "read"
component = "ingest"
[step.config]
format = "csv"
columns = [
    { name = "order", type = "int64" }, { name = "customer", type = "utf8" }, { name = "amount", type = "float64" },
]
[[step]]
id = "publish"
component = "publish"
grants = { documents = ["orders"] }
config = { collection = "orders", id = "{order}", partition_key = "{customer}" }
"""

ACCESS = """[access]
[[access.read]]
collections = ["*"]
anyone = true
"""

FOLDER = Path(__file__).parent


def main() -> None:
    wasmill, schemathesis = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pipeline.toml").write_text(MANIFEST)
        (folder / "access.toml").write_text(ACCESS)
        rows = "".join(f"{n},{['ada', 'bob'][n % 2]},{n / 4}\n" for n in range(200))
        (folder / "orders.csv").write_text("order,customer,amount\n" + rows)
        subprocess.run([wasmill, "run", name, str(folder / "orders.csv")], check=True, stderr=subprocess.DEVNULL)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = "{}:{}".format(*listener.getsockname())
        up = [wasmill, "up", name, "--addr", address, "--access", str(folder / "access.toml"), "--log-level", "error"]
        server = subprocess.Popen(up, stdout=subprocess.DEVNULL)
        try:
            description = f"http://{address}/v1/openapi.json"
            wait_for(description)
            # Waiting for a change that never comes is a minute of nothing.
            run = [schemathesis, "--config-file", str(FOLDER / "schemathesis.toml"), "run", description, "--workers", "1"]
            run += ["--max-examples", "100", "--request-timeout", "90", "--seed", "1", "--no-color"]
            done = subprocess.run(run, stdout=subprocess.PIPE, text=True, cwd=name)
            if done.returncode or server.poll() is not None:
                raise SystemExit(done.stdout)
            print(done.stdout.splitlines()[-1].strip(" ="))
        finally:
            server.terminate()
            server.wait()


def wait_for(url: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url).close()
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at {url}")


if __name__ == "__main__":
    main()
