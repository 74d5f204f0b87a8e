"""JDBC, as Metabase, DBeaver and Tableau connect: compiles and runs jdbc/, which prints a line for each check."""

import os
import subprocess
import tempfile
from pathlib import Path

from suite import Results, Server, check, variable


@check("jdbc", "the program runs")
def jdbc(server: Server) -> Results:
    jars = variable("JDBC_CLASSPATH", "the driver's jars, which tools/wire.sh finds")
    env = dict(os.environ, WIRE_HOST=server.host, WIRE_PORT=str(server.port))
    java = os.environ.get("JAVA", "java")
    sources = sorted(Path(__file__).with_name("jdbc").glob("*.java"))
    with tempfile.TemporaryDirectory() as classes:
        compiler = [java, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-encoding", "UTF-8", "-cp", jars, "-d", classes, *sources]
        subprocess.run(compiler, check=True)
        command = [java, "-cp", f"{classes}:{jars}", "-Duser.timezone=UTC", "-Dfile.encoding=UTF-8", "Jdbc"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=110)
    checks = 0
    for line in done.stdout.splitlines():
        name, _, wrong = line.partition("\t")
        checks += 1
        yield name, wrong or None
    ended = None if done.returncode == 0 and checks else f"ended with {done.returncode} after {checks} checks: {done.stderr}"
    yield "the program runs", ended
