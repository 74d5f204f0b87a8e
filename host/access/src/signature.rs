//! ring verifies the signatures of JWTs: it is there for TLS already. `jsonwebtoken` asks one provider a process.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// Verifies; nothing here signs, or makes key sets.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: |algorithm, key| Ok(Box::new(ByRing::new(*algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Lets `jsonwebtoken` verify by ring.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // If the process has one already, that one verifies.
        let _ = RING.install_default();
    });
}

/// A public key and what it signs with.
struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl ByRing {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        match algorithm {
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA if algorithm.family() == key.family() => {
                Ok(Self { algorithm, key: key.clone() })
            }
            _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
        }
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature)
        };
        let verified = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => by(&ECDSA_P256_SHA256_FIXED, point),
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => by(&ED25519, point),
            _ => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
