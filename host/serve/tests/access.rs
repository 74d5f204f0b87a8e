//! Who may call: requests and their statuses, through real connections to a component that answers with the headers it
//! was given.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::echo::ECHO;
use common::issuer::{Issuer, base64, from_now, token};
use common::{Answer, Server};
use ring::hmac;
use ring::rsa::PublicKeyComponents;
use ring::signature::KeyPair;
use serde_json::{Value, json};
use wasmill_access::live::Live;
use wasmill_access::{Access, key};
use wasmill_serve::Settings;
use wasmill_serve::access::Gate;

/// Rules in a folder, and a server that keeps to them.
struct Case {
    folder: tempfile::TempDir,
    issuer: Issuer,
    /// A key of the principal `app`, who may call everything.
    app: String,
    /// A key of `app` that has expired.
    old: String,
    /// A key of `limited`, who may call `/v1/score` and what is below `/v2/`.
    limited: String,
}

impl Case {
    fn new() -> Self {
        let key = || key::new().unwrap();
        let case = Self {
            folder: tempfile::tempdir().unwrap(),
            issuer: Issuer::new(),
            app: key(),
            old: key(),
            limited: key(),
        };
        std::fs::write(case.folder.path().join("keys.json"), case.issuer.jwks().to_string()).unwrap();
        case.write(&format!(
            r#"
            [[access.key]]
            principal = "app"
            sha256 = "{}"
            expires = "2999-01-01T00:00:00+01:00"
            [[access.key]]
            principal = "app"
            sha256 = "{}"
            expires = "2020-01-01T00:00:00Z"
            [[access.key]]
            principal = "limited"
            sha256 = "{}"
            [access.jwt]
            issuer = "https://login.example"
            audience = "scoring"
            jwks = "keys.json"
            [access.allow]
            app = ["/*"]
            limited = ["/v1/score", "/v2/*"]
            "*" = ["/v1/score"]
            "#,
            key::sha256(&case.app),
            key::sha256(&case.old),
            key::sha256(&case.limited)
        ));
        case
    }

    fn rules(&self) -> PathBuf {
        self.folder.path().join("access.toml")
    }

    fn write(&self, rules: &str) {
        std::fs::write(self.rules(), rules).unwrap();
    }

    fn serve(&self) -> Server {
        let file = self.rules();
        let rules = Live::read(Duration::from_millis(5), move || Access::read(&file)).unwrap();
        Server::start(&ECHO, Settings::default(), Gate::new(Some(rules)), None)
    }
}

fn principal(answer: &Answer) -> Vec<&str> {
    answer.header("x-wasmill-principal")
}

