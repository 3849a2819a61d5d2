//! `forfall calc`: due dates by the same arithmetic that decides about records.

use std::io::BufRead;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Map, Value};

use super::exit::{Exit, Failure};
use super::{Context, phrase};
use crate::time::{self, After, Cutoff, Instant, StartValue, Zone};

/// Reads JSON lines {zone, start, after, cutoff} from standard input and writes the same with `due`; or computes one
/// due date from the flags
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The start: a day, a local time, or a time with its offset
    #[arg(long, requires = "after", requires = "zone")]
    start: Option<String>,
    /// The period, such as "14 days", "1 year 6 months" or "at once"
    #[arg(long, requires = "start")]
    after: Option<String>,
    /// The calendar period at whose end the clock starts, such as end-of-year
    #[arg(long, requires = "start")]
    cutoff: Option<String>,
    /// The zone, such as Europe/Oslo
    #[arg(long, requires = "start")]
    zone: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    if let (Some(start), Some(after), Some(zone)) = (&args.start, &args.after, &args.zone) {
        let question = Question::read(zone, start, after, args.cutoff.as_deref()).map_err(Failure::usage)?;
        if output.is_json() {
            let mut line = Map::new();
            line.insert("zone".into(), zone.as_str().into());
            line.insert("start".into(), start.as_str().into());
            line.insert("after".into(), after.as_str().into());
            line.insert("cutoff".into(), args.cutoff.clone().into());
            line.insert("due".into(), question.answer());
            output.raw(&Value::Object(line).to_string())?;
        } else {
            output.line(question.sentence())?;
        }
        return Ok(Exit::Done);
    }
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answered =
            answered(&line).map_err(|why| Failure::usage(format!("line {}: {why}", number + 1)))?;
        output.raw(&answered)?;
    }
    Ok(Exit::Done)
}

/// The line with its `due`; every other member stays as it came.
fn answered(line: &str) -> Result<String, String> {
    let mut members: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("this is not a JSON object: {error}"))?;
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(format!("`{name}` must be a string")),
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| format!("`{name}` is missing"));
    let question = Question::read(needed("zone")?, needed("start")?, needed("after")?, text("cutoff")?)?;
    let due = question.answer();
    members.insert("due".into(), due);
    Ok(Value::Object(members).to_string())
}

#[derive(Debug)]
struct Question {
    zone: Zone,
    start: StartValue,
    after: After,
    cutoff: Option<Cutoff>,
}

impl Question {
    fn read(zone: &str, start: &str, after: &str, cutoff: Option<&str>) -> Result<Self, String> {
        let zone: Zone = zone.parse().map_err(|error| format!("{error}"))?;
        let after = after.parse().map_err(|error| format!("{error}"))?;
        let cutoff = cutoff.map(str::parse).transpose().map_err(|error| format!("{error}"))?;
        Ok(Self { zone, start: read_start(start, zone)?, after, cutoff })
    }

    fn due(&self) -> Option<Instant> {
        time::due(self.start, self.after, self.cutoff, self.zone)
    }

    /// Null where the due date lies behind the end of the calendar.
    fn answer(&self) -> Value {
        self.due().map_or(Value::Null, |due| phrase::utc(due).into())
    }

    fn sentence(&self) -> String {
        match self.due() {
            Some(due) => format!("due {} = {}", phrase::local_named(due, self.zone), phrase::utc(due)),
            None => "never due: that is behind the end of the calendar".to_owned(),
        }
    }
}

/// A day, a local time in the zone, or a time with its offset.
pub(super) fn read_start(text: &str, zone: Zone) -> Result<StartValue, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(StartValue::Date(day));
    }
    let spaced = text.replacen(' ', "T", 1);
    if let Ok(local) = spaced.parse::<NaiveDateTime>() {
        return Ok(StartValue::Instant(zone.to_instant(local)));
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(StartValue::Instant(at.into())),
        Err(_) => Err(format!(
            "`{}` is no time: write 2026-11-01, 2026-11-01T14:00:00 or 2026-11-01T14:00:00+01:00",
            phrase::safe(text)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_vector_comes_out_as_it_stands() {
        let vectors = include_str!("../../tests/vectors/due.jsonl");
        let mut seen = 0;
        for vector in vectors.lines() {
            let whole: Map<String, Value> = serde_json::from_str(vector).unwrap();
            let mut question = whole.clone();
            question.remove("due");
            let line = answered(&Value::Object(question).to_string()).unwrap();
            let answer: Map<String, Value> = serde_json::from_str(&line).unwrap();
            assert_eq!(answer, whole, "{vector}");
            seen += 1;
        }
        assert_eq!(seen, 2_780);
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        let refused = |line: &str| answered(line).unwrap_err();
        assert!(refused("nonsense").contains("not a JSON object"));
        assert_eq!(refused(r#"{"zone":"UTC","start":"2026-01-01"}"#), "`after` is missing");
        assert_eq!(refused(r#"{"zone":1}"#), "`zone` must be a string");
        assert!(refused(r#"{"zone":"UTC","start":"1/2/26","after":"1 day"}"#).contains("is no time"));
        assert!(refused(r#"{"zone":"Oslo","start":"2026-01-01","after":"1 day"}"#).contains("Oslo"));
    }
}
