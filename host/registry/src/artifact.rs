//! A component in the form that registries hold: the [Wasm OCI Artifact layout], version 0, which other hosts read too.
//!
//! ```text
//! manifest ──► config   application/vnd.wasm.config.v0+json: what the component imports and exports
//!          └─► layer    application/wasm: the component
//! ```
//!
//! What is written depends on the component's bytes alone, so a component has one digest wherever and whenever it is
//! pushed.
//!
//! [Wasm OCI Artifact layout]: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/

use serde::{Deserialize, Serialize};
use wasmparser::Parser;
use wit_component::DecodedWasm;

use crate::digest::Digest;
use crate::error::{RegistryError, short};

/// The media type of manifests.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of the configuration: it says that an artifact is WebAssembly.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of the component.
pub const LAYER: &str = "application/wasm";

/// What configurations of container images are.
const IMAGES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// When a component was made: readers ask for it, and the time of a push would give each its own digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What is pushed beside a component.
#[derive(Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The component's digest.
    pub layer: Digest,
    /// The configuration, JSON.
    pub config: Vec<u8>,
    /// The manifest, JSON; its digest is the artifact's.
    pub manifest: Vec<u8>,
}

/// Where a manifest's component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Bytes that are no component.
#[derive(Debug, thiserror::Error)]
pub enum NotAComponent {
    /// They are a core module.
    #[error("it is a core module, not a component\nhint: `wasm-tools component new` makes a component of one")]
    Module,
    /// They are types without code.
    #[error("it is a WIT package, not a component\nhint: build a component that implements it")]
    Package,
    /// They are no WebAssembly.
    #[error("it is no WebAssembly: it begins with `{0}`\nhint: a component is built for `wasm32-wasip2`, or composed")]
    Foreign(String),
    /// They are not whole.
    #[error("it is a component that cannot be read: {0}\nhint: build it again")]
    Broken(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [Digest; 1],
    component: World,
}

#[derive(Serialize)]
struct World {
    exports: Vec<String>,
    imports: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor<&'static str, Digest>,
    layers: [Descriptor<&'static str, Digest>; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<Type, Digest> {
    media_type: Type,
    digest: Digest,
    size: u64,
}

/// A manifest that someone else may have written.
#[derive(Deserialize)]
struct Found {
    config: Option<Descriptor<String, String>>,
    layers: Option<Vec<Descriptor<String, String>>>,
    manifests: Option<serde::de::IgnoredAny>,
}

impl Artifact {
    /// The artifact of a component.
    pub fn of(component: &[u8]) -> Result<Self, NotAComponent> {
        check(component)?;
        let broken = |why: String| NotAComponent::Broken(why);
        let world = match wit_component::decode(component).map_err(|err| broken(format!("{err:#}")))? {
            DecodedWasm::Component(resolve, world) => {
                let names = |keys: Vec<_>| keys.into_iter().map(|key| resolve.name_world_key(key)).collect();
                let world = resolve.worlds.get(world).ok_or_else(|| broken("it has no world".to_owned()))?;
                World { exports: names(world.exports.keys().collect()), imports: names(world.imports.keys().collect()) }
            }
            DecodedWasm::WitPackage(..) => return Err(NotAComponent::Package),
        };
        let layer = Digest::of(component);
        let json = |json: Result<Vec<u8>, serde_json::Error>| json.map_err(|err| broken(err.to_string()));
        let config = json(serde_json::to_vec(&Config {
            created: CREATED,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [layer.clone()],
            component: world,
        }))?;
        let manifest = json(serde_json::to_vec(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: Descriptor { media_type: CONFIG, digest: Digest::of(&config), size: config.len() as u64 },
            layers: [Descriptor { media_type: LAYER, digest: layer.clone(), size: component.len() as u64 }],
        }))?;
        Ok(Self { layer, config, manifest })
    }
}

impl Layer {
    /// Where a manifest's component is.
    pub fn of(manifest: &[u8]) -> Result<Self, RegistryError> {
        Self::find(manifest).map_err(|found| RegistryError::NotWasm { found })
    }