#[test]
fn a_key_lets_its_principal_in_where_it_may() {
    let case = Case::new();
    let server = case.serve();
    let (app, old, limited) = (&case.app, &case.old, &case.limited);
    let other = key::new().unwrap();
    for (path, headers, status, who) in [
        ("/v1/score", String::new(), 401, None),
        ("/v1/score", format!("authorization: Bearer {app}\r\n"), 200, Some("app")),
        ("/v1/score", format!("AUTHORIZATION: bearer  {app}\r\n"), 200, Some("app")),
        ("/v1/score", format!("x-api-key: {app}\r\n"), 200, Some("app")),
        ("/v1/score", format!("X-API-Key: {limited}\r\n"), 200, Some("limited")),
        ("/anything?x=y", format!("x-api-key: {app}\r\n"), 200, Some("app")),
        // Not a credential, not the right one, not any more, or too many.
        ("/v1/score", format!("x-api-key: {other}\r\n"), 401, None),
        ("/v1/score", format!("x-api-key: {old}\r\n"), 401, None),
        ("/v1/score", format!("x-api-key: {}\r\n", key::sha256(app)), 401, None),
        ("/v1/score", format!("x-api-key: {}\r\n", &app[..app.len() - 1]), 401, None),
        ("/v1/score", format!("x-api-key: Bearer {app}\r\n"), 401, None),
        ("/v1/score", "x-api-key: \r\n".into(), 401, None),
        ("/v1/score", "x-api-key: schlüssel\r\n".into(), 401, None),
        ("/v1/score", format!("authorization: {app}\r\n"), 401, None),
        ("/v1/score", format!("authorization: Basic {app}\r\n"), 401, None),
        ("/v1/score", "authorization: Bearer\r\n".into(), 401, None),
        ("/v1/score", format!("authorization: Bearer {app}\r\nx-api-key: {app}\r\n"), 401, None),
        ("/v1/score", format!("x-api-key: {app}\r\nx-api-key: {app}\r\n"), 401, None),
        ("/v1/score", format!("cookie: authorization={app}\r\n"), 401, None),
        (&format!("/v1/score?api_key={app}"), String::new(), 401, None),
        (&format!("/v1/score?access_token={app}"), String::new(), 401, None),
        // Where it may not.
        ("/v2/models/double", format!("x-api-key: {limited}\r\n"), 200, Some("limited")),
        ("/v1/other", format!("x-api-key: {limited}\r\n"), 403, None),
        ("/v1/score/", format!("x-api-key: {limited}\r\n"), 403, None),
        ("/v2/../v1/other", format!("x-api-key: {limited}\r\n"), 403, None),
        ("/v2/%2e%2e/v1/other", format!("x-api-key: {limited}\r\n"), 403, None),
        // Health is public; metrics are not.
        ("/healthz", String::new(), 200, None),
        ("/v2/health/ready", String::new(), 200, None),
        ("/v2/health/ready", format!("x-api-key: {app}\r\n"), 200, None),
        ("/v2/health/ready", format!("x-api-key: {other}\r\n"), 200, None),
        ("/v2/health/../models/double", String::new(), 401, None),
        ("/healthz/", String::new(), 401, None),
        ("/metrics", String::new(), 401, None),
        ("/metrics", format!("x-api-key: {limited}\r\n"), 403, None),
        ("/metrics", format!("x-api-key: {app}\r\n"), 200, None),
    ] {
        let answer = server.get(path, &headers);
        assert_eq!(answer.status, status, "{path} {headers}: {answer:?}");
        assert_eq!(principal(&answer), Vec::from_iter(who), "{path} {headers}: {answer:?}");
        assert_eq!(!answer.header("www-authenticate").is_empty(), status == 401, "{path} {headers}: {answer:?}");
    }
}

#[test]
fn a_refusal_says_why() {
    let case = Case::new();
    let server = case.serve();
    let expired = case.issuer.token(&json!({"iss": "https://login.example", "aud": "scoring", "sub": "a", "exp": 1}));
    for (headers, challenge, body) in [
        (
            String::new(),
            "Bearer realm=\"wasmill\"",
            r#"{"error":"no credentials: send a key or a token as `Authorization: Bearer …`, or a key as `X-API-Key`"}"#,
        ),
        (
            format!("x-api-key: {}\r\n", case.old),
            "Bearer realm=\"wasmill\", error=\"invalid_token\"",
            r#"{"error":"the key has expired"}"#,
        ),
        (
            format!("authorization: Bearer {}\r\n", key::new().unwrap()),
            "Bearer realm=\"wasmill\", error=\"invalid_token\"",
            r#"{"error":"the credentials are not known"}"#,
        ),
        (
            format!("authorization: Bearer {expired}\r\n"),
            "Bearer realm=\"wasmill\", error=\"invalid_token\"",
            r#"{"error":"the token is refused: it has expired"}"#,
        ),
    ] {
        let answer = server.get("/v1/score", &headers);
        assert_eq!((answer.status, answer.body.as_str()), (401, body));
        assert_eq!(answer.header("www-authenticate"), [challenge]);
        assert_eq!(answer.header("content-type"), ["application/json"]);
    }
    let answer = server.get("/v1/other", &format!("x-api-key: {}\r\n", case.limited));
    assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"error":"`limited` may not call `/v1/other`"}"#));
}

