//! `forfall init`: a commented configuration and a first policy. It never overwrites anything.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Context;
use super::exit::{Exit, Failure};

const CONFIG: &str = include_str!("init/forfall.toml");
/// What the configuration says of the state, and what it says where the packaged service looks for it: the service
/// cannot write beside its configuration.
const STATE: (&str, &str) = ("sqlite:state.db\" ", "sqlite:/var/lib/forfall/state.db\"");
/// Where the service's configuration lies.
const SERVICE: &str = "/etc/forfall";
const POLICY: &str = include_str!("init/first-policy.toml");

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The directory; it is made if it is not there
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let of_service = std::path::absolute(&args.dir)?.starts_with(SERVICE);
    let config = if of_service { CONFIG.replace(STATE.0, STATE.1) } else { CONFIG.to_owned() };
    let files = [
        (args.dir.join("forfall.toml"), config.as_str()),
        (args.dir.join("policies/switchboard-log.toml"), POLICY),
    ];
    // Nothing is written unless everything can be.
    if let Some((taken, _)) = files.iter().find(|(file, _)| file.symlink_metadata().is_ok()) {
        return Err(Failure::usage(format!(
            "{} is there already, and nothing is overwritten: choose another directory, or move it away",
            taken.display()
        )));
    }
    fs_err::create_dir_all(args.dir.join("policies"))?;
    for (file, text) in &files {
        write_new(file, text)?;
        context.output.line(format!("wrote {}", file.display()))?;
    }
    let config = files[0].0.display();
    context.output.say(format!(
        "Next: write your stores into {config}, then\n  forfall --config {config} store list\n  forfall --config {config} check"
    ));
    Ok(Exit::Done)
}

/// Writes a file that must not be there.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}
