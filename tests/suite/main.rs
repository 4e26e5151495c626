//! The integration tests, as one binary.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod agent_deployments;
#[cfg(test)]
mod agent_process;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod break_glass;
#[cfg(test)]
mod check;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod cluster_faults;
#[cfg(test)]
mod cluster_ways;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cross_project;
#[cfg(test)]
mod deployment_faults;
#[cfg(test)]
mod deployments;
#[cfg(test)]
mod deployments_killed;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod hostile_changes;
#[cfg(test)]
mod inventory;
#[cfg(test)]
mod ledger_killed;
#[cfg(test)]
mod ledger_processes;
#[cfg(test)]
mod live;
#[cfg(test)]
mod merge;
#[cfg(test)]
mod merge_flows;
#[cfg(test)]
mod merge_killed;
#[cfg(test)]
mod program;
#[cfg(test)]
mod pty;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod review;
#[cfg(test)]
mod rollback_together;
#[cfg(test)]
mod running;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod signed_approvals;
#[cfg(test)]
mod ten_steps;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod test_jobs;
#[cfg(test)]
mod witness;
