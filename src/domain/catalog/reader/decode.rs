//! From the bytes of a file to its text, whatever they are, and what was amiss with them.

/// What was amiss with the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Bytes that are not UTF-8 were replaced, the first ones at this place of the text.
    NotUtf8(usize),
    /// It was UTF-16.
    Utf16,
    /// It is no text at all, and counts as empty.
    Binary,
    /// Lines ended in carriage returns alone, the first one at this place.
    BareReturns(usize),
}

/// So many bytes at the beginning tell whether a file without a mark is UTF-16.
const LOOKED_AT: usize = 1024;

/// The byte orders of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// The byte order of bytes that are UTF-16, and how long its mark is.
fn utf16(bytes: &[u8]) -> Option<(Order, usize)> {
    match bytes {
        [0xff, 0xfe, ..] => return Some((Order::Little, 2)),
        [0xfe, 0xff, ..] => return Some((Order::Big, 2)),
        _ => {}
    }
    // Without a mark: text of these files is mostly ASCII, of which every other byte is zero.
    let pairs = bytes[..bytes.len().min(LOOKED_AT)].as_chunks::<2>().0;
    let zeros = |side: usize| pairs.iter().filter(|pair| pair[side] == 0).count();
    let most = pairs.len() * 9 / 10;
    match (zeros(0), zeros(1)) {
        (0, low) if pairs.len() > 1 && low > most => Some((Order::Little, 0)),
        (high, 0) if pairs.len() > 1 && high > most => Some((Order::Big, 0)),
        _ => None,
    }
}

fn from_utf16(bytes: &[u8], (order, mark): (Order, usize)) -> String {
    let units = bytes[mark..].as_chunks::<2>().0.iter().map(|pair| match order {
        Order::Little => u16::from_le_bytes(*pair),
        Order::Big => u16::from_be_bytes(*pair),
    });
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Whether bytes of a file that is no control file are text that can be looked through.
pub fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
        || utf16(bytes).filter(|(_, mark)| *mark > 0 && bytes.len().is_multiple_of(2)).is_some_and(|order| {
            let text = from_utf16(bytes, order);
            // What a picture would give is no text.
            !text.contains([char::REPLACEMENT_CHARACTER, '\0'])
        })
}

/// The text of a file. Of a control file it is one that its format can read: then carriage returns alone are line feeds,
/// in the same places.
pub fn text_of(bytes: Vec<u8>, is_control_file: bool) -> (String, Option<Damage>) {
    let (text, damage) = if let Some(order) = utf16(&bytes) {
        (from_utf16(&bytes, order), Some(Damage::Utf16))
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) if is_control_file && error.as_bytes().contains(&0) => {
                return (String::new(), Some(Damage::Binary));
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(Damage::NotUtf8(at)))
            }
        }
    };
    match bare_return(&text).filter(|_| is_control_file) {
        // What is worse has been said.
        Some(at) => (with_line_feeds(&text), damage.or(Some(Damage::BareReturns(at)))),
        None => (text, damage),
    }
}

/// The first carriage return without a line feed behind it.
fn bare_return(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    text.match_indices('\r').map(|(at, _)| at).find(|at| bytes.get(at + 1) != Some(&b'\n'))
}

/// Every carriage return without a line feed as one: as long as before, so that all places stay.
fn with_line_feeds(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\r') {
        out.push_str(&rest[..at]);
        out.push(if rest[at + 1..].starts_with('\n') { '\r' } else { '\n' });
        rest = &rest[at + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, order: Order, mark: bool) -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        let bytes = |unit: u16| match order {
            Order::Little => unit.to_le_bytes(),
            Order::Big => unit.to_be_bytes(),
        };
        format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn whatever_it_was_it_is_text() {
        let text = "a = \"ñandú 🦤\"\n# and more of the usual letters, so that it is told apart\n";
        for (bytes, expected, damage) in [
            (text.as_bytes().to_vec(), text, None),
            (wide(text, Order::Little, true), text, Some(Damage::Utf16)),
            (wide(text, Order::Big, true), text, Some(Damage::Utf16)),
            (wide(text, Order::Little, false), text, Some(Damage::Utf16)),
            (wide(text, Order::Big, false), text, Some(Damage::Utf16)),
            (b"a = 1 # caf\xe9\n".to_vec(), "a = 1 # caf\u{fffd}\n", Some(Damage::NotUtf8(11))),
            (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe".to_vec(), "", Some(Damage::Binary)),
            (b"a = 1\rb = 2\r\nc = 3\r".to_vec(), "a = 1\nb = 2\r\nc = 3\n", Some(Damage::BareReturns(5))),
            (b"a = 1\r\nb = 2\r\n".to_vec(), "a = 1\r\nb = 2\r\n", None),
            (Vec::new(), "", None),
            (b"\0".to_vec(), "\0", None),
        ] {
            assert_eq!(text_of(bytes, true), (expected.to_owned(), damage), "{expected}");
        }
        // Other files are what they are.
        assert_eq!(text_of(b"a\rb".to_vec(), false), ("a\rb".to_owned(), None));
        assert!(is_text(&wide(text, Order::Little, true)) && is_text(b"a"));
        for picture in [&b"\x89PNG\xff"[..], b"\xff\xfe\0", b"\xff\xfe\0\0a\0", b"\xff\xfe\0\xd8a\0"] {
            assert!(!is_text(picture), "{picture:?}");
        }
    }
}
