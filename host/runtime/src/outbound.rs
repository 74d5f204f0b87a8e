//! Which addresses a step may send HTTP requests to: what the manifest grants, and of that what is on the public
//! internet, unless the manifest grants networks as well. A name is one thing and where it leads another: DNS may be
//! in the hands of whoever is to be kept out, so both are checked, and the address that was checked is the one that is
//! connected to (`outbound/client.rs`).

mod client;
mod network;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use http::{Method, Uri};
use ipnet::IpNet;
use url::{Host, Url};

pub use client::{Client, SendError, Times};

/// The name of this machine, wherever it is (RFC 6761).
const LOCALHOST: &str = "localhost";

/// What a step may reach over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    origins: Vec<Origin>,
    networks: Vec<IpNet>,
    only_asks: bool,
}

/// Where requests may go: a scheme, hosts and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    hosts: Hosts,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// `*`: any.
    Any,
    /// `*.example.com`: what ends in `.example.com`.
    Below(String),
    /// This one.
    One(Host<String>),
}

/// Why a request is not sent, with what to write so that it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\nhint: {hint}")]
pub struct Denied {
    what: String,
    hint: String,
}

impl Outbound {
    /// Grants an origin: `https://api.example.com`, `https://*.example.com:8443`, `http://127.0.0.1:8080`, `https://*`.
    pub fn grant(&mut self, origin: &str) -> Result<(), String> {
        self.origins.push(Origin::parse(origin)?);
        Ok(())
    }

    /// Grants addresses that are not public: `10.0.0.0/8`, `127.0.0.1`.
    pub fn grant_network(&mut self, network: &str) -> Result<(), String> {
        let address = || network.parse::<IpAddr>().map(IpNet::from);
        let parsed = network.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
            format!("`{network}` is no network\nhint: write it like `10.0.0.0/8`, `192.168.1.7` or `fd00::/8`")
        })?;
        self.networks.push(parsed.trunc());
        Ok(())
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// From now on only requests are sent that ask and change nothing: `GET`, `HEAD` and their like.
    pub fn only_ask(&mut self) {
        self.only_asks = true;
    }

    /// The host that a request goes to, if it may be sent as far as its name is concerned. However an address was
    /// written, it is one.
    pub fn host(&self, method: &Method, uri: &Uri) -> Result<Host<String>, Denied> {
        let url = Url::parse(&uri.to_string()).map_err(|err| Denied {
            // Paths and queries may hold secrets.
            what: format!("`{}` is in no URL: {err}", uri.authority().map_or("", |authority| authority.as_str())),
            hint: "it is like `https://api.example.com/path`".into(),
        })?;
        let origin = Origin::of(&url).map_err(|what| Denied { what, hint: "leave it out".into() })?;
        let Hosts::One(host) = origin.hosts.clone() else {
            return Err(Denied { what: format!("`{origin}` names no host"), hint: "name one".into() });
        };
        if self.only_asks && !method.is_safe() {
            return Err(Denied {
                what: format!(
                    "a {method} to `{origin}` was denied: a dry run sends only what asks and changes nothing"
                ),
                hint: "run it without `--dry-run`".into(),
            });
        }
        let matching = || self.origins.iter().filter(|granted| granted.matches(&origin, &host));
        if matching().next().is_none() {
            return Err(Denied {
                what: format!("a request to `{origin}` was denied: it is not granted"),
                hint: format!("add it to the step, `grants = {{ http = [\"{origin}\"] }}`"),
            });
        }
        // An address that is granted by itself is meant, and so is this machine by its name. Other names are looked up
        // before they are checked.
        if !matching().any(|granted| granted.hosts == origin.hosts) {
            let known = match &host {
                Host::Ipv4(address) => Some(IpAddr::V4(*address)),
                Host::Ipv6(address) => Some(IpAddr::V6(*address)),
                Host::Domain(name) => (name == LOCALHOST).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            };
            self.allowed(&origin, known)?;
        }
        Ok(host)
    }

    /// Those of a name's addresses that may be connected to; an error if there are only others.
    pub fn addresses(&self, name: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Denied> {
        let is_local = name == LOCALHOST && self.origins.iter().any(|granted| granted.hosts == Hosts::localhost());
        let (local, other): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| is_local && address.to_canonical().is_loopback());
        if local.is_empty() { self.allowed(&name, other) } else { Ok(local) }
    }

    fn allowed(
        &self,
        name: &impl fmt::Display,
        found: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<IpAddr>, Denied> {
        let (allowed, denied): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| {
            network::is_public(*address)
                || self.networks.iter().any(|granted| granted.contains(&address.to_canonical()))
        });
        match denied.first() {
            Some(address) if allowed.is_empty() => Err(Denied {
                what: format!("a request to `{name}` was denied: {address} is not on the public internet"),
                hint: format!("if it is meant, add `networks = [\"{address}\"]` to the step's `grants`"),
            }),
            _ => Ok(allowed),
        }
    }
}

