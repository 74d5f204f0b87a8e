//! Asks a registry: one reference, one connection.

use std::time::Duration;

use futures_util::StreamExt;
use http::HeaderValue;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError};
use oci_client::manifest::{IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};
use tokio::runtime::Runtime;

use crate::artifact::{self, Artifact, Layer, MANIFEST};
use crate::credentials::{self, Credentials};
use crate::digest::Digest;
use crate::error::{Meaning, Part, RegistryError, short};
use crate::reference::Reference;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a registry may say nothing while something is pulled. Of a push it says nothing until it has all.
const SILENCE: Duration = Duration::from_secs(60);

/// How many tags are named where one is missing.
const TAGS: usize = 20;

/// What manifests may come; those that are no component's are told apart.
const MANIFESTS: [&str; 4] =
    [MANIFEST, OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE];

/// How a registry is asked.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Plain HTTP, also to another machine.
    pub insecure: bool,
    /// The user; without one, what `docker login` knows.
    pub credentials: Option<Credentials>,
}

/// A registry that was asked to let a component be pushed or pulled.
pub struct Registry<'a> {
    reference: &'a Reference,
    client: Client,
    auth: RegistryAuth,
    is_secure: bool,
    runtime: Runtime,
}

impl<'a> Registry<'a> {
    /// Connects to pull what a reference names.
    pub fn to_pull(reference: &'a Reference, access: &Access) -> Result<Self, RegistryError> {
        Self::open(reference, access, RegistryOperation::Pull)
    }

    /// Connects to push to what a reference names.
    pub fn to_push(reference: &'a Reference, access: &Access) -> Result<Self, RegistryError> {
        Self::open(reference, access, RegistryOperation::Push)
    }

    /// Pushes a component, and names it by digest. What the registry has already is not sent again.
    pub fn push(&self, component: Vec<u8>, artifact: Artifact) -> Result<Reference, RegistryError> {
        let reference = self.reference.inner();
        let digest = Digest::of(&artifact.manifest);
        let pushed = self.runtime.block_on(async {
            let config = Digest::of(&artifact.config);
            for (digest, blob) in [(artifact.layer, component), (config, artifact.config)] {
                let digest = digest.to_string();
                // A registry that does not say takes it again.
                if !self.client.blob_exists(reference, &digest).await.unwrap_or(false) {
                    self.client.push_blob(reference, blob, &digest).await?;
                }
            }
            let media_type = HeaderValue::from_static(MANIFEST);
            self.client.push_manifest_raw(reference, artifact.manifest, media_type).await
        });
        pushed.map_err(|err| self.explain(err, Part::Manifest))?;
        Ok(self.reference.pinned(digest))
    }

    /// Pulls the component, and names it by digest.
    pub fn pull(&self) -> Result<(Reference, Vec<u8>), RegistryError> {
        let (digest, manifest) = self.manifest()?;
        let component = self.component(&Layer::of(&manifest)?)?;
        Ok((self.reference.pinned(digest), component))
    }

    /// The manifest, with its digest, which is the one that was asked for.
    pub fn manifest(&self) -> Result<(Digest, Vec<u8>), RegistryError> {
        let pulled = self.client.pull_manifest_raw(self.reference.inner(), &self.auth, &MANIFESTS);
        let (manifest, _) = self.runtime.block_on(pulled).map_err(|err| self.explain(err, Part::Manifest))?;
        let digest = Digest::of(&manifest);
        same(Part::Manifest, self.reference.digest().unwrap_or(&digest), &digest)?;
        Ok((digest, manifest.into()))
    }

    /// The component of a manifest, whose bytes have its digest.
    pub fn component(&self, layer: &Layer) -> Result<Vec<u8>, RegistryError> {
        let digest = layer.digest.to_string();
        let pulled = self.client.pull_blob_stream(self.reference.inner(), digest.as_str());
        let mut stream = self.runtime.block_on(pulled).map_err(|err| self.explain(err, Part::Component))?.stream;
        let mut component = Vec::new();
        while let Some(chunk) = self.runtime.block_on(stream.next()) {
            component.extend_from_slice(&chunk.map_err(|err| self.broken_off(&err))?);
            if component.len() as u64 > layer.size {
                return Err(self.answer(format!("a component longer than the {} bytes of its manifest", layer.size)));
            }
        }
        same(Part::Component, &layer.digest, &Digest::of(&component))?;
        artifact::check(&component)?;
        Ok(component)
    }

