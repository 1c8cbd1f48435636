//! The settings table, for people, for the documentation and for programs.

use std::fmt::Write;

use crate::config::SETTINGS;

/// How the table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Markdown,
    Json,
}

/// Every setting; the value in force is part of the text and JSON forms, not of the documentation.
pub(super) fn table(form: Form, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let in_force = |name: &str, default: &str| {
        lookup(name).filter(|value| !value.trim().is_empty()).unwrap_or_else(|| default.to_owned())
    };
    if form == Form::Markdown {
        out.push_str("| name | default | takes | meaning |\n|---|---|---|---|\n");
    }
    let mut rows = Vec::new();
    for setting in SETTINGS {
        let value = in_force(setting.name, setting.default);
        // Writing to a string cannot fail.
        let _ = match form {
            Form::Text => writeln!(
                out,
                "{}={value}\n    {}\n    takes {}{}\n",
                setting.name,
                setting.help,
                setting.takes,
                if value == setting.default {
                    String::new()
                } else {
                    format!("; default {:?}", setting.default)
                }
            ),
            Form::Markdown => {
                let default = if setting.default.is_empty() {
                    "empty".to_owned()
                } else {
                    format!("`{}`", setting.default)
                };
                writeln!(out, "| `{}` | {default} | {} | {} |", setting.name, setting.takes, setting.help)
            }
            Form::Json => {
                rows.push(Row {
                    name: setting.name.to_owned(),
                    default: setting.default.to_owned(),
                    takes: setting.takes.to_owned(),
                    help: setting.help.to_owned(),
                    value,
                });
                Ok(())
            }
        };
    }
    if form == Form::Json {
        out = nanoserde::SerJson::serialize_json(&rows) + "\n";
    }
    out
}

#[derive(nanoserde::SerJson)]
struct Row {
    name: String,
    default: String,
    takes: String,
    help: String,
    value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_settings_md_holds_this_table() {
        let document = include_str!("../../docs/settings.md");
        assert!(document.ends_with(&table(Form::Markdown, |_| None)), "run `just docs`");
    }

    #[test]
    fn json_has_the_value_in_force() {
        let text = table(Form::Json, |name| (name == "INTERVAL").then(|| "1s".to_owned()));
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let row = rows.as_array().unwrap().iter().find(|row| row["name"] == "INTERVAL").unwrap();
        assert_eq!((row["value"].as_str(), row["default"].as_str()), (Some("1s"), Some("10s")));
        assert_eq!(rows.as_array().unwrap().len(), SETTINGS.len());
    }
}
