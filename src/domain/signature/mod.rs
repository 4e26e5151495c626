//! Signatures of commits: what was signed, by which key, and whose key that is.
//!
//! SSH signatures are verified here, in process. An `OpenPGP` signature is judged from what the `git` program
//! reports about it.

mod allowed;
mod commit;
mod pgp;
mod ssh;

pub use allowed::AllowedSigners;
pub use commit::{SignedCommit, split};
pub use pgp::report as pgp_seal;
pub use ssh::{Key, check as ssh_seal};

use chrono::{DateTime, Utc};

/// What a commit's signature is, before anybody asks whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// There is none.
    Absent,
    /// An SSH signature that fits what was signed.
    Ssh(Key),
    /// An `OpenPGP` signature that fits what was signed.
    Pgp {
        /// The key's fingerprint.
        key: String,
        /// E-mail addresses that the key carries.
        address: String,
        /// Whether the keyring of this machine trusts that the key is its owner's.
        trusted: bool,
    },
    /// It does not fit: what was signed was altered, or the signature was.
    Broken(String),
    /// It could not be checked here.
    Unchecked(String),
}

/// What a signature is worth, for the person who is said to have made the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    Unsigned,
    /// It is the person's.
    Valid {
        /// The person's address for which the key is allowed.
        by: String,
        /// The key's fingerprint.
        key: String,
    },
    /// It is another person's.
    Foreign {
        /// Whose.
        by: String,
        /// The key's fingerprint.
        key: String,
    },
    /// It fits, and nobody says whose key it is.
    Unknown {
        /// The key's fingerprint.
        key: String,
        /// What is missing.
        why: String,
    },
    /// It does not fit what was signed.
    Bad(String),
    /// It could not be checked here.
    Unchecked(String),
}

impl SignatureState {
    /// Whether it is the person's own.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    /// The word for people and programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Valid { .. } => "valid",
            Self::Foreign { .. } => "wrong-signer",
            Self::Unknown { .. } => "unknown-key",
            Self::Bad(_) => "bad",
            Self::Unchecked(_) => "unchecked",
        }
    }

    /// The fingerprint of the key, where one is known.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Valid { key, .. } | Self::Foreign { key, .. } | Self::Unknown { key, .. } => Some(key),
            Self::Unsigned | Self::Bad(_) | Self::Unchecked(_) => None,
        }
    }

    /// Who signed, where that is known.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Valid { by, .. } | Self::Foreign { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Why it is not valid, in words.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Unknown { why, .. } | Self::Bad(why) | Self::Unchecked(why) => Some(why),
            Self::Unsigned | Self::Valid { .. } | Self::Foreign { .. } => None,
        }
    }
}

/// Judges a seal for a person who is known by `addresses`, with the keys that were allowed and at the time
/// when it was made.
pub fn judge(seal: &Seal, addresses: &[&str], signers: &AllowedSigners, at: DateTime<Utc>) -> SignatureState {
    match seal {
        Seal::Absent => SignatureState::Unsigned,
        Seal::Broken(why) => SignatureState::Bad(why.clone()),
        Seal::Unchecked(why) => SignatureState::Unchecked(why.clone()),
        Seal::Ssh(key) => signers.judge(key, addresses, at),
        Seal::Pgp { key, address, trusted } => {
            let key = key.clone();
            if !trusted {
                let why = "the keyring of this machine does not vouch for its owner".to_owned();
                return SignatureState::Unknown { key, why };
            }
            let by = address.clone();
            if addresses.iter().any(|known| known.eq_ignore_ascii_case(address)) {
                SignatureState::Valid { by, key }
            } else {
                SignatureState::Foreign { by, key }
            }
        }
    }
}
