//! The integration tests, as one binary.

mod cluster;
mod ledger_processes;
