//! What `oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]` names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::Digest;

/// What a reference begins with.
pub const SCHEME: &str = "oci://";

/// A component in a registry: by tag (`latest` if none is given), by digest, or by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    inner: oci_client::Reference,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}\nhint: {hint}")]
pub struct ReferenceError {
    why: String,
    hint: &'static str,
}

impl Reference {
    /// The registry, with its port if one was given.
    pub fn host(&self) -> &str {
        self.inner.registry()
    }

    /// What the registry calls it.
    pub fn name(&self) -> &str {
        self.inner.repository()
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.inner.tag()
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same component, by digest alone.
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { inner: self.inner.clone_with_digest(digest.to_string()), digest: Some(digest) }
    }

    /// Whether the registry is on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.host().split(':').next().unwrap_or_default();
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    pub(crate) fn inner(&self) -> &oci_client::Reference {
        &self.inner
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |why: String, hint| ReferenceError { why, hint };
        let name = text.strip_prefix(SCHEME).ok_or_else(|| {
            error(
                format!("it does not begin with `{SCHEME}`"),
                "it is `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:…`",
            )
        })?;
        // Without that, the name of a host would be one of Docker Hub's.
        let has_host = |(host, _): (&str, &str)| host == "localhost" || host.contains(['.', ':']);
        if !name.split_once('/').is_some_and(has_host) {
            return Err(error(
                "it names no host".to_owned(),
                "a host has a dot or a port: `oci://registry.example/NAME`, `oci://registry:5000/NAME`",
            ));
        }
        let inner: oci_client::Reference = name.parse().map_err(|err: oci_client::ParseError| {
            error(
                err.to_string(),
                "a name is of lower-case letters and digits, with `.`, `_`, `-` and `/` between them",
            )
        })?;
        let digest = inner.digest().map(Digest::from_str).transpose();
        let digest = digest.map_err(|err| error(err.to_string(), "`wasmill push` and `wasmill pull` print it"))?;
        Ok(Self { inner, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_has_a_host_a_name_and_a_tag_or_a_digest() {
        for (text, host, name, tag, is_local) in [
            ("oci://registry.example/models/flights:1.2", "registry.example", "models/flights", Some("1.2"), false),
            ("oci://registry:5000/flights", "registry:5000", "flights", Some("latest"), false),
            ("oci://localhost/flights:1", "localhost", "flights", Some("1"), true),
            ("oci://LOCALHOST:5000/flights:1", "LOCALHOST:5000", "flights", Some("1"), true),
            ("oci://127.0.0.1:5000/flights:1", "127.0.0.1:5000", "flights", Some("1"), true),
            ("oci://127.0.0.1.example/flights:1", "127.0.0.1.example", "flights", Some("1"), false),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!((reference.host(), reference.name(), reference.tag()), (host, name, tag), "{text}");
            assert_eq!((reference.is_local(), reference.digest()), (is_local, None), "{text}");
        }
        let both: Reference = format!("oci://registry.example/flights:1@{DIGEST}").parse().unwrap();
        assert_eq!((both.tag(), both.digest().unwrap().to_string().as_str()), (Some("1"), DIGEST));
        let pinned = both.pinned(DIGEST.parse().unwrap());
        assert_eq!(pinned.to_string(), format!("oci://registry.example/flights@{DIGEST}"));
        assert_eq!(pinned.to_string().parse(), Ok(pinned));
    }

    #[test]
    fn what_is_no_reference_is_said() {
        for (text, why) in [
            ("flights.wasm", "it does not begin with `oci://`"),
            ("https://registry.example/flights", "it does not begin with `oci://`"),
            ("oci://flights", "it names no host"),
            ("oci://models/flights", "it names no host"),
            ("oci://registry.example/", "invalid reference format"),
            ("oci://registry.example/Flights", "invalid reference format"),
            ("oci://registry.example/flights@sha256:12", "invalid reference format"),
            ("oci://registry.example/flights@sha512:12", "invalid reference format"),
        ] {
            let err = text.parse::<Reference>().unwrap_err().to_string();
            assert!(err.starts_with(&format!("{why}\nhint: ")), "{text}: {err}");
        }
        let upper = DIGEST.to_uppercase().replace("SHA", "sha");
        let err = format!("oci://registry.example/flights@{upper}").parse::<Reference>().unwrap_err();
        assert!(err.to_string().contains("is no digest"), "{err}");
    }
}
