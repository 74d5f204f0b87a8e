//! `wasmill access`.

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use wasmill_access::scram::Verifier;
use wasmill_access::{Principal, access, key};

use super::Exit;

/// Make what callers of `wasmill serve --access` need.
#[derive(Debug, Args)]
pub struct Access {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an API key: the key on standard output, once; what to add to the TOML file of --access on standard error.
    NewKey {
        /// Who gets it: visible ASCII without spaces.
        #[arg(long, value_name = "NAME")]
        principal: Principal,

        /// When it ends, as in 2027-01-01T00:00:00Z; never if not given.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<String>,
    },
}

impl Access {
    /// Makes it.
    pub fn run(self) -> Result<Exit> {
        let What::NewKey { principal, expires } = self.what;
        let key = key::new().map_err(|_| anyhow!("the system gives no random numbers"))?;
        say!("{key}")?;
        eprintln!("[[access.key]]");
        eprintln!("principal = {}", toml_text(principal.as_str()));
        eprintln!("sha256 = \"{}\"", key::sha256(&key));
        eprintln!("scram = \"{}\"", Verifier::of(&principal, &key));
        if let Some(expires) = expires {
            eprintln!("expires = \"{expires}\"");
        }
        Ok(Exit::Done)
    }
}

fn time(typed: &str) -> Result<String, String> {
    access::time(typed).ok_or_else(|| "it is not like 2027-01-01T00:00:00Z".to_owned())?;
    Ok(typed.to_owned())
}

/// A text as TOML takes it; a principal has no control characters.
fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
