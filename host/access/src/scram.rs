//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: somebody shows to have a key without telling it.
//!
//! The rules have what PostgreSQL has of a password, its *verifier*, `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY`. A key is
//! random, so a salt guards it against nothing; it is made of the principal's name, so that all keys of a principal have
//! the same, any of which may be shown, and a name that nobody has is answered as one that somebody has.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hmac, pbkdf2};
use subtle::ConstantTimeEq;

use crate::Principal;

/// The mechanism's name.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// Its name where it is bound to the connection's encryption, so that nobody in the middle can pass it on.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// What it is bound by: a hash of the server's certificate (RFC 5929, section 4).
const END_POINT: &str = "p=tls-server-end-point";

/// Rounds of PBKDF2, the fewest that RFC 7677 allows.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);

/// Bytes of a SHA-256.
const BYTES: usize = 32;

/// Bytes of a salt, as of PostgreSQL's.
const SALT: usize = 16;

/// Random bytes of a nonce.
const NONCE: usize = 18;

/// What the server knows of a key: that somebody has it, but not the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    salt: Vec<u8>,
    stored_key: [u8; BYTES],
    server_key: [u8; BYTES],
}

impl Verifier {
    /// Of a principal's key. A key is ASCII, so that there is nothing of it to be normalised (RFC 4013).
    pub fn of(principal: &Principal, key: &str) -> Self {
        let salt = salt(principal.as_str());
        let mut salted = [0; BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt, key.as_bytes(), &mut salted);
        let stored_key = sha256(&sign(&salted, b"Client Key"));
        Self { salt, stored_key, server_key: sign(&salted, b"Server Key") }
    }

    /// Whether it is of a principal's key.
    pub fn is_of(&self, principal: &Principal) -> bool {
        self.salt == salt(principal.as_str())
    }
}

/// A principal's salt, or of whoever says to be one.
fn salt(name: &str) -> Vec<u8> {
    let mut salt = sha256(format!("wasmill principal {name}").as_bytes()).to_vec();
    salt.truncate(SALT);
    salt
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|part| BASE64.encode(part));
        write!(f, "{MECHANISM}${ITERATIONS}:{salt}${stored}:{server}")
    }
}

impl FromStr for Verifier {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('$');
        let (Some(MECHANISM), Some(salting), Some(keys), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        let (iterations, salt) = salting.split_once(':').ok_or(())?;
        let (stored, server) = keys.split_once(':').ok_or(())?;
        if iterations.parse() != Ok(ITERATIONS) {
            return Err(());
        }
        let key = |text| BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(());
        let salt = BASE64.decode(salt).map_err(|_| ())?;
        Ok(Self { salt, stored_key: key(stored)?, server_key: key(server)? })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

/// Why an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// It is not what comes next.
    #[error("the message is not one of SCRAM-SHA-256")]
    Malformed,
    /// Somebody told the client that less is offered than is.
    #[error("channel binding is offered, and the client was told that it is not")]
    Downgraded,
    /// The client wants more than there is.
    #[error("{0} is not offered")]
    NotOffered(&'static str),
    /// The client does not have the key.
    #[error("the key is not right")]
    Refused,
}

/// An exchange with a client, of which the first message came and was answered.
#[derive(Debug)]
pub struct Exchange {
    binding: String,
    nonce: String,
    messages: String,
}

impl Exchange {
    /// Takes a client's first message, and gives the server's. `name` is who the client says to be, `mechanism` what it
    /// chose, and `end_point` the hash of the server's certificate, if [`MECHANISM_PLUS`] was offered.
    pub fn begin(
        name: &str,
        mechanism: &str,
        end_point: Option<&[u8]>,
        client_first: &str,
    ) -> Result<(Self, String), ScramError> {
        let binding = match (mechanism, end_point, client_first.split(',').next()) {
            (MECHANISM_PLUS, Some(end_point), Some(END_POINT)) => end_point,
            (MECHANISM, _, Some("n")) => &[],
            // The client could, and thinks that the server cannot.
            (MECHANISM, None, Some("y")) => &[],
            (MECHANISM, Some(_), Some("y")) => return Err(ScramError::Downgraded),
            (_, _, Some(flag)) if flag.starts_with("p=") => return Err(ScramError::NotOffered("this channel binding")),
            _ => return Err(ScramError::Malformed),
        };
        let mut random = [0; NONCE];
        SystemRandom::new().fill(&mut random).map_err(|Unspecified| ScramError::Malformed)?;
        Self::begin_with(name, client_first, binding, &salt(name), &BASE64.encode(random))
    }

    fn begin_with(
        name: &str,
        client_first: &str,
        binding: &[u8],
        salt: &[u8],
        ours: &str,
    ) -> Result<(Self, String), ScramError> {
        let mut parts = client_first.splitn(3, ',');
        let (Some(flag), Some(other), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ScramError::Malformed);
        };
        match other.strip_prefix("a=") {
            None if other.is_empty() => {}
            Some(other) if other == name => {}
            _ => return Err(ScramError::NotOffered("to be somebody else")),
        }
        let mut attributes = bare.split(',');
        let (Some(_), Some(theirs)) =
            (attributes.next().and_then(|name| name.strip_prefix("n=")), attributes.next().and_then(nonce_of))
        else {
            return Err(ScramError::Malformed);
        };
        let nonce = format!("{theirs}{ours}");
        let server_first = format!("r={nonce},s={},i={ITERATIONS}", BASE64.encode(salt));
        let binding = BASE64.encode([format!("{flag},{other},").as_bytes(), binding].concat());
        Ok((Self { binding, nonce, messages: format!("{bare},{server_first}") }, server_first))
    }

    /// Takes the client's last message. Which of the keys it has, and the server's last message, which shows that the
    /// server knows it too. All are tried, in a time that does not depend on which it is.
    pub fn finish<'k, K>(
        &self,
        client_final: &str,
        keys: impl IntoIterator<Item = (&'k K, &'k Verifier)>,
    ) -> Result<(&'k K, String), ScramError> {
        let (without_proof, proof) = client_final.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|binding| binding.strip_prefix("c="));
        let nonce = attributes.next().and_then(nonce_of);
        if binding != Some(&self.binding) || nonce != Some(&self.nonce) {
            return Err(ScramError::Malformed);
        }
        let proof: [u8; BYTES] =
            BASE64.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or(ScramError::Malformed)?;
        let messages = format!("{},{without_proof}", self.messages);
        let mut found = None;
        for (key, verifier) in keys {
            let signature = sign(&verifier.stored_key, messages.as_bytes());
            let mut client_key = proof;
            client_key.iter_mut().zip(signature).for_each(|(byte, mask)| *byte ^= mask);
            if bool::from(sha256(&client_key).ct_eq(&verifier.stored_key)) {
                found = Some((key, verifier));
            }
        }
        let (key, verifier) = found.ok_or(ScramError::Refused)?;
        let signature = sign(&verifier.server_key, messages.as_bytes());
        Ok((key, format!("v={}", BASE64.encode(signature))))
    }
}

