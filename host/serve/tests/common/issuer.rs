//! An issuer of JWTs with a key of each kind, and whoever else makes some.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The RSA key, as PKCS#8.
pub fn rsa() -> Vec<u8> {
    PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("rsa.pem")).unwrap().secret_pkcs8_der().to_owned()
}

/// Seconds since 1970, from now.
pub fn from_now(seconds: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + seconds
}

pub struct Issuer {
    pub rsa: RsaKeyPair,
    pub ec: EcdsaKeyPair,
    pub ed: Ed25519KeyPair,
}

impl Issuer {
    /// With new keys; that of RSA is always the same.
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(&rsa()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
        }
    }

    /// The public keys: `r`, `e` and `d` sign, and `x` does not.
    pub fn jwks(&self) -> Value {
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let (n, e) = (base64(rsa.n), base64(rsa.e));
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": n, "e": e},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": base64(x), "y": base64(y)},
            self.ed_jwk("d"),
            {"kty": "RSA", "kid": "x", "use": "enc", "n": n, "e": e},
            {"kty": "oct", "kid": "o", "k": base64("secret")},
        ]})
    }

    pub fn ed_jwk(&self, id: &str) -> Value {
        json!({"kty": "OKP", "kid": id, "crv": "Ed25519", "alg": "EdDSA", "x": base64(self.ed.public_key())})
    }

    #[allow(dead_code, reason = "no test uses all of it")]
    pub fn rs256(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public().modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    #[allow(dead_code, reason = "no test uses all of it")]
    pub fn es256(&self, message: &[u8]) -> Vec<u8> {
        self.ec.sign(&SystemRandom::new(), message).unwrap().as_ref().to_owned()
    }

    pub fn eddsa(&self, message: &[u8]) -> Vec<u8> {
        self.ed.sign(message).as_ref().to_owned()
    }

    /// A token with these claims, signed by EdDSA.
    pub fn token(&self, claims: &Value) -> String {
        token(&json!({"alg": "EdDSA", "kid": "d", "typ": "JWT"}), claims, |message| self.eddsa(message))
    }
}

pub fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = base64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
