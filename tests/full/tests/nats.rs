//! Messages of a real NATS server: in as messages, out as documents, each once.

#[path = "../../../host/cli/tests/common/up.rs"]
mod up_folder;

/// The program, which is one of another package.
mod common {
    use std::path::Path;
    use std::process::Command;

    pub fn command(folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(wasmill_tests_full::folder("WASMILL_PROGRAM"));
        command.args(arguments).current_dir(folder);
        command
    }

    pub fn wasmill(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
        let output = command(folder, arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::Config;
use common::{command, wasmill};
use tempfile::TempDir;
use up_folder::{MANIFEST, Up, documents, drain, pipeline_of};
use wasmill_tests_full::nats::{Broker, manifest, put_manifest, wait_for};

/// A server with the stream, and a folder with a pipeline that takes its messages.
fn start(settings: &str) -> (Broker, TempDir) {
    start_with("", settings)
}

/// The same with a configuration of the server.
fn start_with(config: &str, settings: &str) -> (Broker, TempDir) {
    let broker = Broker::start(config);
    broker.client().make_stream("NUMBERS");
    let folder = pipeline_of(&manifest(MANIFEST, &broker.url(), settings));
    (broker, folder)
}

/// A message of some rows.
fn message(first: usize, count: usize) -> String {
    up_folder::rows(first, count)
}

fn letters(folder: &Path) -> String {
    wasmill(folder, &["dead-letters", "list", "."]).1
}

/// The number of a metric, by the start of its line.
fn metric(up: &Up, name: &str) -> Option<f64> {
    let (_, text) = up.request("GET", "/metrics", "", "");
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[test]
fn messages_become_documents_and_are_acknowledged() {
    let (broker, folder) = start("subjects = [\"numbers.in.*\"]");
    let folder = folder.path();
    let client = broker.client();
    client.publish("numbers.out.a", [message(900_000, 1)]);
    let up = Up::start(folder, &[]);
    client.publish("numbers.in.a", (0..500).map(|number| message(number, 1)));
    client.publish("numbers.in.b", [message(1_000, 20_000)]);
    up.wait_for(folder, 20_500);
    client.wait_until_acknowledged("NUMBERS", "numbers");
    assert_eq!(up.request("GET", "/ready", "", "").0, 200);
    let trigger = "{trigger=\"nats NUMBERS/numbers\"";
    for (name, expect) in [
        ("wasmill_messages_total{trigger},outcome=\"acked\"}", 501.0),
        ("wasmill_broker_connected{trigger}}", 1.0),
        ("wasmill_consumer_pending{trigger}}", 0.0),
        ("wasmill_consumer_unacknowledged{trigger}}", 0.0),
    ] {
        let name = name.replace("{trigger}", trigger);
        wait_for(&name, || (metric(&up, &name) == Some(expect)).then_some(()));
    }
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (20_500, 20_500));
    // Of what comes out well the journal hears nothing.
    let (_, runs, counts) = wasmill(folder, &["runs", "list", "."]);
    assert_eq!(
        (runs.as_str(), counts.as_str()),
        ("", "events: 0 waiting, 0 running, 0 done, 0 dead; dead letters: 0\n")
    );
}

#[test]
fn a_poison_message_is_a_dead_letter_and_holds_up_no_other() {
    let (broker, folder) = start("");
    let folder = folder.path();
    let client = broker.client();
    client.publish(
        "numbers.in",
        ["wrong,header\n1,1\n".to_owned(), message(0, 10), "id,value\n20,1\nno,2\n21,3\n".to_owned()],
    );
    let (code, said) = drain(folder);
    assert_eq!(code, 1, "{said}");
    assert_eq!(documents(folder), (12, 12));
    let found = letters(folder);
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(found.contains("NUMBERS@1-") && found.contains("attempt 1  read event: "), "{found}");
    assert!(found.contains("NUMBERS@3-") && found.contains("attempt 1  read line 3: column `id`"), "{found}");
    let info = client.consumer("NUMBERS", "numbers");
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));

    // The cause is mended; the broker is not needed for the rest.
    drop(broker);
    let mended = MANIFEST
        .replace("name = \"id\", type = \"int64\"", "name = \"id\", type = \"utf8\"")
        .replace("format = \"csv\"\n", "format = \"csv\"\nheader = false\n");
    put_manifest(folder, &mended);
    let (_, _, said) = wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
    assert_eq!(said, "2 events are due again; `wasmill up` runs them\n");
    let (_, said) = drain(folder);
    let found = letters(folder);
    assert!(!found.contains(" event: ") && !found.contains("no,2"), "{found}\n{said}");
    assert_eq!(documents(folder).0, 13, "{found}\n{said}");
    wasmill(folder, &["dead-letters", "drop", ".", "--all"]);
    assert_eq!(letters(folder), "");
}

#[test]
fn what_a_worker_died_over_is_delivered_again_and_has_no_second_effect() {
    let (broker, folder) = start("");
    let folder = folder.path();
    let client = broker.client();
    let mut up = Up::start(folder, &[]);
    client.publish("numbers.in", (0..2_000).map(|number| message(number, 1)));
    up.wait_for(folder, 200);
    up.process.kill().unwrap();
    up.process.wait().unwrap();
    let (code, said) = drain(folder);
    assert_eq!(code, 0, "{said}");
    assert_eq!(documents(folder), (2_000, 2_000));
    let info = client.consumer("NUMBERS", "numbers");
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));
    assert!(info.delivered.consumer_sequence > 2_000, "nothing was delivered again");
}

