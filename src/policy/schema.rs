//! The JSON Schema of a policy file, from the types that read it: for editors, and for [`super::reference`].

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::document::Document;

/// The schema of one policy file, in JSON Schema draft 2020-12. `check` refuses more than it can express.
pub fn policy_schema() -> Value {
    let mut schema = of::<Document>();
    schema.insert("title".to_owned(), "A forfall policy".into());
    schema.to_value()
}

/// The schema of one table, with those of the tables inside it under `$defs`.
pub(super) fn of<T: JsonSchema>() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema
}

/// TOML has no null: a key that is optional is left out.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if object.get("default").is_some_and(|default| default.is_null() || *default == Value::Array(Vec::new()))
    {
        object.remove("default");
    }
    let Some(Value::Array(either)) = object.get("anyOf") else { return };
    let rest: Vec<Value> =
        either.iter().filter(|one| one.get("type") != Some(&"null".into())).cloned().collect();
    if let [Value::Object(only)] = rest.as_slice()
        && rest.len() < either.len()
    {
        let only = only.clone();
        object.remove("anyOf");
        object.extend(only);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_be_null_and_nothing_is_left_open() {
        let schema = policy_schema();
        let text = schema.to_string();
        assert!(!text.contains(r#""type":"null""#) && !text.contains(r#","null"]"#), "{schema:#}");
        let defs = schema["$defs"].as_object().unwrap();
        assert!(defs.len() >= 10, "{:?}", defs.keys().collect::<Vec<_>>());
        for (name, table) in
            defs.iter().map(|(name, table)| (name.as_str(), table)).chain([("Document", &schema)])
        {
            assert_eq!(table["additionalProperties"], false, "{name}");
        }
        assert_eq!(schema["required"], serde_json::json!(["title", "owner"]));
    }

    #[test]
    fn words_are_listed() {
        let schema = policy_schema();
        let action = &schema["$defs"]["StageTable"]["properties"]["action"];
        assert!(action["enum"].as_array().unwrap().contains(&"anonymize".into()), "{action:#}");
    }
}
