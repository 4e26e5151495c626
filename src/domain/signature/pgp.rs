//! `OpenPGP` signatures, as `GnuPG` reports them through `git verify-commit --raw`.

use super::Seal;
use crate::domain::text::clean;

/// Reads the status lines of `GnuPG`. Whatever does not say that the signature is good is not good.
pub fn report(status: &str) -> Seal {
    let mut good = None;
    let mut fingerprint = None;
    let mut trusted = false;
    for line in status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "GOODSIG" => {
                let (key, owner) = rest.split_once(' ').unwrap_or((rest, ""));
                // Two signatures in one: whose would it be?
                if good.replace((key.to_owned(), address(owner))).is_some() {
                    return Seal::Broken("it holds more than one signature".to_owned());
                }
            }
            "BADSIG" => return Seal::Broken("the signature does not fit the commit".to_owned()),
            "EXPKEYSIG" | "REVKEYSIG" | "EXPSIG" => {
                let what = match word {
                    "EXPKEYSIG" => "the key has expired",
                    "REVKEYSIG" => "the key was revoked",
                    _ => "the signature has expired",
                };
                return Seal::Unchecked(what.to_owned());
            }
            "ERRSIG" | "NO_PUBKEY" => {
                let key = rest.split(' ').next().unwrap_or_default();
                return Seal::Unchecked(format!(
                    "the OpenPGP key {} is not in the keyring of this machine",
                    clean(key)
                ));
            }
            "VALIDSIG" => fingerprint = rest.split(' ').next().map(clean),
            "TRUST_ULTIMATE" | "TRUST_FULLY" | "TRUST_MARGINAL" => trusted = true,
            _ => {}
        }
    }
    match good {
        Some((key, address)) => {
            Seal::Pgp { key: fingerprint.unwrap_or_else(|| clean(&key)), address, trusted }
        }
        None => Seal::Unchecked("GnuPG does not say whether the OpenPGP signature is good".to_owned()),
    }
}

/// The e-mail address of `Ana Diaz (work) <ana@example.com>`.
fn address(owner: &str) -> String {
    let inside = owner.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    clean(inside.map_or(owner, |(address, _)| address).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_gnupg_are_understood() {
        let good = "[GNUPG:] NEWSIG ana@example.com\n[GNUPG:] GOODSIG ABCD Ana Diaz (work) <ana@example.com>\n\
                    [GNUPG:] VALIDSIG 0123ABCD 2026-11-24 1 0\n[GNUPG:] TRUST_ULTIMATE 0 pgp\n";
        let seal = |trusted| Seal::Pgp { key: "0123ABCD".into(), address: "ana@example.com".into(), trusted };
        assert_eq!(report(good), seal(true));
        assert_eq!(report(&good.replace("ULTIMATE", "UNDEFINED")), seal(false));
        assert!(matches!(report(&good.replace("GOODSIG", "BADSIG")), Seal::Broken(_)));
        assert!(matches!(report(&format!("{good}{good}")), Seal::Broken(_)));
        for status in
            ["[GNUPG:] ERRSIG ABCD 22 8 00 1 9 -\n[GNUPG:] NO_PUBKEY ABCD\n", "gpg: not found\n", ""]
        {
            assert!(matches!(report(status), Seal::Unchecked(_)), "{status}");
        }
        assert!(matches!(report(&good.replace("GOODSIG", "REVKEYSIG")), Seal::Unchecked(_)));
    }
}
