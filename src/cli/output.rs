//! The only place that writes to the terminal: results to stdout, messages to stderr.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::exit::Failure;

/// The form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: a stable interface.
    Json,
}

/// A meaning that is also shown by colour, where colours are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A heading.
    Strong,
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong.
    Bad,
    /// Beside the point.
    Faint,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Faint => "2",
        }
    }
}

/// Where results and messages go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// The form of results.
    pub(crate) format: Format,
    /// Whether stdout shows colours.
    pub(crate) colours: bool,
    /// The columns that a line may take.
    pub(crate) width: usize,
}

/// The width where no terminal tells its own, and the widest that lines of prose are readable.
const WIDTH: usize = 80;
const WIDEST: usize = 120;

#[expect(
    clippy::unused_self,
    reason = "where something is said is the output's business, whatever it needs for it"
)]
impl Output {
    /// Looks at the terminal: colours only on one, and never with `NO_COLOR` (no-color.org).
    pub(crate) fn new(format: Format) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = io::stdout().is_terminal() && !plain;
        // Some terminals do not know their width and say zero.
        let told = comfy_table::Table::new().width().map(usize::from).filter(|&width| width > 0);
        let width = told.unwrap_or(WIDTH).clamp(40, WIDEST);
        Self { format, colours, width }
    }

    /// Whether programs read the results.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A text in a tone.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colours, tone, text)
    }

    /// Writes one line (or several) of results.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        write_result(&format!("{}\n", super::phrase::plain(text.as_ref())))
    }

    /// Writes a paragraph of results, broken at the width; lines after the first begin with `indent` blanks.
    pub(crate) fn prose(&self, text: &str, indent: usize) -> Result<(), Failure> {
        self.line(super::phrase::wrap(text, self.width, indent))
    }

    /// Writes a line that is not ours to touch up: JSON, a file's text.
    pub(crate) fn raw(&self, text: &str) -> Result<(), Failure> {
        write_result(&format!("{text}\n"))
    }

    /// Writes a text that ends with its own line, byte for byte.
    pub(crate) fn verbatim(&self, text: &str) -> Result<(), Failure> {
        write_result(text)
    }

    /// Writes a result as one JSON document.
    pub(crate) fn json<T: Serialize>(&self, result: &T) -> Result<(), Failure> {
        self.raw(&serde_json::to_string_pretty(result).map_err(io::Error::from)?)
    }

    /// Tells the operator something; it is no result.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        // With stderr closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{}", super::phrase::plain(text.as_ref()));
    }

    /// Tells the operator something in whole sentences, broken at the width.
    pub(crate) fn tell(&self, text: impl AsRef<str>) {
        self.say(super::phrase::wrap(text.as_ref(), self.width, 0));
    }

    /// Tells the operator what may be wrong.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.say(format!("{}: {}", paint(stderr_colours(), Tone::Warning, "warning"), text.as_ref()));
    }

    /// Asks the operator for one line, on the terminal. `None` at its end.
    pub(crate) fn ask(&self, question: &str) -> Result<Option<String>, Failure> {
        let mut stderr = io::stderr();
        write!(stderr, "{question} ")?;
        stderr.flush()?;
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Tells what failed, on stderr.
pub(crate) fn report(failure: &Failure) {
    if let Some(shown) = &failure.shown {
        let _ = writeln!(io::stderr(), "{shown}\n");
    }
    let message = super::phrase::plain(&failure.message);
    let _ = writeln!(io::stderr(), "{}: {message}", paint(stderr_colours(), Tone::Bad, "error"));
}

/// Whether stderr shows colours.
pub(crate) fn stderr_colours() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !plain
}

fn paint(colours: bool, tone: Tone, text: &str) -> String {
    if colours { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()) } else { text.to_owned() }
}

/// Writes to stdout. Whoever reads may stop reading (`forfall plan | head`): the command still does its work and
/// ends as it would have.
fn write_result(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("the result cannot be written to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
