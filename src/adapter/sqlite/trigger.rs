//! Reading just enough of a trigger's text to know what sets it off. SQLite keeps no more than the text.

/// Whether a trigger runs on DELETE or UPDATE. Only what is plainly an INSERT trigger is not.
pub(super) fn runs_on_change(trigger: &str) -> bool {
    let mut words = Words(trigger).map(str::to_ascii_uppercase);
    if words.by_ref().find(|word| word == "TRIGGER").is_none() {
        return true;
    }
    // The name, perhaps `IF NOT EXISTS` before it, perhaps a schema and a dot in it; then the event.
    let mut rest: Vec<String> = words.take(9).collect();
    if rest.starts_with(&["IF".to_owned(), "NOT".to_owned(), "EXISTS".to_owned()]) {
        rest.drain(..3);
    }
    let name_ends = if rest.get(1).is_some_and(|word| word == ".") { 3 } else { 1 };
    let mut event = rest.iter().skip(name_ends).map(String::as_str);
    match event.next() {
        Some("BEFORE" | "AFTER") => event.next() != Some("INSERT"),
        Some("INSTEAD") => event.nth(1) != Some("INSERT"),
        other => other != Some("INSERT"),
    }
}

/// The words of an SQL text; comments and blanks are left out, a quoted name is one word.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.0 = self.0.trim_start();
            if let Some(comment) = self.0.strip_prefix("--") {
                self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.0.strip_prefix("/*") {
                self.0 = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else {
                break;
            }
        }
        let first = self.0.chars().next()?;
        let length = match first {
            '"' | '`' | '\'' => quoted_length(self.0, first),
            '[' => self.0.find(']').map_or(self.0.len(), |at| at + 1),
            _ if is_name(first) => self.0.find(|c| !is_name(c)).unwrap_or(self.0.len()),
            _ => first.len_utf8(),
        };
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(word)
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// A doubled quote inside stands for one.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_insert_trigger_is_harmless() {
        for (text, runs) in [
            ("CREATE TRIGGER t AFTER INSERT ON c BEGIN DELETE FROM d; END", false),
            ("create trigger if not exists \"after delete\" before insert on c begin select 1; end", false),
            ("CREATE TEMP TRIGGER main.t INSERT ON c BEGIN SELECT 1; END", false),
            ("CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN SELECT 1; END", false),
            ("CREATE TRIGGER /* insert */ t -- insert\n AFTER DELETE ON c BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER [insert] UPDATE OF a ON c BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER 'it''s' AFTER UPDATE ON c BEGIN INSERT INTO d VALUES (1); END", true),
            ("", true),
        ] {
            assert_eq!(runs_on_change(text), runs, "{text}");
        }
    }
}
