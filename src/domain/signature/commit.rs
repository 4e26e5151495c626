//! A commit object taken apart: what was signed, and the signature.

/// The two halves of a signed commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCommit {
    /// The commit as it was signed: without its signature.
    pub payload: Vec<u8>,
    /// The armoured signature; `None` when there is none.
    pub signature: Option<String>,
}

/// Takes the signature out of a raw commit object, as Git does: every header that begins with `gpgsig` is
/// left out of what was signed, and the one of this object format is the signature.
pub fn split(raw: &[u8]) -> SignedCommit {
    let mut payload = Vec::with_capacity(raw.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut rest = raw;
    // Continuations of a header begin with a blank and belong where their header went.
    let mut inside = Header::Other;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        if line == b"\n" {
            // The message begins here, and nothing in it is a header.
            payload.extend_from_slice(rest);
            break;
        }
        rest = after;
        let text = if let Some(more) = line.strip_prefix(b" ") {
            more
        } else if let Some(more) = line.strip_prefix(b"gpgsig ") {
            inside = Header::Signature;
            more
        } else {
            inside = if line.starts_with(b"gpgsig") { Header::OtherSignature } else { Header::Other };
            line
        };
        match inside {
            Header::Signature => signature.get_or_insert_default().extend_from_slice(text),
            Header::OtherSignature => {}
            Header::Other => payload.extend_from_slice(line),
        }
    }
    let signature = signature.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    SignedCommit { payload, signature }
}

#[derive(Clone, Copy)]
enum Header {
    Signature,
    OtherSignature,
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_signature_is_taken_out_and_the_rest_stays_as_it_was() {
        let raw = b"tree 1\nauthor A <a@x> 1 +0000\ngpgsig -----BEGIN X-----\n \n abc\n -----END X-----\n\
                    mergetag object 2\n  type\ngpgsig-sha256 other\n more\n\nmessage\ngpgsig no\n";
        let split = split(raw);
        assert_eq!(split.signature.as_deref(), Some("-----BEGIN X-----\n\nabc\n-----END X-----\n"));
        assert_eq!(
            String::from_utf8(split.payload).unwrap(),
            "tree 1\nauthor A <a@x> 1 +0000\nmergetag object 2\n  type\n\nmessage\ngpgsig no\n"
        );
    }

    #[test]
    fn a_commit_without_a_signature_is_all_payload() {
        let raw = b"tree 1\nauthor A <a@x> 1 +0000\n\ngpgsig is only a word here\n continued\n";
        let split = split(raw);
        assert_eq!((split.payload.as_slice(), split.signature), (&raw[..], None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            split(&raw);
        }
    }
}