impl Hosts {
    fn localhost() -> Self {
        Self::One(Host::Domain(LOCALHOST.into()))
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, String> {
        let hint = "hint: write a scheme, a host and, if it is not the scheme's own, a port: `https://api.example.com`";
        let url = Url::parse(text).map_err(|err| format!("`{text}` is no origin: {err}\n{hint}"))?;
        let origin = Self::of(&url).map_err(|what| format!("{what}\n{hint}"))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("`{text}` has a path, and what is granted is a whole origin\nhint: write `{origin}`"));
        }
        Ok(origin)
    }

    fn of(url: &Url) -> Result<Self, String> {
        let scheme = url.scheme().to_owned();
        if !matches!(&*scheme, "http" | "https") {
            return Err(format!("`{url}` is neither `http` nor `https`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("the URL to `{}` has a user or a password in it", url.host_str().unwrap_or_default()));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(format!("`{url}` has no host"));
        };
        let hosts = match host.to_owned() {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                match name.strip_prefix("*.") {
                    _ if name == "*" => Hosts::Any,
                    Some(parent) if !parent.contains('*') => Hosts::Below(parent.to_owned()),
                    None if !name.contains('*') => Hosts::One(Host::Domain(name.to_owned())),
                    _ => {
                        return Err(format!(
                            "`{url}` has a `*` where none may be: it stands for the first words of a name"
                        ));
                    }
                }
            }
            // What is written as IPv6 and means IPv4 is that.
            Host::Ipv6(address) => match address.to_ipv4_mapped() {
                Some(address) => Hosts::One(Host::Ipv4(address)),
                None => Hosts::One(Host::Ipv6(address)),
            },
            address => Hosts::One(address),
        };
        Ok(Self { scheme, hosts, port })
    }

    fn matches(&self, origin: &Self, host: &Host<String>) -> bool {
        let fits = match (&self.hosts, host) {
            (Hosts::Any, _) => true,
            (Hosts::Below(parent), Host::Domain(name)) => {
                name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Hosts::One(one), host) => one == host,
            (Hosts::Below(_), _) => false,
        };
        fits && self.scheme == origin.scheme && self.port == origin.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, hosts, port } = self;
        match hosts {
            Hosts::Any => write!(f, "{scheme}://*")?,
            Hosts::Below(parent) => write!(f, "{scheme}://*.{parent}")?,
            Hosts::One(host) => write!(f, "{scheme}://{host}")?,
        }
        let own = if scheme == "https" { 443 } else { 80 };
        if *port == own { Ok(()) } else { write!(f, ":{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(origins: &[&str], networks: &[&str]) -> Outbound {
        let mut outbound = Outbound::default();
        origins.iter().for_each(|origin| outbound.grant(origin).unwrap());
        networks.iter().for_each(|network| outbound.grant_network(network).unwrap());
        outbound
    }

    fn host(outbound: &Outbound, url: &str) -> Result<Host<String>, Denied> {
        outbound.host(&Method::GET, &url.parse().unwrap())
    }

    #[test]
    fn what_is_granted_is_an_origin() {
        for (granted, url, expect) in [
            ("https://api.example.com", "https://api.example.com/v1?a=b", true),
            ("https://api.example.com", "https://API.Example.com.:443/", true),
            ("https://api.example.com", "http://api.example.com/", false),
            ("https://api.example.com", "https://api.example.com:8443/", false),
            ("https://api.example.com", "https://example.com/", false),
            ("https://api.example.com", "https://api.example.com.evil.org/", false),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://badexample.com/", false),
            ("https://*.example.com", "https://.example.com/", false),
            ("http://*:8080", "http://anything.org:8080/", true),
            ("http://*:8080", "http://anything.org/", false),
            ("http://127.0.0.1:80", "http://127.0.0.1/", true),
            ("http://127.0.0.1", "http://2130706433/", true),
            ("http://127.0.0.1", "http://127.0.0.2/", false),
            ("http://[::1]", "http://[::1]/", true),
        ] {
            let found = host(&outbound(&[granted], &[]), url);
            assert_eq!(found.is_ok(), expect, "{granted} {url}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_origin_is_not_granted() {
        for bad in [
            "api.example.com",
            "ftp://example.com",
            "https://",
            "https://a.com/path",
            "https://a.com?q",
            "https://user@a.com",
            "https://a.*.com",
            "https://*a.com",
            "https://a.com:99999",
        ] {
            assert!(Outbound::default().grant(bad).is_err(), "{bad}");
        }
        for bad in ["", "10.0.0.0/33", "example.com", "10.0.0/8"] {
            assert!(Outbound::default().grant_network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_that_is_not_public_needs_a_grant_of_its_own() {
        let any = outbound(&["http://*:8080"], &[]);
        // However it is written.
        for url in [
            "http://127.0.0.1:8080/",
            "http://127.1:8080/",
            "http://0x7f.1:8080/",
            "http://2130706433:8080/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]:8080/",
            "http://[::ffff:a00:1]:8080/",
            "http://0:8080/",
            "http://169.254.169.254:8080/",
            "http://[fe80::1]:8080/",
            "http://[64:ff9b::7f00:1]:8080/",
        ] {
            let denied = host(&any, url).unwrap_err();
            assert!(
                denied.to_string().contains("public internet\nhint: if it is meant, add `networks = ["),
                "{denied}"
            );
        }
        let granted = outbound(&["http://*:8080"], &["127.0.0.0/8", "fd00::/8"]);
        for url in ["http://127.1:8080/", "http://[::ffff:127.0.0.1]:8080/", "http://[fd00::7]:8080/"] {
            assert!(host(&granted, url).is_ok(), "{url}");
        }
        assert!(host(&granted, "http://[::1]:8080/").is_err());
    }

    #[test]
    fn where_a_name_leads_is_checked() {
        let private: IpAddr = "10.0.0.7".parse().unwrap();
        let public: IpAddr = "93.184.215.14".parse().unwrap();
        let one = outbound(&["http://db.example.com"], &[]);
        let name = "db.example.com";
        assert_eq!(one.addresses(name, vec![private, public]), Ok(vec![public]));
        assert_eq!(
            one.addresses(name, vec![private]).unwrap_err().to_string(),
            "a request to `db.example.com` was denied: 10.0.0.7 is not on the public internet\n\
             hint: if it is meant, add `networks = [\"10.0.0.7\"]` to the step's `grants`"
        );
        let both = outbound(&["http://db.example.com"], &["10.0.0.0/8"]);
        assert_eq!(both.addresses(name, vec![private]), Ok(vec![private]));
    }

    #[test]
    fn localhost_is_meant_only_where_it_is_named() {
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let named = outbound(&["http://localhost"], &[]);
        assert!(host(&named, "http://localhost/").is_ok());
        assert_eq!(named.addresses(LOCALHOST, vec![here]), Ok(vec![here]));
        for other in [outbound(&["http://*"], &[]), outbound(&["http://*", "http://localhost:8080"], &[])] {
            assert!(host(&other, "http://localhost/").is_err());
        }
        assert!(outbound(&["http://*"], &[]).addresses(LOCALHOST, vec![here]).is_err());
        // What calls itself so and leads elsewhere is like any other name.
        let elsewhere = vec!["10.0.0.7".parse().unwrap()];
        assert!(named.addresses(LOCALHOST, elsewhere).is_err());
    }

    #[test]
    fn a_denied_request_tells_the_line_to_add() {
        let denied = host(&outbound(&[], &[]), "https://api.example.com:8443/x?key=1").unwrap_err();
        assert_eq!(
            denied.to_string(),
            "a request to `https://api.example.com:8443` was denied: it is not granted\n\
             hint: add it to the step, `grants = { http = [\"https://api.example.com:8443\"] }`"
        );
    }

    #[test]
    fn a_dry_run_only_asks() {
        let mut outbound = outbound(&["https://a.com"], &[]);
        outbound.only_ask();
        let uri = "https://a.com/".parse().unwrap();
        assert!(outbound.host(&Method::GET, &uri).is_ok());
        assert!(outbound.host(&Method::POST, &uri).is_err());
    }
}
