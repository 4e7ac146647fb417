//! CPU time and memory of the processes involved, from Linux's `/proc`.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::options::SendOptions;

/// Linux counts CPU time for programs in hundredths of a second on every machine of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Counters as they stood at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    generator: u64,
    server: Option<u64>,
    memory: Memory,
    database: Option<u64>,
    cores: Vec<Core>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Memory {
    pub(crate) peak_kib: Option<u64>,
    pub(crate) resident_kib: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Core {
    programs: u64,
    other: u64,
}

/// What was used between two moments.
#[derive(Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) generator_cpu_s: f64,
    pub(crate) server_cpu_s: Option<f64>,
    pub(crate) server_memory: Memory,
    pub(crate) database_cpu_s: Option<f64>,
    /// Per core, whoever used it: seconds in programs and their system calls, seconds in interrupts or taken
    /// by the machine this one runs on.
    pub(crate) cores: Vec<(f64, f64)>,
}

impl Snapshot {
    pub(crate) fn take(options: &SendOptions) -> Result<Self> {
        Ok(Self {
            generator: own_ticks(&read_stat("self")?).context("/proc/self/stat")?,
            server: options.server_pid.map(|pid| process_ticks(&pid.to_string())).transpose()?,
            memory: options.server_pid.map(memory).transpose()?.unwrap_or_default(),
            database: options.database_pid.map(tree_ticks).transpose()?,
            cores: cores()?,
        })
    }

    pub(crate) fn since(&self, before: &Self) -> Usage {
        let difference =
            |after: Option<u64>, before: Option<u64>| Some(seconds(after?.saturating_sub(before?)));
        let pairs = self.cores.iter().zip(&before.cores);
        Usage {
            generator_cpu_s: seconds(self.generator.saturating_sub(before.generator)),
            server_cpu_s: difference(self.server, before.server),
            server_memory: self.memory,
            database_cpu_s: difference(self.database, before.database),
            cores: pairs
                .map(|(after, before)| {
                    let programs = after.programs.saturating_sub(before.programs);
                    (seconds(programs), seconds(after.other.saturating_sub(before.other)))
                })
                .collect(),
        }
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

fn read_stat(pid: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))
}

/// The numbers after the command's name, which may itself hold spaces: state is 0, parent 1, user time 11.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(") ")?.1.split(' ').collect())
}

fn sum(stat: &str, range: std::ops::Range<usize>) -> Option<u64> {
    fields(stat)?.get(range)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

/// User and system time of the process itself.
fn own_ticks(stat: &str) -> Option<u64> {
    sum(stat, 11..13)
}

fn process_ticks(pid: &str) -> Result<u64> {
    own_ticks(&read_stat(pid)?).context("reading /proc")
}

/// The process, its descendants, and the children of theirs that have ended.
fn tree_ticks(root: u32) -> Result<u64> {
    let mut parents: HashMap<u32, (u32, u64)> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and this.
        let Ok(stat) = read_stat(&pid.to_string()) else { continue };
        let parent = fields(&stat).and_then(|fields| fields.get(1)?.parse().ok());
        if let (Some(parent), Some(ticks)) = (parent, sum(&stat, 11..15)) {
            parents.insert(pid, (parent, ticks));
        }
    }
    let descends = |mut pid: u32| {
        while let Some(&(parent, _)) = parents.get(&pid) {
            if pid == root {
                return true;
            }
            pid = parent;
        }
        false
    };
    Ok(parents.iter().filter(|(pid, _)| descends(**pid)).map(|(_, (_, ticks))| ticks).sum())
}

fn memory(pid: u32) -> Result<Memory> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Ok(Memory { peak_kib: value("VmHWM:"), resident_kib: value("VmRSS:") })
}

/// Per core: user, nice, system | idle, waiting | interrupts of both kinds, stolen.
fn cores() -> Result<Vec<Core>> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let per_core = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    per_core
        .map(|line| {
            let numbers: Vec<u64> =
                line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
            let [user, nice, system, _idle, _waiting, hard, soft, stolen, ..] = numbers[..] else {
                anyhow::bail!("/proc/stat: {line}");
            };
            Ok(Core { programs: user + nice + system, other: hard + soft + stolen })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_do_not_shift_the_fields() {
        let stat = "42 (a b) c) S 7 1 1 0 -1 4 0 0 0 0 250 50 3 2 20 0 1 0 9";
        assert_eq!(own_ticks(stat), Some(300));
        assert_eq!(sum(stat, 11..15), Some(305));
        assert_eq!(fields(stat).unwrap()[1], "7");
    }
}
