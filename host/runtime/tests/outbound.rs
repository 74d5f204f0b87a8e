//! Functions that send requests: where they are granted to, and nowhere else.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use common::Case;
use wasmill_runtime::rows::Reject;

/// The secret of these tests: a setting that every test has, and whose value is nowhere else.
const SETTING: &str = "CARGO_MANIFEST_DIR";

/// A server that notes what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers every request with `answer`; with nothing at all, ever, if that is empty.
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, asked: asked.clone() };
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                asked.lock().unwrap().push(head.join("\n"));
                if answer.is_empty() {
                    kept.push(connection);
                } else {
                    let head = answer.replace("PORT", &port.to_string());
                    connection.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
                }
            }
        });
        server
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const OK: &str = "200 OK\r\ncontent-length: 0";

/// A pipeline with a step that asks for `url`.
fn asking(url: &str, grants: &str) -> Case {
    Case::new(&format!(
        r#"
version = 1
name = "asking"

[[step]]
id = "read"
component = "ingest"
config = {{ format = "csv", columns = [{{ name = "a", type = "int64" }}] }}

[[step]]
id = "ask"
component = "hostile"
config = {{ when = "process", harm = "fetch", url = "{url}", setting = "{SETTING}" }}
grants = {{ {grants} }}
limits = {{ deadline_seconds = 5 }}
retry = {{ attempts = 1 }}
"#
    ))
}

/// What came of asking: a failure's text, or the rejects.
fn ask(url: &str, grants: &str) -> Result<Vec<(String, Reject)>, String> {
    let case = asking(url, grants);
    let pipeline = case.load().unwrap();
    let (outcome, rejects) = case.run(&pipeline, b"a\n1\n");
    outcome.map(|_| rejects).map_err(|err| err.to_string())
}

#[test]
fn what_is_not_granted_is_denied_with_the_line_to_add() {
    let server = Server::start(OK);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let denied = ask(&url, "").unwrap_err();
    let line = format!("grants = {{ http = [\"http://127.0.0.1:{}\"] }}", server.port);
    assert!(denied.contains("step `ask`: "), "{denied}");
    assert!(denied.contains(&format!("hint: add it to the step, `{line}`")), "{denied}");
    assert_eq!(server.asked(), [String::new(); 0]);

    // With that line it is not.
    let grants = line.strip_prefix("grants = { ").unwrap().strip_suffix(" }").unwrap();
    assert_eq!(ask(&url, grants), Ok(Vec::new()));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn names_and_numbers_that_lead_to_this_machine_need_a_grant_of_their_own() {
    let server = Server::start(OK);
    let port = server.port;
    // By the resolver of the system, by a URL's own rules for numbers, and by addresses within addresses.
    for host in ["localhost", "LOCALHOST.", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let denied = ask(&format!("http://{host}:{port}/"), &format!("http = [\"http://*:{port}\"]")).unwrap_err();
        assert!(
            denied.contains("is not on the public internet\nhint: if it is meant, add `networks = ["),
            "{host}: {denied}"
        );
    }
    assert_eq!(server.asked(), [String::new(); 0]);
    let networks = format!("http = [\"http://*:{port}\"], networks = [\"127.0.0.0/8\"]");
    for host in ["localhost", "127.1", "[::ffff:127.0.0.1]"] {
        assert_eq!(ask(&format!("http://{host}:{port}/"), &networks), Ok(Vec::new()), "{host}");
    }
    assert_eq!(
        ask(&format!("http://localhost:{port}/"), &format!("http = [\"http://localhost:{port}\"]")),
        Ok(Vec::new())
    );
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_redirect_leads_nowhere_else() {
    let inside = Server::start(OK);
    let location = format!("302 Found\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0", inside.port);
    let outside = Server::start(location.leak());
    let url = format!("http://127.0.0.1:{}/", outside.port);
    let denied = ask(&url, &format!("http = [\"http://127.0.0.1:{}\"]", outside.port)).unwrap_err();
    let origin = format!("http://127.0.0.1:{}", inside.port);
    assert!(denied.contains(&format!("a request to `{origin}` was denied: it is not granted")), "{denied}");
    assert_eq!((outside.asked().len(), inside.asked().len()), (1, 0));
}

/// What comes of doing this harm with a server, if a call may take half a second.
fn ask_briefly(harm: &str, port: u16) -> String {
    let origin = format!("http://127.0.0.1:{port}");
    let case = asking(&format!("{origin}/"), &format!("http = [\"{origin}\"]"));
    let manifest = case.folder.path().join("pipeline.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("deadline_seconds = 5", "deadline_seconds = 0.5");
    std::fs::write(&manifest, text.replace("harm = \"fetch\"", &format!("harm = \"{harm}\""))).unwrap();
    let pipeline = case.load().unwrap();
    case.run(&pipeline, b"a\n1\n").0.unwrap_err().to_string()
}

#[test]
fn an_answer_without_an_end_is_not_waited_for_longer_than_a_call_may_take() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        connection.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        while connection.write_all(b"5\r\nagain\r\n").is_ok() {}
    });
    let message = ask_briefly("trailers", port);
    assert!(message.contains("deadline: no answer within 500ms"), "{message}");
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_longer_than_a_call_may_take() {
    let server = Server::start("");
    let message = ask_briefly("fetch", server.port);
    // The function is told, and has the rest of its time to make something of it.
    assert!(message.contains("ReadTimeout") || message.contains("deadline: no answer within 500ms"), "{message}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_secret_goes_to_where_it_is_meant_for_and_into_no_text() {
    let server = Server::start(OK);
    let secret = std::env::var(SETTING).unwrap();
    let origin = format!("http://127.0.0.1:{}", server.port);
    let case = asking(&format!("{origin}/tell"), &format!("http = [\"{origin}\"], settings = [\"{SETTING}\"]"));
    let pipeline = case.load().unwrap();
    let (outcome, rejects) = case.run(&pipeline, b"a\n1\n");
    assert!(server.asked()[0].contains(&format!("Bearer {secret}")), "{:?}", server.asked());
    let [(_, reject)] = &*rejects else { panic!("{rejects:?}") };
    assert_eq!(reject.reason, format!("the batch was refused: it is [setting {SETTING}]"));
    let report = format!("{:?}", outcome.unwrap());
    assert!(report.contains(&format!("asking {origin}/tell with [setting {SETTING}]")), "{report}");
    assert!(!report.contains(&secret), "{report}");

    // Nor of one that breaks, and not where it is not granted.
    let denied = ask("http://127.0.0.1:1/", &format!("settings = [\"{SETTING}\"]")).unwrap_err();
    assert!(denied.contains(&format!("with [setting {SETTING}]")) && !denied.contains(&secret), "{denied}");
    ask(&format!("{origin}/"), &format!("http = [\"{origin}\"]")).unwrap();
    assert!(!server.asked()[1].contains(&secret));
}
