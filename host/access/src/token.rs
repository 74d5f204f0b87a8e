//! JWTs. A token is verified with the one key of the issuer that it names, by the algorithm of that key, whatever the
//! token says of itself; `none` and HMAC are no key's algorithm. Keys that a token brings along are not looked at.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::config::Jwt;
use crate::{Caller, signature};

/// By how many seconds the issuer's clock may differ from this one.
const LEEWAY: u64 = 30;

/// The tokens of an issuer.
#[derive(Debug)]
pub struct Tokens {
    keys: Vec<Key>,
    validation: Validation,
    /// The claim that names the principal.
    claim: String,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Tokens {
    /// Of an issuer with this JSON Web Key Set. Keys in it for other purposes, or of other kinds, are left out.
    pub fn new(jwks: &[u8], jwt: &Jwt) -> Result<Self, String> {
        signature::install();
        let set: JwkSet = serde_json::from_slice(jwks).map_err(|err| format!("it is no JSON Web Key Set: {err}"))?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            let id = jwk.common.key_id.clone();
            let Some(algorithm) = algorithm(jwk) else { continue };
            let name = id.as_deref().unwrap_or_default();
            let key = DecodingKey::from_jwk(jwk).map_err(|err| format!("key `{name}`: {err}"))?;
            if keys.iter().any(|key: &Key| key.id == id && key.algorithm == algorithm) {
                return Err(format!("two keys for {algorithm:?} have the `kid` `{name}`"));
            }
            keys.push(Key { id, algorithm, key });
        }
        if keys.is_empty() {
            return Err("it has no public key for RS256, ES256 or EdDSA".into());
        }
        let mut validation = Validation { leeway: LEEWAY, validate_nbf: true, ..Validation::default() };
        validation.set_issuer(&[&jwt.issuer]);
        validation.set_audience(&[&jwt.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(Self { keys, validation, claim: jwt.principal.clone() })
    }

    /// Whom a token names, if everything about it is right.
    pub fn caller(&self, token: &str) -> Result<Caller, &'static str> {
        let header = decode_header(token).map_err(|_| "it is no JWT that is signed by RS256, ES256 or EdDSA")?;
        if header.crit.is_some() {
            return Err("it demands an extension");
        }
        let fits = |key: &&Key| key.algorithm == header.alg && (header.kid.is_none() || key.id == header.kid);
        let mut fitting = self.keys.iter().filter(fits);
        let key = match (fitting.next(), fitting.next()) {
            (Some(key), None) => key,
            (Some(_), Some(_)) => return Err("it does not say which key it is signed with"),
            (None, _) => return Err("it is not signed with a key of the issuer"),
        };
        let validation = Validation { algorithms: vec![key.algorithm], ..self.validation.clone() };
        let token = decode::<Map<String, Value>>(token, &key.key, &validation).map_err(|err| match err.kind() {
            ErrorKind::InvalidSignature => "its signature is wrong",
            ErrorKind::ExpiredSignature => "it has expired",
            ErrorKind::ImmatureSignature => "it is not valid yet",
            ErrorKind::InvalidIssuer => "it is from another issuer",
            ErrorKind::InvalidAudience => "it is for another audience",
            ErrorKind::MissingRequiredClaim(_) => "`exp`, `iss` or `aud` is missing",
            _ => "it is malformed",
        })?;
        let name = token.claims.get(&self.claim).and_then(Value::as_str).unwrap_or_default();
        let principal = name.parse().map_err(|_| "it does not name a principal")?;
        Ok(Caller { principal, claims: token.claims })
    }
}

/// What a key signs with, if it is one for that and of a kind that is taken.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let fits = jwk.common.key_algorithm.is_none_or(|given| given == named);
    (signs && fits).then_some(algorithm)
}