fn nonce_of(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("r=").filter(|nonce| !nonce.is_empty())
}

fn sign(key: &[u8], message: &[u8]) -> [u8; BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

fn sha256(bytes: &[u8]) -> [u8; BYTES] {
    let mut hash = [0; BYTES];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_the_rfc_is_right() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let mut salted = [0; BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt, b"pencil", &mut salted);
        let verifier = Verifier {
            stored_key: sha256(&sign(&salted, b"Client Key")),
            server_key: sign(&salted, b"Server Key"),
            salt: salt.clone(),
        };
        let ours = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let (exchange, first) =
            Exchange::begin_with("user", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", &[], &salt, ours).unwrap();
        assert_eq!(first, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let other = Verifier::of(&"user".parse().unwrap(), "pen");
        let answer = exchange.finish(last, [(&1, &other), (&2, &verifier)]);
        assert_eq!(answer, Ok((&2, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_owned())));
        assert_eq!(exchange.finish(last, [(&1, &other)]), Err(ScramError::Refused));
        for bad in [
            last.replacen("biws", "eSws", 1),
            last.replacen("hNlF", "hNlG", 1),
            last.replacen(",p=", ",q=", 1),
            last.replacen("dHzb", "", 1),
        ] {
            assert_eq!(exchange.finish(&bad, [(&2, &verifier)]), Err(ScramError::Malformed), "{bad}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (first, expect) in [
            ("p=tls-server-end-point,,n=a,r=x", ScramError::NotOffered("this channel binding")),
            ("n,a=admin,n=a,r=x", ScramError::NotOffered("to be somebody else")),
            ("n,,n=a", ScramError::Malformed),
            ("n,,m=ext,n=a,r=x", ScramError::Malformed),
            ("n,,n=a,r=", ScramError::Malformed),
            ("", ScramError::Malformed),
        ] {
            assert_eq!(Exchange::begin("a", MECHANISM, None, first).map(|_| ()), Err(expect), "{first}");
        }
        for good in ["n,,n=,r=x", "y,,n=a,r=x", "n,a=a,n=a,r=x"] {
            assert!(Exchange::begin("a", MECHANISM, None, good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_exchange_is_bound_to_the_certificate() {
        let begin = |mechanism, first| Exchange::begin("a", mechanism, Some(b"hash"), first);
        let (exchange, _) = begin(MECHANISM_PLUS, "p=tls-server-end-point,,n=a,r=x").unwrap();
        assert_eq!(exchange.binding, BASE64.encode(b"p=tls-server-end-point,,hash"));
        for (mechanism, first, expect) in [
            (MECHANISM_PLUS, "p=tls-unique,,n=a,r=x", ScramError::NotOffered("this channel binding")),
            (MECHANISM, "p=tls-server-end-point,,n=a,r=x", ScramError::NotOffered("this channel binding")),
            (MECHANISM_PLUS, "n,,n=a,r=x", ScramError::Malformed),
            (MECHANISM, "y,,n=a,r=x", ScramError::Downgraded),
        ] {
            assert_eq!(begin(mechanism, first).map(|_| ()), Err(expect), "{mechanism} {first}");
        }
        assert!(begin(MECHANISM, "n,,n=a,r=x").is_ok(), "who cannot is let in");
    }

    #[test]
    fn a_verifier_is_read_as_it_is_written_and_is_one_principals() {
        let ada: Principal = "ada".parse().unwrap();
        let verifier = Verifier::of(&ada, "wm_1");
        assert_eq!(verifier.to_string().parse(), Ok(verifier.clone()));
        assert!(verifier.is_of(&ada) && !verifier.is_of(&"bob".parse().unwrap()));
        let text = verifier.to_string();
        for bad in ["", "md5", &text[1..], &text.replace("4096", "1"), &format!("{text}$"), &text.replace(':', "")] {
            assert_eq!(bad.parse::<Verifier>(), Err(()), "{bad}");
        }
    }
}
