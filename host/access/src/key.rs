//! API keys. A key has 256 random bits and is made here, never by a person, so one round of SHA-256 hides it: there is
//! nothing to guess, and a slow hash would only slow every request. What is not of a made key's form is refused
//! whatever its hash, so a hash of a password in the rules lets nobody in.

use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::Caller;
use crate::scram::Verifier;

/// What every key begins with, so that scanners for secrets know one.
pub const PREFIX: &str = "wm_";

/// Random bytes in a key.
const RANDOM: usize = 32;

/// A new key, `wm_` and 64 hexadecimal digits. An error if the system has no random numbers.
pub fn new() -> Result<String, Unspecified> {
    let mut bytes = [0; RANDOM];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", hexadecimal(&bytes)))
}

/// The SHA-256 of a key as it is given, in hexadecimal.
pub fn sha256(key: &str) -> String {
    hexadecimal(digest(&SHA256, key.as_bytes()).as_ref())
}

/// A key as the rules know it.
#[derive(Debug)]
pub struct Stored {
    /// Who has it, and what it says of them.
    pub caller: Caller,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// What shows that somebody has it who does not tell it.
    pub scram: Option<Verifier>,
    /// When it ends.
    pub expires: Option<SystemTime>,
}

impl Stored {
    /// Whether its time is over.
    pub fn is_over(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= SystemTime::now())
    }
}

/// The stored key that a given one is. All are compared, in a time that does not depend on what is given.
pub fn find<'a>(keys: &'a [Stored], given: &str) -> Option<&'a Stored> {
    let random = given.strip_prefix(PREFIX)?;
    if random.len() != 2 * RANDOM || !random.bytes().all(is_digit) {
        return None;
    }
    let given = sha256(given);
    let mut found = None;
    for key in keys {
        if bool::from(key.sha256.as_bytes().ct_eq(given.as_bytes())) {
            found = Some(key);
        }
    }
    found
}

/// Whether a text is a SHA-256 as [`sha256`] gives it.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_digit)
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_hash_and_only_if_it_was_made_here() {
        let (one, two) = (new().unwrap(), new().unwrap());
        assert_ne!(one, two);
        let stored = |key: &str, name: &str| {
            let caller = Caller { principal: name.parse().unwrap(), claims: Default::default() };
            Stored { caller, sha256: sha256(key), scram: None, expires: None }
        };
        let keys = [stored(&one, "one"), stored(&two, "two"), stored("password", "three"), stored("", "four")];
        let find = |given: &str| find(&keys, given).map(|key| key.caller.principal.to_string());
        assert_eq!(find(&one), Some("one".into()));
        assert_eq!(find(&two), Some("two".into()));
        let upper = format!("{PREFIX}{}", one.trim_start_matches(PREFIX).to_uppercase());
        for bad in ["password", "", PREFIX, &one[1..], &one[..one.len() - 1], &format!("{one}0"), &upper, &sha256(&one)]
        {
            assert_eq!(find(bad), None, "{bad}");
        }
        assert_eq!(find(&new().unwrap()), None);
    }

    #[test]
    fn the_hash_is_what_sha256sum_says() {
        assert_eq!(sha256("wasmill"), "145648f65ea2ae5a9611c034d1243fdfa2079d36d24ebfeda03c44efbc608013");
    }
}
