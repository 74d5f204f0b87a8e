//! `wasmill serve` and `wasmill access`: keys, rules and files as a user handles them.

mod common;
#[path = "../../serve/tests/common/echo.rs"]
mod echo;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::{command, wasmill};

/// The first line of the answer to a GET.
fn get(addr: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn a_key_that_is_made_lets_in_and_the_log_says_whom() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    let arguments = ["access", "new-key", "--principal", "mobile-app", "--expires", "2999-01-01T00:00:00Z"];
    let (code, key, rules) = wasmill(folder.path(), &arguments);
    let key = key.trim_end();
    assert!(code == 0 && key.len() == 67 && key.starts_with("wm_"), "{key}");
    assert!(!rules.contains(key), "{rules}");
    write("access.toml", rules.as_bytes());
    write("echo.wasm", &echo::ECHO);

    let arguments = ["serve", "echo.wasm", "--addr", "127.0.0.1:0", "--access", "access.toml", "--access-log"];
    let mut command = command(folder.path(), &arguments);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().strip_prefix("http://").unwrap();
    for (path, headers, status) in [
        ("/v1/score?x=y", format!("x-api-key: {key}\r\n"), "200 OK"),
        ("/v1/score", "x-wasmill-principal: mobile-app\r\n".into(), "401 Unauthorized"),
        ("/v2/health/live", String::new(), "200 OK"),
        ("/healthz", String::new(), "200 OK"),
    ] {
        assert_eq!(get(addr, path, &headers), format!("HTTP/1.1 {status}"), "{path}");
    }

    Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(server.wait().unwrap().success());
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines: Vec<&str> = log.lines().map(|line| line.rsplitn(3, ' ').last().unwrap()).collect();
    assert_eq!(lines, ["mobile-app GET /v1/score 200", "- GET /v1/score 401", "- GET /v2/health/live 200"]);
}

#[test]
fn what_is_at_fault_is_named_with_a_hint_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    write("any.wasm", "");
    write("empty.pem", "");
    write("access.toml", "[access]\nkeys = []\n");
    for (arguments, expect) in [
        (
            &["serve", "any.wasm", "--tls-cert", "none.pem", "--tls-key", "empty.pem"][..],
            "error: cannot read `none.pem`: No such file or directory (os error 2)\n",
        ),
        (
            &["serve", "any.wasm", "--tls-cert", "empty.pem", "--tls-key", "empty.pem"],
            "error: there is no certificate in `empty.pem`\n\
             hint: in PEM it begins with `-----BEGIN CERTIFICATE-----`\n",
        ),
        (
            &["serve", "any.wasm", "--tls-cert", "empty.pem"],
            "error: the following required arguments were not provided:\n  --tls-key <FILE>\n",
        ),
        (
            &["serve", "any.wasm", "--access", "access.toml"],
            "error: access.toml:1: nobody may call: there is neither a key nor `jwt`\n    \
             hint: `wasmill access new-key --principal NAME` makes a key\n\
             access.toml:2: there is no key `keys` here\n    hint: the keys are `public`, `key`, `jwt`, `allow`, `read`, `sql`, `limits`, `origins`, `audit`\n",
        ),
        (
            &["serve", "any.wasm", "--access", "none.toml"],
            "error: none.toml: cannot read this file: No such file or directory (os error 2)\n",
        ),
        (
            &["access", "new-key", "--principal", "my app"],
            "error: invalid value 'my app' for '--principal <NAME>': \
             `my app` is not a principal: visible ASCII, no spaces, at most 255\n",
        ),
        (
            &["access", "new-key", "--principal", "app", "--expires", "tomorrow"],
            "error: invalid value 'tomorrow' for '--expires <TIME>': it is not like 2027-01-01T00:00:00Z\n",
        ),
    ] {
        let (code, stdout, stderr) = wasmill(folder.path(), arguments);
        assert!(stderr.starts_with(expect), "{arguments:?}: {stderr}");
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
    }
}
