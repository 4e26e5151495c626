//! The integration tests, as one binary.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod ledger_processes;
