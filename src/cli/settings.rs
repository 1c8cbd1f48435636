//! The settings table, for people, for the documentation and for programs.

use nanoserde::SerJson;

use crate::config::{SETTINGS, Setting};

/// How the table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For the documentation.
    Markdown,
    /// For programs.
    Json,
}

/// Every setting; the value in force is part of the text and JSON forms, not of the documentation.
pub(super) fn table(form: Form, lookup: impl Fn(&str) -> Option<String>) -> String {
    let in_force = |setting: &Setting| {
        lookup(setting.name)
            .filter(|value| !value.trim().is_empty())
            .unwrap_or_else(|| setting.default.to_owned())
    };
    let settings = SETTINGS.iter().copied();
    match form {
        Form::Text => settings.map(|setting| paragraph(setting, &in_force(setting))).collect(),
        Form::Markdown => {
            let head = "| name | default | takes | meaning |\n|---|---|---|---|\n".to_owned();
            settings.fold(head, |table, setting| table + &markdown_row(setting))
        }
        Form::Json => {
            let rows: Vec<_> = settings.map(|setting| json_row(setting, in_force(setting))).collect();
            rows.serialize_json() + "\n"
        }
    }
}

fn paragraph(setting: &Setting, value: &str) -> String {
    let Setting { name, default, takes, help } = setting;
    let default = if value == *default { String::new() } else { format!("; default {default:?}") };
    format!("{name}={value}\n    {help}\n    takes {takes}{default}\n\n")
}

fn markdown_row(setting: &Setting) -> String {
    format!("| `{}` | {} | {} | {} |\n", setting.name, default_cell(setting), setting.takes, setting.help)
}

fn default_cell(setting: &Setting) -> String {
    if setting.default.is_empty() { "empty".to_owned() } else { format!("`{}`", setting.default) }
}

#[derive(SerJson)]
struct Row {
    name: String,
    default: String,
    takes: String,
    help: String,
    value: String,
}

fn json_row(setting: &Setting, value: String) -> Row {
    Row {
        name: setting.name.to_owned(),
        default: setting.default.to_owned(),
        takes: setting.takes.to_owned(),
        help: setting.help.to_owned(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_settings_md_holds_this_table() {
        let document = include_str!("../../docs/settings.md");
        assert!(document.ends_with(&table(Form::Markdown, |_| None)), "run the command in that file");
    }

    #[test]
    fn rows_of_the_readme_are_rows_of_this_table() {
        let readme = include_str!("../../README.md");
        let is_row = |line: &str| {
            let name = line.strip_prefix("| `").unwrap_or_default();
            name.starts_with(|first: char| first.is_ascii_uppercase())
        };
        let rows: Vec<_> = readme.lines().filter(|line| is_row(line)).collect();
        assert!(rows.len() >= 5);
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let setting = SETTINGS.iter().find(|setting| cells[0] == format!("`{}`", setting.name));
            let setting = setting.unwrap_or_else(|| panic!("{row}"));
            assert_eq!((cells[1], cells[2]), (default_cell(setting).as_str(), setting.help));
        }
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
