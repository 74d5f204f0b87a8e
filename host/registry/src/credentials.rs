//! Who asks a registry: the user of `docker login`, or one who is given.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

use crate::error::RegistryError;

/// A user of a registry. Its `Debug` form does not show the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password, or a token in its place.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The credentials for a registry that Docker's configuration has, if it has some: `config.json` in `DOCKER_CONFIG`, or
/// else in `~/.docker`, with the helpers that it names.
pub fn of_docker(host: &str) -> Result<Option<Credentials>, RegistryError> {
    let Some(path) = configuration() else { return Ok(None) };
    let failed = |why: String, hint: String| RegistryError::Credentials { host: host.to_owned(), why, hint };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(failed(format!("`{}`: {err}", path.display()), "make it readable".to_owned())),
    };
    // Docker Hub's are kept under the address that it had first.
    let server = if host == "docker.io" { "https://index.docker.io/v1/" } else { host };
    match get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credentials { user, password })),
        Ok(DockerCredential::IdentityToken(_)) => Err(failed(
            "they are an identity token, which is not known here".to_owned(),
            "set WASMILL_REGISTRY_USER and WASMILL_REGISTRY_PASSWORD".to_owned(),
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(err) => match reason(&err, &path) {
            Some((why, hint)) => Err(failed(why, hint)),
            None => Ok(None),
        },
    }
}

/// Docker's configuration, if there can be one.
fn configuration() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

/// Why, and what to do; none if a helper only has nothing for the registry. What a helper prints is not repeated: it may
/// be a secret.
fn reason(err: &CredentialRetrievalError, path: &Path) -> Option<(String, String)> {
    let path = path.display();
    let again = "`docker login` writes it anew".to_owned();
    match err {
        CredentialRetrievalError::HelperFailure { stdout, .. } if stdout.contains("credentials not found") => None,
        CredentialRetrievalError::HelperFailure { helper, .. } => {
            Some((format!("`{helper}` failed"), format!("see what it says: `echo HOST | {helper} get`")))
        }
        CredentialRetrievalError::HelperCommunicationError => Some((
            format!("a helper that `{path}` names cannot be run"),
            "install `docker-credential-NAME`, as its `credsStore` or `credHelpers` says".to_owned(),
        )),
        CredentialRetrievalError::MalformedHelperResponse => {
            Some((format!("a helper that `{path}` names answers with something else"), again))
        }
        CredentialRetrievalError::ConfigReadError => {
            Some((format!("`{path}` is not a configuration of Docker's"), again))
        }
        _ => Some((format!("those in `{path}` cannot be decoded"), again)),
    }
}

impl From<&Credentials> for RegistryAuth {
    fn from(credentials: &Credentials) -> Self {
        Self::Basic(credentials.user.clone(), credentials.password.clone())
    }
}
