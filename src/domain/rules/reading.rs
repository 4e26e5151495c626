//! What the catalog reader itself finds wrong: files, syntax, keys and values.

use super::Rule;
use crate::domain::finding::Level;

macro_rules! reading_rules {
    ($($(#[$doc:meta])* $constant:ident = $code:literal $name:literal $level:ident $summary:literal $help:literal;)+) => {
        $($(#[$doc])* pub static $constant: Rule = Rule {
            code: $code,
            name: $name,
            level: Level::$level,
            summary: $summary,
            help: $help,
            check: None,
        };)+

        /// All of them in the order of their codes.
        pub static ALL: &[&Rule] = &[$(&$constant),+];
    };
}

reading_rules! {
    /// The file is there and cannot be opened.
    UNREADABLE = "QD001" "unreadable-file" Error
        "A file of the working tree is there and cannot be read."
        "See who owns the file and who may read it. Nothing in it is used.";
    /// `services/catalog.toml` is not there.
    MISSING_CATALOG = "QD100" "missing-catalog" Error
        "The repository has no services/catalog.toml."
        "Every control repository lists its shared services there. `quarterdeck init` writes a repository to start from.";
    /// The file is not TOML or YAML.
    SYNTAX = "QD101" "syntax" Error
        "A file breaks the syntax of its format."
        "What could be read of the file is used; nothing else of the repository is hidden by it.";
    /// The file is not UTF-8.
    ENCODING = "QD102" "encoding" Error
        "A file is not UTF-8, or its lines do not end in line feeds."
        "It is read as well as can be told: UTF-16 is understood, a carriage return alone ends a line, and unreadable bytes are shown as the replacement character. But other programs will not read it. Save the file as UTF-8 with LF or CRLF.";
    /// Nobody reads this key.
    UNKNOWN_KEY = "QD103" "unknown-key" Warning
        "A key, table or setting has a name that nothing reads."
        "It has no effect, most often because of a misspelling.";
    /// The value has another type.
    WRONG_TYPE = "QD104" "wrong-type" Error
        "A value has another type than its key needs."
        "The value is ignored until it is mended.";
    /// A key is required.
    MISSING_KEY = "QD105" "missing-key" Error
        "A table lacks a key that it needs."
        "Add the key.";
    /// The value is of the right type but means nothing.
    INVALID_VALUE = "QD106" "invalid-value" Error
        "A value cannot mean what its key says: no version, date, duration, ratio or known word."
        "The value is ignored until it is mended.";
    /// A name breaks the rules for names.
    INVALID_NAME = "QD107" "invalid-name" Error
        "A name is not usable as a name in Kubernetes (RFC 1123)."
        "Use at most 63 lower-case letters, digits and `-`, beginning and ending with a letter or digit.";
    /// Two places that must agree name different things.
    NAME_MISMATCH = "QD108" "name-mismatch" Error
        "A name differs from the key or the folder that it must equal."
        "Rename one of the two.";
    /// A service has two definitions.
    DUPLICATE_SERVICE = "QD109" "duplicate-service" Error
        "A service is defined in two files."
        "The first definition is used. Keep one of them.";
    /// Settings for a service that no file defines.
    UNKNOWN_SERVICE = "QD110" "unknown-service" Error
        "A project's deployment or monitoring file speaks of a service that no file defines."
        "Define the service in services/catalog.toml or in the project's services.toml, or remove the table.";
    /// The file is larger than any control repository needs.
    TOO_LARGE = "QD111" "file-too-large" Error
        "A file is larger than 64 MiB, or has more than a million values, and was not read."
        "Split it, or remove what does not belong into a control repository.";
    /// More findings than anybody reads.
    TOO_MANY = "QD112" "too-many-findings" Error
        "A file has more findings than are shown."
        "Mend the first ones; the rest often follows from them.";
    /// Files whose text nobody looked at.
    NOT_SEARCHED = "QD113" "not-searched" Note
        "Files are too large to be searched for credentials."
        "Control files are always read. Of all others, those of at most 1 MiB are searched, and 32 MiB in all.";
    /// A link where a file should be.
    LINK = "QD114" "link-not-read" Error
        "A control file, or a folder of control files, is a symbolic link and was not read."
        "Links are followed nowhere, neither out of the repository nor within it: what is reviewed is what is read.";
}
