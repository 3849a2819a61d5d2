//! Shows diagnostics: for people with the excerpt of the file, for programs as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::policy::diagnostic::{Diagnostic, Severity, position};

/// The texts that diagnostics point into.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<PathBuf, Arc<str>>);

impl Sources {
    /// Keeps a file's text.
    pub fn insert(&mut self, file: impl Into<PathBuf>, text: Arc<str>) {
        self.0.insert(file.into(), text);
    }

    /// The file's text, if it could be read.
    pub fn text(&self, file: &Path) -> Option<&str> {
        self.0.get(file).map(|text| &**text)
    }
}

/// All diagnostics for a terminal, one after the other, with a blank line between; colours only if asked for.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for found in diagnostics {
        let path = found.file.display().to_string();
        text.push_str(&renderer.render(&[report(found, &path, sources.text(&found.file))]));
        text.push_str("\n\n");
    }
    text
}

fn report<'a>(found: &'a Diagnostic, path: &'a str, source: Option<&'a str>) -> Group<'a> {
    let level = match found.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&found.message);
    let group = match source.filter(|_| !found.span.is_empty()) {
        Some(source) => {
            let snippet = Snippet::source(source).path(path).fold(true);
            title.element(snippet.annotation(AnnotationKind::Primary.span(within(source, found))))
        }
        None => title.element(Origin::path(path)),
    };
    match &found.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// The place, cut to the text and to its first line where it runs over several.
fn within(source: &str, found: &Diagnostic) -> std::ops::Range<usize> {
    let end = found.span.end.min(source.len());
    let start = found.span.start.min(end);
    let line = source.get(start..end).and_then(|text| text.lines().next()).map_or(0, str::len);
    if line == 0 { start..end } else { start..start + line }
}

/// How many errors and warnings, in words; empty if there are none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|found| found.severity == severity).count();
    let words = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")];
    let parts = words.iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The `diagnostics` of `check` in JSON: a stable interface. Line and column count from 1, the column in characters;
/// both are null where the whole file is meant.
pub fn to_json(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    Value::Array(diagnostics.iter().map(|found| one(found, sources)).collect())
}

fn one(found: &Diagnostic, sources: &Sources) -> Value {
    let place = sources.text(&found.file).filter(|_| !found.span.is_empty());
    let place = place.map(|text| position(text, found.span.start));
    json!({
        "severity": found.severity.to_string(),
        "file": found.file.display().to_string(),
        "line": place.map(|(line, _)| line),
        "column": place.map(|(_, column)| column),
        "message": found.message,
        "help": found.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Sources {
        let mut sources = Sources::default();
        sources.insert("a.toml", text.into());
        sources
    }

    #[test]
    fn the_place_is_shown_with_line_and_column() {
        let sources = sources("title = \"x\"\nåfter = 14\n");
        let found =
            [Diagnostic::error("a.toml", 21..23, "expected a period")
                .with_help("write `after = \"14 days\"`")];
        let text = render(&found, &sources, false);
        assert!(text.contains("a.toml:2:9"), "{text}");
        assert!(text.contains("^^") && text.contains("help: write"), "{text}");
        let json = to_json(&found, &sources);
        assert_eq!(json[0]["line"], 2);
        assert_eq!(json[0]["column"], 9);
        assert_eq!(json[0]["severity"], "error");
    }

    #[test]
    fn a_whole_file_has_no_line() {
        let found = [Diagnostic::warning("b.toml", 0..0, "no store")];
        let text = render(&found, &Sources::default(), false);
        assert!(text.contains("b.toml") && text.starts_with("warning: no store"), "{text}");
        assert_eq!(to_json(&found, &Sources::default())[0]["line"], Value::Null);
        assert_eq!(summary(&found), "1 warning");
    }

    #[test]
    fn colours_come_only_when_asked_for() {
        let found = [Diagnostic::error("a.toml", 0..5, "wrong")];
        assert!(!render(&found, &sources("title"), false).contains('\u{1b}'));
        assert!(render(&found, &sources("title"), true).contains('\u{1b}'));
    }
}
