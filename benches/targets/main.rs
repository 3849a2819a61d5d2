//! Measures the program as an operator runs it, against the plainest thing that does the same without evidence.
//! Everything is inside the measured time: process start, identity, gates, intents and outcomes, recount, forecast.
//!
//! `cargo bench --bench targets -- [sqlite] [postgres] [few] [beside] [partitions] [mariadb] [files] [memory] [plan] [--rows N] [--dir DIR]`
#![allow(clippy::print_stdout, reason = "a benchmark talks to a person")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop where it is")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the real clock")]

mod beside;
mod database;
mod mariadb;
mod partitions;
mod postgres;
mod program;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the tests' own server; they use more of it")]
#[path = "../../src/adapter/contract/server.rs"]
mod server;
mod tree;

use std::path::PathBuf;

struct Wish {
    dir: PathBuf,
    rows: Option<u64>,
    what: Vec<String>,
}

fn main() {
    // `cargo test` builds and starts benchmarks too, without this word: then there is nothing to measure.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let wish = wish();
    let wants = |name: &str| wish.what.is_empty() || wish.what.iter().any(|what| what == name);
    if wants("sqlite") {
        database::deletion(&wish.dir, wish.rows.unwrap_or(2_000_000), "wal");
        database::deletion(&wish.dir, wish.rows.unwrap_or(2_000_000), "delete");
    }
    if wants("postgres") {
        let rows = wish.rows.unwrap_or(2_000_000);
        for compressed in [false, true] {
            postgres::deletion(&wish.dir, rows, 66_500, postgres::Lie::Scattered, compressed);
            postgres::deletion(&wish.dir, rows, 66_500, postgres::Lie::InOrder, compressed);
        }
    }
    if wants("few") {
        let rows = wish.rows.unwrap_or(10_000_000);
        for compressed in [false, true] {
            postgres::deletion(&wish.dir, rows, 1_000, postgres::Lie::Scattered, compressed);
        }
    }
    if wants("beside") {
        beside::deletion(&wish.dir, wish.rows.unwrap_or(2_000_000));
    }
    if wants("partitions") {
        let rows = wish.rows.unwrap_or(2_000_000);
        partitions::deletion(&wish.dir, rows, 30, 1);
        partitions::deletion(&wish.dir, rows * 2, 3, 10);
    }
    if wants("files") {
        tree::deletion(&wish.dir, wish.rows.unwrap_or(400_000));
    }
    if wants("mariadb") {
        mariadb::deletion(&wish.dir, wish.rows.unwrap_or(1_000_000));
    }
    if wants("memory") {
        database::memory(&wish.dir, wish.rows.unwrap_or(5_000_000));
    }
    if wants("plan") {
        database::plan(&wish.dir, wish.rows.unwrap_or(10_000_000));
    }
}

fn wish() -> Wish {
    let mut wish = Wish { dir: std::env::temp_dir(), rows: None, what: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--dir" => wish.dir = words.next().expect("--dir takes a directory").into(),
            "--rows" => wish.rows = Some(words.next().unwrap().parse().expect("--rows takes a number")),
            _ => wish.what.push(word),
        }
    }
    wish
}

/// The middle of three.
fn median(mut three: [f64; 3]) -> f64 {
    three.sort_by(f64::total_cmp);
    three[1]
}
