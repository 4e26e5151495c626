//! SSH signatures (SSHSIG): `ssh-key` reads their form, `ring` does the mathematics.

use super::Seal;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use ssh_key::{
    Algorithm, HashAlg, PublicKey, SshSig,
    public::{EcdsaPublicKey, KeyData},
};

/// What `git` makes signatures for.
const NAMESPACE: &str = "git";

/// The longest signature that is looked at; that of an RSA key of 16,384 bits has 7,000 bytes.
const LONGEST: usize = 16 * 1024;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(KeyData);

impl Key {
    /// The key of `ssh-ed25519 AAAA…`.
    pub fn parse(text: &str) -> Result<Self, String> {
        PublicKey::from_openssh(text)
            .map(|key| Self(key.key_data().clone()))
            .map_err(|error| format!("the key cannot be read: {error}"))
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// Checks an armoured SSH signature over `payload`.
pub fn check(payload: &[u8], armoured: &str) -> Seal {
    if armoured.len() > LONGEST {
        return Seal::Broken(format!("the signature has {} bytes", armoured.len()));
    }
    let signature = match SshSig::from_pem(armoured.trim_end()) {
        Ok(signature) => signature,
        Err(error) => return Seal::Broken(format!("the signature cannot be read: {error}")),
    };
    if signature.namespace() != NAMESPACE {
        return Seal::Broken(format!(
            "the signature was made for `{}` and not for a commit",
            crate::domain::text::clean(signature.namespace())
        ));
    }
    let Ok(signed) = SshSig::signed_data(NAMESPACE, signature.hash_alg(), payload) else {
        return Seal::Broken("the signature cannot be read".to_owned());
    };
    match verifies(signature.public_key(), &signature, &signed) {
        Ok(true) => Seal::Ssh(Key(signature.public_key().clone())),
        Ok(false) => Seal::Broken("the signature does not fit the commit".to_owned()),
        Err(what) => Seal::Unchecked(format!("signatures of {what} are not known here")),
    }
}

/// Whether the signature fits; what it is, if this program cannot tell.
fn verifies(key: &KeyData, signature: &SshSig, signed: &[u8]) -> Result<bool, String> {
    let bytes = signature.signature_bytes();
    let algorithm = signature.algorithm();
    let unknown = || Err(format!("the kind {} by a key of the kind {}", algorithm.as_str(), key.algorithm()));
    Ok(match (key, &algorithm) {
        (KeyData::Ed25519(key), Algorithm::Ed25519) => {
            UnparsedPublicKey::new(&ED25519, key.0).verify(signed, bytes).is_ok()
        }
        (KeyData::SkEd25519(key), Algorithm::SkEd25519) => {
            token(key.public_key().0, key.application(), signed, bytes)
        }
        (KeyData::Ecdsa(key), Algorithm::Ecdsa { .. }) => {
            let (method, size): (&ring::signature::EcdsaVerificationAlgorithm, _) = match key {
                EcdsaPublicKey::NistP256(_) => (&ECDSA_P256_SHA256_FIXED, 32),
                EcdsaPublicKey::NistP384(_) => (&ECDSA_P384_SHA384_FIXED, 48),
                EcdsaPublicKey::NistP521(_) => return unknown(),
            };
            let Some(fixed) = fixed(bytes, size) else { return Ok(false) };
            UnparsedPublicKey::new(method, key.as_sec1_bytes()).verify(signed, &fixed).is_ok()
        }
        (KeyData::Rsa(key), Algorithm::Rsa { hash: Some(hash) }) => {
            let (Some(n), Some(e)) = (key.n.as_positive_bytes(), key.e.as_positive_bytes()) else {
                return Ok(false);
            };
            let method = match hash {
                HashAlg::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                HashAlg::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                _ => return unknown(),
            };
            RsaPublicKeyComponents { n, e }.verify(method, signed, bytes).is_ok()
        }
        _ => return unknown(),
    })
}

/// A hardware token signs digests, its own flags and a counter. Without a touch of it nobody was there.
fn token(key: [u8; 32], application: &str, signed: &[u8], bytes: &[u8]) -> bool {
    const TRAILER: usize = 5;
    const TOUCHED: u8 = 1;
    let Some(at) = bytes.len().checked_sub(TRAILER) else { return false };
    let (signature, trailer) = bytes.split_at(at);
    let digest = |text: &[u8]| ring::digest::digest(&ring::digest::SHA256, text);
    let message = [digest(application.as_bytes()).as_ref(), trailer, digest(signed).as_ref()].concat();
    trailer[0] & TOUCHED != 0 && UnparsedPublicKey::new(&ED25519, key).verify(&message, signature).is_ok()
}

/// The two numbers of an ECDSA signature, each in `size` bytes, from their SSH form.
fn fixed(mut bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 * size);
    for _ in 0..2 {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        bytes = rest;
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = &number[zeros..];
        out.resize(out.len() + size.checked_sub(number.len())?, 0);
        out.extend_from_slice(number);
    }
    bytes.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made with `ssh-keygen -Y sign -n git` over `a commit\n`.
    const SIGNED: &[(&str, &str)] = &[
        ("ed25519", include_str!("fixtures/ed25519.sig")),
        ("ecdsa-p256", include_str!("fixtures/ecdsa-p256.sig")),
        ("ecdsa-p384", include_str!("fixtures/ecdsa-p384.sig")),
        ("rsa-sha2-512", include_str!("fixtures/rsa-sha2-512.sig")),
        ("rsa-sha2-256", include_str!("fixtures/rsa-sha2-256.sig")),
    ];

    fn key(name: &str) -> Key {
        let text = match name {
            "ed25519" => include_str!("fixtures/ed25519.pub"),
            "ecdsa-p256" => include_str!("fixtures/ecdsa-p256.pub"),
            "ecdsa-p384" => include_str!("fixtures/ecdsa-p384.pub"),
            _ => include_str!("fixtures/rsa.pub"),
        };
        Key::parse(text).unwrap()
    }

    #[test]
    fn every_kind_of_key_verifies_what_it_signed_and_nothing_else() {
        for (name, signature) in SIGNED {
            assert_eq!(check(b"a commit\n", signature), Seal::Ssh(key(name)), "{name}");
            assert!(matches!(check(b"a commit!\n", signature), Seal::Broken(_)), "{name}");
        }
        assert!(key("ed25519").fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn a_signature_for_files_is_not_one_for_commits() {
        let seal = check(b"a commit\n", include_str!("fixtures/other-namespace.sig"));
        assert_eq!(seal, Seal::Broken("the signature was made for `file` and not for a commit".into()));
    }

    #[test]
    fn what_is_not_known_is_not_called_bad() {
        let seal = check(b"a commit\n", include_str!("fixtures/ecdsa-p521.sig"));
        assert!(
            matches!(&seal, Seal::Unchecked(why) if why.contains("p521") || why.contains("P521") || why.contains("nistp521")),
            "{seal:?}"
        );
    }

    #[test]
    fn any_altered_byte_breaks_it() {
        for (name, signature) in SIGNED {
            let body = signature.find('\n').unwrap() + 1;
            let end = signature.rfind("\n-----END").unwrap();
            for at in (body..end).step_by(17) {
                let mut altered = (*signature).to_owned().into_bytes();
                if altered[at] == b'\n' || altered[at] == b'=' {
                    continue;
                }
                altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
                let altered = String::from_utf8(altered).unwrap();
                let seal = check(b"a commit\n", &altered);
                assert_ne!(seal, Seal::Ssh(key(name)), "{name} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(-----BEGIN SSH SIGNATURE-----\n)?[A-Za-z0-9+/=\n]{0,300}(\n-----END SSH SIGNATURE-----)?") {
            check(b"", &text);
        }

        #[test]
        fn no_numbers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            fixed(&bytes, 32);
            token([7; 32], "ssh:", b"x", &bytes);
        }
    }
}