#[test]
fn an_object_that_takes_longer_than_the_ack_wait_is_kept() {
    // Longer than what is fetched ahead, too.
    let (broker, folder) = start_with("max_payload: 8388608", "ack_wait_seconds = 0.5\nahead_mib = 1");
    let folder = folder.path();
    let client = broker.client();
    client.publish("numbers.in", [message(0, 100_000), message(100_000, 100_000), message(200_000, 1)]);
    let locked = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    let up = Up::start(folder, &[]);
    std::thread::sleep(Duration::from_secs(3));
    locked.execute_batch("ROLLBACK").unwrap();
    up.wait_for(folder, 200_001);
    client.wait_until_acknowledged("NUMBERS", "numbers");
    let lost = up.request("GET", "/metrics", "", "").1.contains("outcome=\"lost\"");
    assert!(!lost);
    assert_eq!(client.consumer("NUMBERS", "numbers").delivered.consumer_sequence, 3);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn cloud_events_are_known_by_their_headers() {
    let (broker, folder) = start("");
    let folder = folder.path();
    let client = broker.client();
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-type", "x"),
        ("ce-source", "/a"),
        ("ce-id", "7"),
        ("ce-time", "2026-01-01T00:00:00Z"),
    ];
    client.publish_with("numbers.in", &binary, "id,value\n1,1\n");
    let structured = [("Content-Type", "application/cloudevents+json; charset=utf-8")];
    let event =
        |id: &str, data: &str| format!(r#"{{"specversion":"1.0","type":"x","source":"/b","id":"{id}",{data}}}"#);
    client.publish_with("numbers.in", &structured, &event("8", r#""data":"id,value\n2,2\n""#));
    client.publish_with("numbers.in", &structured, &event("9", r#""data_base64":"aWQsdmFsdWUKNCw0Cg==""#));
    client.publish_with("numbers.in", &structured, &event("10", r#""data":"wrong""#));
    client.publish_with("numbers.in", &structured, "{");
    client.publish_with("numbers.in", &[("x-other", "y")], "id,value\n5,5\n");
    let (code, said) = drain(folder);
    assert_eq!((code, documents(folder)), (1, (4, 4)), "{said}");
    let found = letters(folder);
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(found.contains("10@") && found.contains("NUMBERS@5-") && found.contains("not an event"), "{found}");
}

#[test]
fn what_fails_is_tried_again_and_buried_after_so_many_deliveries() {
    let (broker, folder) = start("max_deliveries = 2");
    let folder = folder.path();
    let client = broker.client();
    client.publish("numbers.in", [message(0, 1)]);
    let started = Instant::now();
    // Someone else has the database, for longer than a write waits.
    let locked = rusqlite::Connection::open(folder.join(".wasmill/documents.db")).unwrap();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    let up = Up::start(folder, &[]);
    let info = wait_for("it is delivered again", || {
        let info = client.consumer("NUMBERS", "numbers");
        (info.delivered.consumer_sequence > 1).then_some(info)
    });
    assert_eq!(info.num_redelivered, 1, "after {:?}", started.elapsed());
    client.wait_until_acknowledged("NUMBERS", "numbers");
    locked.execute_batch("ROLLBACK").unwrap();
    assert_eq!(client.consumer("NUMBERS", "numbers").delivered.consumer_sequence, 2);
    assert_eq!(up.stop(), Some(1));
    assert_eq!(documents(folder), (0, 0));
    let found = letters(folder);
    assert!(found.contains("attempt 2") && found.lines().count() == 1, "{found}");
    wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
    assert_eq!(drain(folder).0, 0);
    assert_eq!((documents(folder), letters(folder)), ((1, 1), String::new()));
}

#[test]
fn what_waits_is_given_back_when_the_worker_stops() {
    // Longer than the test takes: what was not given back would not be delivered.
    let (broker, folder) = start("ack_wait_seconds = 600\nahead = 100");
    let folder = folder.path();
    let client = broker.client();
    client.publish("numbers.in", (0..20).map(|number| message(number * 40_000, 40_000)));
    let up = Up::start(folder, &[]);
    up.wait_for(folder, 1);
    assert_eq!(up.stop(), Some(0));
    let (done, effects) = documents(folder);
    assert!(done < 800_000 && done == effects, "{done} documents, {effects} effects");
    let info = client.consumer("NUMBERS", "numbers");
    assert_eq!(info.num_ack_pending as u64 + info.num_pending, 20 - done as u64 / 40_000, "{info:?}");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(documents(folder), (800_000, 800_000));
}

#[test]
fn a_changed_manifest_is_taken_up_with_messages_in_flight() {
    let (broker, folder) = start("ack_wait_seconds = 600");
    let folder = folder.path();
    let client = broker.client();
    let up = Up::start(folder, &[]);
    client.publish("numbers.in", (0..1_000).map(|number| message(number, 1)));
    up.wait_for(folder, 100);
    // One whose stream is not there leaves the old one at work.
    let manifest = |settings| manifest(MANIFEST, &broker.url(), settings);
    put_manifest(folder, &manifest("").replace("\"NUMBERS\"", "\"OTHERS\""));
    std::thread::sleep(Duration::from_secs(2));
    client.publish("numbers.in", (1_000..2_000).map(|number| message(number, 1)));
    put_manifest(folder, &manifest("ack_wait_seconds = 600\nahead = 7"));
    client.publish("numbers.in", (2_000..4_000).map(|number| message(number, 1)));
    up.wait_for(folder, 4_000);
    client.wait_until_acknowledged("NUMBERS", "numbers");
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (4_000, 4_000));
}

#[test]
fn a_broker_that_goes_away_is_waited_for() {
    let (mut broker, folder) = start("");
    let folder = folder.path();
    let url = broker.url();
    broker.client().publish("numbers.in", (0..10).map(|number| message(number, 1)));
    // It may be away already when a worker starts.
    broker.kill();
    let up = Up::start(folder, &[]);
    wait_for("it says so", || (up.request("GET", "/ready", "", "").0 == 503).then_some(()));
    assert!(up.request("GET", "/ready", "", "").1.contains("the broker of nats NUMBERS/numbers"));
    assert_eq!(up.request("GET", "/health", "", "").0, 200);
    broker.restart();
    assert_eq!(broker.url(), url);
    up.wait_for(folder, 10);
    wait_for("it is ready", || (up.request("GET", "/ready", "", "").0 == 200).then_some(()));
    broker.kill();
    wait_for("it says so", || (up.request("GET", "/ready", "", "").0 == 503).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    broker.restart();
    broker.client().publish("numbers.in", (10..20).map(|number| message(number, 1)));
    up.wait_for(folder, 20);
    broker.client().wait_until_acknowledged("NUMBERS", "numbers");
    assert_eq!(up.stop(), Some(0));
    assert_eq!(documents(folder), (20, 20));
}

#[test]
fn what_is_wrong_with_a_broker_is_said() {
    let broker = Broker::start("authorization { users = [{ user: me, password: secret }] }");
    let client = broker.client_as(ConnectOptions::with_user_and_password("me".into(), "secret".into()));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put_manifest(folder, &manifest(MANIFEST, &broker.url(), "subjects = [\"numbers.>\"]"));
    std::fs::create_dir(folder.join("landing")).unwrap();
    let up = |variables: &[(&str, &str)]| {
        let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap().replace(&broker.url(), "URL");
        assert!(!said.contains("wrong-secret"), "{said}");
        (output.status.code().unwrap(), said)
    };
    let me = [("NATS_USER", "me"), ("NATS_PASSWORD", "secret")];
    for (variables, expect) in [
        (&[][..], "error: URL refused a user without credentials\nhint: set NATS_CREDS (a file), "),
        (
            &[("NATS_USER", "me"), ("NATS_PASSWORD", "wrong-secret")],
            "error: URL refused the user `me` with the password of NATS_PASSWORD\n",
        ),
        (&[("NATS_TOKEN", "wrong-secret")], "error: URL refused the token of NATS_TOKEN\n"),
        (&[("NATS_USER", "me")], "error: NATS_USER and NATS_PASSWORD go together\n"),
        (&[("NATS_CREDS", "no.creds")], "error: NATS_CREDS: `no.creds`: "),
        (
            &me,
            "error: there is no stream `NUMBERS`\nhint: `nats stream add NUMBERS --subjects 'numbers.>' --storage file --defaults` makes it\n",
        ),
    ] {
        let (code, said) = up(variables);
        assert!(code == 2 && said.contains(expect), "{variables:?} ended with {code}:\n{said}");
    }
    client.make_stream("NUMBERS");
    let other = Config {
        durable_name: Some("numbers".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(7),
        max_deliver: 3,
        ..Config::default()
    };
    client.make_consumer("NUMBERS", other);
    let (code, said) = up(&me);
    let expect = "error: the consumer `numbers` of the stream `NUMBERS` has other settings: after 3 deliveries a message is forgotten; \
        its ack wait is 7s, not 1s; its subjects are {}, not [\"numbers.>\"]\n\
        hint: `nats consumer edit NUMBERS numbers --max-deliver=-1 --wait=1000ms --filter='numbers.>'`, or the trigger's own settings\n";
    assert!(code == 2 && said.contains(expect), "{code}:\n{said}");
    client.delete_consumer("NUMBERS", "numbers");
    assert_eq!(up(&me).0, 0);
}

#[test]
fn a_server_is_known_by_its_certificate_and_a_worker_by_its_key() {
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str| files.path().join(name);
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(file("server.pem"), certified.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let key = nkeys::KeyPair::new_user();
    std::fs::write(file("user.nk"), key.seed().unwrap()).unwrap();
    let config = format!(
        "tls {{ cert_file: '{}', key_file: '{}' }}\nauthorization {{ users = [{{ nkey: {} }}] }}",
        file("server.pem").display(),
        file("key.pem").display(),
        key.public_key()
    );
    let broker = Broker::start(&config);
    let options = ConnectOptions::with_nkey(key.seed().unwrap()).add_root_certificates(file("server.pem"));
    let client = broker.client_as(options);
    client.make_stream("NUMBERS");
    client.publish("numbers.in", [message(0, 10)]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put_manifest(folder, &manifest(MANIFEST, &broker.url().replace("nats:", "tls:"), ""));
    std::fs::create_dir(folder.join("landing")).unwrap();
    let path = |name: &str| file(name).display().to_string();
    let up = |variables: &[(&str, String)]| {
        let mut command = command(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
        command.envs(variables.iter().map(|(name, value)| (*name, value))).output().unwrap()
    };
    let refused = up(&[("NATS_CA", path("server.pem"))]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("refused a user without credentials"));
    let drained = up(&[("NATS_CA", path("server.pem")), ("NATS_NKEY", path("user.nk"))]);
    assert_eq!(drained.status.code(), Some(0), "{drained:?}");
    let (_, found, said) = wasmill(folder, &["documents", "list", ".", "--limit", "100"]);
    assert_eq!(found.lines().count(), 10, "{found}{said}");
}

#[test]
fn the_workers_of_the_flights_have_a_manifest_that_is_valid() {
    let flights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/flights");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["data", "model", "flights.sql"] {
        std::os::unix::fs::symlink(flights.join(name).canonicalize().unwrap(), folder.join(name)).unwrap();
    }
    let text = |name: &str| std::fs::read_to_string(flights.join(name)).unwrap();
    put_manifest(folder, &(text("pipeline.toml") + &text("k8s/nats.toml")));
    let (code, _, said) = wasmill(folder, &["validate", "."]);
    assert_eq!(code, 0, "{said}");
}
