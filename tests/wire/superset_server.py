"""A Superset of our own, for superset.py: listens on 127.0.0.1, and lets in who has a token of this run."""

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CONFIG = """
import os
from pathlib import Path

SECRET_KEY = (Path(__file__).parent / "secret").read_text()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{Path(__file__).parent / 'superset.db'}"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
SUPERSET_WEBSERVER_TIMEOUT = 60

def FLASK_APP_MUTATOR(app):
    from flask import g, request
    from flask_login import current_user, login_user

    @app.before_request
    def login():
        given = request.headers.get("X-Token") or request.args.get("token")
        if given == os.environ["SUPERSET_TOKEN"] and not current_user.is_authenticated:
            login_user(app.appbuilder.sm.find_user("admin"))
            g.user = current_user
"""


class Superset:
    def __init__(self, programs: Path, home: Path):
        self.programs, self.home, self.token = programs.absolute(), home.absolute(), secrets.token_hex(24)
        config = self.home / "superset_config.py"
        self.env = dict(os.environ, SUPERSET_CONFIG_PATH=str(config), FLASK_APP="superset", SUPERSET_TOKEN=self.token)
        self.home.mkdir(parents=True, exist_ok=True)
        config.write_text(CONFIG)
        # With this, passwords of databases are kept: it outlives a run.
        secret = self.home / "secret"
        if not secret.exists():
            secret.write_text(secrets.token_hex(24))
            secret.chmod(0o600)

    def run(self, *arguments: str) -> None:
        with open(self.home / "setup.log", "ab") as log:
            done = subprocess.run([self.programs / "superset", *arguments], env=self.env, stdout=log, stderr=log, cwd=self.home)
        if done.returncode:
            raise SystemExit(f"superset {arguments[0]} failed:\n{(self.home / 'setup.log').read_text()[-3000:]}")

    def __enter__(self) -> "Superset":
        if not (self.home / "done").exists():
            (self.home / "superset.db").unlink(missing_ok=True)
            self.run("db", "upgrade")
            who = ["--username", "admin", "--firstname", "Ada", "--lastname", "Min", "--email", "admin@example.org"]
            self.run("fab", "create-admin", *who, "--password", self.token)
            self.run("init")
            (self.home / "done").touch()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        command = [self.programs / "superset", "run", "-h", "127.0.0.1", "-p", str(self.port), "--with-threads"]
        self.log = open(self.home / "server.log", "wb")
        self.process = subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log, cwd=self.home)
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.5)
        self.__exit__()
        raise SystemExit(f"Superset does not start:\n{(self.home / 'server.log').read_text()[-3000:]}")

    def ask(self, method: str, path: str, body: object = None) -> dict:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        headers = {"X-Token": self.token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:1500]}") from None

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()
