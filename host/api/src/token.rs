//! Tokens that say where to go on. They are sealed (AES-256-GCM, with a key of the database's own) because a position counts
//! the changes of a whole collection: who may read one partition must not learn how much happens in the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// How many bytes of a token tell which database it is of.
const MARK: usize = 4;

/// Seals tokens and opens them.
pub struct Seal {
    key: Option<LessSafeKey>,
    /// What each token of this database begins with.
    mark: [u8; MARK],
    random: SystemRandom,
}

impl Seal {
    /// With a secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).ok().map(LessSafeKey::new);
        let digest = Sha256::new().chain_update("mark").chain_update(secret).finalize();
        let mark = digest.first_chunk().copied().unwrap_or_default();
        Self { key, mark, random: SystemRandom::new() }
    }

    /// A token for a place. It is opened only with the same `what`.
    pub fn seal(&self, what: &str, place: &impl Serialize) -> Result<String, Problem> {
        let failed =
            || Problem { status: http::StatusCode::INTERNAL_SERVER_ERROR, message: "there is no token".into() };
        let mut sealed = serde_json::to_vec(place).map_err(|_| failed())?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| failed())?;
        let key = self.key.as_ref().ok_or_else(failed)?;
        let seal = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what), &mut sealed);
        seal.map_err(|_| failed())?;
        Ok(URL_SAFE_NO_PAD.encode([&self.mark, nonce.as_slice(), &sealed].concat()))
    }

    /// The place that a token is for.
    pub fn open<T: DeserializeOwned>(&self, what: &str, token: &str) -> Result<T, Problem> {
        let foreign = || {
            Problem::bad(
                "the token was not given for this request\nhint: it goes with the same collection, conditions and order",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign())?;
        let (mark, bytes) = bytes.split_first_chunk::<MARK>().ok_or_else(foreign)?;
        if *mark != self.mark {
            let message = "the token is of another database than this one\nhint: begin anew, without it";
            return Err(Problem { status: http::StatusCode::GONE, message: message.into() });
        }
        let open = || {
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let place = self.key.as_ref()?.open_in_place(nonce, Aad::from(what), &mut sealed).ok()?;
            serde_json::from_slice(place).ok()
        };
        open().ok_or_else(foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_what_it_was_given_for() {
        let seal = Seal::new(&[7; 32]);
        let token = seal.seal("changes of a", &41).unwrap_or_default();
        assert_eq!(seal.open::<i64>("changes of a", &token).ok(), Some(41));
        assert_ne!(seal.seal("changes of a", &41).ok(), Some(token.clone()), "the same place twice can be told");
        let last = if token.ends_with('A') { "Q" } else { "A" };
        let changed = format!("{}{last}", &token[..token.len() - 1]);
        for (what, token) in
            [("changes of b", token.as_str()), ("changes of a", &changed), ("changes of a", ""), ("changes of a", "é")]
        {
            assert!(seal.open::<i64>(what, token).is_err(), "{what} {token}");
        }
        let gone = Seal::new(&[8; 32]).open::<i64>("changes of a", &token).map_err(|problem| problem.status);
        assert_eq!(gone, Err(http::StatusCode::GONE));
    }
}