    /// Where it is, or what the manifest is of.
    fn find(manifest: &[u8]) -> Result<Self, String> {
        let found: Found =
            serde_json::from_slice(manifest).map_err(|err| format!("no manifest that is known: {err}"))?;
        if found.manifests.is_some() {
            return Err("an index of container images for several platforms".to_owned());
        }
        let config = found.config.map(|config| config.media_type).unwrap_or_default();
        if IMAGES.contains(&config.as_str()) {
            return Err("a container image".to_owned());
        }
        if config != CONFIG {
            return Err(format!("an artifact of the type `{}`", short(&config)));
        }
        match found.layers.unwrap_or_default().as_slice() {
            [layer] if layer.media_type == LAYER => {
                let digest = layer.digest.parse().map_err(|_| "WebAssembly whose digest is no SHA-256".to_owned())?;
                Ok(Self { digest, size: layer.size })
            }
            [layer] => Err(format!("WebAssembly in a layer of the type `{}`", short(&layer.media_type))),
            layers => Err(format!("WebAssembly in {} layers", layers.len())),
        }
    }
}

/// Looks at the header of what should be a component.
pub fn check(bytes: &[u8]) -> Result<(), NotAComponent> {
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(NotAComponent::Module);
    }
    let start = bytes.get(..8).unwrap_or(bytes);
    Err(NotAComponent::Foreign(start.escape_ascii().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of nothing, in binary.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn a_component_has_one_digest() {
        let artifact = Artifact::of(COMPONENT).unwrap();
        assert_eq!(
            std::str::from_utf8(&artifact.config).unwrap(),
            format!(
                r#"{{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["{}"],"component":{{"exports":[],"imports":[]}}}}"#,
                artifact.layer
            )
        );
        assert_eq!(Layer::find(&artifact.manifest), Ok(Layer { digest: artifact.layer, size: 8 }));
        // What was pushed by an earlier version must keep its digest.
        let digest = "sha256:28047ab8adbb205c6e49dbbfc34d3eb4f7597ba57f3145f6705d2932e6f787dc";
        assert_eq!(Digest::of(&artifact.manifest).to_string(), digest);
    }

    #[test]
    fn what_is_no_component_is_said() {
        let said = |bytes: &[u8]| Artifact::of(bytes).unwrap_err().to_string();
        for (bytes, expect) in [
            (&b"\0asm\x01\0\0\0"[..], "it is a core module, not a component\n"),
            (b"\x7fELF\x02\x01\x01\0\0", "it is no WebAssembly: it begins with `\\x7fELF\\x02\\x01\\x01\\x00`\n"),
            (b"", "it is no WebAssembly: it begins with ``\n"),
            (b"\0asm\x0d\0\x01\0\x01", "it is a component that cannot be read: "),
        ] {
            assert!(said(bytes).starts_with(expect), "{}", said(bytes));
            assert!(said(bytes).contains("\nhint: "), "{}", said(bytes));
        }
    }

    #[test]
    fn a_manifest_of_something_else_is_said() {
        let config = |kind: &str| format!(r#""config":{{"mediaType":"{kind}","digest":"sha256:1","size":1}}"#);
        let layer = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"sha256:1","size":1}}"#);
        for (manifest, expect) in [
            ("[]".to_owned(), "no manifest that is known: "),
            (r#"{"manifests":[]}"#.to_owned(), "an index of container images"),
            (format!("{{{}}}", config(IMAGES[0])), "a container image"),
            (format!("{{{}}}", config(IMAGES[1])), "a container image"),
            (format!("{{{}}}", config("a/b")), "an artifact of the type `a/b`"),
            (format!("{{{}}}", config(CONFIG)), "WebAssembly in 0 layers"),
            (
                format!(r#"{{{},"layers":[{}]}}"#, config(CONFIG), layer("a/b")),
                "WebAssembly in a layer of the type `a/b`",
            ),
            (
                format!(r#"{{{},"layers":[{}]}}"#, config(CONFIG), layer(LAYER)),
                "WebAssembly whose digest is no SHA-256",
            ),
            (format!(r#"{{{},"layers":[{l},{l}]}}"#, config(CONFIG), l = layer(LAYER)), "WebAssembly in 2 layers"),
        ] {
            let said = Layer::find(manifest.as_bytes()).unwrap_err();
            assert!(said.starts_with(expect), "{manifest}: {said}");
        }
    }
}