    fn open(reference: &'a Reference, access: &Access, operation: RegistryOperation) -> Result<Self, RegistryError> {
        let credentials = match &access.credentials {
            Some(given) => Some(given.clone()),
            None => credentials::of_docker(reference.host())?,
        };
        let auth = credentials.as_ref().map_or(RegistryAuth::Anonymous, RegistryAuth::from);
        // Whoever chose one before chose as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_secure = !(access.insecure || reference.is_local());
        let config = ClientConfig {
            protocol: if is_secure { ClientProtocol::Https } else { ClientProtocol::Http },
            // The only form that every registry takes.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT),
            read_timeout: matches!(operation, RegistryOperation::Pull).then_some(SILENCE),
            user_agent: concat!("wasmill/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|err| RegistryError::Start(err.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| RegistryError::Start(err.to_string()))?;
        let registry = Self { reference, client, auth, is_secure, runtime };
        // Otherwise each request would try, and say nothing of what is wrong.
        let login = registry.client.auth(reference.inner(), &registry.auth, operation);
        registry.runtime.block_on(login).map_err(|err| registry.explain(err, Part::Manifest))?;
        Ok(registry)
    }

    /// What an error means, and what can be done.
    fn explain(&self, err: OciDistributionError, what: Part) -> RegistryError {
        let host = self.reference.host().to_owned();
        match Meaning::of(err) {
            Meaning::Unreachable(why) => {
                let hint = if self.is_secure {
                    "is that its name and port? to push, pull, serve or inspect, --insecure speaks plain HTTP"
                } else {
                    "is a registry running there?"
                };
                RegistryError::Unreachable { host, why, hint }
            }
            Meaning::Refused => {
                let why = match self.auth {
                    RegistryAuth::Anonymous => "asks for credentials, and there are none",
                    _ => "does not take the credentials for this",
                };
                RegistryError::Refused { host, why: why.to_owned() }
            }
            Meaning::Missing if what == Part::Component => RegistryError::Missing {
                host,
                what: "component for its manifest".to_owned(),
                hint: "push it again".to_owned(),
            },
            Meaning::Missing => self.missing(host),
            Meaning::Differs { expected, found } => RegistryError::Differs { what, expected, found },
            Meaning::Other(why) => RegistryError::Answer { host, why },
        }
    }

    /// What to say if the registry does not have what was asked for: the tags that it has, if it says.
    fn missing(&self, host: String) -> RegistryError {
        let name = self.reference.name();
        let listed = self.client.list_tags(self.reference.inner(), &self.auth, Some(TAGS), None);
        let mut tags = self.runtime.block_on(listed).map(|listed| listed.tags).unwrap_or_default();
        // Some registries give them in no order, and all at once.
        tags.sort_unstable();
        tags.truncate(TAGS);
        if tags.is_empty() {
            let hint = format!("is that its name? if only some may see it: `docker login {host}`");
            return RegistryError::Missing { host, what: format!("`{name}`"), hint };
        }
        let what = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => format!("`{name}` with the digest {digest}"),
            (None, tag) => format!("tag `{}` of `{name}`", tag.unwrap_or_default()),
        };
        let tags: Vec<_> = tags.iter().map(|tag| format!("`{}`", short(tag))).collect();
        RegistryError::Missing { host, what, hint: format!("its tags are {}", tags.join(", ")) }
    }

    /// What to say if a component does not come to its end.
    fn broken_off(&self, err: &std::io::Error) -> RegistryError {
        match err.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(DigestError::VerificationError { expected, actual }) => {
                RegistryError::Differs { what: Part::Component, expected: expected.clone(), found: actual.clone() }
            }
            _ => self.answer(format!("a component that breaks off: {err}")),
        }
    }

    fn answer(&self, why: String) -> RegistryError {
        RegistryError::Answer { host: self.reference.host().to_owned(), why }
    }
}

fn same(what: Part, expected: &Digest, found: &Digest) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    Err(RegistryError::Differs { what, expected: expected.to_string(), found: found.to_string() })
}
