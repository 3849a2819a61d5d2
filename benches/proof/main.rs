//! Measures what the audit log promises at scale.
//!
//! `cargo bench --bench proof -- [verify] [flips] [find] [cost] [--entries N] [--records N] [--rows N] [--dir DIR]`
#![allow(clippy::print_stdout, reason = "a benchmark talks to a person")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop where it is")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the real clock")]

mod cost;
mod find;
mod log;

use std::path::PathBuf;

fn main() {
    let (mut dir, mut what) = (std::env::temp_dir(), Vec::new());
    let (mut entries, mut records, mut rows) = (10_000_000, 16_000_000, 1_000_000);
    let mut words = std::env::args().skip(1);
    let number = |word: Option<String>| -> u64 { word.unwrap().parse().expect("a number follows") };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--dir" => dir = PathBuf::from(words.next().expect("--dir takes a directory")),
            "--entries" => entries = number(words.next()),
            "--records" => records = number(words.next()),
            "--rows" => rows = number(words.next()),
            _ => what.push(word),
        }
    }
    let wants = |name: &str| what.is_empty() || what.iter().any(|what| what == name);
    if wants("verify") {
        log::verify_many(entries);
    }
    if wants("flips") {
        log::flip_every_bit();
    }
    if wants("cost") {
        cost::of_evidence(&dir, rows);
    }
    if wants("find") {
        find::find_one_among(&dir, i64::try_from(records).expect("a count of records fits"));
    }
}

/// The largest resident set of this process so far, in MiB.
fn peak() -> f64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// The time that all threads of this process have had a processor, in seconds: on a machine that others use too, what
/// the wall clock shows is theirs as well.
fn processor_time() -> f64 {
    let text = fs_err::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}
