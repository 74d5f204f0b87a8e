//! Where an account's data is: its regions, in the order in which they are asked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

/// How long a region that did not answer is asked after the others.
const AVOIDED: Duration = Duration::from_secs(300);

/// The regions of an account.
#[derive(Debug)]
pub struct Account {
    endpoint: String,
    preferred: Vec<String>,
    writable: Vec<Region>,
    readable: Vec<Region>,
    writes_anywhere: bool,
    avoided: BTreeMap<String, SystemTime>,
}

#[derive(Debug, Clone, Deserialize)]
struct Region {
    name: String,
    #[serde(rename = "databaseAccountEndpoint")]
    endpoint: String,
}

/// What an account says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    #[serde(default)]
    writable_locations: Vec<Region>,
    #[serde(default)]
    readable_locations: Vec<Region>,
    #[serde(default)]
    enable_multiple_write_locations: bool,
}

impl Account {
    /// An account of which only the endpoint is known.
    pub fn new(endpoint: &str, preferred: &[String]) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            preferred: preferred.to_vec(),
            writable: Vec::new(),
            readable: Vec::new(),
            writes_anywhere: false,
            avoided: BTreeMap::new(),
        }
    }

    /// Whether it has to be asked for its regions.
    pub fn is_unknown(&self) -> bool {
        self.writable.is_empty() && self.has_choice()
    }

    /// Whether regions are chosen among.
    pub fn has_choice(&self) -> bool {
        !self.preferred.is_empty()
    }

    /// The endpoint that does not belong to one region.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where else to ask for the regions, if the account's own endpoint does not answer.
    pub fn others(&self) -> Vec<String> {
        let mut others: Vec<String> = self.readable.iter().map(|region| trimmed(&region.endpoint)).collect();
        others.retain(|other| *other != self.endpoint);
        others
    }

    /// Takes what the account says of itself.
    pub fn describe(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        let found: Description = serde_json::from_slice(json)?;
        self.writable = found.writable_locations;
        self.readable = found.readable_locations;
        self.writes_anywhere = found.enable_multiple_write_locations;
        Ok(())
    }

    /// Where requests go.
    pub fn place(&self, is_write: bool, now: SystemTime) -> String {
        let known = if is_write { &self.writable } else { &self.readable };
        let first = known.first().map_or_else(|| self.endpoint.clone(), |region| trimmed(&region.endpoint));
        if self.preferred.is_empty() {
            // After a failover the account's own endpoint lags behind.
            return if is_write { first } else { self.endpoint.clone() };
        }
        if is_write && !self.writes_anywhere {
            return first;
        }
        let is_named = |wanted: &String, region: &&Region| region.name.eq_ignore_ascii_case(wanted);
        let preferred = self.preferred.iter().filter_map(|wanted| known.iter().find(|region| is_named(wanted, region)));
        let rest = known.iter().filter(|region| !self.preferred.iter().any(|wanted| is_named(wanted, region)));
        let mut ordered = preferred.chain(rest).map(|region| trimmed(&region.endpoint));
        let is_good = |place: &String| self.avoided.get(place).is_none_or(|until| *until <= now);
        ordered.find(is_good).unwrap_or(first)
    }

    /// Asks a region after the others for a while.
    pub fn avoid(&mut self, place: &str, now: SystemTime) {
        self.avoided.insert(place.to_owned(), now + AVOIDED);
    }
}

fn trimmed(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = r#"{"id": "a", "enableMultipleWriteLocations": false,
        "writableLocations": [{"name": "West Europe", "databaseAccountEndpoint": "https://a-we.example:443/"}],
        "readableLocations": [{"name": "West Europe", "databaseAccountEndpoint": "https://a-we.example:443/"},
                              {"name": "North Europe", "databaseAccountEndpoint": "https://a-ne.example:443/"}]}"#;

    #[test]
    fn what_is_preferred_is_asked_first_and_what_does_not_answer_last() {
        let now = SystemTime::UNIX_EPOCH;
        let mut account = Account::new("https://a.example/", &["north europe".into(), "West Europe".into()]);
        assert!(account.is_unknown());
        assert_eq!(account.place(false, now), "https://a.example");
        account.describe(ACCOUNT.as_bytes()).unwrap();
        assert_eq!(account.place(false, now), "https://a-ne.example:443");
        account.avoid("https://a-ne.example:443", now);
        assert_eq!(account.place(false, now), "https://a-we.example:443");
        assert_eq!(account.place(false, now + AVOIDED), "https://a-ne.example:443");
        // Only one region takes writes, whether it answers or not.
        assert_eq!(account.place(true, now), "https://a-we.example:443");
        account.avoid("https://a-we.example:443", now);
        assert_eq!(account.place(true, now), "https://a-we.example:443");
        account.describe(ACCOUNT.replace("false", "true").as_bytes()).unwrap();
        assert_eq!(account.place(true, now), "https://a-we.example:443");
    }

    #[test]
    fn without_preferences_the_accounts_own_endpoint_is_asked() {
        let now = SystemTime::UNIX_EPOCH;
        let mut account = Account::new("https://a.example:443", &[]);
        assert!(!account.is_unknown());
        assert_eq!(account.place(true, now), "https://a.example:443");
        account.describe(ACCOUNT.as_bytes()).unwrap();
        assert_eq!(account.place(false, now), "https://a.example:443");
        assert_eq!(account.place(true, now), "https://a-we.example:443");
    }
}