#[test]
fn a_token_names_its_principal_if_all_of_it_is_right() {
    let case = Case::new();
    let (server, issuer, stranger) = (case.serve(), &case.issuer, Issuer::new());
    let claims = json!({"iss": "https://login.example", "aud": "scoring", "sub": "alice", "exp": from_now(600)});
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        issuer.token(&claims)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        issuer.token(&claims)
    };
    let header = |algorithm: &str, id: &str| json!({"alg": algorithm, "kid": id});
    let rs256 = |message: &[u8]| issuer.rs256(message);
    let eddsa = |message: &[u8]| issuer.eddsa(message);
    let hs256 = |key: &[u8], id: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        token(&header("HS256", id), &claims, |message| hmac::sign(&key, message).as_ref().to_owned())
    };
    let right = issuer.token(&claims);
    let (head, signature) = right.rsplit_once('.').unwrap();
    let modulus = PublicKeyComponents::<Vec<u8>>::from(issuer.rsa.public()).n;
    let brought = json!({"alg": "EdDSA", "kid": "d", "jwk": stranger.ed_jwk("d")});
    for (what, token, status) in [
        ("right, by EdDSA", right.clone(), 200),
        ("right, by RS256", token(&header("RS256", "r"), &claims, rs256), 200),
        ("right, by ES256", token(&header("ES256", "e"), &claims, |message| issuer.es256(message)), 200),
        ("without the key's name", token(&json!({"alg": "ES256"}), &claims, |message| issuer.es256(message)), 200),
        ("for several audiences", with("aud", json!(["other", "scoring"])), 200),
        ("just expired", with("exp", from_now(-10).into()), 200),
        ("long valid", with("nbf", from_now(-600).into()), 200),
        ("expired", with("exp", from_now(-60).into()), 401),
        ("without an end", without("exp"), 401),
        ("with an end that is no time", with("exp", "never".into()), 401),
        ("not valid yet", with("nbf", from_now(60).into()), 401),
        ("for another audience", with("aud", "other".into()), 401),
        ("for other audiences", with("aud", json!(["other"])), 401),
        ("for nobody", without("aud"), 401),
        ("of another issuer", with("iss", "https://login.example.org".into()), 401),
        ("of no issuer", without("iss"), 401),
        ("of nobody", without("sub"), 401),
        ("of a number", with("sub", 1.into()), 401),
        ("of one who forges a header", with("sub", "alice\r\nx-admin: yes".into()), 401),
        ("with an unknown key", token(&header("EdDSA", "z"), &claims, eddsa), 401),
        ("with a key that does not sign", token(&header("RS256", "x"), &claims, rs256), 401),
        ("by an algorithm that is not the key's", token(&header("RS256", "e"), &claims, rs256), 401),
        ("by a longer hash", token(&header("RS512", "r"), &claims, rs256), 401),
        ("by none", token(&header("none", "d"), &claims, |_| Vec::new()), 401),
        ("by None, without a key's name", token(&json!({"alg": "None"}), &claims, |_| Vec::new()), 401),
        ("by HMAC with the public key", hs256(&modulus, "r"), 401),
        ("by HMAC with the public point", hs256(issuer.ed.public_key().as_ref(), "d"), 401),
        ("by HMAC with a key of the set", hs256(b"secret", "o"), 401),
        ("by a stranger", stranger.token(&claims), 401),
        ("with a stranger's key in it", token(&brought, &claims, |message| stranger.eddsa(message)), 401),
        ("that demands more", token(&json!({"alg": "EdDSA", "kid": "d", "crit": ["b64"]}), &claims, eddsa), 401),
        ("with another content", format!("{}.{}.{signature}", base64("{}"), base64(claims.to_string())), 401),
        ("without a signature", format!("{head}."), 401),
        ("cut", right[..right.len() - 2].into(), 401),
        ("too long", format!("{right}.{signature}"), 401),
        ("garbage", "garbage".into(), 401),
        ("dots", "..".into(), 401),
        ("more garbage", "a.b.c".into(), 401),
        ("braces", format!("{}.{}.", base64("{}"), base64("{}")), 401),
    ] {
        let answer = server.get("/v1/score", &format!("authorization: Bearer {token}\r\n"));
        assert_eq!(answer.status, status, "a token {what}: {answer:?}");
        let who: &[&str] = if status == 200 { &["alice"] } else { &[] };
        assert_eq!(principal(&answer), who, "a token {what}");
    }
    assert_eq!(server.get("/v1/other", &format!("authorization: Bearer {right}\r\n")).status, 403);
}

