//! Bodies of any size, made by rule: families of every type whose series move, come, go and change places.

use crate::random::Random;

const KINDS: [&str; 5] = ["counter", "histogram", "gauge", "summary", "untyped"];
const VALUES: [&str; 10] =
    ["plain", "with blank", "q\"q", "back\\slash", "new\nline", "é日", "a,b}c{ 1", "x=y#z", "+Inf", "0.5"];
/// About as many lines as a family has.
const FAMILY_LINES: usize = 100;

/// An endpoint.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    families: Vec<Family>,
    process_start: usize,
    /// Numbers for what is new.
    made: usize,
}

#[derive(Debug, Clone)]
struct Family {
    name: String,
    help: usize,
    kind: &'static str,
    sets: Vec<Set>,
}

/// The series of one set of labels; a histogram has several.
#[derive(Debug, Clone)]
struct Set {
    labels: Vec<(String, String)>,
    /// In hundredths.
    value: usize,
}

impl Set {
    /// Another one, if these labels are not clean: with what cleaning may make of them.
    fn twin(&self, random: &mut Random) -> Option<Self> {
        let clean = |text: &str| text.replace(|char: char| !char.is_ascii_alphanumeric(), "_");
        let labels = self.labels.iter().map(|(name, value)| (name.clone(), clean(value))).collect();
        (labels != self.labels).then(|| Self { labels, value: random.below(10_000) })
    }
}

/// What a body looks like beside what it says.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing, by its name")]
struct Looks {
    labels_reversed: bool,
    blanks: bool,
    timestamps: bool,
    lines_shuffled: bool,
    line_end: &'static str,
    is_cut: bool,
}

impl Endpoint {
    /// With about so many samples.
    pub(super) fn new(samples: usize, random: &mut Random) -> Self {
        let mut endpoint = Self { families: Vec::new(), process_start: 1000, made: 0 };
        (0..samples.div_ceil(FAMILY_LINES)).for_each(|_| endpoint.add_family(random));
        endpoint
    }

    fn add_family(&mut self, random: &mut Random) {
        let kind = KINDS[self.made % KINDS.len()];
        let suffix = ["", "_total", "_seconds"][random.below(3)];
        let name = format!("family_{}{suffix}", self.made);
        self.made += 1;
        let sets = FAMILY_LINES / if kind == "histogram" { 7 } else { 1 };
        let mut sets: Vec<Set> = (0..sets).map(|_| self.set(random)).collect();
        let twin = |set: &Set| if random.once_in(10) { set.twin(random) } else { None };
        let twins: Vec<Set> = sets.iter().filter_map(twin).collect();
        sets.extend(twins);
        let place = random.below(self.families.len() + 1);
        self.families.insert(place, Family { name, help: 0, kind, sets });
    }

    fn set(&mut self, random: &mut Random) -> Set {
        self.made += 1;
        let mut labels = vec![("id".to_owned(), self.made.to_string())];
        for name in ["action", "host", "le2", "zone"].iter().take(random.below(5)) {
            let mut value = VALUES[random.below(VALUES.len())].to_owned();
            if random.once_in(50) {
                value = value.repeat(50);
            }
            labels.push(((*name).to_owned(), value));
        }
        labels.sort();
        Set { labels, value: random.below(10_000) }
    }

    /// Every third series grows.
    pub(super) fn grow(&mut self, random: &mut Random) {
        for set in self.families.iter_mut().flat_map(|family| &mut family.sets) {
            set.value += if random.once_in(3) { random.below(1000) } else { 0 };
        }
    }

    /// Something happens that does not happen in every scrape.
    pub(super) fn change(&mut self, random: &mut Random) {
        let count = self.families.len();
        let family = random.below(count);
        match random.below(9) {
            0 => drop(self.families.remove(family)),
            1 => self.add_family(random),
            2 => self.families[family].kind = KINDS[random.below(KINDS.len())],
            3 => self.families[family].help += 1,
            4 => self.families.swap(family, random.below(count)),
            5 => self.families[family].sets.iter_mut().for_each(|set| set.value = random.below(100)),
            6 => self.process_start += 10,
            7 => random.shuffle(&mut self.families[family].sets),
            _ => self.churn(family, random),
        }
        if self.families.is_empty() {
            self.add_family(random);
        }
    }

