//! Documents over HTTP: who may read what, and what is answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use case::issuer::{Issuer, from_now, token};
use case::{Case, READ_AGAIN, document, write_rules};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use wasmill_access::key;
use wasmill_api::Api;
use wasmill_api::token::Seal;
use wasmill_runtime::documents::{Database, Document, ReadDocuments};
use wasmill_serve::access::Gate;

#[path = "common/case.rs"]
mod case;

/// Every route of a collection: a method, a path, and a body. The key is one that is there.
fn routes(collection: &str, id: &str, partition: &str) -> Vec<(&'static str, String, String)> {
    let at = |rest: &str| format!("/v1/collections/{collection}{rest}");
    let keys = json!({"keys": [{"id": id, "partition_key": partition}]}).to_string();
    vec![
        ("GET", at(&format!("/documents/{id}?partition_key={partition}")), String::new()),
        ("HEAD", at(&format!("/documents/{id}?partition_key={partition}")), String::new()),
        ("GET", at(&format!("/documents?partition_key={partition}")), String::new()),
        ("GET", at(&format!("/documents?partition_key={partition}&where=n%3E=0&order=-secret&limit=1")), String::new()),
        ("GET", at(&format!("/count?partition_key={partition}&where=n%3E=0")), String::new()),
        ("POST", at("/batch-get"), keys),
        ("GET", at(&format!("/changes?partition_key={partition}")), String::new()),
        ("GET", at(&format!("/changes?partition_key={partition}&wait=1&since=now")), String::new()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_is_open_to_whoever_may_not_read() {
    let case = Case::new();
    let strange = Issuer::new();
    let claims = json!({"iss": "https://login.example", "aud": "documents", "sub": "ada", "tenant": "acme", "exp": from_now(300)});
    let of_another_audience = case.token(json!({"tenant": "acme", "aud": "scoring"}), 300);
    let credentials = [
        ("none", String::new(), 401),
        ("a wrong key", key::new().unwrap(), 401),
        ("half a key", case.auditor[..20].to_owned(), 401),
        ("an expired key", case.old.clone(), 401),
        ("an expired token", case.token(json!({"tenant": "acme"}), -300), 401),
        ("a token of somebody else's", strange.token(&claims), 401),
        ("a token for something else", of_another_audience, 401),
        ("a token of no algorithm", token(&json!({"alg": "none"}), &claims, |_| Vec::new()), 401),
        ("a key for which there is no rule", case.nobody.clone(), 403),
        ("another tenant's token", case.of_tenant(json!("zeta")), 403),
        ("a token of no tenant", case.token(json!({}), 300), 403),
        ("a token of the empty tenant", case.of_tenant(json!("")), 403),
        ("a token of every tenant, as SQL has it", case.of_tenant(json!("%' OR '1'='1")), 403),
    ];
    for (who, credentials, status) in &credentials {
        // What is there and what is not cannot be told apart: neither a collection nor a document.
        let places = [("orders", "o0", "acme"), ("orders", "none", "acme"), ("missing", "o0", "acme")];
        let mut said: Vec<BTreeSet<String>> = vec![BTreeSet::new(); 8];
        for (collection, id, partition) in places {
            for (n, (method, path, body)) in routes(collection, id, partition).into_iter().enumerate() {
                let answer = case.ask(credentials, method, &path, &body).await;
                assert_eq!(answer.status.as_u16(), *status, "{who}: {method} {path}: {}", answer.text);
                assert!(!answer.text.contains("s0") && !answer.headers.contains_key("etag"), "{who}: {}", answer.text);
                said[n].insert(answer.text);
            }
        }
        assert!(said.iter().all(|said| said.len() == 1), "{who}: {said:?}");
    }
    // Of the collections there are, each sees those that they may read.
    for (credentials, expect) in [
        (String::new(), json!([{"name": "prices"}])),
        (case.nobody.clone(), json!([{"name": "prices"}])),
        (case.of_tenant(json!("zeta")), json!([{"name": "orders"}, {"name": "prices"}])),
        (case.auditor.clone(), json!([{"name": "orders"}, {"name": "prices"}])),
    ] {
        assert_eq!(case.get(&credentials, "/v1/collections").await.json()["collections"], expect);
    }
    let (status, text) = {
        let answer = case.get(&key::new().unwrap(), "/v1/collections").await;
        (answer.status.as_u16(), answer.text)
    };
    assert_eq!(status, 401, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_their_own_partition_and_nothing_of_others() {
    let case = Case::new();
    let zeta = case.of_tenant(json!("zeta"));
    let mine: Vec<String> = (0..20).filter(|n| n % 2 == 1).map(|n| format!("o{n}")).collect();
    let sorted = |mut ids: Vec<String>| {
        ids.sort_by_key(|id| id[1..].parse::<u32>().unwrap());
        ids
    };
    assert_eq!(sorted(case.get(&zeta, "/v1/collections/orders/documents").await.ids()), mine);
    assert_eq!(case.get(&zeta, "/v1/collections/orders/count").await.json(), json!({"count": 10}));
    assert_eq!(case.get(&zeta, "/v1/collections/orders/count?where=n=0").await.json(), json!({"count": 0}));
    // Their partition need not be named.
    assert_eq!(case.get(&zeta, "/v1/collections/orders/documents/o1").await.json()["body"]["n"], 1);
    assert_eq!(case.get(&zeta, "/v1/collections/orders/documents/o0").await.status, StatusCode::NOT_FOUND);
    let keys = json!({"keys": [{"id": "o1"}, {"id": "o0"}]}).to_string();
    assert_eq!(case.ask(&zeta, "POST", "/v1/collections/orders/batch-get", &keys).await.ids(), ["o1", "-"]);
    let keys = json!({"keys": [{"id": "o1"}, {"id": "o0", "partition_key": "acme"}]}).to_string();
    let refused = case.ask(&zeta, "POST", "/v1/collections/orders/batch-get", &keys).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // Who has two tenants has both.
    let both = case.of_tenant(json!(["zeta", "acme"]));
    assert_eq!(case.get(&both, "/v1/collections/orders/count").await.json(), json!({"count": 20}));
    let ambiguous = case.get(&both, "/v1/collections/orders/documents/o1").await;
    assert!(ambiguous.status == StatusCode::BAD_REQUEST && ambiguous.text.contains("name one by `partition_key`"));

    // The feed: what others do neither comes, nor wakes anybody, nor shows in a token.
    let changes = case.get(&zeta, "/v1/collections/orders/changes").await.json();
    assert_eq!(changes["changes"].as_array().unwrap().len(), 10);
    let next = changes["next"].as_str().unwrap().to_owned();
    let waiting = format!("/v1/collections/orders/changes?since={next}&wait=1");
    let (answer, ()) = tokio::join!(case.get(&zeta, &waiting), async {
        for n in 0..200 {
            let other = document("acme", &format!("x{n}"), 1, Some(json!({"secret": "s"})));
            case.database.upsert_batch("orders", 1, &[other]).unwrap();
        }
    });
    let later = answer.json();
    assert_eq!((&later["changes"], &later["has_more"]), (&json!([]), &json!(false)));
    assert_eq!(later["next"].as_str().unwrap().len(), next.len());
    // A token of one collection, or of another's query, opens nothing else.
    let auditors = case.get(&case.auditor, "/v1/collections/orders/documents?limit=1").await.json();
    let page = auditors["next"].as_str().unwrap();
    let borrowed = case.get(&zeta, &format!("/v1/collections/orders/documents?after={page}")).await;
    assert!(borrowed.ids().iter().all(|id| mine.contains(id)), "{}", borrowed.text);
    let altered = if &next[30..31] == "x" { "y" } else { "x" };
    for path in [
        format!("/v1/collections/prices/changes?since={next}"),
        format!("/v1/collections/orders/documents?after={next}"),
        format!("/v1/collections/orders/changes?since={page}"),
        format!("/v1/collections/orders/documents?after={page}&order=n"),
        "/v1/collections/orders/changes?since=AAAA".to_owned(),
        format!("/v1/collections/orders/changes?since={}{altered}{}", &next[..30], &next[31..]),
    ] {
        assert_eq!(case.get(&case.auditor, &path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let other = Case::new().get(&zeta, "/v1/collections/prices/changes").await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED, "a token of another issuer");
    let other = Case::new().get("", "/v1/collections/prices/changes").await.json();
    let gone = format!("/v1/collections/prices/changes?since={}", other["next"].as_str().unwrap());
    assert_eq!(case.get("", &gone).await.status, StatusCode::GONE, "a token of another database");
}

/// What is read of a stream within a second, or less if it ends.
async fn read_stream(body: &mut wasmtime_wasi_http::WasiBody, until: &str) -> (String, bool) {
    let mut text = String::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
            if text.contains(until) && text.ends_with("\n\n") {
                return false;
            }
        }
        true
    };
    let is_over = tokio::time::timeout(Duration::from_secs(5), reading).await.expect("the stream is silent");
    (text, is_over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_changes_goes_on_where_it_was_and_ends_with_the_right_to_read_it() {
    let case = Case::new();
    let zeta = case.of_tenant(json!("zeta"));
    let stream = |since: String| {
        let request = Request::builder()
            .uri(format!("/v1/collections/orders/changes{since}"))
            .header("accept", "text/event-stream")
            .header("authorization", format!("Bearer {zeta}"));
        case.send(request, "")
    };
    let write = |partition: &str, id: &str, body: Option<Value>| {
        case.database.upsert_batch("orders", 1, &[document(partition, id, 2, body)]).unwrap()
    };
    let mut body = stream("?since=now".into()).await.into_body();
    write("acme", "theirs", Some(json!({"secret": "s"})));
    write("zeta", "mine", Some(json!({"n": 1})));
    let (text, _) = read_stream(&mut body, "mine").await;
    assert!(text.starts_with("event: change\n") && !text.contains("theirs"), "{text}");
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(body);
    write("zeta", "mine", None);
    write("zeta", "o1", Some(json!({"n": "new"})));
    // What happened between the two is not skipped.
    let mut body = stream(format!("?since={id}")).await.into_body();
    let (text, _) = read_stream(&mut body, "o1").await;
    assert!(
        text.contains(r#""id":"mine","partition_key":"zeta","version":"2","deleted":true,"etag":null,"body":null"#),
        "{text}"
    );

    let mut body = stream("?since=now".into()).await.into_body();
    let rules = std::fs::read_to_string(case.folder.path().join("access.toml")).unwrap();
    let rules = rules.replace("collections = [\"orders\"]", "collections = [\"others\"]");
    std::fs::write(case.folder.path().join("new.toml"), rules).unwrap();
    std::fs::rename(case.folder.path().join("new.toml"), case.folder.path().join("access.toml")).unwrap();
    tokio::time::sleep(10 * READ_AGAIN).await;
    write("zeta", "after", Some(json!({})));
    let (text, is_over) = read_stream(&mut body, "after").await;
    assert!(is_over && !text.contains("after"), "{text}");

    // When the server stops, streams end, and so does waiting.
    let request =
        Request::builder().uri("/v1/collections/prices/changes?since=now").header("accept", "text/event-stream");
    let mut body = case.send(request, "").await.into_body();
    let waiting = case.get("", "/v1/collections/prices/changes?since=now&wait=60");
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        case.stop.send(()).unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, stopping);
    assert_eq!(waited.status, StatusCode::OK);
    assert!(read_stream(&mut body, "nothing").await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_apps_expect() {
    let case = Case::new();
    let found = case.get("", "/v1/collections/prices/documents/gold").await;
    let expect = json!({"id": "gold", "partition_key": "", "version": "1", "body": {"price": 1.5}});
    let mut json = found.json();
    let etag = json.as_object_mut().unwrap().remove("etag").unwrap();
    assert_eq!(
        (json, found.headers["etag"].to_str().unwrap()),
        (expect, format!("\"{}\"", etag.as_str().unwrap()).as_str())
    );
    assert_eq!(found.headers["cache-control"], "private, no-cache");
    let ask_again = |tag: String| {
        let request = Request::builder().uri("/v1/collections/prices/documents/gold").header("if-none-match", tag);
        case.send(request, "")
    };
    let tag = found.headers["etag"].to_str().unwrap().to_owned();
    for (tags, status) in
        [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("*".into(), 304), ("\"x\"".into(), 200)]
    {
        assert_eq!(ask_again(tags.clone()).await.status().as_u16(), status, "{tags}");
    }
    case.database.upsert_batch("prices", 1, &[document("", "gold", 2, Some(json!({"price": 2})))]).unwrap();
    assert_eq!(ask_again(tag).await.status(), StatusCode::OK);

    // A page at a time, the greatest first.
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/collections/orders/documents?where=n>=3&where=n<17&order=-n&limit=4{after}");
        let page = case.get(&case.auditor, &path.replace('<', "%3C").replace('>', "%3E")).await;
        ids.extend(page.ids());
        match page.json()["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(ids, (3..17).rev().map(|n| format!("o{n}")).collect::<Vec<_>>());

    for (method, path, body, status, says) in [
        ("GET", "/v1/collections/prices/documents/none", "", 404, "there is no document `none`"),
        ("GET", "/v1/collections/prices/documents?wher=a", "", 400, "there is no parameter `wher` here"),
        ("GET", "/v1/collections/prices/documents?where=a", "", 400, "the operators are"),
        ("GET", "/v1/collections/prices/documents?order=a..b", "", 400, "`order`: `a..b` is not a field"),
        ("GET", "/v1/collections/prices/documents?limit=0", "", 400, "`limit` is from 1 to 1000"),
        ("GET", "/v1/collections/prices/documents?limit=ten", "", 400, "`limit`: invalid digit"),
        ("GET", "/v1/collections/prices/documents?limit=1&limit=2", "", 400, "given more than once"),
        ("GET", "/v1/collections/prices/changes?wait=61", "", 400, "`wait` is from 0 to 60"),
        ("GET", "/v1/collections/%FF/count", "", 400, "the path"),
        ("GET", "/v1/collections/prices", "", 404, "nothing is here"),
        ("DELETE", "/v1/collections/prices/documents/gold", "", 405, "not asked by this method"),
        ("POST", "/v1/collections/prices/batch-get", "{\"keys\":[{\"id\":1}]}", 400, "the body"),
        ("POST", "/v1/collections/prices/batch-get", "{\"keys\":[],\"more\":1}", 400, "unknown field"),
        ("POST", "/v1/collections/prices/batch-get", "", 415, "the body"),
    ] {
        let answer = case.ask("", method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert!(answer.json()["error"].as_str().unwrap().contains(says), "{path}: {}", answer.text);
    }
    let many = json!({"keys": vec![json!({"id": "gold"}); 101]}).to_string();
    assert_eq!(case.ask("", "POST", "/v1/collections/prices/batch-get", &many).await.status, StatusCode::BAD_REQUEST);
    let long = format!("{{\"keys\":[{{\"id\":\"{}\"}}]}}", "x".repeat(300_000));
    assert_eq!(case.ask("", "POST", "/v1/collections/prices/batch-get", &long).await.status.as_u16(), 413);
    let url = format!("/v1/collections/prices/documents?order={}", "x".repeat(9_000));
    assert_eq!(case.get("", &url).await.status.as_u16(), 414);
    let conditions = format!("/v1/collections/prices/documents?{}", "where=a=1&".repeat(17));
    assert_eq!(case.get("", &conditions).await.status.as_u16(), 400);

    let described = case.get("", "/v1/openapi.json").await.json();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(described["paths"].as_object().unwrap().len(), 6);

    // Only pages of origins that the rules name are let in by browsers.
    for (origin, is_allowed) in [("https://app.example", true), ("https://evil.example", false)] {
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/v1/collections/orders/documents")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let preflight = case.send(request, "").await;
        let allowed = preflight.headers().get("access-control-allow-origin");
        assert_eq!(allowed.is_some_and(|allowed| allowed == origin), is_allowed, "{origin}");
    }
    // What was read is in the audit log.
    let file = case.folder.path().join("audit.jsonl");
    let is_there = || {
        let lines = std::fs::read_to_string(&file).unwrap_or_default();
        lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|line| {
            line["principal"] == "auditor"
                && line["path"].as_str().unwrap().starts_with("/v1/collections/orders/documents?where=n%3E=3")
                && (&line["status"], &line["documents"]) == (&json!(200), &json!(4))
        })
    };
    for _ in 0..100 {
        if is_there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", std::fs::read_to_string(&file).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_less_than_30_days_is_told_what_was_deleted_and_who_was_longer_that_it_is_too_late() {
    static DAYS: AtomicI64 = AtomicI64::new(20_000);
    let case = Case::of(|database| database.with_clock(|| DAYS.load(Ordering::SeqCst) * 24 * 60 * 60));
    let ask = async |limit: u32, since: &str| {
        let since = if since.is_empty() { String::new() } else { format!("&since={since}") };
        let path = format!("/v1/collections/orders/changes?limit={limit}{since}");
        let answer = case.get(&case.auditor, &path).await;
        if answer.status != StatusCode::OK {
            assert!(answer.text.contains("the token is too old"), "{}", answer.text);
            return (answer.status.as_u16(), Vec::new(), String::new());
        }
        let json = answer.json();
        let changes = json["changes"].as_array().unwrap().iter();
        let changes = changes
            .map(|one| format!("{}{}", one["id"].as_str().unwrap(), if one["deleted"] == true { " gone" } else { "" }));
        (200, changes.collect::<Vec<_>>(), json["next"].as_str().unwrap().to_owned())
    };
    let (_, all, end) = ask(1000, "").await;
    assert_eq!(all.len(), 20);
    let (_, _, middle) = ask(5, "").await;
    // What an earlier version gave had no more than a position.
    let seal = Seal::new(&case.database.identity().unwrap());
    let old = seal.seal(&json!(["changes", "orders"]).to_string(), &format!("{:020}", 20)).unwrap_or_default();
    case.database.upsert_batch("orders", 1, &[document("acme", "o0", 2, None)]).unwrap();
    DAYS.fetch_add(29, Ordering::SeqCst);
    assert!(!case.database.sweep().unwrap());
    for token in [&end, &old] {
        assert_eq!(ask(10, token).await.1, ["o0 gone"]);
    }
    assert_eq!(ask(100, &middle).await.1.last().unwrap(), "o0 gone");
    let (_, _, late) = ask(5, "").await;
    DAYS.fetch_add(1, Ordering::SeqCst);
    assert!(!case.database.sweep().unwrap());
    for token in [&end, &old, &middle] {
        assert_eq!(ask(10, token).await.0, 410);
        let request = Request::builder()
            .uri(format!("/v1/collections/orders/changes?since={token}"))
            .header("accept", "text/event-stream")
            .header("authorization", format!("Bearer {}", case.auditor));
        assert_eq!(case.send(request, "").await.status(), StatusCode::GONE);
    }
    // Who began after it was deleted never saw it, and goes on with all that they did not see yet.
    let (_, rest, last) = ask(100, &late).await;
    assert_eq!(rest, (6..20).map(|n| format!("o{n}")).collect::<Vec<_>>());
    let (status, changes, _) = ask(100, &last).await;
    assert_eq!((status, changes.len()), (200, 0));
    assert_eq!(ask(100, "now").await.0, 200);
    assert_eq!(ask(100, "").await.1.len(), 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_come_a_few_at_a_time() {
    let case = Case::new();
    let large: Vec<Document> =
        (0..9).map(|n| document("", &format!("l{n}"), 1, Some(json!({"text": "x".repeat(2 << 20)})))).collect();
    case.database.upsert_batch("prices", 1, &large).unwrap();
    let all: Vec<String> = ["gold".to_owned()].into_iter().chain((0..9).map(|n| format!("l{n}"))).collect();
    let (mut ids, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = case.get("", &format!("/v1/collections/prices/documents?limit=1000{after}")).await;
        ids.extend(page.ids());
        pages += 1;
        match page.json()["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!((&ids, pages), (&all, 3));

    let mut keys: Value = all.iter().map(|id| json!({"id": id})).collect();
    let mut found = Vec::new();
    while !keys.as_array().unwrap().is_empty() {
        let asked = json!({ "keys": keys }).to_string();
        let answer = case.ask("", "POST", "/v1/collections/prices/batch-get", &asked).await;
        assert_eq!(answer.status, StatusCode::OK);
        found.extend(answer.ids());
        keys = answer.json()["unprocessed_keys"].take();
    }
    assert_eq!(found, all);

    let (mut ids, mut since) = (Vec::new(), String::new());
    loop {
        let answer = case.get("", &format!("/v1/collections/prices/changes?limit=1000{since}")).await;
        assert!(answer.text.len() < 12 << 20);
        let changes = answer.json();
        ids.extend(changes["changes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        since = format!("&since={}", changes["next"].as_str().unwrap());
        if changes["has_more"] == false {
            break;
        }
    }
    assert_eq!(ids, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_too_much_is_told_when_there_is_more() {
    let case = Case::new();
    write_rules(
        case.folder.path(),
        &case.auditor,
        &case.old,
        &case.nobody,
        "[access.limits]\nrequests_per_second = 1\nburst = 3",
    );
    tokio::time::sleep(10 * READ_AGAIN).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(case.get(&case.auditor, "/v1/collections/prices/count").await.status.as_u16());
    }
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    let refused = loop {
        let answer = case.get(&case.auditor, "/v1/collections/prices/count").await;
        if answer.status.as_u16() == 429 {
            break answer;
        }
    };
    assert_eq!(refused.headers["retry-after"], "1");
    // Others have their own; whoever guesses keys has one for all of them.
    assert_eq!(case.get(&case.nobody, "/v1/collections/prices/count").await.status, StatusCode::OK);
    let mut guesses = Vec::new();
    for _ in 0..5 {
        guesses.push(case.get(&key::new().unwrap(), "/v1/collections/prices/count").await.status.as_u16());
    }
    assert!(guesses.contains(&401) && guesses.contains(&429), "{guesses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rules_nothing_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let database = Arc::new(Database::open(&folder.path().join("documents.db")).unwrap());
    database.upsert_batch("orders", 1, &[document("", "a", 1, Some(json!({})))]).unwrap();
    let (_stop, stopped) = watch::channel(());
    let api = Api::new(Some(database), None, Gate::new(None), stopped).unwrap();
    for (method, path, body) in routes("orders", "a", "") {
        let mut request = Request::builder().method(method).uri(&path);
        if method == "POST" {
            request = request.header("content-type", "application/json");
        }
        let answer = api.answer(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
}
