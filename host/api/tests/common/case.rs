//! An API over a database in memory, with rules, keys and tokens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use issuer::{Issuer, from_now};
use serde_json::{Value, json};
use tokio::sync::watch;
use wasmill_access::live::Live;
use wasmill_access::{Access, key};
use wasmill_api::Api;
use wasmill_runtime::documents::{Database, Document};
use wasmill_serve::access::Gate;
use wasmill_serve::server::Peer;

#[path = "../../../serve/tests/common/issuer.rs"]
pub mod issuer;

/// How often rules are read again.
pub const READ_AGAIN: Duration = Duration::from_millis(20);

/// Rules, documents, and what answers.
pub struct Case {
    pub folder: tempfile::TempDir,
    pub database: Arc<Database>,
    pub api: Arc<Api>,
    pub issuer: Issuer,
    /// A key that may read everything.
    pub auditor: String,
    /// The same, which has expired.
    pub old: String,
    /// A key of a principal for whom there is no rule.
    pub nobody: String,
    pub stop: watch::Sender<()>,
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|err| panic!("{err}: {}", self.text))
    }

    pub fn ids(&self) -> Vec<String> {
        let documents = self.json()["documents"].as_array().unwrap().clone();
        documents.iter().map(|one| one["id"].as_str().unwrap_or("-").to_owned()).collect()
    }
}

pub fn document(partition: &str, id: &str, version: i64, body: Option<Value>) -> Document {
    Document {
        id: id.into(),
        partition_key: partition.into(),
        version,
        row: 1,
        body: body.map(|body| body.to_string()),
    }
}

impl Case {
    pub fn new() -> Self {
        Self::of(|database| database)
    }

    pub fn of(change: impl FnOnce(Database) -> Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Arc::new(change(Database::open(&folder.path().join("documents.db")).unwrap()));
        let orders: Vec<Document> = (0..20)
            .map(|n| {
                document(["acme", "zeta"][n % 2], &format!("o{n}"), 1, Some(json!({"n": n, "secret": format!("s{n}")})))
            })
            .collect();
        database.upsert_batch("orders", 1, &orders).unwrap();
        database.upsert_batch("prices", 1, &[document("", "gold", 1, Some(json!({"price": 1.5})))]).unwrap();
        let issuer = Issuer::new();
        std::fs::write(folder.path().join("keys.json"), issuer.jwks().to_string()).unwrap();
        let [auditor, old, nobody] = [(); 3].map(|()| key::new().unwrap());
        write_rules(folder.path(), &auditor, &old, &nobody, "");
        let file = folder.path().join("access.toml");
        let rules = Live::read(READ_AGAIN, move || Access::read(&file)).unwrap_or_else(|err| panic!("{err}"));
        let (stop, stopped) = watch::channel(());
        let api = Arc::new(Api::new(Some(database.clone()), None, Gate::new(Some(rules)), stopped).unwrap());
        Self { folder, database, api, issuer, auditor, old, nobody, stop }
    }

    /// A token of a tenant's.
    pub fn of_tenant(&self, tenant: Value) -> String {
        self.token(json!({"tenant": tenant}), 300)
    }

    pub fn token(&self, more: Value, seconds: i64) -> String {
        let mut claims = json!({
            "iss": "https://login.example", "aud": "documents", "sub": "ada", "exp": from_now(seconds),
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.issuer.token(&claims)
    }

    pub async fn send(
        &self,
        request: http::request::Builder,
        body: &str,
    ) -> http::Response<wasmtime_wasi_http::WasiBody> {
        let peer = Peer(SocketAddr::from(([127, 0, 0, 1], 4)));
        self.api.answer(request.extension(peer).body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn ask(&self, credentials: &str, method: &str, path: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !credentials.is_empty() {
            request = request.header("authorization", format!("Bearer {credentials}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let (head, body) = self.send(request, body).await.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub async fn get(&self, credentials: &str, path: &str) -> Answer {
        self.ask(credentials, "GET", path, "").await
    }
}

pub fn write_rules(folder: &std::path::Path, auditor: &str, old: &str, nobody: &str, more: &str) {
    let rules = format!(
        r#"
        [access]
        origins = ["https://app.example"]
        audit = "audit.jsonl"
        [[access.key]]
        principal = "auditor"
        sha256 = "{}"
        claims = {{ role = "auditor" }}
        [[access.key]]
        principal = "auditor"
        sha256 = "{}"
        expires = "2020-01-01T00:00:00Z"
        [[access.key]]
        principal = "nobody"
        sha256 = "{}"
        [access.jwt]
        issuer = "https://login.example"
        audience = "documents"
        jwks = "keys.json"
        [[access.read]]
        collections = ["orders"]
        partitions = ["{{tenant}}"]
        [[access.read]]
        collections = ["*"]
        claims = {{ role = "auditor" }}
        [[access.read]]
        collections = ["prices"]
        anyone = true
        {more}
        "#,
        key::sha256(auditor),
        key::sha256(old),
        key::sha256(nobody),
    );
    // As a deployment does: never half of it.
    std::fs::write(folder.join("new.toml"), rules).unwrap();
    std::fs::rename(folder.join("new.toml"), folder.join("access.toml")).unwrap();
}
