//! Runs the built binary and watches its clock and memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one command took.
pub(crate) struct Took {
    pub(crate) seconds: f64,
    /// The largest resident set, in MiB.
    pub(crate) peak: f64,
    pub(crate) output: String,
}

/// Writes a configuration with one store and one policy into `dir`.
pub(crate) fn configure(dir: &Path, store: &str, policy: &str) {
    fs_err::create_dir_all(dir.join("policies")).unwrap();
    fs_err::write(dir.join("policies/bench.toml"), policy).unwrap();
    let config = format!(
        "timezone = \"UTC\"\nschedule = \"0 3 * * *\"\nstate = \"sqlite:state/state.db\"\npolicies = \"policies\"\n\n{store}"
    );
    fs_err::write(dir.join("forfall.toml"), config).unwrap();
}

/// Runs `forfall` in `dir` and expects success.
pub(crate) fn forfall(dir: &Path, words: &[&str]) -> Took {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forfall"));
    command.arg("--config").arg(dir.join("forfall.toml")).args(["--format", "json"]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watcher = std::thread::spawn(move || watch(&status));
    let output = child.wait_with_output().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let peak = watcher.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "forfall {words:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Took { seconds, peak, output: text }
}

/// The high-water mark of the resident set as the kernel keeps it, read until the process is gone.
fn watch(status: &str) -> f64 {
    let mut peak = 0.0;
    while let Ok(text) = fs_err::read_to_string(status) {
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").trim().parse::<f64>().ok())
        else {
            break;
        };
        peak = kib / 1024.0;
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}
