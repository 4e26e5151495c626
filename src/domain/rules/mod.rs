//! Validation rules: one file each, and the table that lists them.
