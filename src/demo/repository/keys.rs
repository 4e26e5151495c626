//! SSH keys of the demo's people, the same for the same seed. They sign what happens in the demo and are
//! worth nothing outside it.

use super::history::PEOPLE;
use crate::error::Failure;
use ring::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use ssh_key::{
    Algorithm, HashAlg, LineEnding, PrivateKey, Signature, SshSig,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
    public::{Ed25519PublicKey, KeyData},
};
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What everything of the person with this handle is made from, and the pair of keys that comes of it.
fn pair(seed: u64, handle: &str) -> Result<([u8; 32], Ed25519KeyPair), Failure> {
    let failed = || Failure::failed(format!("could not make the SSH key of {handle} for the demo"));
    let secret = digest(&SHA256, format!("quarterdeck demo {seed} {handle}").as_bytes());
    let secret: [u8; 32] = secret.as_ref().try_into().map_err(|_| failed())?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&secret).map_err(|_| failed())?;
    Ok((secret, pair))
}

/// Signs in the name of one of the demo's people, as `ssh-keygen -Y sign -n git` does.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: KeyData,
}

impl Signer {
    /// The signer of a person.
    pub fn of(seed: u64, handle: &str) -> Result<Self, Failure> {
        let (_, pair) = pair(seed, handle)?;
        Ok(Self { pair, public: key(seed, handle)?.public_key().key_data().clone() })
    }

    /// The signature of a commit, as it stands in its header.
    pub fn sign(&self, payload: &[u8]) -> Result<String, Failure> {
        let failed =
            |error: ssh_key::Error| Failure::failed("could not sign for the demo").cause(error.to_string());
        let signed = SshSig::signed_data("git", HashAlg::Sha512, payload).map_err(failed)?;
        let signature = self.pair.sign(&signed).as_ref().to_vec();
        let signature = Signature::new(Algorithm::Ed25519, signature).map_err(failed)?;
        let seal = SshSig::new(self.public.clone(), "git", HashAlg::Sha512, signature).map_err(failed)?;
        seal.to_pem(LineEnding::LF).map_err(failed)
    }
}

/// The key of the person with this handle.
fn key(seed: u64, handle: &str) -> Result<PrivateKey, Failure> {
    let failed = || Failure::failed(format!("could not make the SSH key of {handle} for the demo"));
    let (secret, pair) = pair(seed, handle)?;
    let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| failed())?;
    let pair =
        Ed25519Keypair { public: Ed25519PublicKey(public), private: Ed25519PrivateKey::from_bytes(&secret) };
    PrivateKey::new(KeypairData::Ed25519(pair), handle).map_err(|error| failed().cause(error.to_string()))
}

/// `policies/allowed_signers`.
pub fn allowed_signers(seed: u64) -> Result<String, Failure> {
    let mut text = "# Whose key is whose: who may sign commits and events of the ledger.\n".to_owned();
    for (handle, author) in PEOPLE {
        let public = key(seed, handle)?.public_key().to_openssh().map_err(|error| {
            Failure::failed(format!("could not write the SSH key of {handle} for the demo"))
                .cause(error.to_string())
        })?;
        text += &format!("{} namespaces=\"git\" {public}\n", author.email);
    }
    Ok(text)
}

/// Where the private key of the person with this address is, below the demo's directory.
pub fn path(directory: &Path, email: &str) -> PathBuf {
    directory.join("keys").join(email)
}

/// Writes every private key, for its owner alone to read.
pub fn write(directory: &Path, seed: u64) -> Result<(), Failure> {
    for (handle, author) in PEOPLE {
        let path = path(directory, author.email);
        let failed = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("could not write {} for the demo", path.display()))
                .cause(error.to_string())
        };
        let text = key(seed, handle)?.to_openssh(LineEnding::LF).map_err(|error| failed(&error))?;
        fs::create_dir_all(directory.join("keys")).map_err(|error| failed(&error))?;
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Whether the program that git signs with is there.
pub fn can_sign() -> bool {
    let mut command = Command::new("ssh-keygen");
    // Without a task it says how it is used, and ends.
    command.arg("-?").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_the_same_for_a_seed_and_nobody_elses_to_read() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 7).unwrap();
        let file = path(directory.path(), "m.ruiz@example.com");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = PrivateKey::from_openssh(fs::read_to_string(file).unwrap()).unwrap();
        let line = read.public_key().to_openssh().unwrap();
        let allowed = allowed_signers(7).unwrap();
        assert!(allowed.contains(&format!("m.ruiz@example.com namespaces=\"git\" {line}\n")), "{allowed}");
        assert_ne!(allowed, allowed_signers(8).unwrap());
        assert!(crate::domain::signature::AllowedSigners::parse(&allowed).problems.is_empty());
    }
}