    /// Some sets of labels go, and others come.
    fn churn(&mut self, family: usize, random: &mut Random) {
        self.families[family].sets.retain(|_| !random.once_in(4));
        for _ in 0..random.below(8) {
            let set = self.set(random);
            let sets = &mut self.families[family].sets;
            sets.insert(random.below(sets.len() + 1), set);
        }
    }

    /// As an endpoint writes it, scrape after scrape.
    pub(super) fn body(&self) -> Vec<u8> {
        self.text(&Looks { line_end: "\n", ..Looks::default() }, &mut Random(0)).into_bytes()
    }

    /// As it is seldom written.
    pub(super) fn odd_body(&self, random: &mut Random) -> Vec<u8> {
        let looks = Looks {
            labels_reversed: random.once_in(3),
            blanks: random.once_in(3),
            timestamps: random.once_in(3),
            lines_shuffled: random.once_in(6),
            line_end: if random.once_in(3) { "\r\n" } else { "\n" },
            is_cut: random.once_in(3),
        };
        let mut text = self.text(&looks, random);
        if random.once_in(2) {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            for _ in 0..random.below(6) {
                let line = lines[random.below(lines.len())];
                let odd = ["x{ 1\n", "x 1x\n", "\n", "# HELP\n", "# TYPE x\n", line][random.below(6)];
                lines.insert(random.below(lines.len() + 1), odd);
            }
            text = lines.concat();
        }
        text.into_bytes()
    }

    fn text(&self, looks: &Looks, random: &mut Random) -> String {
        let mut text = String::new();
        for Family { name, help, kind, sets } in &self.families {
            let mut lines: Vec<_> = sets.iter().flat_map(|set| set.lines(name, kind, looks)).collect();
            if looks.lines_shuffled {
                random.shuffle(&mut lines);
            }
            let heads = [format!("# HELP {name} Number {help}"), format!("# TYPE {name} {kind}")];
            for line in heads.iter().chain(&lines) {
                text += line;
                text += looks.line_end;
            }
        }
        text += &format!("process_start_time_seconds {}.25{}", self.process_start, looks.line_end);
        if looks.is_cut {
            text.truncate(text.len() - looks.line_end.len());
        }
        text
    }
}

impl Set {
    fn lines(&self, name: &str, kind: &str, looks: &Looks) -> Vec<String> {
        let value = self.value;
        let decimal = if value.is_multiple_of(7) {
            "NaN".to_owned()
        } else {
            format!("{}.{:02}", value / 100, value % 100)
        };
        let line = |suffix: &str, bound: Option<(&str, &str)>, value: &str| {
            let mut labels: Vec<_> = self
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .chain(bound)
                .map(|(name, value)| {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                    if looks.blanks {
                        format!("{name} = \"{value}\" ")
                    } else {
                        format!("{name}=\"{value}\"")
                    }
                })
                .collect();
            if looks.labels_reversed {
                labels.reverse();
            }
            let (blank, end) = if looks.blanks { ("\t ", " ") } else { (" ", "") };
            let timestamp = if looks.timestamps { " 1763824000123" } else { "" };
            format!("{name}{suffix}{{{}}}{blank}{value}{timestamp}{end}", labels.join(","))
        };
        match kind {
            "histogram" => {
                let buckets =
                    ["0.005", "1", "2.5", "1e3", "+Inf"].iter().enumerate().map(|(place, bound)| {
                        line("_bucket", Some(("le", bound)), &(value * (place + 1) / 5).to_string())
                    });
                let sum = line("_sum", None, &decimal);
                buckets.chain([sum, line("_count", None, &value.to_string())]).collect()
            }
            "summary" => vec![
                line("", Some(("quantile", "0.5")), &decimal),
                line("", Some(("quantile", "0.99")), "NaN"),
                line("_sum", None, &decimal),
                line("_count", None, &value.to_string()),
            ],
            _ => vec![line("", None, &decimal)],
        }
    }
}
