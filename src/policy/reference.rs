//! `docs/policies.md`: every key of the language with its type, its meaning and an example, from the types that read it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde_json::Value;

use super::document::{
    AggregateTable, ClassTable, DataTable, Document, ExpectTable, ExtendTable, LimitTable, LinkTable,
    MethodTable, StageTable, StartTable, TestTable, WithTable,
};
use super::schema;

const PREFACE: &str = "\
# The policy language

One TOML file is one policy: the written rule for one data type. Its id is its path under the policies directory,
without `.toml`. A file is accepted or rejected whole, and `forfall check` shows everything that is wrong in it at
once. Keys that this page does not name are errors.

This page is made from the program's own types (`FORFALL_BLESS=1 cargo test reference`). `forfall policy schema`
prints the same as JSON Schema, for editors that complete and check while you type.

| written as | means |
|---|---|
| period | `\"36 hours\"`, `\"7 days\"`, `\"2 weeks\"`, `\"6 months\"`, `\"25 years\"`, `\"1 year 6 months\"`: a number and a unit, the largest unit first |
| field | a column of the record, a part or attribute of a file, `link.column`, or a text, a number or a truth value inside JSON such as `data.closedAt` |
| condition | CEL (Common Expression Language), a checked subset: fields, literals, `== != < <= > >= && \\|\\| ! in`, `null`, `startsWith`, `endsWith`, `contains`, `timestamp('..')`, `event('..')` |
";

/// One table of the language.
struct Table {
    /// How it is written.
    heading: &'static str,
    /// What comes before its keys in an example.
    prefix: &'static str,
    schema: Value,
}

fn table<T: JsonSchema>(heading: &'static str, prefix: &'static str) -> Table {
    Table { heading, prefix, schema: schema::of::<T>().to_value() }
}

fn tables() -> Vec<Table> {
    vec![
        table::<Document>("Top level", ""),
        table::<LimitTable>("`[limit]`", ""),
        table::<DataTable>("`[[data]]`", ""),
        table::<StartTable>("`start`", "start."),
        table::<LinkTable>("`[[data.link]]`", ""),
        table::<WithTable>("`[[data.with]]`", ""),
        table::<StageTable>("`[[stage]]` and `[[class.stage]]`", ""),
        table::<MethodTable>("`fields.NAME`", ""),
        table::<ExtendTable>("`extend`", "extend."),
        table::<AggregateTable>("`aggregate`", "aggregate."),
        table::<ClassTable>("`[[class]]`", ""),
        table::<TestTable>("`[[test]]`", ""),
        table::<ExpectTable>("`expect`", "expect."),
    ]
}

/// The page, ending with a line break.
pub fn page() -> String {
    let mut page = PREFACE.to_owned();
    for table in tables() {
        let _ = write!(page, "\n## {}\n\n", table.heading);
        if let Some(about) = text(&table.schema["description"]) {
            let _ = write!(page, "{about}\n\n");
        }
        page.push_str("| key | type | meaning | example |\n|---|---|---|---|\n");
        let required = table.schema["required"].as_array().cloned().unwrap_or_default();
        for (key, value) in table.schema["properties"].as_object().into_iter().flatten() {
            let star = if required.contains(&Value::String(key.clone())) { ", required" } else { "" };
            let _ = writeln!(
                page,
                "| `{key}` | {}{star} | {} | {} |",
                kind(value),
                cell(&text(&value["description"]).unwrap_or_default()),
                examples(table.prefix, key, value)
            );
        }
    }
    page
}

/// A doc comment without its line breaks.
fn text(value: &Value) -> Option<String> {
    Some(value.as_str()?.replace('\n', " "))
}

fn kind(value: &Value) -> String {
    if value.get("$ref").is_some() {
        return "table".to_owned();
    }
    if value["items"].get("$ref").is_some() {
        return "tables".to_owned();
    }
    if let Some(words) = value["enum"].as_array() {
        let words: Vec<String> =
            words.iter().filter_map(|word| Some(format!("`{}`", word.as_str()?))).collect();
        return words.join(", ");
    }
    let named = |name: &str| match name {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        _ => "table",
    };
    match &value["type"] {
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).map(named).collect();
            kinds.join(" or ")
        }
        kind => named(kind.as_str().unwrap_or_default()).to_owned(),
    }
}

fn examples(prefix: &str, key: &str, value: &Value) -> String {
    let lines = value["examples"].as_array().into_iter().flatten();
    let lines: Vec<String> =
        lines.map(|example| format!("`{}`", cell(&line(prefix, key, example)))).collect();
    lines.join("<br>")
}

/// `key = value` in TOML.
fn line(prefix: &str, key: &str, example: &Value) -> String {
    let value =
        toml::Value::try_from(example).expect("an example has no null and no other thing that TOML lacks");
    format!("{prefix}{key} = {value}")
}

/// Bars end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::document;

    #[test]
    fn the_reference_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md");
        if std::env::var_os("FORFALL_BLESS").is_some() {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, page()).unwrap();
        }
        let written = fs_err::read_to_string(&path).unwrap();
        assert!(written == page(), "docs/policies.md is stale: FORFALL_BLESS=1 cargo test reference");
    }

    #[test]
    fn every_key_is_explained() {
        for table in tables() {
            for (key, value) in table.schema["properties"].as_object().unwrap() {
                assert!(value["description"].is_string(), "{} {key} has no description", table.heading);
                let nested = kind(value).starts_with("table") && value.get("examples").is_none();
                assert!(nested || value["examples"].is_array(), "{} {key} has no example", table.heading);
            }
        }
    }

    /// Each example stands in the table that it is an example for, and can be read there.
    #[test]
    fn every_example_can_be_read() {
        for table in tables() {
            let around = match table.heading {
                "`start`" => "[[data]]\n",
                "`fields.NAME`" => "[[stage]]\n[stage.fields.caller]\n",
                "`extend`" | "`aggregate`" => "[[stage]]\n",
                "`expect`" => "[[test]]\n",
                "Top level" => "",
                "`[[data.link]]`" => "[[data]]\n[[data.link]]\n",
                "`[[data.with]]`" => "[[data]]\n[[data.with]]\n",
                other => other.split('`').nth(1).unwrap(),
            };
            for (key, value) in table.schema["properties"].as_object().unwrap() {
                for example in value["examples"].as_array().into_iter().flatten() {
                    let text = format!("{around}\n{}\n", line(table.prefix, key, example));
                    let reading = document::read(Path::new("example.toml"), &text);
                    assert!(reading.diagnostics.is_empty(), "{text}\n{:?}", reading.diagnostics);
                }
            }
        }
    }
}
