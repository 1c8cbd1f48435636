//! The Prometheus text format of the reference: a body to lines of its own texts.

use std::collections::{BTreeMap, HashMap};

use docker_metrics_statsd::exposition::LineError;

use super::number::Value;

const LINE_BYTES_MAX: usize = 65_536;
const LABELS_MAX: usize = 64;

pub(crate) enum Line {
    Nothing,
    Type { family: String, kind: String },
    Sample(Sample),
}

pub(crate) struct Sample {
    pub(crate) name: String,
    /// Labels by name, without those that are empty, which are none.
    pub(crate) labels: BTreeMap<String, String>,
    /// A line whose value cannot be read still names its series.
    pub(crate) value: Result<Value, LineError>,
}

/// What a sample is by the TYPE lines before it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    Gauge,
    Quantile,
    Counter,
    Bucket,
    /// `count` or `sum`.
    OfHistogram(&'static str),
    OfSummary(&'static str),
    Created,
}

/// The types that were declared so far, by family.
pub(crate) type Types = HashMap<String, String>;

/// A family declared under the whole name decides, else the one without what follows the last `_`.
pub(crate) fn role(name: &str, types: &Types) -> Role {
    if let Some(kind) = types.get(name) {
        return match kind.as_str() {
            "counter" => Role::Counter,
            "summary" => Role::Quantile,
            _ => Role::Gauge,
        };
    }
    let (family, suffix) = name.rsplit_once('_').unwrap_or((name, ""));
    match (types.get(family).map_or("untyped", String::as_str), suffix) {
        ("counter", "total") => Role::Counter,
        ("histogram", "bucket") => Role::Bucket,
        ("histogram", "count") => Role::OfHistogram("count"),
        ("histogram", "sum") => Role::OfHistogram("sum"),
        ("summary", "count") => Role::OfSummary("count"),
        ("summary", "sum") => Role::OfSummary("sum"),
        ("counter" | "histogram" | "summary", "created") => Role::Created,
        _ => Role::Gauge,
    }
}

/// What each line of a body says.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = Result<Line, LineError>> {
    body.split(|byte| *byte == b'\n').map(line)
}

fn line(bytes: &[u8]) -> Result<Line, LineError> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    let text = str::from_utf8(bytes).map_err(|_| LineError::NotUtf8)?;
    let mut cursor = Cursor(text.strip_suffix('\r').unwrap_or(text));
    cursor.blanks();
    if cursor.0.is_empty() {
        Ok(Line::Nothing)
    } else if cursor.eat('#') {
        comment(cursor)
    } else {
        sample(cursor).map(Line::Sample)
    }
}

fn comment(mut cursor: Cursor<'_>) -> Result<Line, LineError> {
    if cursor.word() != "TYPE" {
        return Ok(Line::Nothing);
    }
    cursor.blanks();
    let family = if cursor.0.starts_with('"') { cursor.quoted() } else { Some(cursor.word()) };
    let family = family.ok_or(LineError::Type)?;
    let kind = cursor.word();
    cursor.blanks();
    let is_whole = !family.is_empty() && !kind.is_empty() && cursor.0.is_empty();
    is_whole.then_some(Line::Type { family, kind }).ok_or(LineError::Type)
}

fn sample(mut cursor: Cursor<'_>) -> Result<Sample, LineError> {
    let plain_name = cursor.take_while(|char| is_name_char(char) || char == ':');
    if plain_name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(LineError::Name);
    }
    let behind_name = cursor.0.len();
    cursor.blanks();
    let mut quoted_name = None;
    let mut labels = BTreeMap::new();
    if cursor.eat('{') {
        quoted_name = cursor.labels(&mut labels)?;
    } else if cursor.0.len() == behind_name {
        return Err(LineError::Name);
    }
    let name = match quoted_name {
        None if !plain_name.is_empty() => plain_name,
        Some(quoted_name) if plain_name.is_empty() => quoted_name,
        _ => return Err(LineError::Name),
    };
    labels.retain(|_, value| !value.is_empty());
    Ok(Sample { name, labels, value: cursor.value() })
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// What is still to be read of a line.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn eat(&mut self, char: char) -> bool {
        let rest = self.0.strip_prefix(char);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn take_while(&mut self, is_in: impl Fn(char) -> bool) -> String {
        let text: String = self.0.chars().take_while(|char| is_in(*char)).collect();
        self.0 = &self.0[text.len()..];
        text
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Behind blanks, up to the next one.
    fn word(&mut self) -> String {
        self.blanks();
        self.take_while(|char| !matches!(char, ' ' | '\t'))
    }

    /// A text in quotes with its escapes resolved; a backslash before anything else stands for itself.
    fn quoted(&mut self) -> Option<String> {
        let mut chars = self.0.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => match chars.next()? {
                    'n' => text.push('\n'),
                    char @ ('"' | '\\') => text.push(char),
                    char => text.extend(['\\', char]),
                },
                char => text.push(char),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }

    /// Reads labels up to the closing brace; returns the metric's name if it stands among them.
    fn labels(&mut self, labels: &mut BTreeMap<String, String>) -> Result<Option<String>, LineError> {
        let mut name = None;
        loop {
            self.blanks();
            if self.eat('}') {
                return Ok(name);
            }
            let is_quoted = self.0.starts_with('"');
            let key = if is_quoted { self.quoted() } else { Some(self.take_while(is_name_char)) };
            let is_key = |key: &String| is_quoted || !key.starts_with(|first: char| first.is_ascii_digit());
            let key = key.filter(|key| !key.is_empty() && is_key(key)).ok_or(LineError::Labels)?;
            self.blanks();
            if self.eat('=') {
                self.blanks();
                let value = self.quoted().ok_or(LineError::Labels)?;
                if labels.contains_key(&key) {
                    return Err(LineError::DuplicateLabel);
                }
                if labels.len() == LABELS_MAX {
                    return Err(LineError::TooManyLabels);
                }
                labels.insert(key, value);
            } else if is_quoted && name.is_none() {
                name = Some(key);
            } else {
                return Err(LineError::Labels);
            }
            self.blanks();
            if !self.eat(',') && !self.0.starts_with('}') {
                return Err(LineError::Labels);
            }
        }
    }

    /// The value, and what may follow it: a timestamp, then an exemplar.
    fn value(&mut self) -> Result<Value, LineError> {
        let value = Value::parse(&self.word()).ok_or(LineError::Value)?;
        self.blanks();
        if self.0.is_empty() || self.0.starts_with('#') {
            return Ok(value);
        }
        let timestamp = Value::parse(&self.word()).and_then(Value::finite);
        self.blanks();
        let is_end = self.0.is_empty() || self.0.starts_with('#');
        timestamp.filter(|_| is_end).map(|_| value).ok_or(LineError::Timestamp)
    }
}
