//! Files: deletion against `find -delete`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::median;
use crate::program::{configure, forfall};

const POLICY: &str = r#"
title = "Recordings"
owner = "bench"

[[data]]
store       = "tree"
collection  = "cam{camera}/*.mp4"
start.field = "modified"

[[stage]]
after  = "7 days"
action = "delete"
"#;

const STORE: &str = "[store.tree]\nadapter = \"filesystem\"\nroot = \"tree\"\n";
const DIRECTORIES: u64 = 200;

/// Every second file is eight days old.
fn fill(root: &Path, files: u64) {
    let old = SystemTime::now() - Duration::from_hours(8 * 24);
    for directory in 0..DIRECTORIES {
        let at = root.join(format!("cam{directory:03}"));
        fs_err::create_dir_all(&at).unwrap();
        for file in 0..files / DIRECTORIES {
            let path = at.join(format!("clip-{file:06}.mp4"));
            fs_err::write(&path, b"recording").unwrap();
            if file % 2 == 0 {
                fs_err::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .into_file()
                    .set_modified(old)
                    .unwrap();
            }
        }
    }
}

/// Deletes half of the files with us and with `find`.
pub(crate) fn deletion(dir: &Path, files: u64) {
    let base = dir.join(format!("forfall-bench-files-{}", std::process::id()));
    let (mut find, mut ours) = ([0.0; 3], [0.0; 3]);
    let mut peak: f64 = 0.0;
    for round in 0..3 {
        let dir = base.join(format!("find-{round}"));
        fill(&dir.join("tree"), files);
        settle();
        let began = Instant::now();
        let status = Command::new("find")
            .arg(dir.join("tree"))
            .args(["-type", "f", "-mtime", "+6", "-delete"])
            .status()
            .unwrap();
        find[round] = began.elapsed().as_secs_f64();
        assert!(status.success());
        fs_err::remove_dir_all(&dir).unwrap();

        let dir = base.join(format!("ours-{round}"));
        fill(&dir.join("tree"), files);
        configure(&dir, STORE, POLICY);
        forfall(&dir, &["approve", "bench", "--count", &(files / 2).to_string()]);
        settle();
        let took = forfall(&dir, &["run", "bench"]);
        assert!(took.output.contains("\"complete\""), "{}", took.output);
        ours[round] = took.seconds;
        peak = peak.max(took.peak);
        fs_err::remove_dir_all(&dir).unwrap();
    }
    let (find, ours) = (median(find), median(ours));
    println!("files, {} of {files}, medians of three:", files / 2);
    println!("  find -type f -mtime +6 -delete  {find:6.2} s");
    println!("  forfall run                     {ours:6.2} s   peak {peak:.1} MiB");
    println!("  ratio                           {:6.2}    (target: at least 1.0)", find / ours);
    fs_err::remove_dir_all(base).unwrap();
}

/// What was written before is on disk: neither side pays for it.
fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}
