//! Microsoft's emulator core of Azure Cosmos DB, a library, as a server: on a port for each region, over plain HTTP. It adds
//! what the core lacks: requests must be signed with the account's key, and may be throttled.
//!
//! ```text
//! cosmos-server KEY PORT REGION [PORT REGION …]
//! ```
//!
//! Tests tell it what is to happen with `POST /test/WHAT/VALUE`, unsigned: `throughput/400` (request units a second; 0: any),
//! `offline/REGION`, `online/REGION`, `failover/REGION`.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use azure_core::http::{Method, Request as CoreRequest};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpListener;
use url::Url;

/// The account.
struct Account {
    core: InMemoryEmulatorHttpClient,
    key: Vec<u8>,
    /// Request units a second; 0: any.
    throughput: AtomicU64,
    /// Since when, and how many request units.
    spent: Mutex<(Instant, f64)>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [key, regions @ ..] = arguments.as_slice() else { bail!("cosmos-server KEY PORT REGION …") };
    let regions: Vec<(u16, &str)> = regions
        .chunks_exact(2)
        .map(|pair| Ok((pair[0].parse()?, pair[1].as_str())))
        .collect::<Result<_>>()
        .context("a port")?;
    let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}"));
    let virtual_regions: Vec<VirtualRegion> =
        regions.iter().map(|(port, name)| Ok(VirtualRegion::new(name, url(*port)?))).collect::<Result<_>>()?;
    let config = VirtualAccountConfig::new(virtual_regions)
        .map_err(|err| anyhow::anyhow!("{err}"))?
        .with_consistency(ConsistencyLevel::Session);
    let account = Arc::new(Account {
        core: InMemoryEmulatorHttpClient::try_new(config).map_err(|err| anyhow::anyhow!("{err}"))?,
        key: BASE64_STANDARD.decode(key).context("the key")?,
        throughput: AtomicU64::new(0),
        spent: Mutex::new((Instant::now(), 0.0)),
    });
    let mut listeners = Vec::new();
    for (port, _) in &regions {
        listeners.push((*port, TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await?));
    }
    for (port, listener) in listeners {
        let account = account.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let account = account.clone();
                let service = service_fn(move |request| {
                    let account = account.clone();
                    async move { account.answer(port, request).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
    println!("ready");
    std::future::pending().await
}

/// Nothing is answered, as if there was nobody: the connection ends.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

impl Account {
    async fn answer(&self, port: u16, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Gone> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        if let Some(order) = path.strip_prefix("/test/") {
            return Ok(self.order(order));
        }
        let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Err(why) = self.signed(head.method.as_str(), &path, header("x-ms-date"), header("authorization")) {
            return Ok(said(401, 0, "Unauthorized", &why));
        }
        if self.is_spent() {
            let mut answer = said(429, 3200, "TooManyRequests", "Request rate is large");
            let wait = 1_000 - self.spent.lock().unwrap().0.elapsed().as_millis().min(999);
            answer.headers_mut().insert("x-ms-retry-after-ms", wait.to_string().parse().unwrap());
            return Ok(answer);
        }
        // The core knows no slash too many.
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut url = Url::parse(&format!("http://127.0.0.1:{port}/")).map_err(|_| Gone)?;
        url.set_path(&segments.join("/"));
        url.set_query(head.uri.query());
        let method = match head.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => return Ok(said(405, 0, "MethodNotAllowed", "")),
        };
        let mut core = CoreRequest::new(url, method);
        for (name, value) in &head.headers {
            if let Ok(value) = value.to_str() {
                core.insert_header(name.as_str().to_owned(), value.to_owned());
            }
        }
        if !body.is_empty() {
            core.set_body(body);
        }
        // A region that is offline has no name any more.
        let answer = self.core.execute_request(&core).await.map_err(|_| Gone)?;
        let answer = answer.try_into_raw_response().await.map_err(|_| Gone)?;
        let mut response = Response::builder().status(u16::from(answer.status()));
        for (name, value) in answer.headers().iter() {
            if name.as_str() == "x-ms-request-charge" {
                self.spent.lock().unwrap().1 += value.as_str().parse().unwrap_or(0.0);
            }
            response = response.header(name.as_str(), value.as_str());
        }
        response.body(Full::new(Bytes::copy_from_slice(answer.body().as_ref()))).map_err(|_| Gone)
    }

    /// Whether this second has no request units left.
    fn is_spent(&self) -> bool {
        let throughput = self.throughput.load(Ordering::SeqCst);
        let mut spent = self.spent.lock().unwrap();
        if spent.0.elapsed() >= Duration::from_secs(1) {
            *spent = (Instant::now(), 0.0);
        }
        throughput > 0 && spent.1 >= throughput as f64
    }

    fn order(&self, order: &str) -> Response<Full<Bytes>> {
        let (what, value) = order.split_once('/').unwrap_or((order, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        let store = self.core.store();
        let done = match what {
            "throughput" => value.parse().map(|value| self.throughput.store(value, Ordering::SeqCst)).map_err(|_| ()),
            "offline" => store.set_region_offline(&value).map_err(drop),
            "online" => store.set_region_online(&value).map_err(drop),
            "failover" => store.set_write_region(&value).map_err(drop),
            _ => Err(()),
        };
        said(if done.is_ok() { 200 } else { 400 }, 0, "test", order)
    }

    /// Whether a request is signed as
    /// <https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources> says. Microsoft's own clients,
    /// which call this server as well, show that it is checked right.
    fn signed(&self, method: &str, path: &str, date: &str, given: &str) -> Result<(), String> {
        let ids: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let ids: Vec<_> =
            ids.iter().map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy()).collect();
        // An even number names a resource, an odd one what is in it.
        let (kind, link) = match ids.len() {
            0 => ("", String::new()),
            count if count % 2 == 0 => (&*ids[count - 2], ids.join("/")),
            count => (&*ids[count - 1], ids[..count - 1].join("/")),
        };
        let text = format!("{}\n{}\n{link}\n{}\n\n", method.to_lowercase(), kind.to_lowercase(), date.to_lowercase());
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|err| err.to_string())?;
        mac.update(text.as_bytes());
        let expected = format!("type=master&ver=1.0&sig={}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let given = percent_encoding::percent_decode_str(given).decode_utf8_lossy();
        if given == expected {
            Ok(())
        } else {
            Err(format!("The input authorization token can't serve the request: {text:?}"))
        }
    }
}

fn said(status: u16, substatus: u32, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = format!("{{\"code\":\"{code}\",\"message\":{message:?}}}");
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status.try_into().unwrap();
    if substatus > 0 {
        response.headers_mut().insert("x-ms-substatus", substatus.into());
    }
    response
}