#[test]
fn a_component_sees_whose_request_it_is_and_not_the_credentials() {
    let case = Case::new();
    let server = case.serve();
    let forged =
        "x-wasmill-principal: admin\r\nX-Wasmill-Principal: root\r\nX-WASMILL-PRINCIPAL: \r\nx-other: kept\r\n";
    for (path, credentials, who) in [
        ("/v1/score", format!("authorization: Bearer {}\r\n", case.app), Some("app")),
        ("/v1/score", format!("x-api-key: {}\r\n", case.limited), Some("limited")),
        ("/v2/health/live", format!("x-api-key: {}\r\nauthorization: Bearer x\r\n", case.app), None),
        ("/v2/health/live", String::new(), None),
    ] {
        let answer = server.get(path, &format!("{forged}{credentials}"));
        assert_eq!(answer.status, 200);
        assert_eq!(principal(&answer), Vec::from_iter(who), "{answer:?}");
        assert_eq!(answer.header("x-other"), ["kept"]);
        assert!(answer.header("authorization").is_empty() && answer.header("x-api-key").is_empty(), "{answer:?}");
    }

    // Without rules the credentials are the component's affair; the principal is still nobody's to claim.
    let open = Server::start(&ECHO, Settings::default(), Gate::new(None), None);
    let answer = open.get("/v1/score", &format!("{forged}authorization: Basic x\r\nx-api-key: y\r\n"));
    assert_eq!((answer.status, principal(&answer)), (200, vec![]));
    assert_eq!((answer.header("authorization"), answer.header("x-api-key")), (vec!["Basic x"], vec!["y"]));
    assert_eq!(open.get("/metrics", "").status, 200);
}

#[test]
fn rules_and_key_sets_are_read_again() {
    let case = Case::new();
    let server = case.serve();
    let status = |key: &str| server.get("/v1/score", &format!("x-api-key: {key}\r\n")).status;
    assert_eq!((status(&case.app), status(&case.limited)), (200, 200));

    case.write(&format!("[[access.key]]\nprincipal = \"app\"\nsha256 = \"{}\"\n", key::sha256(&case.app)));
    while status(&case.limited) != 401 {
        std::thread::yield_now();
    }
    assert_eq!(status(&case.app), 200);

    // An issuer changes its keys.
    let next = Issuer::new();
    case.write("[access.jwt]\nissuer = \"i\"\naudience = \"a\"\njwks = \"keys.json\"\nprincipal = \"client\"\n");
    let claims = json!({"iss": "i", "aud": "a", "client": "c", "exp": from_now(600)});
    let ask = |token: &str| server.get("/v1/score", &format!("authorization: Bearer {token}\r\n")).status;
    while ask(&case.issuer.token(&claims)) != 200 {
        std::thread::yield_now();
    }
    std::fs::write(case.folder.path().join("keys.json"), next.jwks().to_string()).unwrap();
    while ask(&next.token(&claims)) != 200 {
        std::thread::yield_now();
    }
    assert_eq!(ask(&case.issuer.token(&claims)), 401);
}

#[test]
fn what_is_refused_is_counted() {
    let case = Case::new();
    let server = case.serve();
    for _ in 0..3 {
        server.get("/v1/score", "");
    }
    let metrics = server.get("/metrics", &format!("x-api-key: {}\r\n", case.app)).body;
    assert!(metrics.contains("wasmill_requests_total{status=\"401\"} 3\n"), "{metrics}");
    assert!(metrics.contains("wasmill_sandboxes_started_total 0\n"), "{metrics}");
}
