//! The integration tests, as one binary.

mod ledger_processes;
