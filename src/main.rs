//! The program. Everything that can be tested is in the library.

fn main() -> std::process::ExitCode {
    forfall::cli::main().into()
}
